//! Malformed safetensors files and index files.

use std::fs;
use std::path::Path;

use pricket_models::{ModelError, Safetensors, TensorSource};

use crate::allocation::Alone;

const MALFORMED: &str = "model_malformed";
const TRUNCATED: &str = "model_truncated";
const LIMIT: &str = "model_limit_exceeded";
const CONFIG: &str = "model_config_invalid";

/// A file with this header and so many bytes of data.
fn file(header: &str, data: usize) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header.as_bytes(), &vec![0; data]].concat()
}

/// A file with one tensor `w`.
fn one(dtype: &str, shape: &str, begin: &str, end: &str, data: usize) -> Vec<u8> {
    let tensor = format!(r#"{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{begin},{end}]}}"#);
    file(&format!(r#"{{"w":{tensor}}}"#), data)
}

/// A file with two tensors of two floats each.
fn two(names: [&str; 2], first: [u64; 2], second: [u64; 2], data: usize) -> Vec<u8> {
    let [a, b] = names;
    let tensor = |[begin, end]: [u64; 2]| {
        format!(r#"{{"dtype":"F32","shape":[2],"data_offsets":[{begin},{end}]}}"#)
    };
    file(&format!(r#"{{"{a}":{},"{b}":{}}}"#, tensor(first), tensor(second)), data)
}

type Case = (&'static str, Vec<u8>, &'static str, &'static str);

fn headers() -> Vec<Case> {
    let length = |length: u64| [&length.to_le_bytes()[..], b"{}"].concat();
    let deep = format!(r#"{{"w":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    vec![
        ("nothing", Vec::new(), TRUNCATED, "8 bytes are needed"),
        ("seven bytes", vec![0; 7], TRUNCATED, "7 are left"),
        ("a header of 0 bytes", length(0), MALFORMED, "no JSON object"),
        ("a header of 3 bytes of 2", length(3), TRUNCATED, "3 bytes are needed"),
        ("a header of 99 MB of 2 bytes", length(99_000_000), TRUNCATED, "2 are left"),
        ("a header past the limit", length(100_000_001), LIMIT, "at most 100000000"),
        ("a header of 2^64 - 1 bytes", length(u64::MAX), LIMIT, "18446744073709551615"),
        ("a list", file("[]", 0), MALFORMED, "no JSON object"),
        ("a space before the object", file(" {}", 0), MALFORMED, "no JSON object"),
        ("half an object", file(r#"{"w":"#, 0), MALFORMED, "EOF"),
        ("two objects", file("{}{}", 0), MALFORMED, "trailing characters"),
        ("no UTF-8", [&7_u64.to_le_bytes()[..], b"{\"\xFF\":1}"].concat(), MALFORMED, "header is"),
        ("a tensor that is a number", file(r#"{"w":1}"#, 0), MALFORMED, "header is wrong"),
        ("lists too deep for any parser", file(&deep, 0), MALFORMED, "header is wrong"),
        ("notes that are no texts", file(r#"{"__metadata__":{"a":1}}"#, 0), MALFORMED, "string"),
    ]
}

fn tensors() -> Vec<Case> {
    let huge = "[4294967296,4294967296]";
    let field = r#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1}}"#;
    let twice = r#"{"w":{"dtype":"F32","dtype":"F16","shape":[1],"data_offsets":[0,4]}}"#;
    vec![
        ("no offsets", file(r#"{"w":{"dtype":"F32","shape":[1]}}"#, 4), MALFORMED, "data_offsets"),
        ("no shape", file(r#"{"w":{"dtype":"F32","data_offsets":[0,4]}}"#, 4), MALFORMED, "shape"),
        ("no type", file(r#"{"w":{"shape":[1],"data_offsets":[0,4]}}"#, 4), MALFORMED, "dtype"),
        ("a field that is not known", file(field, 4), MALFORMED, "unknown field"),
        ("a field twice", file(twice, 4), MALFORMED, "duplicate field"),
        ("an axis of -1", one("F32", "[-1]", "0", "4", 4), MALFORMED, "header is wrong"),
        ("an axis of 1.5", one("F32", "[1.5]", "0", "4", 4), MALFORMED, "header is wrong"),
        ("nine dimensions", one("F32", "[1,1,1,1,1,1,1,1,1]", "0", "4", 4), MALFORMED, "at most 8"),
        ("an offset past 64 bits", one("F32", "[1]", "0", "1e30", 4), MALFORMED, "header is wrong"),
        ("end before begin", one("F32", "[1]", "4", "0", 4), MALFORMED, "ends before it begins"),
        ("too few bytes", one("F32", "[2]", "0", "4", 4), MALFORMED, "has 64 bits"),
        ("too many bytes", one("BF16", "[1]", "0", "4", 4), MALFORMED, "has 16 bits"),
        ("half a byte", one("F4", "[1]", "0", "1", 1), MALFORMED, "has 4 bits"),
        ("2^64 values", one("F32", huge, "0", "4", 4), MALFORMED, "counted"),
        ("bytes past the end", one("F32", "[2]", "0", "8", 4), TRUNCATED, "4 are left"),
        ("a gap at the beginning", one("F32", "[1]", "4", "8", 8), MALFORMED, "begins at 4"),
        ("bytes that nobody owns", one("F32", "[1]", "0", "4", 9), MALFORMED, "5 bytes belong to"),
        ("overlap", two(["a", "b"], [0, 8], [4, 12], 12), MALFORMED, "8 is expected"),
        ("one place for two", two(["a", "b"], [0, 8], [0, 8], 8), MALFORMED, "8 is expected"),
        ("a gap between two", two(["a", "b"], [0, 8], [12, 20], 20), MALFORMED, "begins at 12"),
        ("one name for two", two(["a", "a"], [0, 8], [8, 16], 16), MALFORMED, "is there twice"),
        (
            "an offset near 2^64",
            two(["a", "b"], [0, 8], [u64::MAX - 8, u64::MAX], 16),
            MALFORMED,
            "8 is expected",
        ),
    ]
}

#[test]
fn every_malformed_file_gives_its_error_and_allocates_little() {
    let alone = Alone::begin();
    let cases = [headers(), tensors()].concat();
    assert!(cases.len() >= 20, "only {} cases", cases.len());
    for (name, bytes, code, message) in cases {
        alone.check_refused(name, bytes.len(), (code, message), || {
            Safetensors::from_bytes("hostile.safetensors", bytes)
        });
    }
}

#[test]
fn a_file_cut_at_any_byte_is_refused() {
    let _alone = Alone::begin();
    let bytes = two(["a", "b"], [0, 8], [8, 16], 16);
    Safetensors::from_bytes("whole", bytes.clone()).unwrap();
    for end in 0..bytes.len() {
        let cut = bytes.get(..end).unwrap().to_vec();
        match Safetensors::from_bytes("cut", cut) {
            Err(ModelError::Truncated { need, have, .. }) => assert!(have < need, "cut at {end}"),
            other => panic!("cut at {end}: {other:?}"),
        }
    }
}

#[test]
fn a_header_of_many_small_tensors_allocates_a_small_multiple_of_itself() {
    let alone = Alone::begin();
    let entries: Vec<String> = (0..20_000)
        .map(|n| format!(r#""{n}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#))
        .collect();
    let bytes = file(&format!("{{{}}}", entries.join(",")), 0);
    let len = bytes.len();
    let (result, allocated) = alone.counted(|| Safetensors::from_bytes("many", bytes));
    assert_eq!(result.unwrap().tensors().len(), 20_000);
    assert!(allocated <= 16 * len, "{allocated} bytes for a file of {len}");
}

/// A folder with two shards of a tensor each, and this index.
fn sharded(index: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("one.safetensors", &one("F32", "[2]", "0", "8", 8));
    let header = r#"{"v":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}"#;
    write("two.safetensors", &file(header, 4));
    write("model.safetensors.index.json", index.as_bytes());
    folder
}

fn map(entries: &str) -> String {
    format!(r#"{{"metadata":{{"total_size":12}},"weight_map":{{{entries}}}}}"#)
}

#[test]
fn every_malformed_index_gives_its_error() {
    let alone = Alone::begin();
    let missing = "tensor_missing";
    let many: Vec<String> = (0..513).map(|n| format!(r#""t{n}":"{n}.safetensors""#)).collect();
    let cases = [
        ("no JSON", "weights".to_owned(), CONFIG, "expected value"),
        ("no map", "{}".to_owned(), CONFIG, "weight_map"),
        ("a map of numbers", map(r#""w":1"#), CONFIG, "expected a string"),
        ("an empty map", map(""), CONFIG, "names no tensor"),
        ("a shard above", map(r#""w":"../one.safetensors""#), CONFIG, "no name of"),
        ("a shard of the root", map(r#""w":"/one.safetensors""#), CONFIG, "no name of"),
        ("a shard of a drive", map(r#""w":"c:one.safetensors""#), CONFIG, "no name of"),
        ("a shard with a backslash", map(r#""w":"a\\one.safetensors""#), CONFIG, "no name of"),
        ("another kind of file", map(r#""w":"one.bin""#), CONFIG, "`one.bin` is no name"),
        ("an ending only", map(r#""w":".safetensors""#), CONFIG, "no name of"),
        ("513 shards", map(&many.join(",")), LIMIT, "513"),
        ("an absent shard", map(r#""w":"three.safetensors""#), "model_not_found", "three"),
        ("a tensor that no shard has", map(r#""x":"one.safetensors""#), missing, "`x` is missing"),
        ("a tensor in another shard", map(r#""w":"two.safetensors""#), missing, "`w` is missing"),
    ];
    for (name, index, code, message) in cases {
        let folder = sharded(&index);
        alone
            .check_refused(name, index.len(), (code, message), || Safetensors::open(folder.path()));
    }
}

#[test]
fn a_type_that_the_kernels_do_not_read_is_listed_and_refused_by_name() {
    let _alone = Alone::begin();
    for (dtype, bytes) in [("F8_E4M3", 1), ("I64", 8), ("BOOL", 1), ("F99", 3)] {
        let bytes = one(dtype, "[1]", "0", &bytes.to_string(), bytes);
        let file = Safetensors::from_bytes("odd", bytes).unwrap();
        assert_eq!(file.tensor("w").unwrap().dtype, dtype);
        let error = file.info("w").unwrap_err();
        assert_eq!(error.code(), "quantization_unsupported");
        assert_eq!(
            error.to_string(),
            format!("tensor `w` is stored as {dtype}, which is not supported")
        );
    }
}

#[test]
fn a_folder_without_weights_is_not_found() {
    let _alone = Alone::begin();
    let folder = tempfile::tempdir().unwrap();
    let error = Safetensors::open(folder.path()).unwrap_err();
    assert_eq!(error.code(), "model_not_found");
    assert!(error.to_string().contains("model.safetensors.index.json"), "{error}");
    let error = Safetensors::open(Path::new("absent.safetensors")).unwrap_err();
    assert_eq!(error.code(), "model_not_found");
}
