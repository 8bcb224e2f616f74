//! From a request to its chunks, on a real forward pass over tiny weights.

use pricket::core::FinishReason;
use pricket::models::{Backend, OpenOptions};
use pricket::prelude::*;
use pricket::tokenizer::SkipSpecial;
use pricket_tests::{Reference, Scratch, tiny_model};

use crate::template::LINES;

fn engine(path: &std::path::Path, threads: usize) -> Engine {
    let model = OpenOptions { threads: Some(threads), ..OpenOptions::default() };
    let options = EngineOptions { model, ..EngineOptions::default() };
    Engine::load(path, &options, &mut |_| {}).unwrap()
}

/// All pieces of text, and the last chunk's report.
fn read(stream: AsyncStream<CompletionChunk>) -> (Vec<String>, Completion) {
    let mut pieces = Vec::new();
    let mut end = None;
    for chunk in stream {
        assert!(end.is_none(), "a chunk after the last one");
        match chunk {
            CompletionChunk::Text { text, .. } => pieces.push(text.to_string()),
            CompletionChunk::Complete(done) => end = Some(*done),
            other => panic!("{other:?}"),
        }
    }
    (pieces, end.expect("a last chunk"))
}

#[test]
fn greedy_ids_through_the_engine_are_those_of_the_reference() {
    for name in ["tiny-llama", "tiny-llama-tied", "tiny-llama3-rope"] {
        let path = tiny_model(name);
        let greedy = Reference::of(&path).unwrap().greedy;
        let engine = engine(&path, 2);
        let mut request = CompletionRequest::ids(greedy.prompt_ids.clone())
            .sampling(SamplingParams::greedy())
            .max_tokens(greedy.new_ids.len());
        request.ignore_eos = true;
        let (pieces, done) = read(engine.complete(request));
        let want = engine.text().tokenizer().decode(&greedy.new_ids, SkipSpecial::Yes).unwrap();
        assert_eq!(pieces.concat(), done.text);
        assert_eq!(done.text, want, "{name}");
        assert_eq!(done.finish_reason, FinishReason::Length);
        assert_eq!(done.usage.prompt_tokens, greedy.prompt_ids.len());
        assert_eq!(done.usage.completion_tokens, greedy.new_ids.len());
    }
}

#[test]
fn the_same_seed_gives_the_same_answer_on_one_and_two_threads() {
    let path = tiny_model("tiny-llama");
    let (one, two) = (engine(&path, 1), engine(&path, 2));
    let ask = |seed| {
        let sampling =
            SamplingParams { temperature: Some(1.5), seed: Some(seed), ..Default::default() };
        CompletionRequest::raw("The weather in").sampling(sampling).max_tokens(40)
    };
    let mut answers = Vec::new();
    for seed in 0..5 {
        let (_, on_one) = read(one.complete(ask(seed)));
        let (_, on_two) = read(two.complete(ask(seed)));
        assert_eq!(on_one.text, on_two.text, "seed {seed}");
        assert_eq!(on_one.sampling.seed, seed);
        answers.push(on_one.text);
    }
    answers.dedup();
    assert!(answers.len() > 1, "five seeds gave one answer: the seed decides nothing");
}

#[test]
fn a_conversation_goes_through_the_template() {
    let scratch = Scratch::of_tiny_model("tiny-llama", Some(LINES)).unwrap();
    let engine = engine(scratch.path(), 1);
    let chat = CompletionRequest::chat(vec![Message::system("Be short."), Message::user("Hi")]);
    let raw = CompletionRequest::raw("[system] Be short.\n[user] Hi\n[assistant] ");
    let knobs =
        |request: CompletionRequest| request.sampling(SamplingParams::greedy()).max_tokens(12);
    let (pieces, done) = read(engine.complete(knobs(chat)));
    assert_eq!(pieces.concat(), done.text);
    // This vocabulary puts `<s>` in front of a raw prompt and our template writes none.
    let (_, plain) = read(engine.complete(knobs(raw)));
    assert_eq!(done.usage.prompt_tokens + 1, plain.usage.prompt_tokens);
}

#[test]
fn a_conversation_without_a_template_is_refused_with_a_code() {
    let engine = engine(&tiny_model("tiny-llama"), 1);
    let chat = CompletionRequest::chat(vec![Message::user("Hi")]);
    let chunks = engine.complete(chat).collect();
    match chunks.as_slice() {
        [CompletionChunk::Error(report)] => assert_eq!(report.code, "template_missing"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn candle_gives_the_same_greedy_text() {
    let path = tiny_model("tiny-llama3-rope");
    let ask = || {
        CompletionRequest::raw("Once upon a time").sampling(SamplingParams::greedy()).max_tokens(24)
    };
    let (_, ours) = read(engine(&path, 1).complete(ask()));
    let model = OpenOptions { backend: Backend::Candle, ..OpenOptions::default() };
    let options = EngineOptions { model, ..EngineOptions::default() };
    let (_, theirs) = read(Engine::load(&path, &options, &mut |_| {}).unwrap().complete(ask()));
    assert_eq!(ours.text, theirs.text);
    assert!(!ours.text.is_empty());
}
