//! Encoders in GGUF files, against the same models as folders.

use pricket_models::{
    EncoderBatch, EncoderOptions, EncoderRows, ModelError, OpenOptions, Pooling, PoolingMode,
    Quantization, Vocabulary, inspect, open, open_encoder,
};
use serde_json::Value;

use crate::fixtures::committed;

/// The tests' texts as ids.
fn batch(name: &str) -> EncoderBatch {
    let path = committed("embeddings").join(name).join("reference.json");
    let reference: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut batch = EncoderBatch::default();
    for row in reference["sentences"].as_array().unwrap() {
        let ids = row["ids"].as_array().unwrap();
        let ids: Vec<u32> = ids.iter().map(|id| id.as_u64().unwrap() as u32).collect();
        batch.push(&ids);
    }
    batch
}

fn rows(path: &str, options: &EncoderOptions, batch: &EncoderBatch) -> Vec<Vec<f32>> {
    let path = committed("embeddings").join(path);
    let mut opened = open_encoder(&path, options, &mut |_| ()).unwrap();
    let mut rows = EncoderRows::default();
    opened.encoder.encode(batch, &mut rows).unwrap();
    rows.iter().map(<[f32]>::to_vec).collect()
}

#[test]
fn a_gguf_file_gives_the_bits_of_its_folder() {
    let options = EncoderOptions::default();
    for name in ["tiny-bert", "tiny-nomic-bert"] {
        let batch = batch(name);
        let file = rows(&format!("{name}.gguf"), &options, &batch);
        assert_eq!(file, rows(name, &options, &batch), "{name}");
    }
}

#[test]
fn a_gguf_file_tells_its_recipe_and_its_vocabulary() {
    let options = EncoderOptions::default();
    for (name, layers) in [("tiny-bert", "bert"), ("tiny-nomic-bert", "nomic-bert")] {
        let path = committed("embeddings").join(format!("{name}.gguf"));
        let opened = open_encoder(&path, &options, &mut |_| ()).unwrap();
        assert_eq!(opened.encoder.spec().architecture, layers);
        assert_eq!(opened.recipe.pooling, Pooling::of([PoolingMode::Mean]));
        assert!(opened.recipe.normalize);
        let Some(Vocabulary::Gguf(vocabulary)) = opened.text.vocabulary else { panic!("none") };
        // Both ways to name the tokens around a text.
        assert_eq!((vocabulary.bos_id, vocabulary.eos_id), (Some(2), Some(3)));
        let inspection = inspect(&path).unwrap();
        assert!(inspection.architecture_supported);
        assert_eq!(inspection.kv_bytes_per_token, None);
    }
}

#[test]
fn an_encoder_is_not_opened_as_a_decoder_nor_the_other_way_round() {
    for name in ["tiny-bert", "tiny-bert.gguf", "tiny-nomic-bert.gguf"] {
        let path = committed("embeddings").join(name);
        let error = open(&path, &OpenOptions::default(), &mut |_| ()).map(drop).unwrap_err();
        assert!(error.to_string().contains("pricket embed"), "{error}");
    }
    let path = committed("models/tiny-qwen3");
    let error = open_encoder(&path, &EncoderOptions::default(), &mut |_| ()).unwrap_err();
    assert!(error.to_string().contains("pricket run"), "{error}");
}

#[test]
fn quantised_weights_give_nearly_the_same_vectors() {
    for name in ["tiny-bert", "tiny-xlm-roberta", "tiny-nomic-bert"] {
        let batch = batch(name);
        let floats = rows(name, &EncoderOptions::default(), &batch);
        let quantize = Quantization::Q8_0;
        let bytes = rows(name, &EncoderOptions { quantize, ..Default::default() }, &batch);
        for (a, b) in floats.iter().zip(&bytes) {
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
            assert!(a != b && cosine > 0.998, "{name}: {cosine}");
        }
    }
}

#[test]
fn broken_files_are_refused() {
    let good = std::fs::read(committed("embeddings/tiny-nomic-bert.gguf")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let opened = |bytes: &[u8]| {
        let path = folder.path().join("model.gguf");
        std::fs::write(&path, bytes).unwrap();
        open_encoder(&path, &EncoderOptions::default(), &mut |_| ()).map(drop)
    };
    opened(&good).unwrap();
    // A key or a tensor that is called otherwise is missing.
    for name in [
        "nomic-bert.attention.head_count",
        "nomic-bert.block_count",
        "nomic-bert.context_length",
        "nomic-bert.rope.freq_base",
        "token_types.weight",
        "blk.1.attn_qkv.weight",
    ] {
        let at = good.windows(name.len()).position(|bytes| bytes == name.as_bytes()).unwrap();
        let mut bytes = good.clone();
        bytes[at] = b'x';
        let error = opened(&bytes).unwrap_err();
        assert!(error.to_string().contains(name), "{name}: {error}");
    }
    // What stands behind a key: its type, then its value.
    let with = |key: &str, value: u32| {
        let at = good.windows(key.len()).position(|bytes| bytes == key.as_bytes()).unwrap();
        let mut bytes = good.clone();
        bytes[at + key.len() + 4..at + key.len() + 8].copy_from_slice(&value.to_le_bytes());
        opened(&bytes).unwrap_err()
    };
    assert!(matches!(with("pooling_type", 0), ModelError::Unsupported { .. }));
    let ranks = with("pooling_type", 4).to_string();
    assert!(ranks.contains("a reranker in a GGUF file") && ranks.contains("folder"), "{ranks}");
    assert!(matches!(with("attention.head_count", 0), ModelError::Metadata { .. }));
    assert!(matches!(with("attention.head_count", 5), ModelError::Metadata { .. }));
    assert!(matches!(with("block_count", u32::MAX), ModelError::Metadata { .. }));
    assert!(matches!(with("rope.freq_base", 0), ModelError::Metadata { .. }));
    assert!(matches!(with("embedding_length", 64), ModelError::TensorShape { .. }));
}
