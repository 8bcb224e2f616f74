//! The real `SmolLM2-135M-Instruct`: from a question to an answer, through its own template.

use pricket::models::OpenOptions;
use pricket::prelude::*;
use pricket_tests::real_model;

fn answer(threads: usize, sampling: &SamplingParams, question: &str) -> Option<Completion> {
    let path = real_model("SmolLM2-135M-Instruct.Q4_1.gguf")?;
    let model = OpenOptions { threads: Some(threads), ..OpenOptions::default() };
    let options = EngineOptions { model, context: Some(512), ..EngineOptions::default() };
    let engine = Engine::load(path, &options, &mut |_| {}).unwrap();
    let request = CompletionRequest::chat(vec![Message::user(question)])
        .sampling(sampling.clone())
        .max_tokens(24);
    let last = engine.complete(request).collect().pop().unwrap();
    Some(last.completion().unwrap_or_else(|| panic!("{last:?}")).clone())
}

#[test]
fn it_knows_the_capital_of_france() {
    let question = "What is the capital of France?";
    let Some(done) = answer(2, &SamplingParams::greedy(), question) else { return };
    assert!(done.text.contains("Paris"), "{done:?}");
}

#[test]
fn the_same_seed_gives_the_same_answer_on_one_and_two_threads() {
    let sampling =
        SamplingParams { temperature: Some(1.0), seed: Some(11), ..SamplingParams::default() };
    let question = "Tell me about the sea.";
    let Some(one) = answer(1, &sampling, question) else { return };
    let Some(two) = answer(2, &sampling, question) else { return };
    assert_eq!(one.text, two.text);
    assert_eq!(one.usage, two.usage);
    assert!(!one.text.is_empty());
}
