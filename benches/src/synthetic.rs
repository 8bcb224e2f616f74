//! A model file of random weights, so that a whole forward pass can be measured without a download.

use std::io::{BufWriter, Write};
use std::path::Path;

use pricket::simd::Format;

use crate::Failure;
use crate::noise::Noise;

const VERSION: u32 = 3;
const ALIGNMENT: u64 = 32;
/// Types of metadata and of tensors, by their numbers in the format.
const U32: u32 = 4;
const F32: u32 = 6;
const STRING: u32 = 8;
const ARRAY: u32 = 9;
const TENSOR_F32: u32 = 0;
const TENSOR_Q4_0: u32 = 2;

/// The shape of a Llama whose matrices are `Q4_0` and whose head is its embedding.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Synthetic {
    /// Width of the residual stream.
    pub hidden: usize,
    /// Width of the feed-forward.
    pub ffn: usize,
    /// How many layers.
    pub layers: usize,
    /// How many query heads.
    pub heads: usize,
    /// How many key-value heads.
    pub kv_heads: usize,
    /// The size of the vocabulary.
    pub vocab: usize,
    /// The longest context.
    pub context: usize,
}

impl Synthetic {
    /// 106 MB of weights: more than most last-level caches, and loaded in a blink.
    pub const SMALL: Self = Self {
        hidden: 1024,
        ffn: 2816,
        layers: 16,
        heads: 16,
        kv_heads: 4,
        vocab: 8192,
        context: 4096,
    };

    /// Operations for each token of a prompt: two for each weight of the layers. Attention is not
    /// counted, nor is the head, which only the last token of a prompt needs.
    pub fn operations_per_token(&self) -> f64 {
        let head = self.vocab * self.hidden;
        let weights: usize = self.matrices().map(|(_, rows, cols)| rows * cols).sum();
        2.0 * (weights - head) as f64
    }

    /// All matrices: name, rows, columns.
    fn matrices(&self) -> impl Iterator<Item = (String, usize, usize)> {
        let Self { hidden, ffn, .. } = *self;
        let kv = hidden / self.heads * self.kv_heads;
        let layers = (0..self.layers).flat_map(move |layer| {
            [
                ("attn_q", hidden, hidden),
                ("attn_k", kv, hidden),
                ("attn_v", kv, hidden),
                ("attn_output", hidden, hidden),
                ("ffn_gate", ffn, hidden),
                ("ffn_up", ffn, hidden),
                ("ffn_down", hidden, ffn),
            ]
            .map(|(name, rows, cols)| (format!("blk.{layer}.{name}.weight"), rows, cols))
        });
        std::iter::once(("token_embd.weight".to_owned(), self.vocab, hidden)).chain(layers)
    }

    /// All vectors; each is as wide as the residual stream.
    fn vectors(&self) -> impl Iterator<Item = String> {
        let layers = (0..self.layers).flat_map(|layer| {
            ["attn_norm", "ffn_norm"].map(|name| format!("blk.{layer}.{name}.weight"))
        });
        std::iter::once("output_norm.weight".to_owned()).chain(layers)
    }

    /// Writes the file as GGUF (the specification in ggml's `docs/gguf.md`).
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let mut table = Vec::new();
        let mut offset = 0;
        for (name, rows, cols) in self.matrices() {
            let axes = [cols as u64, rows as u64];
            describe(&mut table, &name, &axes, TENSOR_Q4_0, offset);
            let bytes = (rows * Format::Q4_0.row_bytes(cols)?) as u64;
            offset += bytes.next_multiple_of(ALIGNMENT);
        }
        for name in self.vectors() {
            describe(&mut table, &name, &[self.hidden as u64], TENSOR_F32, offset);
            offset += (self.hidden as u64 * 4).next_multiple_of(ALIGNMENT);
        }
        let tensors = self.matrices().count() + self.vectors().count();
        let (entries, metadata) = self.metadata();
        let mut head = b"GGUF".to_vec();
        head.extend(VERSION.to_le_bytes());
        head.extend((tensors as u64).to_le_bytes());
        head.extend(entries.to_le_bytes());
        head.extend(metadata);
        head.extend(table);
        head.resize(head.len().next_multiple_of(ALIGNMENT as usize), 0);

        let mut file = BufWriter::new(std::fs::File::create(path)?);
        file.write_all(&head)?;
        let mut noise = Noise::new();
        for (_, rows, cols) in self.matrices() {
            let blocks = rows * cols / Format::Q4_0.block_len();
            let bytes = blocks * Format::Q4_0.block_bytes();
            for _ in 0..blocks {
                // A scale of 0.0098, which keeps every activation in the range of real ones.
                file.write_all(&[0x00, 0x21])?;
                file.write_all(&noise.codes())?;
            }
            file.write_all(&vec![0; bytes.next_multiple_of(ALIGNMENT as usize) - bytes])?;
        }
        let ones: Vec<u8> =
            std::iter::repeat_n(1.0_f32.to_le_bytes(), self.hidden).flatten().collect();
        for _ in self.vectors() {
            file.write_all(&ones)?;
            let padding = ones.len().next_multiple_of(ALIGNMENT as usize) - ones.len();
            file.write_all(&vec![0; padding])?;
        }
        Ok(file.flush()?)
    }

    /// The metadata's entries: how many, and their bytes.
    fn metadata(&self) -> (u64, Vec<u8>) {
        let mut bytes = Vec::new();
        let mut count = 0;
        let mut put = |key: &str, kind: u32, value: &[u8]| {
            string(&mut bytes, key);
            bytes.extend(kind.to_le_bytes());
            bytes.extend_from_slice(value);
            count += 1;
        };
        let text = |value: &str| {
            let mut bytes = Vec::new();
            string(&mut bytes, value);
            bytes
        };
        put("general.architecture", STRING, &text("llama"));
        put("general.name", STRING, &text("synthetic"));
        for (key, value) in [
            ("llama.context_length", self.context),
            ("llama.embedding_length", self.hidden),
            ("llama.block_count", self.layers),
            ("llama.feed_forward_length", self.ffn),
            ("llama.attention.head_count", self.heads),
            ("llama.attention.head_count_kv", self.kv_heads),
        ] {
            put(key, U32, &(value as u32).to_le_bytes());
        }
        put("llama.attention.layer_norm_rms_epsilon", F32, &1e-5_f32.to_le_bytes());
        put("tokenizer.ggml.model", STRING, &text("gpt2"));
        let mut tokens = STRING.to_le_bytes().to_vec();
        tokens.extend((self.vocab as u64).to_le_bytes());
        for token in 0..self.vocab {
            string(&mut tokens, &format!("t{token}"));
        }
        put("tokenizer.ggml.tokens", ARRAY, &tokens);
        (count, bytes)
    }
}

fn string(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

/// A row of the tensor table; the axes stand innermost first.
fn describe(table: &mut Vec<u8>, name: &str, axes: &[u64], kind: u32, offset: u64) {
    string(table, name);
    table.extend((axes.len() as u32).to_le_bytes());
    for axis in axes {
        table.extend(axis.to_le_bytes());
    }
    table.extend(kind.to_le_bytes());
    table.extend(offset.to_le_bytes());
}
