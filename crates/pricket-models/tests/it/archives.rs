//! Weights as torch and numpy save them.

use std::fs;
use std::path::Path;

use pricket_models::{
    Batch, EncoderBatch, EncoderOptions, EncoderRows, Logits, LogitsWanted, ModelFormat,
    OpenOptions, Safetensors, TensorSource, ZippedTensors, inspect, open, open_encoder,
};

use pricket_simd::Format;

use crate::archive_writer::{dictionary, npy, tensor, zip};
use crate::fixtures::committed;

fn archive(name: &str) -> ZippedTensors {
    ZippedTensors::open(&committed("formats").join(name)).unwrap()
}

fn floats(source: &dyn TensorSource, name: &str) -> (Vec<usize>, Vec<f32>) {
    let (shape, bytes) = read(source, name);
    let floats = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
    (shape, floats.collect())
}

fn counted(range: std::ops::Range<u8>) -> Vec<f32> {
    range.map(f32::from).collect()
}

#[test]
fn what_torch_saved_is_read_as_it_was() {
    let file = archive("torch.bin");
    for (name, shape, values) in [
        ("floats", vec![2, 3], counted(0..6)),
        ("parameter", vec![4], counted(0..4)),
        ("scalar", vec![], vec![2.5]),
        ("empty", vec![0, 3], vec![]),
        ("whole", vec![6, 4], counted(0..24)),
        ("whole_again", vec![6, 4], counted(0..24)),
        ("last_rows", vec![2, 4], counted(16..24)),
        // Of one row, whatever the stride of the rows is.
        ("long_column", vec![1, 7], counted(0..7)),
    ] {
        assert_eq!(floats(&file, name), (shape, values), "{name}");
    }
    // 0, 1, 2 and so on in halves, and in the upper halves of floats.
    let halves = [0x0000_u16, 0x3c00, 0x4000, 0x4200, 0x4400].map(u16::to_le_bytes).concat();
    assert_eq!(read(&file, "halves"), (vec![5], halves));
    let brains = counted(0..6).iter().flat_map(|x| x.to_le_bytes()[2..].to_vec()).collect();
    assert_eq!(read(&file, "brains"), (vec![3, 2], brains));
    assert_eq!(file.names().count(), 13);
}

#[test]
fn what_torch_saved_with_strides_or_as_integers_is_listed_and_refused_by_name() {
    let file = archive("torch.bin");
    for (name, stored) in [
        ("turned", "F32 with strides [1, 4]"),
        ("one_column", "F32 with strides [4, 1]"),
        ("counts", "I64"),
    ] {
        assert!(file.has(name), "{name}");
        for error in
            [file.info(name).unwrap_err(), file.read_range(name, u64::MAX, &mut [0]).unwrap_err()]
        {
            assert_eq!(error.code(), "quantization_unsupported", "{name}");
            let text = format!("tensor `{name}` is stored as {stored}, which is not supported");
            assert_eq!(error.to_string(), text);
        }
    }
}

#[test]
fn entries_of_a_torch_file_that_are_no_tensors_are_passed_over() {
    let file = archive("torch.pth");
    assert_eq!(file.names().collect::<Vec<_>>(), ["weight"]);
    assert_eq!(floats(&file, "weight"), (vec![2, 2], counted(0..4)));
}

#[test]
fn what_numpy_saved_is_read_as_it_was_and_refused_where_it_is_laid_out_otherwise() {
    let file = archive("numpy.npz");
    assert_eq!(floats(&file, "floats"), (vec![2, 3], counted(0..6)));
    assert_eq!(floats(&file, "scalar"), (vec![], vec![2.5]));
    assert_eq!(read(&file, "halves").1.len(), 10);
    for (name, stored) in [("columns", "F32 in columns"), ("doubles", "F64"), ("big_endian", ">f4")]
    {
        let error = file.info(name).unwrap_err().to_string();
        assert!(error.contains(&format!("is stored as {stored},")), "{error}");
    }
}

