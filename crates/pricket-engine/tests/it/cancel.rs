//! Readers that leave, readers that do not read, and an engine that goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pricket_core::{CompletionChunk, CompletionProvider, CompletionRequest, ErrorKind};
use pricket_engine::{EngineOptions, limits};

use crate::kit::{END, Script, choose, complete, engine, fail, read, saying, wait_until};

/// A model that takes a permit for every pass and talks for ever; a prompt that begins with `.` is
/// answered at once.
fn permitted(permits: &Arc<AtomicUsize>) -> Script {
    let permits = Arc::clone(permits);
    Box::new(move |prompt, _, row| {
        if prompt[0] == u32::from(b'.') {
            choose(row, END);
            return Ok(());
        }
        let take = |n: usize| n.checked_sub(1);
        wait_until("a permit", || {
            permits.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok()
        });
        choose(row, u32::from(b'x'));
        Ok(())
    })
}

#[test]
fn dropping_the_stream_takes_the_sequence_out_before_the_next_step() {
    let permits = Arc::new(AtomicUsize::new(3));
    let (engine, trace) = engine(&EngineOptions::default(), permitted(&permits));
    let mut stream = engine.complete(CompletionRequest::raw("go"));
    for _ in 0..3 {
        assert_eq!(stream.next().unwrap().to_string(), "x");
    }
    // The fourth pass waits for its permit now, or will.
    wait_until("the fourth pass", || trace.passes.load(Ordering::SeqCst) == 4);
    drop(stream);
    permits.fetch_add(1_000, Ordering::SeqCst);
    wait_until("idle", || engine.stats().active == 0);
    assert_eq!(trace.passes.load(Ordering::SeqCst), 4);
    assert_eq!(trace.released.load(Ordering::SeqCst), 1);
    let stats = engine.stats();
    assert_eq!((stats.cancelled, stats.failed, stats.completed, stats.active), (1, 0, 0, 0));
    // What was computed for nobody was computed all the same.
    assert_eq!((stats.prompt_tokens, stats.completion_tokens), (2, 4));
}

#[test]
fn a_long_prompt_is_given_up_between_two_chunks() {
    let options = EngineOptions { prefill_chunk: 1, ..Default::default() };
    let (engine, trace) = engine(
        &options,
        Box::new(|_, _, row| {
            choose(row, END);
            Ok(())
        }),
    );
    trace.passes_max.store(10, Ordering::SeqCst);
    let stream = engine.complete(CompletionRequest::ids(vec![1; 4_000]));
    wait_until("ten passes", || trace.passes.load(Ordering::SeqCst) == 10);
    drop(stream);
    trace.passes_max.store(0, Ordering::SeqCst);
    complete(engine.complete(CompletionRequest::raw("a")));
    // One more was on its way, and one is the other request's; the whole prompt is 4,000.
    assert!(trace.passes.load(Ordering::SeqCst) <= 12);
    assert_eq!(engine.stats().cancelled, 1);
    let prompt_tokens = engine.stats().prompt_tokens;
    assert!((11..=12).contains(&prompt_tokens), "as far as they ran: {prompt_tokens}");
}

#[test]
fn a_waiting_request_that_nobody_reads_gives_up_its_place() {
    let permits = Arc::new(AtomicUsize::new(0));
    let options = EngineOptions { queue_len_max: 2, ..Default::default() };
    let (engine, _) = engine(&options, permitted(&permits));
    let running = engine.complete(CompletionRequest::raw("go").max_tokens(2));
    wait_until("running", || engine.stats().active == 1);
    let waiting: Vec<_> = (0..2).map(|_| engine.complete(CompletionRequest::raw("."))).collect();
    assert_eq!(engine.stats().queued, 2);
    let report = fail(engine.complete(CompletionRequest::raw(".")));
    assert_eq!(
        (report.code.as_str(), report.kind, report.retryable),
        ("busy", ErrorKind::Busy, true)
    );
    drop(waiting);
    permits.fetch_add(1, Ordering::SeqCst);
    wait_until("places", || engine.stats().queued == 0);
    let late = engine.complete(CompletionRequest::raw("."));
    permits.fetch_add(1, Ordering::SeqCst);
    assert_eq!(complete(running).text, "xx");
    assert_eq!(complete(late).text, "");
    let stats = engine.stats();
    assert_eq!((stats.completed, stats.failed, stats.cancelled), (2, 1, 2));
}

