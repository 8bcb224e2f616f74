//! A GGUF file that holds a whole model, and ways to spoil it.

use crate::gguf_writer::{F32, File, Tensor, U32, entry, tensor};

impl File {
    /// A model that runs: one layer of width 32 with two heads, four tokens, all weights F32.
    pub(crate) fn llama() -> Self {
        let number =
            |key: &str, value: u32| entry(format!("llama.{key}"), U32, value.to_le_bytes());
        let shapes: [(&str, &[u64]); 11] = [
            ("token_embd.weight", &[32, 4]),
            ("output_norm.weight", &[32]),
            ("blk.0.attn_norm.weight", &[32]),
            ("blk.0.attn_q.weight", &[32, 32]),
            ("blk.0.attn_k.weight", &[32, 16]),
            ("blk.0.attn_v.weight", &[32, 16]),
            ("blk.0.attn_output.weight", &[32, 32]),
            ("blk.0.ffn_norm.weight", &[32]),
            ("blk.0.ffn_gate.weight", &[32, 64]),
            ("blk.0.ffn_up.weight", &[32, 64]),
            ("blk.0.ffn_down.weight", &[64, 32]),
        ];
        let mut offset = 0;
        let tensors = shapes.map(|(name, axes)| {
            let tensor = tensor(name, axes, 0, offset);
            offset += 4 * axes.iter().product::<u64>();
            tensor
        });
        let mut file = Self::valid();
        file.entries.extend([
            number("block_count", 1),
            number("context_length", 64),
            number("embedding_length", 32),
            number("feed_forward_length", 64),
            number("attention.head_count", 2),
            number("attention.head_count_kv", 1),
            entry("llama.attention.layer_norm_rms_epsilon", F32, 1e-5_f32.to_le_bytes()),
        ]);
        Self { tensors: tensors.to_vec(), data: vec![0; offset as usize], ..file }
    }

    /// Sets the value of a key, there or not.
    pub(crate) fn set(&mut self, key: &str, kind: u32, value: impl AsRef<[u8]>) {
        self.entries.retain(|entry| entry.key != key.as_bytes());
        self.entries.push(entry(key, kind, value));
    }

    /// A tensor by its name.
    pub(crate) fn tensor_mut(&mut self, name: &str) -> &mut Tensor {
        self.tensors.iter_mut().find(|tensor| tensor.name == name.as_bytes()).unwrap()
    }
}
