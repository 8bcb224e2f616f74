//! A mixture of experts of Kimi-K2's widths and random weights, with as few layers and experts as
//! are asked for: what leaving experts on disk costs can be measured without 600 GB.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::Failure;
use crate::noise::Noise;

const HIDDEN: usize = 7168;
const HEADS: usize = 64;
const QUERY_RANK: usize = 1536;
const LINE_RANK: usize = 512;
const PLAIN: usize = 128;
const TURNED: usize = 64;
const VALUE: usize = 128;
const DENSE: usize = 18_432;
const EXPERT: usize = 2048;
const CHOSEN: usize = 8;
/// Weights with one scale.
const GROUP: usize = 32;

/// The widths of Kimi-K2, one layer without experts and some with them; experts in 4 bits as its
/// "Thinking" stores them, all else in bfloat16.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Mixture {
    /// Layers with experts.
    pub layers: usize,
    /// Experts in each.
    pub experts: usize,
    /// The size of the vocabulary.
    pub vocab: usize,
}

/// A tensor of the file.
struct Tensor {
    name: String,
    kind: &'static str,
    shape: Vec<usize>,
    fill: Fill,
}

#[derive(Clone, Copy)]
enum Fill {
    /// Of bfloat16: signs and fractions at random, 2^-7 to 2^-6.
    Weights,
    /// Of bfloat16: 1.
    Ones,
    /// Of bfloat16: 2^-9, so that codes up to 8 come to the size of the other weights.
    Scales,
    /// Codes of 4 bits.
    Codes,
    /// Singles: 0.
    Zeros,
    /// The rows and columns of a matrix of codes.
    Axes([i32; 2]),
}

impl Mixture {
    /// So many layers with so many experts.
    pub fn new(layers: usize, experts: usize) -> Self {
        Self { layers, experts, vocab: 8192 }
    }

    /// Writes the folder, where it does not hold the same model already.
    pub fn write(&self, folder: &Path) -> Result<(), Failure> {
        let config = serde_json::to_string_pretty(&self.config())?;
        let told = folder.join("config.json");
        if fs::read_to_string(&told).is_ok_and(|found| found == config) {
            return Ok(());
        }
        fs::create_dir_all(folder)?;
        let tensors = self.tensors();
        let (mut table, mut offset) = (Map::new(), 0);
        for tensor in &tensors {
            let end = offset + tensor.bytes();
            let entry = json!({
                "dtype": tensor.kind,
                "shape": tensor.shape,
                "data_offsets": [offset, end],
            });
            table.insert(tensor.name.clone(), entry);
            offset = end;
        }
        let table = serde_json::to_vec(&table)?;
        let mut file = BufWriter::new(fs::File::create(folder.join("model.safetensors"))?);
        file.write_all(&(table.len() as u64).to_le_bytes())?;
        file.write_all(&table)?;
        let mut noise = Noise::new();
        for tensor in &tensors {
            tensor.write(&mut noise, &mut file)?;
        }
        file.flush()?;
        // Last, so that a folder that was left midway is written again.
        Ok(fs::write(told, config)?)
    }

    fn config(&self) -> Value {
        let mut config = json!({
            "architectures": ["DeepseekV3ForCausalLM"],
            "model_type": "kimi_k2",
            "topk_method": "noaux_tc",
            "scoring_func": "sigmoid",
            "norm_topk_prob": true,
            "routed_scaling_factor": 2.827,
            "hidden_act": "silu",
            "attention_bias": false,
            "rms_norm_eps": 1e-6,
            "rope_theta": 50000.0,
            "tie_word_embeddings": false,
        });
        for (field, number) in [
            ("vocab_size", self.vocab),
            ("hidden_size", HIDDEN),
            ("intermediate_size", DENSE),
            ("moe_intermediate_size", EXPERT),
            ("num_hidden_layers", 1 + self.layers),
            ("first_k_dense_replace", 1),
            ("moe_layer_freq", 1),
            ("num_attention_heads", HEADS),
            ("num_key_value_heads", HEADS),
            ("q_lora_rank", QUERY_RANK),
            ("kv_lora_rank", LINE_RANK),
            ("qk_nope_head_dim", PLAIN),
            ("qk_rope_head_dim", TURNED),
            ("v_head_dim", VALUE),
            ("n_routed_experts", self.experts),
            ("n_shared_experts", 1),
            ("num_experts_per_tok", CHOSEN),
            ("n_group", 1),
            ("topk_group", 1),
            ("max_position_embeddings", 4096),
            ("bos_token_id", 1),
            ("eos_token_id", 2),
        ] {
            config[field] = number.into();
        }
        let weights = json!({
            "num_bits": 4,
            "group_size": GROUP,
            "strategy": "group",
            "symmetric": true,
            "type": "int",
            "dynamic": false,
        });
        let elsewhere = [
            "lm_head",
            "re:.*self_attn.*",
            "re:.*shared_experts.*",
            "re:.*mlp\\.(gate|up|gate_up|down)_proj.*",
        ];
        config["quantization_config"] = json!({
            "quant_method": "compressed-tensors",
            "format": "pack-quantized",
            "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}},
            "ignore": elsewhere,
        });
        config
    }

