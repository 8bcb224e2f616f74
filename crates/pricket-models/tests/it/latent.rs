//! Latent attention out of every way in which files hold what makes keys and values.

use std::fs;
use std::path::Path;

use half::{bf16, f16};
use pricket_models::{
    Backend, Batch, KvFormat, Logits, LogitsWanted, ModelError, OpenOptions, Opened, Quantization,
    inspect, open,
};
use serde_json::{Value, json};

/// The widths of a head: what tells no position, what does, its values.
type Heads = (usize, usize, usize);

const HIDDEN: usize = 64;
const HEADS: usize = 2;
/// More than 128, so that fp8 has two scales for a row, the second of a part.
const RANK: usize = 160;
const VOCAB: usize = 32;

/// A tensor to write: name, type, shape, bytes.
type Tensor = (String, &'static str, Vec<usize>, Vec<u8>);

/// Numbers that look like no pattern, up to `most`.
fn numbers(count: usize, seed: usize, most: f32) -> Vec<f32> {
    let mut state = seed as u64 * 2_654_435_761 + 12_345;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((state >> 40) as f32 / 8_388_608.0 - 1.0) * most
    };
    std::iter::repeat_with(next).take(count).collect()
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// A number of E4M3, from its parts.
fn e4m3(code: u8) -> f32 {
    let (exponent, mantissa) = (i32::from(code >> 3 & 15), f32::from(code & 7));
    let size = match exponent {
        0 => mantissa * 2f32.powi(-9),
        _ => (8.0 + mantissa) * 2f32.powi(exponent - 10),
    };
    if code < 128 { size } else { -size }
}

/// A model of one layer whose `kv_b_proj` is what is given.
struct Model {
    folder: tempfile::TempDir,
}

impl Model {
    fn new((plain, turned, value): Heads, kv_b: Vec<Tensor>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = json!({
            "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3",
            "hidden_size": HIDDEN, "intermediate_size": 32, "num_hidden_layers": 1,
            "first_k_dense_replace": 1, "num_attention_heads": HEADS,
            "num_key_value_heads": HEADS, "q_lora_rank": null, "kv_lora_rank": RANK,
            "qk_nope_head_dim": plain, "qk_rope_head_dim": turned, "v_head_dim": value,
            "vocab_size": VOCAB, "max_position_embeddings": 256, "rms_norm_eps": 1e-5,
            "rope_theta": 10000.0, "tie_word_embeddings": false,
        });
        fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        let layer = |part: &str| format!("model.layers.0.{part}.weight");
        let attention = |part: &str| layer(&format!("self_attn.{part}"));
        let shapes = [
            ("model.embed_tokens.weight".to_owned(), vec![VOCAB, HIDDEN]),
            ("model.norm.weight".to_owned(), vec![HIDDEN]),
            ("lm_head.weight".to_owned(), vec![VOCAB, HIDDEN]),
            (layer("input_layernorm"), vec![HIDDEN]),
            (layer("post_attention_layernorm"), vec![HIDDEN]),
            (layer("mlp.gate_proj"), vec![32, HIDDEN]),
            (layer("mlp.up_proj"), vec![32, HIDDEN]),
            (layer("mlp.down_proj"), vec![HIDDEN, 32]),
            (attention("q_proj"), vec![HEADS * (plain + turned), HIDDEN]),
            (attention("kv_a_proj_with_mqa"), vec![RANK + turned, HIDDEN]),
            (attention("kv_a_layernorm"), vec![RANK]),
            (attention("o_proj"), vec![HIDDEN, HEADS * value]),
        ];
        let mut tensors = kv_b;
        for (index, (name, shape)) in shapes.into_iter().enumerate() {
            let cols = shape[shape.len() - 1] as f32;
            let mut values = numbers(shape.iter().product(), index, 2.0 / cols.sqrt());
            if name.contains("norm") {
                for value in &mut values {
                    *value += 1.0;
                }
            }
            tensors.push((name, "F32", shape, floats(&values)));
        }
        write(&folder.path().join("model.safetensors"), &tensors);
        Self { folder }
    }

    fn open(&self, options: &OpenOptions) -> Result<Opened, ModelError> {
        open(self.folder.path(), options, &mut |_| ())
    }

    /// All logits of a prompt that comes in parts of so many tokens.
    fn logits(&self, options: &OpenOptions, part: usize) -> Vec<f32> {
        let mut model = self.open(options).unwrap().model;
        let mut cache = model.new_cache(1, 200).unwrap();
        let sequence = cache.open_sequence().unwrap();
        let ids: Vec<u32> = (0..150).map(|at| (at * 7 + at / 9) % VOCAB as u32).collect();
        let (mut batch, mut logits) = (Batch::default(), Logits::default());
        let mut all = Vec::new();
        for (index, ids) in ids.chunks(part).enumerate() {
            batch.clear();
            batch.push(sequence, index * part, ids, LogitsWanted::All);
            model.forward(&batch, &mut cache, &mut logits).unwrap();
            all.extend((0..logits.rows()).flat_map(|row| logits.row(row).to_vec()));
        }
        assert_eq!(cache.bytes(), 150 * model.spec().kv_bytes_per_token);
        all
    }
}

fn write(path: &Path, tensors: &[Tensor]) {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, dtype, shape, bytes) in tensors {
        let offsets = [data.len(), data.len() + bytes.len()];
        let told = json!({"dtype": dtype, "shape": shape, "data_offsets": offsets});
        header.insert(name.clone(), told);
        data.extend(bytes);
    }
    let header = Value::Object(header).to_string();
    let len = (header.len() as u64).to_le_bytes();
    fs::write(path, [&len[..], header.as_bytes(), &data].concat()).unwrap();
}

