//! Wrong `config.json`, `generation_config.json` and chat template files.

use std::fs;
use std::path::Path;

use pricket_models::{GenerationDefaults, HfConfig, TextAssets};
use serde_json::{Value, json};

use crate::allocation::Alone;

const CONFIG: &str = "model_config_invalid";
const UNSUPPORTED: &str = "model_unsupported";

fn valid() -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama",
        "hidden_size": 64, "intermediate_size": 176, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 512,
        "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "hidden_act": "silu", "bos_token_id": 1, "eos_token_id": 2
    })
}

/// The valid config with one field changed.
fn with(field: &str, value: Value) -> Value {
    let mut config = valid();
    config[field] = value;
    config
}

fn without(field: &str) -> Value {
    let mut config = valid();
    config.as_object_mut().unwrap().remove(field);
    config
}

fn scaled(scaling: Value) -> Value {
    with("rope_scaling", scaling)
}

type Case = (&'static str, Value, &'static str, &'static str);

fn sizes() -> Vec<Case> {
    vec![
        ("no family", without("model_type"), CONFIG, "`model_type` is missing"),
        ("a family as a number", with("model_type", json!(1)), CONFIG, "expected a string"),
        ("no width", without("hidden_size"), CONFIG, "`hidden_size` is missing"),
        ("a width of 0", with("hidden_size", json!(0)), CONFIG, "`hidden_size` must be from 1"),
        ("a width of -64", with("hidden_size", json!(-64)), CONFIG, "-64"),
        ("a width of 64.5", with("hidden_size", json!(64.5)), CONFIG, "64.5"),
        ("a width in words", with("hidden_size", json!("64")), CONFIG, "invalid type"),
        ("a width of 2^63", with("hidden_size", json!(1_u64 << 63)), CONFIG, "16777216"),
        ("no layers", without("num_hidden_layers"), CONFIG, "`num_hidden_layers` is missing"),
        ("2^40 layers", with("num_hidden_layers", json!(1_u64 << 40)), CONFIG, "4096"),
        ("no feed-forward", without("intermediate_size"), CONFIG, "`intermediate_size` is missing"),
        ("no heads", without("num_attention_heads"), CONFIG, "`num_attention_heads` is missing"),
        ("0 heads", with("num_attention_heads", json!(0)), CONFIG, "`num_attention_heads` must"),
        ("3 of 4 heads", with("num_key_value_heads", json!(3)), CONFIG, "no multiple of"),
        ("0 key heads", with("num_key_value_heads", json!(0)), CONFIG, "must be from 1"),
        ("a width of 66", with("hidden_size", json!(66)), CONFIG, "no multiple of"),
        ("heads of width 15", with("head_dim", json!(15)), CONFIG, "even, but it is 15"),
        ("heads of width 0", with("head_dim", json!(0)), CONFIG, "`head_dim` must be from 1"),
        ("heads too wide", with("head_dim", json!(1 << 24)), CONFIG, "are wider than"),
        ("no vocabulary", without("vocab_size"), CONFIG, "`vocab_size` is missing"),
        ("2^32 tokens", with("vocab_size", json!(1_u64 << 32)), CONFIG, "`vocab_size` must"),
        ("no context", without("max_position_embeddings"), CONFIG, "embeddings` is missing"),
        ("a context of 0", with("max_position_embeddings", json!(0)), CONFIG, "from 1 to"),
        ("an epsilon of 0", with("rms_norm_eps", json!(0)), CONFIG, "between 0 and 1, but is 0"),
        ("an epsilon of 1e30", with("rms_norm_eps", json!(1e30)), CONFIG, "`rms_norm_eps`"),
        ("an epsilon below f32", with("rms_norm_eps", json!(1e-60)), CONFIG, "`rms_norm_eps`"),
        ("an end of 512", with("eos_token_id", json!([2, 512])), CONFIG, "has 512 tokens"),
        ("an end of -1", with("eos_token_id", json!(-1)), CONFIG, "config.json"),
        ("no ends", with("eos_token_id", json!([])), CONFIG, "config.json"),
    ]
}

fn meanings() -> Vec<Case> {
    let llama3 = json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 64});
    let changed = |field: &str, value: Value| {
        let mut scaling = llama3.clone();
        scaling[field] = value;
        scaled(scaling)
    };
    let newer = |parameters: Value| with("rope_parameters", parameters);
    let mut bare = without("rope_theta");
    bare["rope_parameters"] = json!({"rope_type": "default"});
    vec![
        ("a theta of 0", with("rope_theta", json!(0)), CONFIG, "`rope_theta` must be above 0"),
        ("a theta past f32", with("rope_theta", json!(1e60)), CONFIG, "`rope_theta`"),
        ("scaling in words", scaled(json!("linear")), CONFIG, "invalid type"),
        ("scaling without a type", scaled(json!({"factor": 2})), CONFIG, "rope_type` is missing"),
        ("mrope", scaled(json!({"type": "mrope", "factor": 2})), UNSUPPORTED, "scaling `mrope`"),
        ("dynamic", scaled(json!({"rope_type": "dynamic"})), UNSUPPORTED, "scaling `dynamic`"),
        ("linear by nothing", scaled(json!({"type": "linear"})), CONFIG, "factor` is missing"),
        ("linear by 0", scaled(json!({"type": "linear", "factor": 0})), CONFIG, "above 0"),
        ("llama3 by -8", changed("factor", json!(-8)), CONFIG, "factor` must be above 0"),
        ("llama3, low over high", changed("low_freq_factor", json!(4)), CONFIG, "must be above"),
        (
            "llama3 from a context of 0",
            changed("original_max_position_embeddings", json!(0)),
            CONFIG,
            "from 1 to",
        ),
        ("parameters without theta", bare, CONFIG, "rope_theta` is missing"),
        ("parameters per layer", newer(json!({"full_attention": {}})), CONFIG, "is missing"),
        ("more than a head", with("partial_rotary_factor", json!(1.5)), CONFIG, "is 1.5"),
        ("no part of a head", with("partial_rotary_factor", json!(0)), CONFIG, "above 0"),
        ("another activation", with("hidden_act", json!("gelu")), UNSUPPORTED, "`gelu`"),
        (
            "quantised by somebody",
            with("quantization_config", json!({"quant_method": "gptq"})),
            UNSUPPORTED,
            "quantised by `gptq`",
        ),
        ("a flag in words", with("tie_word_embeddings", json!("yes")), CONFIG, "a boolean"),
        ("classes as a word", with("architectures", json!("Llama")), CONFIG, "a sequence"),
    ]
}