    fn tensors(&self) -> Vec<Tensor> {
        let mut list = List(Vec::new());
        list.matrix("model.embed_tokens", self.vocab, HIDDEN);
        for layer in 0..=self.layers {
            let before = format!("model.layers.{layer}");
            list.norm(&format!("{before}.input_layernorm"), HIDDEN);
            list.attention(&format!("{before}.self_attn"));
            list.norm(&format!("{before}.post_attention_layernorm"), HIDDEN);
            let before = format!("{before}.mlp");
            if layer == 0 {
                list.gated(&before, DENSE);
                continue;
            }
            list.matrix(&format!("{before}.gate"), self.experts, HIDDEN);
            list.add(
                format!("{before}.gate.e_score_correction_bias"),
                "F32",
                &[self.experts],
                Fill::Zeros,
            );
            list.gated(&format!("{before}.shared_experts"), EXPERT);
            for expert in 0..self.experts {
                let before = format!("{before}.experts.{expert}");
                list.codes(&format!("{before}.gate_proj"), EXPERT, HIDDEN);
                list.codes(&format!("{before}.up_proj"), EXPERT, HIDDEN);
                list.codes(&format!("{before}.down_proj"), HIDDEN, EXPERT);
            }
        }
        list.norm("model.norm", HIDDEN);
        list.matrix("lm_head", self.vocab, HIDDEN);
        list.0
    }
}

struct List(Vec<Tensor>);

impl List {
    fn add(&mut self, name: String, kind: &'static str, shape: &[usize], fill: Fill) {
        self.0.push(Tensor { name, kind, shape: shape.to_vec(), fill });
    }

    fn matrix(&mut self, name: &str, rows: usize, cols: usize) {
        self.add(format!("{name}.weight"), "BF16", &[rows, cols], Fill::Weights);
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.add(format!("{name}.weight"), "BF16", &[width], Fill::Ones);
    }

    fn gated(&mut self, before: &str, width: usize) {
        self.matrix(&format!("{before}.gate_proj"), width, HIDDEN);
        self.matrix(&format!("{before}.up_proj"), width, HIDDEN);
        self.matrix(&format!("{before}.down_proj"), HIDDEN, width);
    }

    fn attention(&mut self, before: &str) {
        self.matrix(&format!("{before}.q_a_proj"), QUERY_RANK, HIDDEN);
        self.norm(&format!("{before}.q_a_layernorm"), QUERY_RANK);
        self.matrix(&format!("{before}.q_b_proj"), HEADS * (PLAIN + TURNED), QUERY_RANK);
        self.matrix(&format!("{before}.kv_a_proj_with_mqa"), LINE_RANK + TURNED, HIDDEN);
        self.norm(&format!("{before}.kv_a_layernorm"), LINE_RANK);
        self.matrix(&format!("{before}.kv_b_proj"), HEADS * (PLAIN + VALUE), LINE_RANK);
        self.matrix(&format!("{before}.o_proj"), HIDDEN, HEADS * VALUE);
    }

    fn codes(&mut self, name: &str, rows: usize, cols: usize) {
        self.add(format!("{name}.weight_packed"), "I32", &[rows, cols / 8], Fill::Codes);
        self.add(format!("{name}.weight_scale"), "BF16", &[rows, cols / GROUP], Fill::Scales);
        let axes = Fill::Axes([rows as i32, cols as i32]);
        self.add(format!("{name}.weight_shape"), "I32", &[2], axes);
    }
}

impl Tensor {
    fn bytes(&self) -> usize {
        let width = if self.kind == "BF16" { 2 } else { 4 };
        self.shape.iter().product::<usize>() * width
    }

    fn write(&self, noise: &mut Noise, file: &mut impl Write) -> Result<(), Failure> {
        if let Fill::Axes(axes) = self.fill {
            for axis in axes {
                file.write_all(&axis.to_le_bytes())?;
            }
            return Ok(());
        }
        // All lengths are even; words of eight bytes hold four weights.
        let mut left = self.bytes();
        while left > 0 {
            let word = match self.fill {
                Fill::Weights => noise.next() & 0x807f_807f_807f_807f | 0x3c00_3c00_3c00_3c00,
                Fill::Ones => 0x3f80_3f80_3f80_3f80,
                Fill::Scales => 0x3b00_3b00_3b00_3b00,
                Fill::Codes => noise.next(),
                Fill::Zeros | Fill::Axes(_) => 0,
            };
            let len = left.min(8);
            file.write_all(&word.to_le_bytes()[..len])?;
            left -= len;
        }
        Ok(())
    }
}