const KV_B: &str = "model.layers.0.self_attn.kv_b_proj.weight";

fn kv_b(dtype: &'static str, rows: usize, bytes: Vec<u8>) -> Vec<Tensor> {
    vec![(KV_B.to_owned(), dtype, vec![rows, RANK], bytes)]
}

fn threads(count: usize) -> OpenOptions {
    OpenOptions { threads: Some(count), ..OpenOptions::default() }
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, |most, d| if d > most { d } else { most })
}

/// Halves and E4M3 are floats of fewer bits: what stands for a number is that number, transposed or
/// not, and the answer is that of the same numbers in singles.
#[test]
fn floats_of_every_width_give_the_answer_of_their_values() {
    // Heads of whole blocks of fp8, of half a block, and of widths that fill no group of rows.
    for heads @ (plain, _, value) in [(128, 32, 128), (64, 32, 64), (24, 16, 20)] {
        let rows = HEADS * (plain + value);
        let values = numbers(rows * RANK, 99, 0.2);
        let halves: Vec<f16> = values.iter().map(|v| f16::from_f32(*v)).collect();
        let brains: Vec<bf16> = values.iter().map(|v| bf16::from_f32(*v)).collect();
        let codes: Vec<u8> =
            (0..rows * RANK).map(|at| ((at * 37 + at / 256 * 11) % 256) as u8 & 0xbf).collect();
        let blocks = (rows.div_ceil(128), RANK.div_ceil(128));
        let scales: Vec<f32> =
            (0..blocks.0 * blocks.1).map(|at| 0.02 + 0.015 * at as f32).collect();
        let scale = |at: usize| scales[at / RANK / 128 * blocks.1 + at % RANK / 128];
        let opened: Vec<f32> =
            codes.iter().enumerate().map(|(at, code)| e4m3(*code) * scale(at)).collect();
        let mut small = kv_b("F8_E4M3", rows, codes);
        small.push((format!("{KV_B}_scale_inv"), "F32", vec![blocks.0, blocks.1], floats(&scales)));
        let pairs: [(Vec<Tensor>, Vec<f32>); 3] = [
            (
                kv_b("F16", rows, halves.iter().flat_map(|v| v.to_le_bytes()).collect()),
                halves.iter().map(|v| v.to_f32()).collect(),
            ),
            (
                kv_b("BF16", rows, brains.iter().flat_map(|v| v.to_le_bytes()).collect()),
                brains.iter().map(|v| v.to_f32()).collect(),
            ),
            (small, opened),
        ];
        for (stored, values) in pairs {
            let what = format!("{} {heads:?}", stored[0].1);
            let stored = Model::new(heads, stored);
            let singles = Model::new(heads, kv_b("F32", rows, floats(&values)));
            let want = singles.logits(&threads(1), 150);
            assert!(want.iter().any(|logit| logit.abs() > 0.5), "{what}: nothing to see");
            for (count, part) in [(1, 150), (2, 150), (2, 1), (1, 7)] {
                let off = largest_difference(&stored.logits(&threads(count), part), &want);
                assert!(off < 1e-5, "{what}, {count} threads by {part}: off by {off}");
            }
            // Candle makes the keys and values of every head, and never the latents' queries.
            for (backend, part) in [(Backend::Candle, 150), (Backend::CandleF32, 7)] {
                let options = OpenOptions { backend, ..OpenOptions::default() };
                let off = largest_difference(&stored.logits(&options, part), &want);
                assert!(off < 1e-5, "{what}, {backend:?} by {part}: off by {off}");
            }
            let bytes = |model: &Model| model.open(&threads(1)).unwrap().model.spec().weight_bytes;
            // Codes of whole blocks stay codes on both sides.
            if what.starts_with("F8_E4M3 (128") {
                let saved = bytes(&singles) - bytes(&stored);
                assert!(saved as usize > rows * RANK * 5 / 2, "{what}: {saved} bytes saved");
            } else {
                assert!(bytes(&stored) < bytes(&singles), "{what}");
            }
        }
    }
}

