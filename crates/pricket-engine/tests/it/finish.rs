//! Every way in which an answer ends well.

use pricket_core::{
    CompletionChunk, CompletionProvider, CompletionRequest, FinishReason, SamplingParams,
};
use pricket_engine::EngineOptions;
use pricket_models::GenerationDefaults;

use crate::kit::{
    CONTEXT, LONG, LONG_TEXT, VOCAB_SIZE, choose, complete, engine, engine_with, saying,
};

fn ask(text: &str) -> CompletionRequest {
    CompletionRequest::raw(text).sampling(SamplingParams::greedy())
}

#[test]
fn the_end_token_stops_and_is_counted_but_not_shown() {
    let (engine, _) = engine(&EngineOptions::default(), saying("Hello!"));
    let completion = complete(engine.complete(ask("hi")));
    assert_eq!(completion.text, "Hello!");
    assert_eq!(completion.finish_reason, FinishReason::Stop);
    assert_eq!(completion.stop, None);
    assert_eq!((completion.usage.prompt_tokens, completion.usage.completion_tokens), (2, 7));
}

#[test]
fn the_makers_end_tokens_stop_too() {
    let defaults = GenerationDefaults { eos_ids: vec![u32::from(b'!')], ..Default::default() };
    let (engine, _) = engine_with(&EngineOptions::default(), defaults, saying("Hello! Yes."));
    let completion = complete(engine.complete(ask("hi")));
    assert_eq!((completion.text.as_str(), completion.finish_reason), ("Hello", FinishReason::Stop));
}

#[test]
fn a_request_may_go_past_the_end_token() {
    let (engine, _) = engine(&EngineOptions::default(), saying("ab"));
    let request = CompletionRequest { ignore_eos: true, ..ask("hi").max_tokens(7) };
    let completion = complete(engine.complete(request));
    assert_eq!(completion.text, "ababa");
    assert_eq!(completion.finish_reason, FinishReason::Length);
    assert_eq!(completion.usage.completion_tokens, 7);
}

#[test]
fn max_tokens_is_exact() {
    let (engine, trace) = engine(&EngineOptions::default(), saying("abcdefgh"));
    for n in 1..=8 {
        let completion = complete(engine.complete(ask("hi").max_tokens(n)));
        assert_eq!(completion.text, "abcdefgh"[..n]);
        assert_eq!(completion.finish_reason, FinishReason::Length);
        assert_eq!(completion.usage.completion_tokens, n);
    }
    // A pass for the prompt and one for each token but the last.
    assert_eq!(trace.passes.load(std::sync::atomic::Ordering::SeqCst), (1..=8).sum::<usize>());
}

#[test]
fn the_context_is_filled_to_its_last_token() {
    let options = EngineOptions { context: Some(16), ..Default::default() };
    let (engine, _) = engine(&options, saying(&"x".repeat(100)));
    let completion = complete(engine.complete(ask("0123456789")));
    assert_eq!(completion.finish_reason, FinishReason::ContextEnd);
    assert_eq!(completion.usage.total_tokens(), 16);
    assert_eq!(completion.text, "xxxxxx");
    let last = complete(engine.complete(ask("0123456789abcde")));
    assert_eq!((last.text.as_str(), last.finish_reason), ("x", FinishReason::ContextEnd));
}

#[test]
fn a_stop_text_over_several_tokens_is_never_shown() {
    let (engine, _) = engine(&EngineOptions::default(), saying("one\ntwo END\nthree"));
    let completion = complete(engine.complete(ask("hi").stop(["END", "xyz"])));
    assert_eq!(completion.text, "one\ntwo ");
    assert_eq!(completion.finish_reason, FinishReason::Stop);
    assert_eq!(completion.stop.as_deref(), Some("END"));
    // The tokens of the stop text were generated, so they are counted.
    assert_eq!(completion.usage.completion_tokens, 11);
}

#[test]
fn what_looked_like_a_stop_text_is_shown_in_the_end() {
    let (engine, _) = engine(&EngineOptions::default(), saying("EN"));
    let completion = complete(engine.complete(ask("hi").stop(["END"])));
    assert_eq!((completion.text.as_str(), completion.stop), ("EN", None));
    let completion = complete(engine.complete(ask("hi").stop(["END"]).max_tokens(1)));
    assert_eq!(completion.text, "E");
    assert_eq!(completion.finish_reason, FinishReason::Length);
}

#[test]
fn a_character_of_several_tokens_is_sent_whole() {
    let text = "\u{1f600}\u{e9}";
    let (engine, _) = engine(&EngineOptions::default(), saying(text));
    let chunks: Vec<CompletionChunk> = engine.complete(ask("hi")).collect();
    let pieces: Vec<String> =
        chunks.iter().filter(|chunk| !chunk.is_terminal()).map(ToString::to_string).collect();
    assert_eq!(pieces, ["\u{1f600}", "\u{e9}"]);
    // Cut in the middle of a character, the answer ends with the replacement character.
    let cut = complete(engine.complete(ask("hi").max_tokens(2)));
    assert_eq!(cut.text, "\u{fffd}");
}

#[test]
fn a_long_piece_is_whole_and_a_padded_id_is_silent() {
    let ids = [LONG, VOCAB_SIZE as u32 - 1, u32::from(b'.')];
    let script = Box::new(move |_: &[u32], answer: &[u32], row: &mut [f32]| {
        choose(row, ids[answer.len()]);
        Ok(())
    });
    let (engine, _) = engine(&EngineOptions::default(), script);
    let completion = complete(engine.complete(ask("hi").max_tokens(3)));
    assert_eq!(completion.text, format!("{LONG_TEXT}."));
}

#[test]
fn an_answer_much_longer_than_the_stream_arrives_whole() {
    let (engine, _) = engine(&EngineOptions::default(), saying(&"0123456789".repeat(400)));
    let completion = complete(engine.complete(ask("hi")));
    assert_eq!(completion.text, "0123456789".repeat(400));
    assert!(completion.usage.total_tokens() < CONTEXT);
}

#[test]
fn logprobs_come_with_the_tokens_of_each_piece() {
    let (engine, _) = engine(&EngineOptions::default(), saying("ab\u{e9}"));
    let request = CompletionRequest { logprobs: Some(2), ..ask("hi") };
    let chunks: Vec<CompletionChunk> = engine.complete(request).collect();
    let mut seen = Vec::new();
    for chunk in &chunks {
        if let CompletionChunk::Text { text, logprobs } = chunk {
            seen.push((text.to_string(), logprobs.iter().map(|l| l.id).collect::<Vec<_>>()));
            for logprob in logprobs {
                assert_eq!(logprob.top.len(), 2);
                assert_eq!(logprob.top[0].0, logprob.id);
                assert!(logprob.logprob <= 0.0 && logprob.logprob > -1e-6, "{logprob:?}");
            }
        }
    }
    let expected = [("a", vec![97]), ("b", vec![98]), ("\u{e9}", vec![0xc3, 0xa9])]
        .map(|(t, i)| (t.to_owned(), i));
    assert_eq!(seen, expected);
}
