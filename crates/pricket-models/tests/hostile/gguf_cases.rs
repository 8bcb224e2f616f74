//! The table of malformed GGUF files.

use crate::gguf_writer::{
    ARRAY, BOOL, Entry, F32, File, I8, I32, STRING, Tensor, U8, U32, U64, array, entry, floats,
    integers, string, strings, tensor,
};

/// A file, and how it must be refused.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// The error's code.
    pub(crate) code: &'static str,
    /// A piece of its message.
    pub(crate) message: &'static str,
}

const MALFORMED: &str = "model_malformed";
const TRUNCATED: &str = "model_truncated";
const METADATA: &str = "model_metadata_invalid";
const LIMIT: &str = "model_limit_exceeded";
const UNSUPPORTED: &str = "model_unsupported";
const QUANTIZATION: &str = "quantization_unsupported";

fn case(name: &'static str, file: &File, code: &'static str, message: &'static str) -> Case {
    Case { name, bytes: file.bytes(), code, message }
}

pub(crate) fn all() -> Vec<Case> {
    let groups =
        [heads(), counts(), values(), keys(), vocabulary(), roles(), table(), types(), places()];
    groups.into_iter().flatten().collect()
}

fn heads() -> Vec<Case> {
    let changed = |change: fn(&mut File)| File::valid().with(change);
    let magic = |magic: &'static [u8]| File::valid().with(|file| file.magic = magic.to_vec());
    let bad = "model_format";
    vec![
        case("another magic", &magic(b"GGML"), bad, "`GGML`"),
        case("magic in capitals and not", &magic(b"gguf"), bad, "`gguf`"),
        case("a zip file", &magic(b"PK\x03\x04"), bad, "PK"),
        case("a safetensors file", &magic(b"\x10\x00\x00\x00"), bad, "\\x10"),
        case("version 0", &changed(|file| file.version = 0), UNSUPPORTED, "version 0"),
        case("version 1", &changed(|file| file.version = 1), UNSUPPORTED, "older than version 2"),
        case("version 4", &changed(|file| file.version = 4), UNSUPPORTED, "versions 2 and 3 are"),
        case("version 2^32 - 1", &changed(|file| file.version = u32::MAX), UNSUPPORTED, "429496"),
        case(
            "big endian",
            &changed(|file| file.version = 3_u32.swap_bytes()),
            UNSUPPORTED,
            "big endian",
        ),
        Case { name: "nothing", bytes: Vec::new(), code: TRUNCATED, message: "4 bytes are needed" },
        Case { name: "two bytes", bytes: b"GG".to_vec(), code: TRUNCATED, message: "2 are left" },
        Case { name: "magic only", bytes: b"GGUF".to_vec(), code: TRUNCATED, message: "byte 4" },
        Case { name: "zeros", bytes: vec![0; 4096], code: bad, message: "\\x00" },
    ]
}

fn counts() -> Vec<Case> {
    let tensors = |count| File::valid().with(|file| file.tensor_count = Some(count));
    let entries = |count| File::valid().with(|file| file.entry_count = Some(count));
    vec![
        case("2^64 - 1 tensors", &tensors(u64::MAX), TRUNCATED, "ends early"),
        case("2^40 tensors", &tensors(1 << 40), TRUNCATED, "ends early"),
        case("2^32 tensors", &tensors(1 << 32), TRUNCATED, "ends early"),
        case("2^64 - 1 entries", &entries(u64::MAX), TRUNCATED, "ends early"),
        case("2^40 entries", &entries(1 << 40), TRUNCATED, "ends early"),
        case("half a million entries", &entries(1 << 19), TRUNCATED, "ends early"),
        case(
            "one tensor too many",
            &File::of_tensors(vec![tensor("a", &[4], 0, 0)], 16)
                .with(|file| file.tensor_count = Some(2)),
            MALFORMED,
            "no name",
        ),
        case(
            "one entry too many",
            &File::of_entries(vec![entry("k", U8, [1])]).with(|file| file.entry_count = Some(2)),
            TRUNCATED,
            "ends early",
        ),
        // The last entry is read as a tensor: its key becomes a name, its type a number of
        // dimensions.
        case(
            "one entry too few",
            &File::valid().with(|file| file.entry_count = Some(file.entries.len() as u64 - 1)),
            MALFORMED,
            "has 8 dimensions",
        ),
    ]
}

