//! What files of `deepseek2` say of latent attention and of experts: older ones hold what makes
//! keys and values as the checkpoint does, newer ones apart, what makes keys transposed.

use std::io;

use serde_json::Value;

use super::gguf::Gguf;

/// The families that such files are of.
pub(super) const FAMILIES: [&str; 3] = ["deepseek_v2", "deepseek_v3", "kimi_k2"];

/// What stands for the names that other decoders have, before those.
pub(super) const NAMES: [(&str, &str); 10] = [
    (".self_attn.q_a_proj.", ".attn_q_a."),
    (".self_attn.q_a_layernorm.", ".attn_q_a_norm."),
    (".self_attn.q_b_proj.", ".attn_q_b."),
    (".self_attn.kv_a_proj_with_mqa.", ".attn_kv_a_mqa."),
    (".self_attn.kv_a_layernorm.", ".attn_kv_a_norm."),
    (".self_attn.kv_b_proj.", ".attn_kv_b."),
    (".mlp.shared_experts.gate_proj.", ".ffn_gate_shexp."),
    (".mlp.shared_experts.up_proj.", ".ffn_up_shexp."),
    (".mlp.shared_experts.down_proj.", ".ffn_down_shexp."),
    (".mlp.gate.e_score_correction_bias", ".exp_probs_b.bias"),
];

/// How a file holds what makes keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "writers know no third way")]
pub enum LatentForm {
    /// In one tensor.
    Whole,
    /// In two.
    Apart,
}

/// A number of a config.
fn number(config: &Value, field: &str) -> io::Result<u32> {
    let missing = || io::Error::new(io::ErrorKind::InvalidData, field.to_owned());
    config[field].as_u64().map(|number| number as u32).ok_or_else(missing)
}

/// Writes the keys that only this architecture has, and the widths of heads.
pub(super) fn write_keys(config: &Value, form: LatentForm, file: &mut Gguf) -> io::Result<()> {
    let number = |field| number(config, field);
    let key = |key: &str| format!("deepseek2.{key}");
    let (rank, turned) = (number("kv_lora_rank")?, number("qk_rope_head_dim")?);
    let (query, value) = (number("qk_nope_head_dim")? + turned, number("v_head_dim")?);
    let widths = match form {
        LatentForm::Whole => vec![("key_length", query), ("value_length", value)],
        LatentForm::Apart => vec![
            ("key_length", rank + turned),
            ("value_length", rank),
            ("key_length_mla", query),
            ("value_length_mla", value),
        ],
    };
    for (name, width) in widths {
        file.number(&key(&format!("attention.{name}")), width);
    }
    file.number(&key("attention.kv_lora_rank"), rank);
    if let Ok(rank) = number("q_lora_rank") {
        file.number(&key("attention.q_lora_rank"), rank);
    }
    file.number(&key("rope.dimension_count"), turned);
    for (name, field) in [
        ("leading_dense_block_count", "first_k_dense_replace"),
        ("expert_count", "n_routed_experts"),
        ("expert_shared_count", "n_shared_experts"),
    ] {
        file.number(&key(name), number(field)?);
    }
    for (name, field) in
        [("expert_group_count", "n_group"), ("expert_group_used_count", "topk_group")]
    {
        if number("n_group")? > 1 {
            file.number(&key(name), number(field)?);
        }
    }
    let sigmoid = config["scoring_func"] == "sigmoid";
    file.number(&key("expert_gating_func"), if sigmoid { 2 } else { 1 });
    file.flag(&key("expert_weights_norm"), config["norm_topk_prob"] == true);
    let float = |value: &Value| value.as_f64().map(|value| value as f32);
    file.float(
        &key("expert_weights_scale"),
        float(&config["routed_scaling_factor"]).unwrap_or(1.0),
    );
    let scaling = &config["rope_scaling"];
    for (name, field, part) in [
        ("yarn_log_multiplier", "mscale_all_dim", 0.1),
        ("yarn_beta_fast", "beta_fast", 1.0),
        ("yarn_beta_slow", "beta_slow", 1.0),
    ] {
        if let Some(value) = float(&scaling[field]) {
            file.float(&key(&format!("rope.scaling.{name}")), part * value);
        }
    }
    Ok(())
}

/// Whether a tensor belongs to a layer behind the last, which the format's converters leave out.
pub(super) fn is_behind(config: &Value, name: &str) -> bool {
    let layer = name.strip_prefix("model.layers.").and_then(|rest| rest.split('.').next());
    let layer = layer.and_then(|layer| layer.parse::<u64>().ok());
    layer.zip(config["num_hidden_layers"].as_u64()).is_some_and(|(layer, count)| layer >= count)
}

/// What makes keys, (heads, rank, plain), and values, (heads, value, rank), out of the rows that
/// make both.
pub(super) fn write_apart(
    config: &Value,
    name: &str,
    values: &[f32],
    file: &mut Gguf,
) -> io::Result<()> {
    let number = |field| number(config, field).map(|number| number as usize);
    let (heads, rank) = (number("num_attention_heads")?, number("kv_lora_rank")?);
    let (plain, value) = (number("qk_nope_head_dim")?, number("v_head_dim")?);
    let (mut of_keys, mut of_values) = (Vec::new(), Vec::new());
    for head in values.chunks_exact((plain + value) * rank) {
        let (keys, values) = head.split_at(plain * rank);
        of_keys.extend((0..rank).flat_map(|column| keys.iter().skip(column).step_by(rank)));
        of_values.extend_from_slice(values);
    }
    file.add(&name.replace("attn_kv_b", "attn_k_b"), &[heads, rank, plain], &of_keys);
    file.add(&name.replace("attn_kv_b", "attn_v_b"), &[heads, value, rank], &of_values);
    Ok(())
}