/// The latent is kept once, in whatever format, and neither threads nor the cut change a bit.
#[test]
fn the_latent_is_kept_once_in_every_format() {
    let heads @ (plain, turned, value) = (32, 32, 48);
    let rows = HEADS * (plain + value);
    let model = Model::new(heads, kv_b("F32", rows, floats(&numbers(rows * RANK, 5, 0.2))));
    let line = (RANK + turned) as u64;
    let exact = model.logits(&threads(1), 150);
    for (kv, bytes, bound) in [
        (KvFormat::F32, 4 * line, 0.0),
        (KvFormat::F16, 2 * line, 4e-3),
        (KvFormat::Q8, line * 34 / 32, 6e-2),
    ] {
        let options = |count| OpenOptions { kv, ..threads(count) };
        assert_eq!(model.open(&options(1)).unwrap().model.spec().kv_bytes_per_token, bytes);
        let whole = model.logits(&options(1), 150);
        let off = largest_difference(&whole, &exact);
        assert!(off <= bound, "{kv:?} is off by {off}");
        assert!(kv == KvFormat::F32 || off > 0.0, "{kv:?} rounds");
        for (count, part) in [(2, 150), (3, 40), (2, 1), (1, 1)] {
            let same = model.logits(&options(count), part) == whole;
            assert!(same, "{kv:?}: {count} threads by {part}");
        }
    }
    // A line that is no multiple of 32 wide has no eight bits.
    let heads = (32, 16, 48);
    let model = Model::new(heads, kv_b("F32", rows, floats(&numbers(rows * RANK, 5, 0.2))));
    let narrow = model.open(&OpenOptions { kv: KvFormat::Q8, ..threads(1) }).unwrap().model;
    let refused = narrow.new_cache(1, 16).unwrap_err().to_string();
    assert!(refused.contains("heads of width 176"), "{refused}");
}