fn longer_contexts() -> Vec<Case> {
    let context = "original_max_position_embeddings";
    let yarn = |field: &str, value: Value| {
        let mut scaling = json!({"rope_type": "yarn", "factor": 4.0, context: 64});
        scaling[field] = value;
        scaled(scaling)
    };
    let long = |field: &str, value: Value| {
        let mut scaling = json!({"type": "longrope", "short_factor": [1, 1, 1, 1, 1, 1, 1, 1],
            "long_factor": [2, 2, 2, 2, 2, 2, 2, 2], context: 64});
        scaling[field] = value;
        scaled(scaling)
    };
    let newer = |parameters: Value| with("rope_parameters", parameters);
    let plain = json!({"rope_type": "default", "rope_theta": 1e4});
    vec![
        ("yarn from nowhere", yarn(context, Value::Null), CONFIG, "embeddings` is missing"),
        ("yarn from 0", yarn(context, json!(0)), CONFIG, "from 1 to"),
        ("yarn by 0", yarn("factor", json!(0)), CONFIG, "factor` must be above 0"),
        ("yarn, fast by -1", yarn("beta_fast", json!(-1)), CONFIG, "beta_fast` must be above 0"),
        ("yarn, slow by 0", yarn("beta_slow", json!(0)), CONFIG, "beta_slow` must be above 0"),
        ("yarn, weighed by 0", yarn("mscale", json!(0)), CONFIG, "mscale` must be above 0"),
        ("yarn times 0", yarn("attention_factor", json!(0)), CONFIG, "must be above 0"),
        ("long, no factors", long("long_factor", Value::Null), CONFIG, "long_factor` is missing"),
        ("long by 0", long("short_factor", json!([0])), CONFIG, "short_factor` must be above 0"),
        ("long by words", long("short_factor", json!("all")), CONFIG, "a sequence"),
        ("long from nowhere", long(context, Value::Null), CONFIG, "embeddings` is missing"),
        ("long times -1", long("attention_factor", json!(-1)), CONFIG, "must be above 0"),
        ("only local", newer(json!({"sliding_attention": plain})), CONFIG, "full_attention` is"),
        (
            "a local theta of 0",
            with("rope_local_base_freq", json!(0)),
            CONFIG,
            "`rope_local_base_freq` must be above 0",
        ),
        (
            "a huge window",
            with("sliding_window", json!(1_u64 << 31)),
            CONFIG,
            "`sliding_window` must be",
        ),
        ("too few kinds", with("layer_types", json!(["full_attention"])), CONFIG, "has 1 values"),
        (
            "an odd kind",
            with("layer_types", json!(["full_attention", "chunked_attention"])),
            UNSUPPORTED,
            "`chunked_attention`",
        ),
    ]
}

