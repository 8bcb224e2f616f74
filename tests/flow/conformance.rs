//! One suite for every provider: the engine keeps what the trait promises, and a provider that does
//! not is told so.

use std::sync::atomic::{AtomicUsize, Ordering};

use pricket::core::{ErrorKind, ErrorReport, FinishReason, ModelInfo};
use pricket::prelude::*;
use pricket_tests::{complaints, tiny_model};

/// The engine, and what is wrong with it.
struct Spoilt {
    engine: Engine,
    what: &'static str,
    asked: AtomicUsize,
}

impl CompletionProvider for Spoilt {
    fn info(&self) -> &ModelInfo {
        self.engine.info()
    }

    fn complete(&self, mut request: CompletionRequest) -> AsyncStream<CompletionChunk> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        match self.what {
            "stop" => request.stop = None,
            "length" => request.max_tokens = Some(30),
            "knobs" => request.sampling = SamplingParams::greedy(),
            "forgetful" if asked > 0 => request.max_tokens = Some(3),
            _ => {}
        }
        let mut chunks: Vec<_> = self.engine.complete(request).collect();
        match self.what {
            "piece" => drop(chunks.remove(0)),
            "endless" => drop(chunks.pop()),
            "chatty" => chunks.push(CompletionChunk::text("more")),
            "failing" => {
                let report = ErrorReport::new(ErrorKind::Internal, "broken", "it is broken");
                chunks = vec![CompletionChunk::Error(Box::new(report))];
            }
            "uncounted" => {
                if let Some(CompletionChunk::Complete(done)) = chunks.last_mut() {
                    done.usage.completion_tokens = 0;
                    done.finish_reason = FinishReason::Length;
                }
            }
            _ => {}
        }
        AsyncStream::builder().with_channel(move |sender| {
            for chunk in chunks {
                if sender.send(chunk).is_err() {
                    return;
                }
            }
        })
    }
}

fn engine() -> Engine {
    Engine::load(tiny_model("tiny-llama"), &EngineOptions::default(), &mut |_| {}).unwrap()
}

fn ask() -> CompletionRequest {
    CompletionRequest::raw("The weather in")
}

#[test]
fn the_engine_keeps_every_promise() {
    assert_eq!(complaints(&engine(), ask), [""; 0]);
}

#[test]
fn what_breaks_a_promise_is_told() {
    for (what, complaint) in [
        ("nothing", ""),
        ("piece", "the pieces are"),
        ("endless", "without a last chunk"),
        ("chatty", "a chunk follows the last one"),
        ("failing", "it fails by `broken`"),
        ("uncounted", "no token of the answer"),
        ("length", "more tokens than were asked for"),
        ("stop", "stopped at"),
        ("knobs", "with a knob out of range"),
        ("forgetful", "a second time"),
    ] {
        let spoilt = Spoilt { engine: engine(), what, asked: AtomicUsize::new(0) };
        let found = complaints(&spoilt, ask).join("\n");
        assert_eq!(found.is_empty(), complaint.is_empty(), "{what}: {found}");
        assert!(found.contains(complaint), "{what}: {found}");
    }
}