/// What makes keys is transposed before it is rounded, so that its blocks lie along the rows that
/// are multiplied.
#[test]
fn floats_are_quantised_as_they_are_multiplied() {
    let heads @ (plain, _, value) = (64, 32, 64);
    let rows = HEADS * (plain + value);
    let model = Model::new(heads, kv_b("F32", rows, floats(&numbers(rows * RANK, 7, 0.2))));
    let exact = model.logits(&threads(1), 150);
    let quantize = |what| OpenOptions { quantize: what, ..threads(2) };
    let eight = largest_difference(&model.logits(&quantize(Quantization::Q8_0), 150), &exact);
    let four = largest_difference(&model.logits(&quantize(Quantization::Q4_0), 150), &exact);
    assert!(eight > 0.0 && eight < 0.2, "{eight}");
    assert!(four < 1.5 && four > eight, "{four}");
    // By candle, which opens what makes keys and multiplies latents with what makes values as it is
    // or opened too.
    for (quantize, bound) in [(Quantization::Q8_0, 0.2), (Quantization::Q4_0, 2.0)] {
        let found = [Backend::Candle, Backend::CandleF32].map(|backend| {
            let options = OpenOptions { backend, quantize, ..OpenOptions::default() };
            model.logits(&options, 150)
        });
        let off = found.each_ref().map(|found| largest_difference(found, &exact));
        let apart = largest_difference(&found[0], &found[1]);
        eprintln!("{quantize:?}: candle is off by {off:?}, its two ways by {apart}");
        assert!(off.iter().all(|off| *off > 0.0 && *off < bound), "{quantize:?}: {off:?}");
        assert!(apart > 0.0 && apart < 0.2, "{quantize:?}: {apart}");
    }
}

/// Of each token it holds the keys and values of each head, and asks for that much room.
#[test]
fn candle_tells_that_it_holds_keys_and_values_of_heads() {
    let heads @ (plain, turned, value) = (32, 32, 48);
    let rows = HEADS * (plain + value);
    let model = Model::new(heads, kv_b("F32", rows, floats(&numbers(rows * RANK, 5, 0.2))));
    let options = OpenOptions { backend: Backend::Candle, ..OpenOptions::default() };
    let told = model.open(&options).unwrap().model.spec().kv_bytes_per_token;
    assert_eq!(told, 4 * (HEADS * (plain + turned + value)) as u64);
    let needed = |context| {
        let options = OpenOptions { context, memory: Some(1), ..options };
        match model.open(&options).unwrap_err() {
            ModelError::MemoryExceeded { need, .. } => need.0,
            other => panic!("{other}"),
        }
    };
    assert_eq!(needed(Some(100)) - needed(None), 100 * told);
}

#[test]
fn what_makes_keys_and_values_is_named_where_it_is_wrong() {
    let heads @ (plain, _, value) = (24, 16, 20);
    let rows = HEADS * (plain + value);
    let missing = Model::new(heads, Vec::new());
    let error = missing.open(&threads(1)).unwrap_err().to_string();
    assert_eq!(error, format!("tensor `{KV_B}` is missing"));
    assert_eq!(inspect(missing.folder.path()).unwrap().missing_tensors, [KV_B]);
    let values = |rows: usize| floats(&numbers(rows * RANK, 5, 0.2));
    let longer = Model::new(heads, kv_b("F32", rows + 16, values(rows + 16)));
    let error = longer.open(&threads(1)).unwrap_err();
    assert_eq!(error.code(), "tensor_shape");
    assert!(error.to_string().contains(KV_B), "{error}");
}

