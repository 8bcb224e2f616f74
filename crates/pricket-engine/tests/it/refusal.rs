//! What is refused, with which code, and that a refusal costs the engine nothing.

use std::path::Path;

use pricket_core::{CompletionProvider, CompletionRequest, ErrorKind, Message, SamplingParams};
use pricket_engine::{Engine, EngineError, EngineOptions, TextPipeline, limits};
use pricket_models::GenerationDefaults;
use pricket_tokenizer::Tokenizer;

use crate::kit::{VOCAB_SIZE, complete, engine, fail, saying, tokenizer};

#[test]
fn each_bad_request_gets_its_own_code() {
    let options = EngineOptions { context: Some(8), ..Default::default() };
    let (engine, _) = engine(&options, saying("ok"));
    let raw = || CompletionRequest::raw("hi");
    let nan = SamplingParams { temperature: Some(f32::NAN), ..Default::default() };
    let cases = [
        (CompletionRequest::raw(""), "prompt_empty", ErrorKind::InvalidRequest),
        (CompletionRequest::ids(vec![]), "prompt_empty", ErrorKind::InvalidRequest),
        (
            CompletionRequest::ids(vec![VOCAB_SIZE as u32]),
            "token_out_of_vocabulary",
            ErrorKind::InvalidRequest,
        ),
        (CompletionRequest::raw("12345678"), "context_exceeded", ErrorKind::TooLarge),
        (raw().max_tokens(0), "max_tokens_zero", ErrorKind::InvalidRequest),
        (raw().sampling(nan), "sampling_invalid", ErrorKind::InvalidRequest),
        (raw().stop([""]), "stop_text_length", ErrorKind::InvalidRequest),
        (
            raw().stop(["x".repeat(limits::STOP_TEXT_BYTES_MAX + 1)]),
            "stop_text_length",
            ErrorKind::InvalidRequest,
        ),
        (
            raw().stop(vec!["x"; limits::STOP_TEXTS_MAX + 1]),
            "stop_texts_too_many",
            ErrorKind::InvalidRequest,
        ),
        (
            CompletionRequest { logprobs: Some(limits::LOGPROBS_MAX + 1), ..raw() },
            "logprobs_too_many",
            ErrorKind::InvalidRequest,
        ),
    ];
    let count = cases.len() as u64;
    for (request, code, kind) in cases {
        let id = request.correlation_id;
        let report = fail(engine.complete(request));
        assert_eq!((report.code.as_str(), report.kind), (code, kind), "{report}");
        assert_eq!(report.correlation_id, Some(id));
        assert!(!report.retryable);
    }
    assert_eq!(complete(engine.complete(raw())).text, "ok");
    let stats = engine.stats();
    assert_eq!((stats.total, stats.failed, stats.completed), (count + 1, count, 1));
    assert_eq!((stats.queued, stats.active), (0, 0));
}

#[test]
fn a_prompt_too_long_is_told_both_numbers_and_never_cut() {
    let options = EngineOptions { context: Some(10), ..Default::default() };
    let (engine, trace) = engine(&options, saying("ok"));
    let report = fail(engine.complete(CompletionRequest::raw("x".repeat(25))));
    assert!(report.message.contains("25") && report.message.contains("10"), "{report}");
    assert_eq!(trace.passes.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[test]
fn a_conversation_without_a_template_is_refused() {
    // A vocabulary without the marks of ChatML, which would stand in.
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/models/tiny-llama/tokenizer.json");
    let tokenizer = Tokenizer::from_file(file).unwrap();
    let text = TextPipeline::new(tokenizer, None, GenerationDefaults::default()).unwrap();
    assert_eq!(text.template_origin(), None);
    let error = text.render(&[Message::user("hi")], &[], &serde_json::Map::new()).unwrap_err();
    assert_eq!((error.code(), error.kind()), ("template_missing", ErrorKind::Unsupported));
}

#[test]
fn options_out_of_range_are_refused_by_name() {
    let build = |options: EngineOptions| -> EngineError {
        struct Never;
        impl pricket_models::CausalLm for Never {
            fn spec(&self) -> &pricket_models::ModelSpec {
                static SPEC: std::sync::OnceLock<pricket_models::ModelSpec> =
                    std::sync::OnceLock::new();
                SPEC.get_or_init(|| {
                    serde_json::from_value(serde_json::json!({
                        "architecture": "never", "name": null, "quantization": "none",
                        "parameters": 0, "vocab_size": 4, "context_length": 100,
                        "hidden_size": 0, "layers": 0, "heads": 0, "kv_heads": 0, "head_dim": 0,
                        "weight_bytes": 0, "kv_bytes_per_token": 0,
                    }))
                    .unwrap()
                })
            }

            fn new_cache_of(
                &self,
                size: pricket_models::CacheSize,
            ) -> Result<pricket_models::KvCache, pricket_models::ModelError> {
                let sequences_max = size.sequences_max;
                Err(pricket_models::ModelError::CacheSequencesExhausted { sequences_max })
            }

            fn forward(
                &mut self,
                _: &pricket_models::Batch,
                _: &mut pricket_models::KvCache,
                _: &mut pricket_models::Logits,
            ) -> Result<(), pricket_models::ModelError> {
                Err(pricket_models::ModelError::CacheForeign)
            }
        }
        let text = TextPipeline::new(tokenizer(), None, GenerationDefaults::default()).unwrap();
        Engine::new(Box::new(Never), text, &options).expect_err("out of range")
    };
    let default = EngineOptions::default;
    for (options, name) in [
        (EngineOptions { context: Some(101), ..default() }, "context"),
        (EngineOptions { context: Some(0), ..default() }, "context"),
        (EngineOptions { sequences_max: 0, ..default() }, "sequences_max"),
        (EngineOptions { queue_len_max: 0, ..default() }, "queue_len_max"),
        (EngineOptions { queue_len_max: usize::MAX, ..default() }, "queue_len_max"),
        (EngineOptions { prefill_chunk: 0, ..default() }, "prefill_chunk"),
    ] {
        let error = build(options);
        assert_eq!(error.code(), "option_out_of_range");
        assert!(error.to_string().starts_with(name), "{error}");
    }
    let wild = SamplingParams { top_p: Some(2.0), ..Default::default() };
    assert_eq!(build(EngineOptions { sampling: wild, ..default() }).code(), "sampling_invalid");
    // A cache that the model cannot lay out is the model's error.
    assert_eq!(build(default()).code(), "cache_full");
}

#[test]
fn a_path_without_a_model_is_not_found() {
    let error = Engine::load("/no/such/model.gguf", &EngineOptions::default(), &mut |_| ());
    assert_eq!(error.expect_err("no model").kind(), ErrorKind::NotFound);
}