fn one(kind: u32, value: impl AsRef<[u8]>) -> File {
    File::of_entries(vec![entry("k", kind, value)])
}

fn nested(depth: usize) -> Vec<u8> {
    (0..depth).fold(array(U8, 0, &[]), |inner, _| array(ARRAY, 1, &inner))
}

fn values() -> Vec<Case> {
    let long = |kind, count| one(ARRAY, array(kind, count, &[]));
    vec![
        case("metadata type 13", &one(13, [0; 8]), MALFORMED, "no metadata type 13"),
        case("metadata type 2^32 - 1", &one(u32::MAX, [0; 8]), MALFORMED, "4294967295"),
        case("truth value 2", &one(BOOL, [2]), MALFORMED, "not 2"),
        case("truth value 255 in a list", &one(ARRAY, array(BOOL, 2, &[1, 255])), MALFORMED, "255"),
        case("string of 2^64 - 1 bytes", &one(STRING, [0xFF; 8]), TRUNCATED, "ends early"),
        case("string of 2^40 bytes", &one(STRING, (1_u64 << 40).to_le_bytes()), TRUNCATED, "10995"),
        case("string that is not UTF-8", &one(STRING, string([0xC3, 0x28])), MALFORMED, "UTF-8"),
        case("string with half a character", &one(STRING, string([0xE2])), MALFORMED, "UTF-8"),
        case("list of type 13", &long(13, 1), MALFORMED, "no metadata type 13"),
        case("2^64 - 1 bytes", &long(U8, u64::MAX), TRUNCATED, "ends early"),
        case("2^61 numbers of eight bytes", &long(U64, 1 << 61), TRUNCATED, "ends early"),
        case("2^62 floats", &long(F32, 1 << 62), TRUNCATED, "ends early"),
        case("2^40 truth values", &long(BOOL, 1 << 40), TRUNCATED, "ends early"),
        case("2^61 strings", &long(STRING, 1 << 61), TRUNCATED, "ends early"),
        case("2^60 lists", &long(ARRAY, 1 << 60), TRUNCATED, "ends early"),
        case("one number too few", &one(ARRAY, array(U32, 2, &[0; 4])), TRUNCATED, "ends early"),
        case(
            "a string in a list that is not UTF-8",
            &one(ARRAY, array(STRING, 2, &[string("a"), string([0xFF])].concat())),
            MALFORMED,
            "UTF-8",
        ),
        // Each string is checked alone: two halves of a character in two strings are no text.
        case(
            "a character over two strings",
            &one(ARRAY, array(STRING, 2, &[string([0xC3]), string([0xA9])].concat())),
            MALFORMED,
            "UTF-8",
        ),
        case("lists five deep", &one(ARRAY, nested(5)), LIMIT, "depth of arrays"),
        case("lists ten thousand deep", &one(ARRAY, nested(10_000)), LIMIT, "depth of arrays"),
    ]
}

fn keys() -> Vec<Case> {
    let with = |change: fn(&mut Vec<Entry>)| File::valid().with(|file| change(&mut file.entries));
    vec![
        case(
            "a key twice",
            &with(|entries| entries.push(entry("t.u8", I8, [1]))),
            METADATA,
            "`t.u8` is there twice",
        ),
        case(
            "a key without a letter",
            &with(|e| e.push(entry("", U8, [1]))),
            MALFORMED,
            "is empty",
        ),
        case(
            "a key that is not UTF-8",
            &with(|entries| entries.push(entry([0xFF], U8, [1]))),
            MALFORMED,
            "key is not UTF-8",
        ),
        case(
            "a key of 65,536 letters",
            &with(|entries| entries.push(entry(vec![b'k'; 65_536], U8, [1]))),
            LIMIT,
            "65536",
        ),
        case(
            "alignment 0",
            &with(|entries| entries.push(entry("general.alignment", U32, [0; 4]))),
            METADATA,
            "power of two",
        ),
        case(
            "alignment 48",
            &with(|entries| entries.push(entry("general.alignment", U32, [48, 0, 0, 0]))),
            METADATA,
            "`general.alignment` is 48",
        ),
        case(
            "alignment in words",
            &with(|entries| entries.push(entry("general.alignment", STRING, string("32")))),
            METADATA,
            "is a string",
        ),
        case(
            "alignment -32",
            &with(|entries| {
                entries.push(entry("general.alignment", I32, (-32_i32).to_le_bytes()));
            }),
            METADATA,
            "is -32",
        ),
        case(
            "one file of three that says not which",
            &with(|entries| entries.push(entry("split.count", 2, [3, 0]))),
            METADATA,
            "`split.no` is missing",
        ),
    ]
}

