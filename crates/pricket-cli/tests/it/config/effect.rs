//! What is configured takes effect in every command.

use serde_json::{Value, json};

use super::{run_in, run_with};
use crate::command::{Pricket, finish, tiny};

const EVERY_KNOB: &str = "\
[sampling]
temperature = 1.5
top_k = 200
top_p = 0.99
min_p = 0.001
repetition_penalty = 1.1
frequency_penalty = -0.5
presence_penalty = 0.25
penalty_last_n = 32
dynatemp_range = 0.25
dynatemp_exponent = 1.5
typical_p = 0.875
top_n_sigma = 4
xtc_probability = 0.5
xtc_threshold = 0.125
dry_multiplier = 0.75
dry_base = 1.5
dry_allowed_length = 3
dry_penalty_last_n = 90
dry_sequence_breakers = [\"x\", \"yz\"]
mirostat = 0
mirostat_tau = 4.5
mirostat_eta = 0.25
logit_bias = [\"12=-100\", \"7 = 1.5\"]
bad_words = [\"5\", \"8, 9\"]
min_tokens = 4
samplers = \"penalties; dry; top_k; typ_p; temperature\"
seed = 18446744073709551615

[answer]
max_tokens = 6
";

/// The last chunk of `run --raw --json`.
fn complete(home: &Pricket, variables: &[(&str, &str)], args: &[&str]) -> Value {
    let model = tiny("tiny-llama");
    let mut all = vec!["run", &model, "The weather", "--raw", "--json"];
    all.extend(args);
    run_with(home, variables, &all).ok().json_lines().pop().unwrap()
}

#[track_caller]
fn is_near(value: &Value, want: f64) {
    assert!((value.as_f64().unwrap() - want).abs() < 1e-6, "{value} is not {want}");
}

#[test]
fn every_knob_of_the_file_reaches_the_sampler() {
    let home = Pricket::new();
    let file = home.file("every.toml", EVERY_KNOB);
    let done = complete(&home, &[("PRICKET_CONFIG", &file)], &[]);
    let used = &done["sampling"];
    for (name, want) in [
        ("temperature", 1.5),
        ("top_k", 200.0),
        ("top_p", 0.99),
        ("min_p", 0.001),
        ("repetition_penalty", 1.1),
        ("frequency_penalty", -0.5),
        ("presence_penalty", 0.25),
        ("penalty_last_n", 32.0),
        ("dynatemp_range", 0.25),
        ("dynatemp_exponent", 1.5),
        ("typical_p", 0.875),
        ("top_n_sigma", 4.0),
        ("xtc_probability", 0.5),
        ("xtc_threshold", 0.125),
        ("dry_multiplier", 0.75),
        ("dry_base", 1.5),
        ("dry_allowed_length", 3.0),
        ("dry_penalty_last_n", 90.0),
        ("mirostat", 0.0),
        ("mirostat_tau", 4.5),
        ("mirostat_eta", 0.25),
        ("min_tokens", 4.0),
    ] {
        is_near(&used[name], want);
    }
    assert_eq!(used["dry_sequence_breakers"], json!(["x", "yz"]));
    assert_eq!(used["logit_bias"], json!({"7": 1.5, "12": -100.0}));
    assert_eq!(used["bad_words"], json!([[5], [8, 9]]));
    let chain = json!(["penalties", "dry", "top_k", "typical_p", "temperature"]);
    assert_eq!(used["samplers"], chain);
    assert_eq!(used["seed"], u64::MAX);
    assert_eq!(done["usage"]["completion_tokens"], 6);
}

#[test]
fn every_knob_of_the_environment_beats_the_file() {
    let home = Pricket::new();
    let file = home.file("every.toml", EVERY_KNOB);
    let variables = [
        ("PRICKET_CONFIG", file.as_str()),
        ("PRICKET_TEMPERATURE", "0.5"),
        ("PRICKET_TOP_K", "7"),
        ("PRICKET_TOP_P", "0.5"),
        ("PRICKET_MIN_P", "0.25"),
        ("PRICKET_REPETITION_PENALTY", "2"),
        ("PRICKET_FREQUENCY_PENALTY", "-1"),
        ("PRICKET_PRESENCE_PENALTY", "3"),
        ("PRICKET_PENALTY_LAST_N", "5"),
        ("PRICKET_SEED", "9"),
        ("PRICKET_MAX_TOKENS", "3"),
    ];
    let done = complete(&home, &variables, &[]);
    let used = &done["sampling"];
    for (name, want) in [
        ("temperature", 0.5),
        ("top_k", 7.0),
        ("top_p", 0.5),
        ("min_p", 0.25),
        ("repetition_penalty", 2.0),
        ("frequency_penalty", -1.0),
        ("presence_penalty", 3.0),
        ("penalty_last_n", 5.0),
        ("seed", 9.0),
    ] {
        is_near(&used[name], want);
    }
    assert_eq!(done["usage"]["completion_tokens"], 3);
}

#[test]
fn a_flag_beats_the_environment_and_a_blank_variable_sets_nothing() {
    let home = Pricket::new();
    let file = home.file("every.toml", EVERY_KNOB);
    let variables =
        [("PRICKET_CONFIG", file.as_str()), ("PRICKET_SEED", "9"), ("PRICKET_TEMPERATURE", " ")];
    let used = complete(&home, &variables, &["--seed", "11"])["sampling"].take();
    assert_eq!(used["seed"], 11);
    is_near(&used["temperature"], 1.5);
    let used = complete(&home, &variables, &["--greedy"])["sampling"].take();
    assert_eq!((&used["temperature"], &used["seed"]), (&0.0.into(), &9.into()));
}

#[test]
fn lists_of_sampling_are_flags_that_may_be_repeated() {
    let home = Pricket::new();
    let file = home.file("every.toml", EVERY_KNOB);
    let variables = [("PRICKET_CONFIG", file.as_str()), ("PRICKET_LOGIT_BIAS", "9=2")];
    let used = complete(&home, &variables, &[])["sampling"].take();
    assert_eq!(used["logit_bias"], json!({"9": 2.0}));
    let flags = [
        ["--logit-bias", "3=1"],
        ["--logit-bias", "4=-inf"],
        ["--bad-words", "1,2"],
        ["--bad-words", "3"],
        ["--dry-sequence-breaker", ";"],
        ["--mirostat", "2"],
        ["--samplers", ""],
    ];
    let used = complete(&home, &variables, flags.as_flattened())["sampling"].take();
    assert_eq!(used["logit_bias"], json!({"3": 1.0, "4": -100.0}));
    assert_eq!(used["bad_words"], json!([[1, 2], [3]]));
    assert_eq!(used["dry_sequence_breakers"], json!([";"]));
    assert_eq!((&used["mirostat"], &used["samplers"]), (&json!(2), &json!([])));
    for (flag, wrong) in [
        ("--logit-bias", "3"),
        ("--logit-bias", "3=nan"),
        ("--logit-bias", "x=1"),
        ("--bad-words", "1,,2"),
        ("--samplers", "top_k;top_k"),
        ("--samplers", "top_q"),
        ("--mirostat", "3"),
    ] {
        let outcome = run_with(&home, &variables, &["config", "show", flag, wrong]);
        outcome.is_error(2, &[flag, wrong]);
    }
}

#[test]
fn a_named_file_beats_the_variables_and_the_usual_one_is_read_where_none_is_named() {
    let home = Pricket::new();
    std::fs::create_dir_all(home.home().join("xdg/pricket")).unwrap();
    home.file("xdg/pricket/config.toml", "sampling.seed = 1\nanswer.max_tokens = 2");
    let named = home.file("named.toml", "[sampling]\nseed = 2\n[answer]\nmax_tokens = 2");
    let other = home.file("other.toml", "[sampling]\nseed = 3\n[answer]\nmax_tokens = 2");
    let xdg = home.home().join("xdg");
    let usual = [("XDG_CONFIG_HOME", xdg.to_str().unwrap())];
    let seed = |variables: &[(&str, &str)], args: &[&str]| {
        complete(&home, variables, args)["sampling"]["seed"].as_u64().unwrap()
    };
    assert_eq!(seed(&usual, &[]), 1);
    let both = [usual[0], ("PRICKET_CONFIG", named.as_str())];
    assert_eq!(seed(&both, &[]), 2);
    assert_eq!(seed(&both, &["--config", &other]), 3);
    // An empty PRICKET_CONFIG reads none, so nobody limits the answer to two tokens.
    let none = complete(&home, &[usual[0], ("PRICKET_CONFIG", "")], &["--max-tokens", "4"]);
    assert_eq!(none["usage"]["completion_tokens"], 4);
    assert_ne!(none["sampling"]["seed"], 1);
}

#[test]
fn stop_texts_end_the_answer_and_those_of_a_flag_stand_for_those_of_the_file() {
    let home = Pricket::new();
    let base = home.file("base.toml", "sampling.temperature = 0\nanswer.max_tokens = 12");
    let whole = complete(&home, &[("PRICKET_CONFIG", &base)], &[]);
    let text = whole["text"].as_str().unwrap();
    let stop: String = text.chars().skip(text.chars().count() / 2).take(1).collect();
    let quoted = serde_json::to_string(&stop).unwrap();
    let content =
        format!("sampling.temperature = 0\nanswer.max_tokens = 12\nanswer.stop = [{quoted}]");
    let file = home.file("stop.toml", &content);
    let stopped = complete(&home, &[("PRICKET_CONFIG", &file)], &[]);
    assert_eq!((&stopped["finish_reason"], &stopped["stop"]), (&"stop".into(), &stop.into()));
    let flag = ["--stop", "never said by a tiny model"];
    assert_eq!(complete(&home, &[("PRICKET_CONFIG", &file)], &flag)["text"], text);
}

#[test]
fn a_stop_text_of_newlines_is_one_and_an_empty_variable_is_none() {
    let home = Pricket::new();
    let stop = |variables: &[(&str, &str)]| {
        run_with(&home, variables, &["config", "show", "--json"]).ok().json()["answer"]["stop"]
            .take()
    };
    for text in ["\n\n", " ", "\t"] {
        assert_eq!(stop(&[("PRICKET_STOP", text)]), serde_json::json!([text]));
    }
    assert!(stop(&[("PRICKET_STOP", "")]).is_null());
}

#[test]
fn chat_takes_the_default_model_its_instructions_and_its_context() {
    let home = Pricket::new();
    let model = home.chat_model();
    let content = format!(
        "[model]\ndefault = {model:?}\ncontext = 48\n\
         [answer]\nsystem = \"Be short.\"\nmax_tokens = 4"
    );
    let file = home.file("chat.toml", &content);
    let saved = home.home().join("talk.json");
    let lines = format!("Hi\n/save {}\n{}\n", saved.display(), "word ".repeat(100));
    let outcome = home.run_with_input(&["chat", "--config", &file], &lines).ok();
    let talk: Vec<Value> = serde_json::from_slice(&std::fs::read(saved).unwrap()).unwrap();
    assert_eq!((&talk[0]["role"], &talk[0]["content"]), (&"system".into(), &"Be short.".into()));
    assert!(outcome.stderr.contains("48"), "the context of the file is told: {outcome:?}");
    // An empty flag takes the file's instructions away.
    let args = ["chat", "--config", &file, "--system", ""];
    let saved = home.home().join("bare.json");
    home.run_with_input(&args, &format!("Hi\n/save {}\n", saved.display())).ok();
    let talk: Vec<Value> = serde_json::from_slice(&std::fs::read(saved).unwrap()).unwrap();
    assert_eq!(talk[0]["role"], "user");
}

#[test]
fn bench_takes_the_default_model_threads_and_backend() {
    let home = Pricket::new();
    let model = tiny("tiny-llama");
    let file = home.file(
        "bench.toml",
        &format!("[model]\ndefault = {model:?}\nthreads = 1\nbackend = \"candle\""),
    );
    let quick = ["bench", "--json", "--prompt", "8", "--generate", "2", "--repeat", "1"];
    let told = run_in(&home, &file, &quick).ok().json();
    assert_eq!((&told["model"], &told["threads"]), (&model.as_str().into(), &1.into()));
    assert_eq!(told["backend"], "candle");
    let variables = [("PRICKET_CONFIG", file.as_str()), ("PRICKET_BACKEND", "cpu")];
    let told = run_with(&home, &variables, &quick).ok().json();
    assert_eq!((&told["backend"], &told["threads"]), (&"cpu".into(), &1.into()));
    assert_ne!(told["simd"], "candle's own");
}

#[test]
fn debug_runs_on_the_backend_of_the_file() {
    let home = Pricket::new();
    let model = tiny("tiny-llama");
    let file = home.file("debug.toml", "model.backend = \"candle-f32\"");
    let args = ["debug", "logits", &model, "--ids", "1,2,3,4"];
    let by_file = run_in(&home, &file, &args).ok().json();
    let mut flagged = args.to_vec();
    flagged.extend(["--backend", "candle-f32"]);
    assert_eq!(by_file["last_logits"], home.run(&flagged).ok().json()["last_logits"]);
    let own = home.run(&args).ok().json();
    assert_ne!(by_file["last_logits"], own["last_logits"], "two backends round alike");
}

#[test]
fn inspect_takes_the_default_model_and_without_any_says_what_to_do() {
    let home = Pricket::new();
    let model = tiny("tiny-llama");
    let told = run_with(&home, &[("PRICKET_DEFAULT_MODEL", &model)], &["inspect", "--json"]);
    assert_eq!(told.ok().json()["path"], model);
    home.run(&["inspect"]).is_error(2, &["model.default", "pricket config path"]);
}

#[test]
fn the_hub_is_set_up_by_the_file() {
    let home = Pricket::new();
    // Port 9 of this machine: nobody listens.
    let endpoint = home.file("endpoint.toml", "hub.endpoint = \"http://127.0.0.1:9\"");
    run_in(&home, &endpoint, &["pull", "hf:org/repo/model.gguf"]).is_error_of_pull(4, "127.0.0.1");
    let offline =
        home.file("offline.toml", "[hub]\noffline = true\nendpoint = \"http://127.0.0.1:9\"");
    let pull = ["pull", "hf:org/repo/model.gguf"];
    run_in(&home, &offline, &pull).is_error_of_pull(3, "offline");
    // The variable of this program beats the file, and the one of the Hugging Face tools.
    let online =
        [("PRICKET_CONFIG", offline.as_str()), ("PRICKET_OFFLINE", "0"), ("HF_HUB_OFFLINE", "1")];
    run_with(&home, &online, &pull).is_error_of_pull(4, "127.0.0.1");
    let flag = ["pull", "hf:org/repo/model.gguf", "--offline"];
    run_with(&home, &online, &flag).is_error_of_pull(3, "offline");
}

#[test]
fn aliases_and_folders_of_the_file_lead_to_models() {
    let home = Pricket::new();
    std::fs::create_dir(home.home().join("mine")).unwrap();
    home.file("mine/own.gguf", "GGUF and then nothing that makes sense");
    // `mine` begins at the file's folder; the second alias takes over a built-in one.
    let content = "\
[hub]
models = \"mine\"
offline = true
[[alias]]
name = \"own:1b\"
repo = \"org/repo\"
file = \"own.gguf\"
bytes = 38
[[alias]]
name = \"smollm2:135m\"
repo = \"org/other\"
file = \"own.gguf\"
bytes = 38
";
    let file = home.file("models.toml", content);
    for name in ["own:1b", "smollm2:135m"] {
        run_in(&home, &file, &["inspect", name]).is_error(5, &["mine/own.gguf"]);
        run_in(&home, &file, &["debug", "detokenize", name, "--ids", "1"])
            .is_error(5, &["mine/own.gguf"]);
    }
    let list = run_in(&home, &file, &["list", "--json"]).ok().json();
    let listed =
        list.as_array().unwrap().iter().any(|model| {
            model["path"].as_str().is_some_and(|path| path.ends_with("mine/own.gguf"))
        });
    assert!(listed, "{list}");
    let home_file = home.file("home.toml", "hub.models = \"~/mine\"");
    let list = run_in(&home, &home_file, &["list", "--json"]).ok().json();
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
    // A rule leads to the alias, if its condition holds.
    let ruled = format!(
        "{content}[[rule]]\npattern = {{ glob = \"my-*\" }}\ntarget = \"$1:1b\"\n\
         conditions = [{{ env = \"WANTED\" }}]\n"
    );
    let rules = home.file("rules.toml", &ruled);
    run_in(&home, &rules, &["inspect", "my-own"]).is_error(3, &["my-own"]);
    let variables = [("PRICKET_CONFIG", rules.as_str()), ("WANTED", "1")];
    run_with(&home, &variables, &["inspect", "my-own"]).is_error(5, &["mine/own.gguf"]);
    // The misspelt name is held against the file's aliases as well.
    run_in(&home, &file, &["run", "own:1c", "Hi"]).is_error(3, &["own:1b"]);
}

#[cfg(unix)]
#[test]
fn pip_is_the_command_of_the_file() {
    use std::os::unix::fs::PermissionsExt;

    let home = Pricket::new();
    let pip = home.file("pip.sh", "#!/bin/sh\necho \"$@\" >> \"$HOME/asked\"\nexit 1\n");
    std::fs::set_permissions(&pip, std::fs::Permissions::from_mode(0o755)).unwrap();
    let content = format!("[hub]\npip = \"{pip} --own\"\nendpoint = \"http://127.0.0.1:9\"");
    let file = home.file("pip.toml", &content);
    let outcome = run_in(&home, &file, &["pull", "smollm2:135m"]);
    assert_ne!(outcome.code, Some(0), "{outcome:?}");
    let asked = std::fs::read_to_string(home.home().join("asked")).unwrap();
    assert!(asked.starts_with("--own "), "{asked}");
}

#[test]
fn logs_are_written_as_the_file_says() {
    let home = Pricket::new();
    let file = home.file("log.toml", "[log]\nformat = \"json\"\nfilter = \"trace\"");
    let model = tiny("tiny-llama");
    let args = ["run", &model, "Hi", "--raw", "--max-tokens", "1"];
    let outcome = run_in(&home, &file, &args).ok();
    assert!(outcome.stderr.lines().count() > 0, "a trace says nothing");
    for line in outcome.stderr.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
    let mut text = args.to_vec();
    text.extend(["--log", "text"]);
    let outcome = run_in(&home, &file, &text).ok();
    let first = outcome.stderr.lines().next().unwrap();
    assert!(serde_json::from_str::<Value>(first).is_err(), "{first}");
}

#[test]
fn raw_text_gets_no_instructions_from_the_file() {
    let home = Pricket::new();
    let file = home.file("system.toml", "answer.system = \"Be short.\"\nsampling.seed = 1");
    let with = complete(&home, &[("PRICKET_CONFIG", &file)], &["--max-tokens", "8"]);
    let without = complete(&home, &[], &["--max-tokens", "8", "--seed", "1"]);
    assert_eq!(with["text"], without["text"]);
    assert_eq!(with["usage"]["prompt_tokens"], without["usage"]["prompt_tokens"]);
}

#[test]
fn the_prompt_still_comes_from_standard_input() {
    let home = Pricket::new();
    let file = home.file("greedy.toml", "sampling.temperature = 0\nanswer.max_tokens = 4");
    let model = tiny("tiny-llama");
    let mut command = home.command(&["run", &model, "--raw", "--config", &file]);
    let input = home.file("prompt.txt", "The weather");
    command.stdin(std::fs::File::open(input).unwrap());
    let piped = finish(command.spawn().unwrap()).ok();
    let args = ["run", &model, "The weather", "--raw", "--config", &file];
    assert_eq!(piped.stdout, home.run(&args).ok().stdout);
}
