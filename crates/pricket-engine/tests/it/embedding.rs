//! Texts to vectors and scores: against sentence-transformers, and by the laws of streams.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use pricket_core::{
    Embedder, Embedding, EmbeddingChunk, EmbeddingPrompt, EmbeddingRequest, EmbeddingUsage,
    ErrorReport, RerankChunk, RerankRequest, Reranker,
};
use pricket_engine::{EmbeddingEngine, EmbeddingOptions, EngineError, RerankEngine};
use pricket_models::{
    EmbeddingRecipe, EncoderBatch, EncoderOutput, EncoderRows, EncoderSpec, ModelError, TextEncoder,
};
use pricket_stream::AsyncStream;
use serde_json::Value;

use crate::kit::tokenizer;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/embeddings").join(name)
}

fn reference(name: &str) -> Value {
    let path = folder(name).join("reference.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn engine(name: &str) -> EmbeddingEngine {
    EmbeddingEngine::load(folder(name), &EmbeddingOptions::default(), &mut |_| ()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Reads a stream to its end and holds it against the laws: vectors in the order of the texts, then
/// one terminal chunk.
fn read(
    stream: AsyncStream<EmbeddingChunk>,
) -> (Vec<Embedding>, Result<EmbeddingUsage, ErrorReport>) {
    let mut vectors: Vec<Embedding> = Vec::new();
    let mut last = None;
    for chunk in stream {
        assert!(last.is_none(), "a chunk behind the terminal one: {chunk:?}");
        match chunk {
            EmbeddingChunk::Embedding(vector) => {
                assert_eq!(vector.index, vectors.len());
                vectors.push(vector);
            }
            EmbeddingChunk::Complete(usage) => last = Some(Ok(usage)),
            EmbeddingChunk::Error(report) => last = Some(Err(*report)),
            other => panic!("{other:?}"),
        }
    }
    let last = last.expect("every stream has a terminal chunk");
    if let Ok(usage) = &last {
        let tokens: usize = vectors.iter().map(|vector| vector.tokens).sum();
        assert_eq!((usage.texts, usage.tokens), (vectors.len(), tokens));
    }
    (vectors, last)
}

fn close(ours: &[f32], theirs: &Value, what: &str) {
    let theirs = theirs.as_array().unwrap();
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (a, b) in ours.iter().zip(theirs) {
        let b = b.as_f64().unwrap() as f32;
        assert!((a - b).abs() <= 2e-5 * b.abs().max(1.0), "{what}: {a} and {b}");
    }
}

#[test]
fn texts_give_the_vectors_of_sentence_transformers() {
    let folders = ["tiny-bert", "tiny-xlm-roberta", "tiny-nomic-bert", "tiny-qwen3-embedding"];
    let files = ["tiny-bert.gguf", "tiny-nomic-bert.gguf"];
    for name in folders.into_iter().chain(files) {
        let (engine, reference) = (engine(name), reference(name.trim_end_matches(".gguf")));
        let sentences = reference["sentences"].as_array().unwrap();
        let texts = sentences.iter().map(|row| text(&row["text"]));
        let request = EmbeddingRequest::new(texts).prompt(EmbeddingPrompt::None);
        let (vectors, usage) = read(engine.embed(request));
        usage.unwrap();
        assert_eq!(vectors.len(), sentences.len());
        for (ours, theirs) in vectors.iter().zip(sentences) {
            close(&ours.vector, &theirs["embedding"], &format!("{name}: {}", theirs["text"]));
            assert_eq!(ours.tokens, theirs["ids"].as_array().unwrap().len());
            assert!(!ours.truncated);
        }
    }
}

#[test]
fn prompts_come_from_the_models_files() {
    for name in ["tiny-bert", "tiny-nomic-bert"] {
        let (engine, reference) = (engine(name), reference(name));
        for row in reference["prompted"].as_array().unwrap() {
            let prompt = EmbeddingPrompt::Named(text(&row["prompt"]).to_owned());
            let request = EmbeddingRequest::new([text(&row["text"])]).prompt(prompt);
            close(&read(engine.embed(request)).0[0].vector, &row["embedding"], name);
        }
        let own = engine.info().prompts["query"].clone();
        let by_text = EmbeddingRequest::new(["a"]).prompt(EmbeddingPrompt::Text(own));
        let by_name = EmbeddingPrompt::Named("query".to_owned());
        let by_name = EmbeddingRequest::new(["a"]).prompt(by_name);
        let by_name = read(engine.embed(by_name)).0;
        assert_eq!(read(engine.embed(by_text)).0, by_name);
        // One of the two models has a default.
        let plain = read(engine.embed(EmbeddingRequest::new(["a"]))).0;
        assert_eq!(plain == by_name, engine.info().default_prompt.is_some());
        let unknown = EmbeddingPrompt::Named("clustering".to_owned());
        let report = read(engine.embed(EmbeddingRequest::new(["a"]).prompt(unknown))).1;
        let report = report.unwrap_err();
        assert_eq!(report.code, "embedding_prompt_unknown");
        assert!(report.message.contains("query"), "{report}");
    }
}

#[test]
fn a_long_text_is_an_error_and_is_cut_only_where_asked() {
    for name in ["tiny-bert", "tiny-xlm-roberta", "tiny-nomic-bert"] {
        let (engine, reference) = (engine(name), reference(name));
        let cut = &reference["cut"];
        let request =
            EmbeddingRequest::new(["a", text(&cut["text"])]).prompt(EmbeddingPrompt::None);
        let (vectors, ended) = read(engine.embed(request.clone()));
        let report = ended.unwrap_err();
        assert_eq!((vectors.len(), report.code.as_str()), (1, "text_too_long"));
        assert!(report.message.starts_with("text 1 has "), "{report}");
        assert!(report.message.contains("takes 48"), "{report}");
        let (vectors, _) = read(engine.embed(request.truncate(true)));
        assert_eq!((vectors[0].truncated, vectors[1].truncated), (false, true));
        assert_eq!(vectors[1].tokens, 48);
        close(&vectors[1].vector, &cut["embedding"], name);
    }
}

#[test]
fn many_texts_give_the_bits_of_each_alone_and_come_in_order() {
    let engine = engine("tiny-bert");
    let texts: Vec<String> = (0..700).map(|i| "the moon ".repeat(i % 13)).collect();
    let (together, _) = read(engine.embed(EmbeddingRequest::new(texts.clone())));
    assert_eq!(together.len(), 700);
    for (index, text) in texts.iter().enumerate().step_by(29) {
        let alone = read(engine.embed(EmbeddingRequest::new([text.as_str()]))).0.remove(0);
        let bits = |v: &[f32]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&together[index].vector), bits(&alone.vector), "{index}");
    }
    let (none, usage) = read(engine.embed(EmbeddingRequest::new(Vec::<String>::new())));
    assert_eq!((none.len(), usage.unwrap().tokens), (0, 0));
}

#[test]
fn special_tokens_in_a_text_stay_text() {
    let engine = engine("tiny-bert");
    let (vectors, _) = read(engine.embed(EmbeddingRequest::new(["[SEP]", "[PAD] [PAD]"])));
    assert!(vectors[0].tokens > 3 && vectors[1].tokens > 4, "{vectors:?}");
}

#[test]
fn documents_get_the_scores_of_sentence_transformers() {
    for (name, probabilities) in [("tiny-cross-encoder", true), ("tiny-xlm-cross-encoder", false)] {
        let options = EmbeddingOptions::default();
        let engine = RerankEngine::load(folder(name), &options, &mut |_| ()).unwrap();
        assert_eq!(engine.info().probabilities, probabilities);
        let reference = reference(name);
        let score = |request: RerankRequest| -> Vec<RerankChunk> {
            let chunks: Vec<_> = engine.rerank(request).collect();
            assert!(chunks.iter().rev().skip(1).all(|chunk| !chunk.is_terminal()));
            chunks
        };
        for pair in reference["pairs"].as_array().unwrap() {
            let request = RerankRequest::new(text(&pair["query"]), [text(&pair["document"])]);
            let chunks = score(request);
            let ours = chunks[0].score().unwrap();
            close(&[ours.score], &Value::Array(vec![pair["score"].clone()]), name);
            assert_eq!(ours.tokens, pair["ids"].as_array().unwrap().len());
            assert!(matches!(chunks[1], RerankChunk::Complete(_)));
        }
        let cut = &reference["cuts"][0];
        let documents = ["the moon", text(&cut["document"])];
        let request = RerankRequest::new(text(&cut["query"]), documents);
        let chunks = score(request.clone());
        let RerankChunk::Error(report) = &chunks[chunks.len() - 1] else { panic!("{chunks:?}") };
        assert_eq!(report.code, "text_too_long");
        let chunks = score(request.truncate(true));
        let ours = chunks[1].score().unwrap();
        assert_eq!((ours.tokens, ours.truncated), (cut["ids"].as_array().unwrap().len(), true));
        close(&[ours.score], &Value::Array(vec![reference["cut_score"].clone()]), name);
    }
}

#[test]
fn a_model_of_the_other_kind_is_refused() {
    let options = EmbeddingOptions::default();
    let scorer = EmbeddingEngine::load(folder("tiny-cross-encoder"), &options, &mut |_| ());
    assert_eq!(scorer.unwrap_err().code(), "encoder_output");
    let embedder = RerankEngine::load(folder("tiny-bert"), &options, &mut |_| ());
    assert_eq!(embedder.unwrap_err().code(), "encoder_output");
}

/// An encoder that waits for a word before each batch, and may panic.
struct Scripted {
    spec: EncoderSpec,
    go: Receiver<bool>,
    batches: Arc<AtomicUsize>,
}

impl TextEncoder for Scripted {
    fn spec(&self) -> &EncoderSpec {
        &self.spec
    }

    fn encode(&mut self, batch: &EncoderBatch, rows: &mut EncoderRows) -> Result<(), ModelError> {
        self.batches.fetch_add(1, Ordering::Relaxed);
        assert!(self.go.recv().unwrap_or(true), "told to panic");
        let out = rows.reset(batch.texts().len(), 1);
        for (place, text) in out.iter_mut().zip(batch.texts()) {
            *place = text.len as f32;
        }
        Ok(())
    }
}

fn scripted(requests_max: usize) -> (EmbeddingEngine, Sender<bool>, Arc<AtomicUsize>) {
    let (sender, go) = channel();
    let batches = Arc::new(AtomicUsize::new(0));
    let spec = EncoderSpec {
        architecture: "scripted".to_owned(),
        name: None,
        output: EncoderOutput::Vectors { normalized: false },
        width: 1,
        tokens_max: 100,
        batch_tokens: 4,
        vocab_size: 288,
        token_types: 1,
        hidden_size: 1,
        layers: 1,
        heads: 1,
        parameters: 1,
        weight_bytes: 1,
    };
    let encoder = Box::new(Scripted { spec, go, batches: Arc::clone(&batches) });
    let recipe = EmbeddingRecipe::read(&folder("tiny-xlm-roberta")).unwrap();
    let options = EmbeddingOptions { requests_max, ..EmbeddingOptions::default() };
    let engine = EmbeddingEngine::new(encoder, tokenizer(), &recipe, &options).unwrap();
    (engine, sender, batches)
}

#[test]
fn vectors_come_as_they_are_ready() {
    let (engine, go, _) = scripted(1);
    let mut stream = engine.embed(EmbeddingRequest::new(["aaaa", "bbbbb", "cccccc"]));
    for length in [4.0, 5.0, 6.0] {
        // The model has not been told to go on, so nothing behind this one can have been computed.
        go.send(true).unwrap();
        let chunk = stream.next().unwrap();
        assert_eq!(chunk.embedding().unwrap().vector, [length]);
    }
    assert!(matches!(stream.next(), Some(EmbeddingChunk::Complete(_))));
}

#[test]
fn a_dropped_stream_stops_the_work() {
    let (engine, go, batches) = scripted(1);
    let texts = vec!["aaaa"; 1_000];
    let mut stream = engine.embed(EmbeddingRequest::new(texts));
    go.send(true).unwrap();
    assert!(stream.next().is_some());
    drop(stream);
    drop(go);
    drop(engine);
    // The one that was read, and at most two that were under way.
    assert!(batches.load(Ordering::Relaxed) <= 3);
}

#[test]
fn more_requests_than_allowed_are_refused_as_busy() {
    let (engine, go, _) = scripted(1);
    let first = engine.embed(EmbeddingRequest::new(["aaaa"]));
    let report = read(engine.embed(EmbeddingRequest::new(["a"]))).1.unwrap_err();
    assert_eq!((report.code.as_str(), report.retryable), ("busy", true));
    go.send(true).unwrap();
    assert!(read(first).1.is_ok());
}

#[test]
fn a_panic_ends_its_request_and_no_other() {
    let (engine, go, _) = scripted(4);
    go.send(false).unwrap();
    let report = read(engine.embed(EmbeddingRequest::new(["a"]))).1.unwrap_err();
    assert_eq!(report.code, "request_panicked");
    go.send(true).unwrap();
    assert!(read(engine.embed(EmbeddingRequest::new(["a"]))).1.is_ok());
}

#[test]
fn requests_under_way_are_told_when_the_engine_stops() {
    let (engine, go, _) = scripted(1);
    let stream = engine.embed(EmbeddingRequest::new(vec!["aaaa"; 50]));
    let ended = std::thread::spawn(move || read(stream).1);
    go.send(true).unwrap();
    drop(go);
    drop(engine);
    // The engine computes what it was given before; where that was not all, the rest is told.
    match ended.join().unwrap() {
        Ok(usage) => assert_eq!(usage.texts, 50),
        Err(report) => assert_eq!(report.code, "engine_stopped"),
    }
}

#[test]
fn options_out_of_range_are_refused() {
    for requests_max in [0, 1_025] {
        let options = EmbeddingOptions { requests_max, ..EmbeddingOptions::default() };
        let refused = EmbeddingEngine::load(folder("tiny-bert"), &options, &mut |_| ());
        assert!(matches!(refused, Err(EngineError::OptionOutOfRange { .. })), "{refused:?}");
    }
}

#[test]
fn the_published_model_reads_text_as_its_makers_do() {
    let at = |variable: &str, beside: &str, name: &str| {
        let root = std::env::var_os(variable).map_or_else(
            || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../..").join(beside),
            PathBuf::from,
        );
        let path = root.join(name);
        if !path.exists() {
            eprintln!("SKIPPED: {name} is absent; set {variable} to the folder that holds it");
        }
        path.exists().then_some(path)
    };
    let file = "embeddings/all-MiniLM-L6-v2.json";
    let (Some(model), Some(file)) = (
        at("PRICKET_MODELS", "models", "all-MiniLM-L6-v2"),
        at("PRICKET_FIXTURES", "shared/fixtures", file),
    ) else {
        return;
    };
    let reference: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let engine = EmbeddingEngine::load(model, &EmbeddingOptions::default(), &mut |_| ()).unwrap();
    assert_eq!((engine.info().dimensions, engine.info().tokens_max), (384, 256));
    assert!(engine.info().normalized);
    let sentences = reference["sentences"].as_array().unwrap();
    let texts = sentences.iter().map(|row| text(&row["text"]));
    let (vectors, _) = read(engine.embed(EmbeddingRequest::new(texts).truncate(true)));
    assert_eq!(vectors.len(), 20);
    for (ours, theirs) in vectors.iter().zip(sentences) {
        let theirs = theirs["embedding"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap());
        let cosine: f64 = ours.vector.iter().zip(theirs).map(|(a, b)| f64::from(*a) * b).sum();
        assert!(cosine >= 0.9999, "text {}: {cosine}", ours.index);
    }
}
