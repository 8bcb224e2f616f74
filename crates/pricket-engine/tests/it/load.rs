//! A real checkpoint, small as it is, from its folder to the answer that transformers gives.

use std::path::PathBuf;

use pricket_core::{
    CompletionProvider, CompletionRequest, FinishReason, ProgressEvent, SamplingParams,
};
use pricket_engine::{Engine, EngineOptions};
use pricket_tokenizer::SkipSpecial;

use crate::kit::complete;

pub(crate) fn tiny_llama() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models/tiny-llama")
}

#[test]
fn a_folder_becomes_an_engine_that_answers() {
    let mut events = Vec::new();
    let options = EngineOptions { context: Some(96), ..Default::default() };
    let engine = Engine::load(tiny_llama(), &options, &mut |event| events.push(event)).unwrap();
    assert!(!events.iter().any(|event| matches!(event, ProgressEvent::Failed { .. })));
    assert!(!events.is_empty());
    assert_eq!(engine.model_spec().architecture, "llama");
    assert_eq!(engine.context(), 96);

    let text = std::fs::read_to_string(tiny_llama().join("reference.json")).unwrap();
    let reference: serde_json::Value = serde_json::from_str(&text).unwrap();
    let ids = |name: &str| -> Vec<u32> {
        serde_json::from_value(reference["greedy"][name].clone()).unwrap()
    };
    let (prompt, answer) = (ids("prompt_ids"), ids("new_ids"));
    let ask = || {
        let mut request = CompletionRequest::ids(prompt.clone()).max_tokens(answer.len());
        request.ignore_eos = true;
        request.sampling(SamplingParams::greedy())
    };
    let completion = complete(engine.complete(ask()));
    let expected = engine.text().tokenizer().decode(&answer, SkipSpecial::Yes).unwrap();
    assert_eq!(completion.text, expected);
    assert_eq!(completion.finish_reason, FinishReason::Length);
    assert_eq!(completion.usage.prompt_tokens, prompt.len());
    assert_eq!(completion.usage.completion_tokens, answer.len());
    assert!(engine.stats().kv_bytes > 0);
    // The same again, by a prompt that goes through the model token by token.
    let options = EngineOptions { prefill_chunk: 1, ..options };
    let other = Engine::load(tiny_llama(), &options, &mut |_| ()).unwrap();
    assert_eq!(complete(other.complete(ask())).text, expected);
}