#[test]
fn files_that_cannot_be_read_say_what_to_do() {
    for (name, code, message) in [
        ("torch_old.bin", "model_unsupported", "save the weights as safetensors"),
        ("numpy_small.npz", "model_unsupported", "save it uncompressed (numpy.savez)"),
        ("quants.json", "model_format", "is no torch or numpy file: it begins with `{"),
    ] {
        let error = ZippedTensors::open(&committed("formats").join(name)).unwrap_err();
        assert_eq!(error.code(), code, "{name}");
        assert!(error.to_string().contains(message), "{error}");
    }
}

/// The tensors of a source as torch writes them, each in its own storage.
fn torch_of(source: &dyn TensorSource, keep: impl Fn(&str) -> bool) -> Vec<u8> {
    let (mut entries, mut files) = (Vec::new(), Vec::new());
    for (index, name) in source.names().filter(|name| keep(name)).enumerate() {
        let (shape, bytes) = read(source, name);
        let strides: Vec<usize> =
            (1..=shape.len()).map(|axis| shape[axis..].iter().product()).collect();
        let key = index.to_string();
        entries.extend(tensor(name, class(source, name), &key, 0, [&shape, &strides]));
        files.push((format!("a/data/{key}"), bytes));
    }
    let mut all = vec![("a/data.pkl", dictionary(&entries))];
    all.extend(files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())));
    zip(&all)
}

fn class(source: &dyn TensorSource, name: &str) -> &'static str {
    match source.info(name).unwrap().format {
        Format::F32 => "FloatStorage",
        Format::F16 => "HalfStorage",
        _ => "BFloat16Storage",
    }
}

/// The same as numpy writes them, of single precision.
fn numpy_of(source: &dyn TensorSource) -> Vec<u8> {
    let files: Vec<(String, Vec<u8>)> = source
        .names()
        .map(|name| {
            let (shape, bytes) = read(source, name);
            let axes: Vec<String> = shape.iter().map(ToString::to_string).collect();
            let axes = [axes.join(", "), ",".repeat(usize::from(shape.len() == 1))].concat();
            let header =
                format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({axes}), }}\n");
            (format!("{name}.npy"), [npy(&header), bytes].concat())
        })
        .collect();
    let all: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    zip(&all)
}

/// A tensor's shape and bytes.
fn read(source: &dyn TensorSource, name: &str) -> (Vec<usize>, Vec<u8>) {
    let info = source.info(name).unwrap();
    let mut bytes = vec![0; info.bytes as usize];
    source.read_range(name, 0, &mut bytes).unwrap();
    (info.shape, bytes)
}

/// A folder with the files of a model but its weights.
fn without_weights(model: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(model).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            let inner = folder.path().join(entry.file_name());
            fs::create_dir(&inner).unwrap();
            fs::copy(entry.path().join("config.json"), inner.join("config.json")).unwrap();
        } else if entry.file_name() != "model.safetensors" {
            fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
    }
    folder
}

/// The logits of a few tokens, as bits.
fn logits(path: &Path) -> Vec<u32> {
    let mut model = open(path, &OpenOptions::default(), &mut |_| ()).unwrap().model;
    let mut cache = model.new_cache(1, 16).unwrap();
    let sequence = cache.open_sequence().unwrap();
    let mut batch = Batch::default();
    batch.push(sequence, 0, &[3, 1, 4, 1, 5, 9, 2, 6], LogitsWanted::Last);
    let mut logits = Logits::default();
    model.forward(&batch, &mut cache, &mut logits).unwrap();
    logits.row(0).iter().map(|logit| logit.to_bits()).collect()
}

type Files = Vec<(String, Vec<u8>)>;

