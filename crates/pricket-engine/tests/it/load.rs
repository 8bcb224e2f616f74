//! A real checkpoint, small as it is, from its folder to its answer.

use std::path::PathBuf;

use pricket_core::{
    CompletionProvider, CompletionRequest, FinishReason, ProgressEvent, SamplingParams,
};
use pricket_engine::{Engine, EngineOptions};

use crate::kit::complete;

fn tiny_llama() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models/tiny-llama")
}

#[test]
fn a_folder_becomes_an_engine_that_answers() {
    let mut events = Vec::new();
    let options = EngineOptions { context: Some(64), ..Default::default() };
    let engine = Engine::load(tiny_llama(), &options, &mut |event| events.push(event)).unwrap();
    assert!(!events.iter().any(|event| matches!(event, ProgressEvent::Failed { .. })));
    assert!(!events.is_empty());
    assert_eq!(engine.model_spec().architecture, "llama");
    assert_eq!(engine.context(), 64);

    let ask = || {
        let mut request = CompletionRequest::raw("Hello").max_tokens(12);
        request.ignore_eos = true;
        request.sampling(SamplingParams::greedy())
    };
    let prompt_len = engine.text().encode(&ask()).unwrap().len();
    let completion = complete(engine.complete(ask()));
    assert_eq!(completion.finish_reason, FinishReason::Length);
    assert_eq!(completion.usage.prompt_tokens, prompt_len);
    assert_eq!(completion.usage.completion_tokens, 12);
    assert!(engine.stats().kv_bytes > 0);
    // The same again, by a prompt that goes through the model token by token.
    let options = EngineOptions { prefill_chunk: 1, ..options };
    let other = Engine::load(tiny_llama(), &options, &mut |_| ()).unwrap();
    assert_eq!(complete(other.complete(ask())).text, completion.text);
}