#[test]
fn every_wrong_config_gives_its_error_and_allocates_little() {
    let alone = Alone::begin();
    let cases = [sizes(), meanings(), longer_contexts()].concat();
    assert!(cases.len() >= 20, "only {} cases", cases.len());
    for (name, config, code, message) in cases {
        let json = config.to_string();
        alone.check_refused(name, json.len(), (code, message), || {
            HfConfig::from_json(Path::new("config.json"), json.as_bytes())
        });
    }
}

#[test]
fn text_that_is_no_config_gives_an_error() {
    let alone = Alone::begin();
    let twice = valid().to_string().replacen('{', r#"{"vocab_size":512,"#, 1);
    // What is not read is skipped without recursion, however deep.
    let deep = format!("{}1{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
    let deep_lists = format!(r#"{{"hidden_size":{}{}}}"#, "[".repeat(1000), "]".repeat(1000));
    let cases = [
        ("nothing", "", "EOF"),
        ("a list", "[]", "invalid"),
        ("a number", "1", "invalid type"),
        ("half an object", r#"{"model_type":"#, "EOF"),
        ("a field twice", twice.as_str(), "duplicate field `vocab_size`"),
        ("deep objects", deep.as_str(), "`model_type` is missing"),
        ("deep lists", deep_lists.as_str(), "invalid type"),
        ("NaN", r#"{"rms_norm_eps":NaN}"#, "expected"),
    ];
    for (name, json, message) in cases {
        alone.check_refused(name, json.len(), (CONFIG, message), || {
            HfConfig::from_json(Path::new("config.json"), json.as_bytes())
        });
    }
    let json = [b'{', 0xFF, b'}'];
    alone.check_refused("no UTF-8", json.len(), (CONFIG, "config.json"), || {
        HfConfig::from_json(Path::new("config.json"), &json)
    });
}

#[test]
fn a_config_past_the_limit_is_refused_unread() {
    let alone = Alone::begin();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    fs::File::create(&path).unwrap().set_len(1 << 30).unwrap();
    let refusal = ("model_limit_exceeded", "1073741824");
    alone.check_refused("a gigabyte", 0, refusal, || HfConfig::read(&path));
}

#[test]
fn every_wrong_generation_config_gives_its_error() {
    let alone = Alone::begin();
    let cases = [
        (json!({"temperature": -1}), "`temperature` cannot be -1"),
        (json!({"temperature": 1e60}), "`temperature`"),
        (json!({"top_p": 0}), "`top_p` cannot be 0"),
        (json!({"top_p": 1.5}), "`top_p` cannot be 1.5"),
        (json!({"min_p": -0.5}), "`min_p`"),
        (json!({"top_k": -1}), "-1"),
        (json!({"repetition_penalty": 0}), "`repetition_penalty`"),
        (json!({"eos_token_id": "</s>"}), "generation_config.json"),
        (json!({"eos_token_id": vec![1; 1025]}), "more than 1024"),
        (json!([]), "invalid"),
    ];
    for (json, message) in cases {
        let json = json.to_string();
        alone.check_refused(&json, json.len(), (CONFIG, message), || {
            GenerationDefaults::from_json(Path::new("generation_config.json"), json.as_bytes())
        });
    }
}

#[test]
fn a_wrong_template_file_gives_its_error() {
    let alone = Alone::begin();
    let folder = tempfile::tempdir().unwrap();
    let config = HfConfig::from_json(Path::new("c"), valid().to_string().as_bytes()).unwrap();
    let read = || TextAssets::from_folder(folder.path(), &config);
    let tokenizer_config = folder.path().join("tokenizer_config.json");
    for wrong in [r#"{"chat_template": 1}"#, r#"{"chat_template": [{"name": "a"}]}"#, "{"] {
        fs::write(&tokenizer_config, wrong).unwrap();
        alone.check_refused(wrong, wrong.len(), (CONFIG, "tokenizer_config.json"), read);
    }
    let long = format!(r#"{{"chat_template": "{}"}}"#, "x".repeat((4 << 20) + 1));
    fs::write(&tokenizer_config, &long).unwrap();
    alone.check_refused("long", long.len(), ("model_limit_exceeded", "chat template"), read);
    fs::write(folder.path().join("chat_template.jinja"), [0xFF]).unwrap();
    alone.check_refused("Latin-1", 1, (CONFIG, "not UTF-8"), read);
}
