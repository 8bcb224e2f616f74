//! The counters tell what happened, and the times what passed.

use std::time::{Duration, Instant};

use pricket_core::{CompletionProvider, CompletionRequest, SamplingParams};
use pricket_engine::{Engine, EngineOptions};

use crate::kit::{Script, choose, complete, engine, parroting, read, saying};
use crate::load::tiny_llama;

#[test]
fn a_hundred_requests_ten_of_which_fail() {
    let script: Script = Box::new(|prompt, answer, row| {
        assert!(prompt != [u32::from(b'!')], "told to");
        choose(row, if answer.len() == 3 { crate::kit::END } else { prompt[0] });
        Ok(())
    });
    let (engine, _) = engine(&EngineOptions::default(), script);
    let streams: Vec<_> = (0..100)
        .map(|n| engine.complete(CompletionRequest::raw(if n % 10 == 3 { "!" } else { "ok" })))
        .collect();
    let completed = streams.into_iter().flat_map(read).count();
    assert_eq!(completed, 90);
    let stats = engine.stats();
    assert_eq!((stats.total, stats.completed, stats.failed), (100, 90, 10));
    assert_eq!((stats.active, stats.queued, stats.cancelled), (0, 0, 0));
    assert_eq!((stats.prompt_tokens, stats.completion_tokens), (180, 360));
    assert_eq!(stats.kv_bytes, 64);
}

#[test]
fn sixteen_threads_count_to_the_same_sum() {
    let options = EngineOptions { queue_len_max: 1_000, sequences_max: 4, ..Default::default() };
    let (engine, _) = engine(&options, saying("abc"));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(complete(engine.complete(CompletionRequest::raw("x"))).text, "abc");
                }
            });
        }
    });
    let stats = engine.stats();
    assert_eq!((stats.total, stats.completed, stats.active, stats.queued), (320, 320, 0, 0));
    assert_eq!(stats.completion_tokens, 320 * 4);
}

#[test]
fn the_times_are_those_of_the_wall_clock() {
    // Long beside what a busy machine keeps a thread waiting.
    const PASS: Duration = Duration::from_millis(20);
    let script: Script = Box::new(|_, _, row| {
        std::thread::sleep(PASS);
        choose(row, u32::from(b'x'));
        Ok(())
    });
    let options = EngineOptions { prefill_chunk: 10, ..Default::default() };
    let (engine, _) = engine(&options, script);
    let began = Instant::now();
    let completion =
        complete(engine.complete(
            CompletionRequest::raw("hi").sampling(SamplingParams::greedy()).max_tokens(50),
        ));
    let wall = began.elapsed().as_secs_f64() * 1e3;
    let times = completion.timings;
    let pass = PASS.as_secs_f64() * 1e3;
    assert_eq!(completion.usage.completion_tokens, 50);
    assert!(times.prefill_ms >= pass && times.prefill_ms <= times.first_token_ms, "{times:?}");
    assert!(times.decode_ms >= 49.0 * pass, "{times:?}");
    assert!(times.first_token_ms + times.decode_ms <= times.total_ms, "{times:?}");
    assert!(times.total_ms <= wall, "{times:?} of {wall}");
    // The parts are the whole but for 5 %.
    let parts = times.queue_ms + times.prefill_ms + times.decode_ms;
    assert!(parts >= wall * 0.95 && parts <= wall * 1.05, "{times:?} of {wall}");
    let rate = completion.decode_tokens_per_second().unwrap();
    assert!((rate - 49.0e3 / times.decode_ms).abs() < 1e-6);
    let stats = engine.stats();
    assert_eq!(stats.steps, 50);
    assert!(stats.prefill_ms >= pass && stats.decode_ms >= 49.0 * pass, "{stats:?}");
    assert!((stats.prefill_ms + stats.decode_ms) <= times.total_ms, "{stats:?} of {times:?}");
    assert_eq!(stats.first_tokens, 1);
    // To the nanosecond, in which it is summed.
    let first = stats.mean_first_token_ms().unwrap();
    assert!((first - times.first_token_ms).abs() < 2e-6, "{first} of {times:?}");
}