#[test]
fn a_reader_that_pauses_pauses_its_sequence_and_loses_nothing() {
    let text = "0123456789".repeat(100);
    let (engine, trace) = engine(&EngineOptions::default(), saying(&text));
    let stream = engine.complete(CompletionRequest::raw("go"));
    let room = limits::STREAM_CHUNKS + 1 - limits::STEP_CHUNKS_MAX;
    wait_until("full", || trace.passes.load(Ordering::SeqCst) >= room);
    std::thread::sleep(Duration::from_millis(30));
    assert_eq!(trace.passes.load(Ordering::SeqCst), room);
    assert_eq!(complete(stream).text, text);
}

#[test]
fn with_several_places_a_reader_that_never_reads_stops_nobody_else() {
    let options = EngineOptions { sequences_max: 2, ..Default::default() };
    let (engine, _) = engine(&options, saying(&"x".repeat(1_000)));
    let silent = engine.complete(CompletionRequest::raw("go"));
    for _ in 0..5 {
        assert_eq!(complete(engine.complete(CompletionRequest::raw("go"))).text.len(), 1_000);
    }
    assert_eq!(engine.stats().active, 1);
    drop(silent);
    wait_until("idle", || engine.stats().active == 0);
}

#[test]
fn dropping_the_engine_ends_every_stream_once() {
    let (engine, trace) = engine(&EngineOptions::default(), saying(&"x".repeat(4_000)));
    // One that is full, and two that wait.
    let streams: Vec<_> = (0..3).map(|_| engine.complete(CompletionRequest::raw("go"))).collect();
    wait_until("full", || trace.passes.load(Ordering::SeqCst) > 100);
    let began = Instant::now();
    drop(engine);
    assert!(began.elapsed() < Duration::from_secs(2));
    for stream in streams {
        let report = fail(stream);
        assert_eq!((report.code.as_str(), report.kind), ("engine_stopped", ErrorKind::Cancelled));
    }
}

#[test]
fn a_thousand_requests_dropped_anywhere_leave_nothing_behind() {
    let options = EngineOptions { sequences_max: 3, queue_len_max: 2_000, ..Default::default() };
    let (engine, trace) = engine(&options, saying("a few words and no more"));
    let mut kept = Vec::new();
    for n in 0..1_000usize {
        let mut stream = engine.complete(CompletionRequest::raw("go"));
        match n % 5 {
            0 => drop(stream),
            1 => {
                stream.next();
            }
            2 => stream.cancel(),
            _ => kept.push(stream),
        }
    }
    let wanted = kept.len();
    let completed = kept.into_iter().flat_map(read).count();
    assert_eq!(completed, wanted);
    wait_until("idle", || {
        let stats = engine.stats();
        stats.active == 0 && stats.queued == 0
    });
    let stats = engine.stats();
    assert_eq!(stats.total, 1_000);
    assert_eq!(stats.completed + stats.cancelled, 1_000);
    assert_eq!(stats.failed, 0);
    wait_until("all released", || {
        // Those that never ran have nothing to release.
        trace.released.load(Ordering::SeqCst) as u64 >= stats.completed
    });
}

#[test]
fn text_flows_while_the_model_still_works() {
    let permits = Arc::new(AtomicUsize::new(1));
    let (engine, _) = engine(&EngineOptions::default(), permitted(&permits));
    let mut stream = engine.complete(CompletionRequest::raw("go").max_tokens(2));
    assert_eq!(stream.next(), Some(CompletionChunk::text("x")));
    permits.fetch_add(1, Ordering::SeqCst);
    assert_eq!(complete_rest(stream), "x");
}

/// The text that is left of a stream.
fn complete_rest(stream: pricket_stream::AsyncStream<CompletionChunk>) -> String {
    stream.map(|chunk| chunk).collect().iter().map(ToString::to_string).collect()
}
