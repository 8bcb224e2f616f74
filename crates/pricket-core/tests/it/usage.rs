//! Usage and timings.

use pricket_core::{Completion, FinishReason, SamplingParams, Timings, Usage};

/// A completion of 10 prompt tokens (2 of them cached) and 5 new ones.
pub(crate) fn completion() -> Completion {
    Completion {
        text: "hi".to_owned(),
        finish_reason: FinishReason::Stop,
        stop: None,
        usage: Usage { prompt_tokens: 10, cached_tokens: 2, completion_tokens: 5 },
        timings: Timings {
            queue_ms: 1.0,
            prefill_ms: 4.0,
            decode_ms: 8.0,
            first_token_ms: 6.0,
            total_ms: 15.0,
        },
        sampling: SamplingParams::greedy().effective(1),
    }
}

#[test]
fn rates_count_what_was_computed() {
    let completion = completion();
    assert_eq!(completion.usage.total_tokens(), 15);
    assert_eq!(completion.prefill_tokens_per_second(), Some(2_000.0));
    assert_eq!(completion.decode_tokens_per_second(), Some(500.0));
}

#[test]
fn rates_of_nothing_are_none() {
    let mut completion = completion();
    completion.usage = Usage { prompt_tokens: 3, cached_tokens: 3, completion_tokens: 1 };
    assert_eq!(completion.prefill_tokens_per_second(), None);
    assert_eq!(completion.decode_tokens_per_second(), None);
    completion.usage = Usage::default();
    assert_eq!(completion.decode_tokens_per_second(), None);
    completion.usage.completion_tokens = 5;
    completion.timings = Timings::default();
    assert_eq!(completion.decode_tokens_per_second(), None);
}

#[test]
fn finish_reasons_are_snake_case() {
    crate::check_json(&FinishReason::ContextEnd, "\"context_end\"");
    crate::check_json(&FinishReason::ToolCalls, "\"tool_calls\"");
    let text = serde_json::to_string(&completion()).expect("JSON");
    assert!(!text.contains("\"stop\":null"), "{text}");
    assert_eq!(serde_json::from_str::<Completion>(&text).expect("read"), completion());
}
