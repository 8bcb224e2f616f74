//! Encoders against sentence-transformers and transformers, on tiny models with random weights and
//! on a published one.

use std::path::Path;

use pricket_models::{
    EncoderBatch, EncoderOptions, EncoderOutput, EncoderRows, ModelError, OpenedEncoder, Pooling,
    PoolingMode, TextEncoder, open_encoder,
};
use pricket_simd::Kernels;
use serde_json::Value;

use crate::fixtures::{committed, outside};

fn open(folder: &Path, options: &EncoderOptions) -> OpenedEncoder {
    open_encoder(folder, options, &mut |_| ()).unwrap()
}

fn tiny(name: &str, threads: usize) -> OpenedEncoder {
    let options = EncoderOptions { threads: Some(threads), ..EncoderOptions::default() };
    open(&committed("embeddings").join(name), &options)
}

fn reference(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder).unwrap()).unwrap()
}

fn tiny_reference(name: &str) -> Value {
    reference(&committed("embeddings").join(name).join("reference.json"))
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
}

fn run(encoder: &mut dyn TextEncoder, batch: &EncoderBatch) -> Vec<Vec<f32>> {
    let mut rows = EncoderRows::default();
    encoder.encode(batch, &mut rows).unwrap();
    assert_eq!(rows.iter().len(), batch.texts().len());
    rows.iter().map(<[f32]>::to_vec).collect()
}

fn close(ours: &[f32], theirs: &[f32], bound: f32, what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (place, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!((a - b).abs() <= bound * b.abs().max(1.0), "{what} at {place}: {a} and {b}");
    }
}

fn bits(rows: &[Vec<f32>]) -> Vec<Vec<u32>> {
    rows.iter().map(|row| row.iter().map(|v| v.to_bits()).collect()).collect()
}

fn batch_of(sentences: &Value) -> EncoderBatch {
    let mut batch = EncoderBatch::default();
    sentences.as_array().unwrap().iter().for_each(|row| batch.push(&ids(&row["ids"])));
    batch
}

#[test]
fn vectors_are_those_of_sentence_transformers() {
    for name in ["tiny-bert", "tiny-xlm-roberta", "tiny-nomic-bert"] {
        let reference = tiny_reference(name);
        let mut opened = tiny(name, 2);
        let ours = run(&mut *opened.encoder, &batch_of(&reference["sentences"]));
        for (row, theirs) in ours.iter().zip(reference["sentences"].as_array().unwrap()) {
            let what = format!("{name}: {}", theirs["text"]);
            close(row, &floats(&theirs["embedding"]), 2e-5, &what);
        }
        let cut = &reference["cut"];
        let mut batch = EncoderBatch::default();
        batch.push(&ids(&cut["ids"]));
        let ours = run(&mut *opened.encoder, &batch);
        close(&ours[0], &floats(&cut["embedding"]), 2e-5, name);
    }
}

#[test]
fn a_text_gives_the_same_bits_in_every_batch_and_on_any_threads() {
    for name in ["tiny-bert", "tiny-xlm-roberta", "tiny-nomic-bert"] {
        let batch = batch_of(&tiny_reference(name)["sentences"]);
        let mut one = tiny(name, 1);
        let together = run(&mut *one.encoder, &batch);
        let alone: Vec<Vec<f32>> = batch
            .texts()
            .iter()
            .map(|text| {
                let mut single = EncoderBatch::default();
                single.push(&batch.tokens()[text.offset..text.offset + text.len]);
                run(&mut *one.encoder, &single).remove(0)
            })
            .collect();
        assert_eq!(bits(&together), bits(&alone), "{name}");
        for threads in [2, 3, 16] {
            let mut many = tiny(name, threads);
            assert_eq!(bits(&run(&mut *many.encoder, &batch)), bits(&alone), "{name} {threads}");
            assert_eq!(bits(&run(&mut *many.encoder, &batch)), bits(&alone), "{name} again");
        }
        for kernels in Kernels::available() {
            let level = Some(kernels.level());
            let options = EncoderOptions { threads: Some(1), level, ..EncoderOptions::default() };
            let mut at_level = open(&committed("embeddings").join(name), &options);
            let rows = run(&mut *at_level.encoder, &batch);
            assert_eq!(bits(&rows), bits(&alone), "{name} {}", kernels.level());
        }
    }
}

