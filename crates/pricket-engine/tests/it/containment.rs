//! A failure ends its own request and no other.

use pricket_core::{CompletionProvider, CompletionRequest, ErrorKind, SamplingParams};
use pricket_engine::EngineOptions;
use pricket_models::ModelError;

use crate::kit::{END, Script, choose, complete, engine, fail, read};

/// Says the prompt once; but a prompt with `!` panics, one with `?` fails, one with `~` gives NaN,
/// one with `^` gives infinity, one with `_` gives nothing possible, each at its second token.
fn trapped() -> Script {
    Box::new(|prompt, answer, row| {
        choose(row, prompt.get(answer.len()).copied().unwrap_or(END));
        if answer.len() == 1 {
            let has = |byte: u8| prompt.contains(&u32::from(byte));
            assert!(!has(b'!'), "a kernel gave up");
            if has(b'?') {
                return Err(ModelError::Candle("out of order".to_owned()));
            }
            if has(b'~') {
                row[7] = f32::NAN;
            }
            if has(b'^') {
                row[7] = f32::INFINITY;
            }
            if has(b'_') {
                row.fill(f32::NEG_INFINITY);
            }
        }
        Ok(())
    })
}

fn ask(text: &str) -> CompletionRequest {
    CompletionRequest::raw(text).sampling(SamplingParams::greedy())
}

#[test]
fn each_failure_is_told_as_what_it_is_and_the_next_request_is_answered() {
    let (engine, trace) = engine(&EngineOptions::default(), trapped());
    for (prompt, code) in [
        ("a!", "request_panicked"),
        ("a?", "candle_failed"),
        ("a~", "logits_not_finite"),
        ("a^", "logits_not_finite"),
        ("a_", "logits_not_finite"),
    ] {
        let report = fail(engine.complete(ask(prompt)));
        assert_eq!((report.code.as_str(), report.kind), (code, ErrorKind::Internal), "{prompt}");
        assert_eq!(complete(engine.complete(ask("fine"))).text, "fine");
    }
    let report = fail(engine.complete(ask("a!")));
    assert!(report.message.contains("a kernel gave up"), "{report}");
    let stats = engine.stats();
    assert_eq!((stats.completed, stats.failed, stats.active), (5, 6, 0));
    // Every sequence gave back its memory, those that failed too.
    crate::kit::wait_until("all released", || {
        trace.released.load(std::sync::atomic::Ordering::SeqCst) == 11
    });
}

#[test]
fn greedy_and_drawn_tokens_notice_the_same_nan() {
    let (engine, _) = engine(&EngineOptions::default(), trapped());
    for temperature in [0.0, 1.0] {
        let sampling = SamplingParams { temperature: Some(temperature), ..Default::default() };
        let report = fail(engine.complete(ask("a~").sampling(sampling)));
        assert!(report.message.contains("token 7 is NaN"), "{report}");
    }
}

#[test]
fn in_one_batch_only_the_culprits_fail() {
    let options = EngineOptions { sequences_max: 8, ..Default::default() };
    let (engine, _) = engine(&options, trapped());
    for _ in 0..20 {
        let prompts = ["one", "tw!", "thr?", "four", "f~ve", "six", "s!ven", "eight"];
        let streams: Vec<_> = prompts.iter().map(|text| engine.complete(ask(text))).collect();
        for (prompt, stream) in prompts.iter().zip(streams) {
            match read(stream) {
                Ok(completion) => assert_eq!(completion.text, *prompt),
                Err(report) => assert!(prompt.contains(['!', '?', '~']), "{prompt}: {report}"),
            }
        }
    }
    let stats = engine.stats();
    assert_eq!((stats.completed, stats.failed), (80, 80));
}