/// A real model, so that the kernels work and the cache fills.
#[test]
fn fifty_tokens_are_accounted_for() {
    let engine = Engine::load(tiny_llama(), &EngineOptions::default(), &mut |_| ()).unwrap();
    assert_eq!(engine.stats().mean_first_token_ms(), None);
    let prompt: Vec<u32> = (3..40).collect();
    let mut request = CompletionRequest::ids(prompt.clone()).max_tokens(50);
    request.ignore_eos = true;
    let began = Instant::now();
    let completion = complete(engine.complete(request.sampling(SamplingParams::greedy())));
    let wall = began.elapsed().as_secs_f64() * 1e3;
    let (stats, spec) = (engine.stats(), engine.model_spec());
    assert_eq!(stats.prompt_tokens, prompt.len() as u64);
    assert_eq!((stats.completion_tokens, stats.cached_tokens), (50, 0));
    // The prompt in one pass gives the first token, each other token takes a pass.
    assert_eq!(stats.steps, 50);
    assert!(stats.prefill_ms > 0.0 && stats.decode_ms > 0.0, "{stats:?}");
    assert!(stats.prefill_ms + stats.decode_ms <= wall, "{stats:?} of {wall}");
    let first = stats.mean_first_token_ms().unwrap();
    assert!(first >= stats.prefill_ms && first <= wall, "{stats:?} of {wall}");
    let rate = completion.decode_tokens_per_second().unwrap();
    assert!(rate >= 49e3 / wall && rate <= 49e3 / stats.decode_ms, "{rate}: {stats:?} of {wall}");
    // Seven products a layer and one for the logits, in every pass.
    assert!(stats.simd_ops >= 50 * (7 * spec.layers as u64 + 1), "{stats:?}");
    // The last token was sampled and never entered; the cache may hold more than is filled.
    assert!(stats.kv_bytes >= (37 + 49) * spec.kv_bytes_per_token, "{stats:?}");
    // Other tests' engines go on counting the same kernels, so a look may come late.
    let is_set_back = (0..100).any(|_| {
        engine.reset_stats();
        engine.stats().simd_ops < stats.simd_ops / 2
    });
    assert!(is_set_back, "{:?}", engine.stats());
    assert_eq!((engine.stats().first_tokens, engine.stats().steps), (0, 0));
}

#[test]
fn the_sums_can_be_set_back() {
    let (engine, _) = engine(&EngineOptions::default(), saying("abc"));
    complete(engine.complete(CompletionRequest::raw("x")));
    engine.reset_stats();
    let stats = engine.stats();
    assert_eq!((stats.total, stats.completed, stats.completion_tokens, stats.steps), (0, 0, 0, 0));
    complete(engine.complete(CompletionRequest::raw("x")));
    assert_eq!(engine.stats().total, 1);
}

#[test]
fn prometheus_reads_every_counter() {
    let (engine, _) = engine(&EngineOptions::default(), parroting());
    complete(engine.complete(CompletionRequest::raw("xyz").max_tokens(5)));
    let text = engine.stats().to_prometheus();
    for line in [
        "# TYPE pricket_engine_requests_total counter",
        "pricket_engine_requests_total 1",
        "pricket_engine_requests_active 0",
        "pricket_engine_requests_completed_total 1",
        "pricket_engine_prompt_tokens_total 3",
        "pricket_engine_completion_tokens_total 5",
        "# TYPE pricket_engine_kv_bytes gauge",
        "# TYPE pricket_engine_simd_ops_total counter",
        "pricket_engine_cached_tokens_total 0",
        "# TYPE pricket_engine_first_token_seconds summary",
        "pricket_engine_first_token_seconds_count 1",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
    }
}