/// A checkpoint in two files and an index.
fn in_shards(source: &Safetensors) -> Files {
    let is_late = |name: &str| name.contains("layers.1.");
    let shard = |number: u8| format!("pytorch_model-0000{number}-of-00002.bin");
    let map: Vec<String> = source
        .names()
        .map(|name| format!("\"{name}\":\"{}\"", shard(1 + u8::from(is_late(name)))))
        .collect();
    let index = format!("{{\"weight_map\":{{{}}}}}", map.join(","));
    vec![
        (shard(1), torch_of(source, |name| !is_late(name))),
        (shard(2), torch_of(source, is_late)),
        ("pytorch_model.bin.index.json".to_owned(), index.into_bytes()),
    ]
}

/// The model in these files, opened by the folder or one of them, gives these bits.
fn check(model: &Path, files: &Files, named: Option<&str>, format: ModelFormat) {
    let folder = without_weights(model);
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let path = named.map_or_else(|| folder.path().to_owned(), |name| folder.path().join(name));
    assert!(logits(&path) == logits(model), "{} {format:?} {named:?}", model.display());
    let (told, whole) = (inspect(&path).unwrap(), inspect(model).unwrap());
    assert_eq!((told.format, told.files as usize), (format, files.len().div_ceil(2)));
    assert_eq!((told.missing_tensors, told.unused_tensors), (vec![], vec![]), "{named:?}");
    assert_eq!(told.tensor_types, whole.tensor_types);
    assert_eq!(told.memory_bytes_full_context, whole.memory_bytes_full_context);
}

#[test]
fn a_model_gives_the_same_bits_from_every_format_of_weights() {
    // Of brain floats, of halves, and of single precision, which numpy has too.
    for name in ["tiny-llama", "tiny-llama3-rope", "tiny-llama-tied"] {
        let model = committed("models").join(name);
        let source = Safetensors::open(&model).unwrap();
        let one = |name: &str| vec![(name.to_owned(), torch_of(&source, |_| true))];
        check(&model, &one("pytorch_model.bin"), None, ModelFormat::Torch);
        check(&model, &one("other.pth"), Some("other.pth"), ModelFormat::Torch);
        let shards = in_shards(&source);
        check(&model, &shards, None, ModelFormat::Torch);
        check(&model, &shards, Some("pytorch_model-00002-of-00002.bin"), ModelFormat::Torch);
        if name == "tiny-llama-tied" {
            let file = vec![("model.npz".to_owned(), numpy_of(&source))];
            check(&model, &file, None, ModelFormat::Numpy);
        }
    }
}

#[test]
fn safetensors_are_read_where_both_are_there() {
    let model = committed("models/tiny-llama");
    let folder = without_weights(&model);
    fs::copy(model.join("model.safetensors"), folder.path().join("model.safetensors")).unwrap();
    fs::write(folder.path().join("pytorch_model.bin"), b"PK\x03\x04 and nothing").unwrap();
    assert!(logits(folder.path()) == logits(&model));
    assert_eq!(inspect(folder.path()).unwrap().format, ModelFormat::Safetensors);
}

#[test]
fn an_encoder_gives_the_same_bits_from_what_torch_itself_saved() {
    let model = committed("embeddings/tiny-qwen3-embedding");
    let folder = without_weights(&model);
    let weights = folder.path().join("pytorch_model.bin");
    fs::copy(committed("formats/tiny-qwen3-embedding.bin"), &weights).unwrap();
    let vector = |path: &Path| {
        let mut opened = open_encoder(path, &EncoderOptions::default(), &mut |_| ()).unwrap();
        let mut batch = EncoderBatch::default();
        batch.push(&[3, 1, 4, 1, 5]);
        let mut rows = EncoderRows::default();
        opened.encoder.encode(&batch, &mut rows).unwrap();
        rows.row(0).iter().map(|x| x.to_bits()).collect::<Vec<_>>()
    };
    let expected = vector(&model);
    assert_eq!(vector(folder.path()), expected);
    assert_eq!(vector(&weights), expected);
}