/// Whatever a config says is refused by name before anything is read by it.
#[test]
fn configs_that_no_latent_fits_are_refused_by_name() {
    let heads @ (plain, _, value) = (24, 16, 20);
    let rows = HEADS * (plain + value);
    let model = Model::new(heads, kv_b("F32", rows, floats(&numbers(rows * RANK, 5, 0.2))));
    let path = model.folder.path().join("config.json");
    let config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for (field, value, told) in [
        ("kv_lora_rank", json!(null), "`kv_lora_rank` is missing"),
        ("kv_lora_rank", json!(0), "`kv_lora_rank` must be from 1 to"),
        ("kv_lora_rank", json!(u64::MAX), "`kv_lora_rank` must be from 1 to"),
        ("q_lora_rank", json!(0), "`q_lora_rank` must be from 1 to"),
        ("qk_nope_head_dim", json!(0), "`qk_nope_head_dim` must be from 1 to"),
        ("qk_rope_head_dim", json!(15), "turning 15 values"),
        ("v_head_dim", json!(1 << 24), "are wider than"),
        ("num_attention_heads", json!(32_768), "num_attention_heads"),
        ("num_key_value_heads", json!(1), "as many key-value heads as query heads"),
        ("num_nextn_predict_layers", json!(u64::MAX), "`num_nextn_predict_layers` must be"),
        ("rope_interleave", json!("yes"), "config.json"),
    ] {
        let mut changed = config.clone();
        changed[field] = value.clone();
        fs::write(&path, changed.to_string()).unwrap();
        let error = model.open(&threads(1)).unwrap_err().to_string();
        assert!(error.contains(told), "{field} = {value}: {error}");
    }
    // With experts, which `first_k_dense_replace` keeps out of the one layer that there is.
    let experts = json!({
        "n_routed_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 32,
        "first_k_dense_replace": 0, "n_group": 1, "topk_group": 1, "topk_method": "noaux_tc",
        "scoring_func": "sigmoid", "norm_topk_prob": true, "routed_scaling_factor": 2.5,
    });
    for (field, value, told) in [
        ("n_group", json!(3), "8 experts are not in 3 groups"),
        ("topk_group", json!(0), "`topk_group` must be from 1 to"),
        ("n_routed_experts", json!(u64::MAX), "`n_routed_experts` must be"),
        ("num_experts_per_tok", json!(9), "9 of 8 experts cannot be chosen"),
        ("moe_intermediate_size", json!(null), "`moe_intermediate_size` is missing"),
        ("n_shared_experts", json!(1 << 20), "n_shared_experts"),
        ("scoring_func", json!("tanh"), "`scoring_func` `tanh`"),
        ("scoring_func", json!("softmax"), "`norm_topk_prob` with"),
        ("topk_method", json!("best"), "`topk_method` `best`"),
        ("moe_layer_freq", json!(0), "tensor `model.layers.0.mlp."),
    ] {
        let mut changed = config.clone();
        for (field, value) in experts.as_object().unwrap() {
            changed[field] = value.clone();
        }
        changed["n_group"] = json!(2);
        changed[field] = value.clone();
        fs::write(&path, changed.to_string()).unwrap();
        let error = model.open(&threads(1)).unwrap_err().to_string();
        assert!(error.contains(told), "{field} = {value}: {error}");
    }
}

/// The widths of Kimi-K2: 576 numbers for each of 61 layers, whatever its heads are.
#[test]
fn a_token_of_kimi_k2_takes_70_272_bytes_in_halves() {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({
        "architectures": ["DeepseekV3ForCausalLM"], "model_type": "kimi_k2",
        "hidden_size": 7168, "intermediate_size": 18432, "num_hidden_layers": 61,
        "first_k_dense_replace": 1, "num_attention_heads": 64, "num_key_value_heads": 64,
        "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128,
        "qk_rope_head_dim": 64, "v_head_dim": 128, "vocab_size": 163_840,
        "max_position_embeddings": 131_072, "rms_norm_eps": 1e-6, "rope_theta": 50000.0,
        "n_routed_experts": 384, "num_experts_per_tok": 8, "n_shared_experts": 1,
        "moe_intermediate_size": 2048, "scoring_func": "sigmoid", "topk_method": "noaux_tc",
        "n_group": 1, "topk_group": 1, "norm_topk_prob": true, "routed_scaling_factor": 2.827,
    });
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    // The kind of queries decides between halves and singles: int4, in groups of 32.
    let name = "model.layers.0.self_attn.q_b_proj.weight";
    let (rows, cols) = (16, 64);
    let quantised: Vec<Tensor> = vec![
        (format!("{name}_packed"), "I32", vec![rows, cols / 8], vec![0; rows * cols / 2]),
        (format!("{name}_scale"), "BF16", vec![rows, cols / 32], vec![0; rows * cols / 16]),
        (format!("{name}_shape"), "I32", vec![2], [16_i32, 64].map(i32::to_le_bytes).concat()),
    ];
    let weights = folder.path().join("model.safetensors");
    write(&weights, &quantised);
    let found = inspect(folder.path()).unwrap();
    assert_eq!(found.kv_bytes_per_token, Some(70_272));
    // What keys and values of each head would take is 35.6 times as much.
    assert_eq!(61 * 64 * (192 + 128) * 2 / 70_272, 35);
    write(&weights, &[(name.to_owned(), "F32", vec![rows, cols], vec![0; 4 * rows * cols])]);
    assert_eq!(inspect(folder.path()).unwrap().kv_bytes_per_token, Some(140_544));
}
