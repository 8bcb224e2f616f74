//! A decoder that makes vectors, in the form of Qwen3-Embedding, against sentence-transformers.

use std::path::Path;

use pricket_models::{
    EncoderBatch, EncoderOptions, EncoderOutput, EncoderRows, EncoderSpec, ModelError, Pooling,
    PoolingMode, Quantization, inspect, open_encoder,
};
use pricket_simd::Kernels;
use serde_json::{Value, json};

use crate::fixtures::committed;

const NAME: &str = "embeddings/tiny-qwen3-embedding";

fn reference() -> Vec<(Vec<u32>, Vec<f32>)> {
    let path = committed(NAME).join("reference.json");
    let reference: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let rows = reference["sentences"].as_array().unwrap().iter();
    rows.map(|row| {
        let list = |name: &str| row[name].as_array().unwrap().iter();
        let ids = list("ids").map(|id| id.as_u64().unwrap() as u32).collect();
        (ids, list("embedding").map(|value| value.as_f64().unwrap() as f32).collect())
    })
    .collect()
}

fn run(options: &EncoderOptions, texts: &[&[u32]]) -> (EncoderSpec, Vec<Vec<f32>>) {
    let mut opened = open_encoder(&committed(NAME), options, &mut |_| ()).unwrap();
    let mut batch = EncoderBatch::default();
    for text in texts {
        batch.push(text);
    }
    let mut rows = EncoderRows::default();
    opened.encoder.encode(&batch, &mut rows).unwrap();
    assert_eq!(opened.recipe.pooling, Pooling::of([PoolingMode::LastToken]));
    assert_eq!(opened.recipe.prompts.len(), 2);
    (opened.encoder.spec().clone(), rows.iter().map(<[f32]>::to_vec).collect())
}

#[test]
fn vectors_are_those_of_sentence_transformers() {
    let reference = reference();
    let texts: Vec<&[u32]> = reference.iter().map(|(ids, _)| &ids[..]).collect();
    let inspection = inspect(&committed(NAME)).unwrap();
    assert!(inspection.architecture_supported && inspection.missing_tensors.is_empty());
    let (spec, rows) = run(&EncoderOptions::default(), &texts);
    assert_eq!(spec.output, EncoderOutput::Vectors { normalized: true });
    assert_eq!((spec.width, spec.tokens_max, spec.token_types), (32, 512, 1));
    for (row, (_, theirs)) in rows.iter().zip(&reference) {
        for (a, b) in row.iter().zip(theirs) {
            assert!((a - b).abs() < 2e-5, "{a} {b}");
        }
    }
}

#[test]
fn a_vector_has_the_same_bits_in_every_company() {
    let reference = reference();
    let texts: Vec<&[u32]> = reference.iter().map(|(ids, _)| &ids[..]).collect();
    let one = EncoderOptions { threads: Some(1), ..EncoderOptions::default() };
    let alone: Vec<Vec<f32>> = texts.iter().map(|text| run(&one, &[text]).1.remove(0)).collect();
    // More than run together.
    let many: Vec<&[u32]> = texts.iter().copied().cycle().take(150).collect();
    for threads in [1, 2, 3] {
        let options = EncoderOptions { threads: Some(threads), ..EncoderOptions::default() };
        for (index, row) in run(&options, &many).1.iter().enumerate() {
            assert_eq!(row, &alone[index % alone.len()], "{threads} threads, text {index}");
        }
    }
    for kernels in Kernels::available() {
        let level = Some(kernels.level());
        let options = EncoderOptions { level, ..EncoderOptions::default() };
        assert_eq!(run(&options, &texts).1, alone, "{}", kernels.level());
    }
    let bytes = EncoderOptions { quantize: Quantization::Q8_0, ..EncoderOptions::default() };
    assert_ne!(run(&bytes, &texts).1, alone);
}

/// The folder with a change to its config.
fn changed(change: impl Fn(&mut Value)) -> Result<(), ModelError> {
    let folder = tempfile::tempdir().unwrap();
    copy(&committed(NAME), folder.path());
    let path = folder.path().join("config.json");
    let mut config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut config);
    std::fs::write(&path, config.to_string()).unwrap();
    open_encoder(folder.path(), &EncoderOptions::default(), &mut |_| ()).map(drop)
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let place = to.join(path.file_name().unwrap());
        if path.is_dir() {
            std::fs::create_dir(&place).unwrap();
            copy(&path, &place);
        } else {
            std::fs::copy(&path, &place).unwrap();
        }
    }
}

#[test]
fn what_would_give_wrong_vectors_is_refused() {
    changed(|_| ()).unwrap();
    let error = changed(|config| config["use_bidirectional_attention"] = json!(true)).unwrap_err();
    assert!(matches!(error, ModelError::Unsupported { .. }), "{error}");
    let error = changed(|config| config["is_causal"] = json!(false)).unwrap_err();
    assert!(matches!(error, ModelError::Unsupported { .. }), "{error}");
    // One layer more than there is.
    assert!(changed(|config| config["num_hidden_layers"] = json!(3)).is_err());
    let error = changed(|config| config["hidden_size"] = json!(64)).unwrap_err();
    assert!(error.to_string().contains("64"), "{error}");
}