fn set(key: &'static str, kind: u32, value: Vec<u8>) -> File {
    File::valid().with(|file| file.set(key, kind, value))
}

fn vocabulary() -> Vec<Case> {
    let tokens = "tokenizer.ggml.tokens";
    vec![
        case("tokens as numbers", &set(tokens, ARRAY, integers(&[1])), METADATA, "of strings"),
        case("tokens as one string", &set(tokens, STRING, string("a")), METADATA, "is a string"),
        case(
            "tokens without a model",
            &File::valid().with(|file| {
                file.entries.retain(|entry| entry.key != b"tokenizer.ggml.model");
            }),
            METADATA,
            "`tokenizer.ggml.model` is missing",
        ),
        case(
            "fewer scores than tokens",
            &set("tokenizer.ggml.scores", ARRAY, floats(&[1.0])),
            METADATA,
            "has 1 elements for 4 tokens",
        ),
        case(
            "scores as integers",
            &set("tokenizer.ggml.scores", ARRAY, integers(&[1, 2, 3, 4])),
            METADATA,
            "an array of 32-bit floats is expected",
        ),
        case(
            "more types than tokens",
            &set("tokenizer.ggml.token_type", ARRAY, integers(&[1; 5])),
            METADATA,
            "has 5 elements for 4 tokens",
        ),
        case(
            "a type past 32 bits",
            &set(
                "tokenizer.ggml.token_type",
                ARRAY,
                array(U64, 4, &[u64::MAX.to_le_bytes(); 4].concat()),
            ),
            METADATA,
            "`tokenizer.ggml.token_type` is an array of unsigned integers",
        ),
    ]
}

fn roles() -> Vec<Case> {
    vec![
        case(
            "an end outside the vocabulary",
            &set("tokenizer.ggml.eos_token_id", U32, 4_u32.to_le_bytes().to_vec()),
            METADATA,
            "is 4, but the vocabulary has 4 tokens",
        ),
        case(
            "a beginning of -1",
            &set("tokenizer.ggml.bos_token_id", I32, (-1_i32).to_le_bytes().to_vec()),
            METADATA,
            "is -1",
        ),
        case(
            "a flag as a number",
            &set("tokenizer.ggml.add_bos_token", U8, vec![1]),
            METADATA,
            "a truth value is expected",
        ),
        case(
            "merges as floats",
            &set("tokenizer.ggml.merges", ARRAY, floats(&[1.0])),
            METADATA,
            "`tokenizer.ggml.merges`",
        ),
        case(
            "a template as a list",
            &set("tokenizer.chat_template", ARRAY, strings(&["a"])),
            METADATA,
            "a string is expected",
        ),
        case(
            "a temperature that is no number",
            &set("general.sampling.temp", F32, f32::NAN.to_le_bytes().to_vec()),
            METADATA,
            "a finite float is expected",
        ),
    ]
}