#[test]
fn scores_are_those_of_sentence_transformers() {
    for (name, probabilities) in [("tiny-cross-encoder", true), ("tiny-xlm-cross-encoder", false)] {
        let reference = tiny_reference(name);
        let mut opened = tiny(name, 2);
        let output = opened.encoder.spec().output;
        assert_eq!(output, EncoderOutput::Scores { sigmoid: probabilities });
        let mut batch = EncoderBatch::default();
        let pairs = reference["pairs"].as_array().unwrap();
        for pair in pairs {
            let types = ids(&pair["types"]);
            let second = types.iter().position(|kind| *kind == 1).unwrap_or(types.len());
            batch.push_pair(&ids(&pair["ids"]), second);
        }
        let ours = run(&mut *opened.encoder, &batch);
        for (row, pair) in ours.iter().zip(pairs) {
            close(row, &[pair["score"].as_f64().unwrap() as f32], 2e-5, &pair["query"].to_string());
        }
    }
}

#[test]
fn pooling_is_that_of_sentence_transformers_in_every_mode() {
    let reference = tiny_reference("tiny-bert");
    let states = floats(&reference["states"]["hidden"]);
    let modes = [
        ("cls", PoolingMode::Cls),
        ("max", PoolingMode::Max),
        ("mean", PoolingMode::Mean),
        ("mean_sqrt_len_tokens", PoolingMode::MeanSqrtLen),
        ("weightedmean", PoolingMode::WeightedMean),
        ("lasttoken", PoolingMode::LastToken),
    ];
    let pools = reference["states"]["pools"].as_object().unwrap();
    assert_eq!(pools.len(), modes.len());
    for (name, mode) in modes {
        let mut vector = vec![0.0; 32];
        Pooling::of([mode]).pool(Kernels::scalar(), &states, 32, &mut vector).unwrap();
        close(&vector, &floats(&pools[name]), 1e-6, name);
    }
    let two = Pooling::of([PoolingMode::Cls, PoolingMode::Max]);
    assert_eq!(two.width(32), 64);
    let refused = two.pool(Kernels::scalar(), &states, 32, &mut [0.0; 32]);
    assert!(matches!(refused, Err(ModelError::Simd(_))), "{refused:?}");
    let refused = two.pool(Kernels::scalar(), &[], 32, &mut [0.0; 64]);
    assert!(matches!(refused, Err(ModelError::Simd(_))), "{refused:?}");
}

#[test]
fn what_a_model_cannot_take_is_refused_before_anything_runs() {
    let mut opened = tiny("tiny-xlm-roberta", 1);
    assert_eq!(opened.encoder.spec().tokens_max, 48);
    let refused = |opened: &mut OpenedEncoder, ids: &[u32], second: usize| {
        let mut batch = EncoderBatch::default();
        batch.push(&[0, 5, 2]);
        batch.push_pair(ids, second);
        opened.encoder.encode(&batch, &mut EncoderRows::default()).unwrap_err()
    };
    let long = refused(&mut opened, &[5; 49], 49);
    assert!(matches!(long, ModelError::ContextExceeded { need: 49, have: 48 }), "{long:?}");
    let empty = refused(&mut opened, &[], 0);
    assert!(matches!(empty, ModelError::BatchEntryEmpty), "{empty:?}");
    let vocab = opened.encoder.spec().vocab_size as u32;
    let unknown = refused(&mut opened, &[0, vocab], 2);
    assert!(matches!(unknown, ModelError::TokenOutOfVocabulary { .. }), "{unknown:?}");
    let pair = refused(&mut opened, &[0, 5, 2, 5, 2], 3);
    assert!(matches!(pair, ModelError::Unsupported { .. }), "{pair:?}");
    let none = run(&mut *opened.encoder, &EncoderBatch::default());
    assert!(none.is_empty());
}

#[test]
fn the_published_model_gives_the_published_vectors() {
    let Some(folder) = outside("PRICKET_MODELS", "models", "all-MiniLM-L6-v2") else { return };
    let file = "embeddings/all-MiniLM-L6-v2.json";
    let Some(file) = outside("PRICKET_FIXTURES", "shared/fixtures", file) else { return };
    let reference = reference(&file);
    let mut opened = open(&folder, &EncoderOptions::default());
    let spec = opened.encoder.spec();
    assert_eq!((spec.width, spec.tokens_max, spec.layers), (384, 256, 6));
    assert_eq!(spec.output, EncoderOutput::Vectors { normalized: true });
    let sentences = &reference["sentences"];
    let ours = run(&mut *opened.encoder, &batch_of(sentences));
    assert_eq!(ours.len(), 20);
    let mut least = f64::INFINITY;
    for (row, theirs) in ours.iter().zip(sentences.as_array().unwrap()) {
        let theirs = floats(&theirs["embedding"]);
        let wide = |v: &[f32]| v.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
        let (a, b) = (wide(row), wide(&theirs));
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let cosine = dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt();
        least = least.min(cosine);
        close(row, &theirs, 2e-6, "a sentence");
    }
    assert!(least >= 0.999_999, "{least}");
}
