//! Files become weights, and weights become forward passes.
//!
//! It does not know requests, text or sampling: token ids go in, logits come out. It is the only
//! crate of the house that names candle.
//!
//! Key types: [`open`] finds out what a path holds and gives a [`CausalLm`]; a [`Batch`] says which
//! tokens of which sequences to run, a [`KvCache`] remembers what ran, [`Logits`] receive the
//! result; [`inspect`] tells what a file is without loading it.
//!
//! 1. `let opened = open(path, &OpenOptions::default(), &mut |event| ..)?`
//! 2. `let mut cache = opened.model.new_cache(1, 2048)?`; `let sequence = cache.open_sequence()?`
//! 3. `batch.push(sequence, 0, &ids, LogitsWanted::Last)`
//! 4. `opened.model.forward(&batch, &mut cache, &mut logits)?`; `logits.row(0)`
//!
//! Costs: loading holds the packed weights and a piece of half a megabyte for each thread; the
//! cache takes a block of memory for every 128 tokens; a decode step allocates
//! nothing.

mod arch;
mod batch;
mod blueprint;
#[cfg(feature = "candle")]
mod candle_backend;
mod causal_lm;
mod checkpoint;
mod config;
mod decoder;
mod device;
mod encoder;
mod error;
mod files;
mod folder;
mod fused_experts;
mod gguf;
mod inspect;
mod inventory;
mod kv_cache;
mod latent_heads;
mod limits;
mod memory;
mod open;
mod quantizing;
mod rope;
mod safetensors;
mod spec;
mod tensor_source;
mod text;
mod zipped;

pub use batch::{Batch, BatchEntry, Logits, LogitsWanted};
pub use causal_lm::CausalLm;
pub use config::{Activation, HfConfig, LayerType, RopeConfig, RopeScaling};
pub use decoder::KvFormat;
pub use device::{Device, DeviceChoice, devices};
pub use encoder::{
    EmbeddingRecipe, EncoderBatch, EncoderOptions, EncoderOutput, EncoderRows, EncoderSpec,
    EncoderText, OpenedEncoder, Pooling, PoolingMode, TextEncoder, open_encoder,
};
pub use error::ModelError;
pub use files::{ModelFiles, text_assets};
pub use gguf::{
    FromGguf, GgmlType, GgufArray, GgufFile, GgufMetadata, GgufTensor, GgufValue, Strings,
};
pub use inspect::{Inspection, ModelFormat, TensorTypeCount, inspect};
pub use kv_cache::{BlockId, CacheSize, KV_BLOCK_TOKENS, KvCache, KvStorage, SequenceId};
pub use memory::available_memory;
pub use open::{Backend, OpenOptions, Opened, open};
pub use quantizing::Quantization;
pub use safetensors::{Safetensors, SafetensorsTensor};
pub use spec::{ExpertsOnDisk, ModelSpec};
pub use tensor_source::{TensorInfo, TensorSource, TensorView};
pub use text::{GenerationDefaults, GgufVocabulary, TextAssets, Vocabulary};
pub use zipped::ZippedTensors;