fn table() -> Vec<Case> {
    let of = |tensor: Tensor| File::of_tensors(vec![tensor], 64);
    let dimensions = |count| of(Tensor { dimensions: Some(count), ..tensor("a", &[4], 0, 0) });
    vec![
        case("a tensor without a name", &of(tensor("", &[4], 0, 0)), MALFORMED, "no name"),
        case("a tensor's name in Latin-1", &of(tensor([0xE9], &[4], 0, 0)), MALFORMED, "UTF-8"),
        case("a name of 1,025 letters", &of(tensor([b'n'; 1025], &[4], 0, 0)), LIMIT, "1025"),
        case("no dimensions", &of(tensor("a", &[], 0, 0)), MALFORMED, "has 0 dimensions"),
        case("five dimensions", &of(tensor("a", &[1; 5], 0, 0)), MALFORMED, "has 5 dimensions"),
        case("2^32 - 1 dimensions", &dimensions(u32::MAX), MALFORMED, "4294967295 dimensions"),
        case("an axis of 0", &of(tensor("a", &[4, 0], 0, 0)), MALFORMED, "an axis of 0"),
        case("an axis of 2^64 - 1", &of(tensor("a", &[u64::MAX], 0, 0)), MALFORMED, "counted"),
        case("2^64 values", &of(tensor("a", &[1 << 32, 1 << 32], 0, 0)), MALFORMED, "counted"),
        case("2^63 values", &of(tensor("a", &[1 << 32, 1 << 31], 0, 0)), MALFORMED, "counted"),
        case("2^32 values", &of(tensor("a", &[1 << 16, 1 << 16], 0, 0)), TRUNCATED, "tensor `a`"),
        case(
            "axes whose product wraps to 4",
            &of(tensor("a", &[(1 << 62) + 1, 4], 0, 0)),
            MALFORMED,
            "counted",
        ),
        case(
            "two tensors of one name",
            &File::of_tensors(vec![tensor("a", &[4], 0, 0), tensor("a", &[4], 0, 32)], 64),
            MALFORMED,
            "`a` is there twice",
        ),
    ]
}

fn types() -> Vec<Case> {
    let of = |kind, axis| File::of_tensors(vec![tensor("w", &[axis, 2], kind, 0)], 4096);
    vec![
        case("type 4", &of(4, 256), QUANTIZATION, "Q4_2 (which ggml gave up)"),
        case("type 5", &of(5, 256), QUANTIZATION, "Q4_3 (which ggml gave up)"),
        case("type 31", &of(31, 256), QUANTIZATION, "ggml type 31 (a repacked Q4_0"),
        case("type 36", &of(36, 256), QUANTIZATION, "ggml type 36 (a repacked IQ4_NL"),
        case("type 99", &of(99, 256), QUANTIZATION, "tensor `w` is stored as ggml type 99"),
        case("type 2^32 - 1", &of(u32::MAX, 256), QUANTIZATION, "4294967295"),
        case("half a block of Q4_0", &of(2, 16), MALFORMED, "whole Q4_0 blocks of 32"),
        case("a block and one of Q8_0", &of(8, 33), MALFORMED, "whole Q8_0 blocks of 32"),
        case("an eighth of a block of Q4_K", &of(12, 32), MALFORMED, "whole Q4_K blocks of 256"),
        case("half a block of IQ4_XS", &of(23, 128), MALFORMED, "whole IQ4_XS blocks of 256"),
    ]
}

fn places() -> Vec<Case> {
    let two = |first, second| {
        let tensors = vec![tensor("a", &[16], 0, first), tensor("b", &[16], 0, second)];
        File::of_tensors(tensors, 128)
    };
    vec![
        case("an offset of 8", &two(0, 8), MALFORMED, "tensor `b` is not aligned to 32 bytes"),
        case("an offset of 33", &two(33, 64), MALFORMED, "tensor `a` is not aligned"),
        case("one place for two", &two(0, 0), MALFORMED, "`a` and `b` overlap"),
        case("half a tensor in another", &two(0, 32), MALFORMED, "`a` and `b` overlap"),
        case("the second before the first", &two(32, 0), MALFORMED, "`b` and `a` overlap"),
        case("an offset past the end", &two(0, 1 << 20), TRUNCATED, "in tensor `b`"),
        case("an offset near 2^64", &two(0, u64::MAX - 31), MALFORMED, "counted"),
        case("the last value outside", &two(0, 96), TRUNCATED, "64 bytes are needed"),
        case(
            "an alignment that puts the data past the end",
            &two(0, 64).with(|file| {
                let alignment = (1_u32 << 31).to_le_bytes();
                file.entries.push(entry("general.alignment", U32, alignment));
            }),
            TRUNCATED,
            "0 are left",
        ),
    ]
}
