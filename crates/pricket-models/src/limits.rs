//! How much a model's files may ask for. Input past a limit is a typed error, never a cut.

/// The longest GGUF header (everything before the tensors' data), in bytes. The largest known hold
/// a vocabulary of 262,144 tokens with scores, types and merges and stay below 20 MiB; parsing
/// takes a small multiple of the header as memory, so this bounds what a hostile file can make us
/// allocate.
pub(crate) const GGUF_HEADER_BYTES_MAX: u64 = 256 << 20;

/// How deep arrays of arrays may nest in GGUF metadata. No known key nests at all; reading recurses
/// once per level, so the bound keeps the stack flat.
pub(crate) const GGUF_ARRAY_DEPTH_MAX: usize = 4;

/// The longest metadata key, in bytes: the format's own limit (2^16 - 1).
pub(crate) const GGUF_KEY_BYTES_MAX: u64 = 65_535;

/// The longest tensor name in a GGUF file, in bytes. The format says 64, and some writers exceed
/// it; nothing sensible comes near this.
pub(crate) const GGUF_TENSOR_NAME_BYTES_MAX: u64 = 1_024;

/// The most dimensions of a GGUF tensor: ggml's own limit.
pub(crate) const GGUF_DIMENSIONS_MAX: u32 = 4;

/// The longest header of a safetensors file, in bytes: the reference reader's limit.
pub(crate) const SAFETENSORS_HEADER_BYTES_MAX: u64 = 100_000_000;

/// The most dimensions of a safetensors tensor. Weights of language models have at most five
/// (video convolutions); each takes eight bytes of memory for as few as two of the file.
pub(crate) const SAFETENSORS_DIMENSIONS_MAX: usize = 8;

/// The most shards of a model. The largest published checkpoints have fewer than 200, and every
/// shard holds a file handle, of which a process often has 1,024.
pub(crate) const SHARDS_MAX: usize = 512;

/// The longest `model.safetensors.index.json`, in bytes. It repeats every tensor's name once, so
/// the bound is that of the header.
pub(crate) const INDEX_BYTES_MAX: u64 = 100_000_000;

/// The longest directory of a zip archive of tensors, in bytes. An entry takes some hundred, and
/// there is one for each storage; the largest published checkpoints have fewer than a thousand in a
/// file.
pub(crate) const ZIP_DIRECTORY_BYTES_MAX: u64 = 16 << 20;

/// The longest pickle of a checkpoint, in bytes. A tensor takes some two hundred.
pub(crate) const PICKLE_BYTES_MAX: u64 = 16 << 20;

/// The fewest bytes of a pickle for each value that it makes. Torch's own have eight and more; what
/// is made takes memory, up to some forty times what a pickle of nothing but tuples is long.
pub(crate) const PICKLE_BYTES_PER_VALUE: usize = 4;

/// The most that lies on a pickle's stack, and the most marks. Writers put at most a thousand keys
/// and values on it before they add them to a dictionary.
pub(crate) const PICKLE_STACK_MAX: usize = 1 << 16;

/// The longest name of a tensor in a pickle, in bytes, as in GGUF files.
pub(crate) const TENSOR_NAME_BYTES_MAX: usize = 1_024;

/// The longest word for the order of bytes in an archive; it is `little` or `big`.
pub(crate) const BYTE_ORDER_BYTES_MAX: u64 = 64;

/// The longest header of an array of numpy's, in bytes: numpy's own limit.
pub(crate) const NPY_HEADER_BYTES_MAX: u64 = 10_000;

/// The longest `config.json` or `generation_config.json`, in bytes. Real ones stay below 64 KiB.
pub(crate) const CONFIG_BYTES_MAX: u64 = 4 << 20;

/// The longest `tokenizer_config.json`, in bytes. It repeats all added tokens; the largest known
/// stay below 4 MiB.
pub(crate) const TOKENIZER_CONFIG_BYTES_MAX: u64 = 64 << 20;

/// The longest chat template, in bytes. Real ones stay below 64 KiB.
pub(crate) const TEMPLATE_BYTES_MAX: u64 = 4 << 20;

/// The most layers of a model. The deepest published ones have 126; buffers are made per layer.
pub(crate) const LAYERS_MAX: u64 = 4_096;

/// The largest width (residual stream, feed-forward, heads times width of a head) of a model. The
/// widest published feed-forward layers have 65,536; products of two stay far below 2^53.
pub(crate) const WIDTH_MAX: u64 = 1 << 24;

/// The most attention heads of a layer; published models have at most 256.
pub(crate) const HEADS_MAX: u64 = 65_536;

/// The most experts of a model, those of all layers together. The most that a published one has are
/// 83,328 (896 in each of 93 layers); a layer's tensors are listed for each of them, by name.
pub(crate) const EXPERTS_MAX: u64 = 1 << 17;

/// The largest vocabulary. The largest published has 262,208 tokens.
pub(crate) const VOCABULARY_MAX: u64 = 1 << 24;

/// The longest context, in tokens. Published models claim up to ten million.
pub(crate) const CONTEXT_MAX: u64 = 1 << 30;

/// The most ids that end an answer; published models have up to a handful, and each sampled token
/// is compared with all.
pub(crate) const EOS_IDS_MAX: usize = 1_024;

/// The most events that tell how far loading is, the last one included. A bar is drawn at most some
/// twenty times a second, and a load of ten seconds is a long one.
pub(crate) const PROGRESS_EVENTS_MAX: u64 = 200;

/// The most graphics cards that are listed. Machines have up to 16.
pub(crate) const DEVICES_MAX: usize = 64;
