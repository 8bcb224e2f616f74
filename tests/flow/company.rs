//! Many requests at once: each answer is the one that the request gets alone, whoever runs beside
//! it, in whatever order they come, and whatever earlier requests left in the cache.

use std::path::Path;

use pricket::engine::TextPipeline;
use pricket::models::{KV_BLOCK_TOKENS, ModelFiles, OpenOptions};
use pricket::prelude::*;
use pricket_tests::{real_model, tiny_model};

/// The same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) as usize % bound
    }
}

/// An engine that speaks the words of the model at `path`, or of another one with as many.
fn engine(path: &Path, threads: usize, change: impl FnOnce(&mut EngineOptions)) -> Engine {
    let model = OpenOptions { threads: Some(threads), ..OpenOptions::default() };
    let mut options = EngineOptions { model, ..EngineOptions::default() };
    change(&mut options);
    let files = ModelFiles::at(path).unwrap();
    let model = files.load(&options.model, &mut |_| {}).unwrap();
    let text = TextPipeline::from_assets(files.text_assets().unwrap()).or_else(|_| {
        let other = ModelFiles::at(&tiny_model("tiny-llama")).unwrap();
        TextPipeline::from_assets(other.text_assets().unwrap())
    });
    Engine::new(model, text.unwrap(), &options).unwrap()
}

/// Requests of ids, of which many begin alike, sampled in every way.
fn requests(count: usize, longest: usize, answer: usize, vocab: usize) -> Vec<CompletionRequest> {
    let mut dice = Dice(11);
    let mut ids = |len: usize| -> Vec<u32> {
        (0..len).map(|_| (10 + dice.below(vocab - 10)) as u32).collect()
    };
    let system = [ids(longest / 2), ids(longest / 3)];
    let mut dice = Dice(12);
    let request = |index: usize| {
        let mut prompt = match dice.below(4) {
            shared @ (0 | 1) => system[shared].clone(),
            2 => system[0][..=dice.below(longest / 2 - 1)].to_vec(),
            _ => Vec::new(),
        };
        prompt.extend(ids(1 + dice.below(longest / 3)));
        let mut request = CompletionRequest::ids(prompt).max_tokens(1 + dice.below(answer));
        request.ignore_eos = true;
        let sampling = SamplingParams { seed: Some(index as u64), ..SamplingParams::default() };
        request.sampling(match dice.below(4) {
            0 => SamplingParams::greedy(),
            1 => SamplingParams { temperature: Some(1.3), top_k: Some(0), ..sampling },
            2 => SamplingParams { temperature: Some(0.9), top_p: Some(0.8), ..sampling },
            _ => SamplingParams {
                temperature: Some(1.0),
                repetition_penalty: Some(1.2),
                frequency_penalty: Some(0.1),
                ..sampling
            },
        })
    };
    (0..count).map(request).collect()
}

fn answer(stream: AsyncStream<CompletionChunk>) -> Completion {
    let mut done = None;
    for chunk in stream {
        match chunk {
            CompletionChunk::Complete(complete) => done = Some(*complete),
            CompletionChunk::Error(error) => panic!("{error:?}"),
            _ => {}
        }
    }
    done.unwrap()
}

/// Runs all in an order that `seed` decides, some beside requests that are given up, and holds each
/// to what it was alone.
fn hold_in_company(engine: &Engine, all: &[CompletionRequest], alone: &[Completion], seed: u64) {
    let mut dice = Dice(seed);
    let mut order: Vec<usize> = (0..all.len()).collect();
    for at in (1..order.len()).rev() {
        order.swap(at, dice.below(at + 1));
    }
    let mut streams = Vec::new();
    for index in order {
        if dice.below(4) == 0 {
            // One that nobody reads to its end.
            let mut left = engine.complete(all[dice.below(all.len())].clone());
            if dice.below(2) == 0 {
                let _ = left.next();
            }
        }
        streams.push((index, engine.complete(all[index].clone())));
    }
    for (index, stream) in streams {
        let (got, want) = (answer(stream), &alone[index]);
        assert_eq!(got.text, want.text, "request {index}, seed {seed}");
        assert_eq!(got.usage.completion_tokens, want.usage.completion_tokens);
        assert_eq!(got.usage.prompt_tokens, want.usage.prompt_tokens);
        assert!(got.usage.cached_tokens < got.usage.prompt_tokens);
    }
}

fn hold(path: &Path, count: usize, longest: usize, answer_tokens: usize, vocab: usize) {
    let all = requests(count, longest, answer_tokens, vocab);
    let one = engine(path, 1, |options| options.prefix_cache = false);
    let alone: Vec<Completion> =
        all.iter().map(|request| answer(one.complete(request.clone()))).collect();
    assert!(alone.iter().all(|done| done.usage.cached_tokens == 0));
    drop(one);
    for (seed, threads, sequences_max, prefill_chunk) in [(1, 2, 8, 32), (2, 1, 3, 256)] {
        let engine = engine(path, threads, |options| {
            options.sequences_max = sequences_max;
            options.prefill_chunk = prefill_chunk;
        });
        hold_in_company(&engine, &all, &alone, seed);
        let found = engine.stats().cached_tokens;
        assert!(found > 0, "they begin alike, and nothing was found");
        // What all of them left behind is there now.
        hold_in_company(&engine, &all, &alone, seed + 10);
        assert!(engine.stats().cached_tokens > found);
    }
}

#[test]
fn sixty_four_requests_side_by_side_get_the_answers_that_each_gets_alone() {
    for name in ["tiny-llama", "tiny-gemma3", "tiny-gpt-oss"] {
        hold(&tiny_model(name), 64, 300, 24, 512);
    }
}

#[test]
fn real_requests_side_by_side_get_the_answers_that_each_gets_alone() {
    let Some(path) = real_model("SmolLM2-135M-Instruct.Q4_1.gguf") else { return };
    hold(&path, 64, 90, 6, 40_000);
}

/// The next turn of a conversation finds all of the one before but its last token.
#[test]
fn what_one_request_computed_the_next_one_finds() {
    let path = tiny_model("tiny-llama");
    let kept = engine(&path, 2, |_| {});
    let fresh = engine(&path, 2, |options| options.prefix_cache = false);
    let ids: Vec<u32> = (0..300).map(|i| 10 + (i * 13) % 400).collect();
    let ask = |len: usize| {
        let mut request = CompletionRequest::ids(&ids[..len]).max_tokens(20);
        request.ignore_eos = true;
        request.sampling(SamplingParams::greedy())
    };
    let first = answer(kept.complete(ask(200)));
    assert_eq!((first.usage.prompt_tokens, first.usage.cached_tokens), (200, 0));
    for (len, cached) in [(200, 199), (300, 200), (150, 149), (300, 299), (129, 128), (1, 0)] {
        let again = answer(kept.complete(ask(len)));
        assert_eq!((again.usage.prompt_tokens, again.usage.cached_tokens), (len, cached), "{len}");
        let alone = answer(fresh.complete(ask(len)));
        assert_eq!((again.text, alone.usage.cached_tokens), (alone.text, 0), "{len}");
    }
    let stats = kept.stats();
    assert_eq!(stats.cached_tokens, 199 + 200 + 149 + 299 + 128);
}

/// Of requests that come at once and begin alike, one computes the beginning and the others wait
/// for it.
#[test]
fn what_many_begin_with_is_computed_once() {
    let path = tiny_model("tiny-llama");
    let engine = engine(&path, 2, |options| {
        options.sequences_max = 8;
        options.prefill_chunk = 64;
    });
    let shared: Vec<u32> = (0..300).map(|i| 10 + (i * 13) % 400).collect();
    let streams: Vec<_> = (0..20)
        .map(|own| {
            let prompt: Vec<u32> = shared.iter().copied().chain([5, 6 + own, 7]).collect();
            let mut request = CompletionRequest::ids(prompt).max_tokens(4);
            request.ignore_eos = true;
            engine.complete(request)
        })
        .collect();
    let computed: Vec<usize> = streams
        .into_iter()
        .map(|stream| answer(stream).usage)
        .map(|usage| usage.prompt_tokens - usage.cached_tokens)
        .collect();
    assert_eq!(computed[0], 303);
    // Two blocks of 128 are whole; what lies in the third is each one's own, until one has left.
    assert!(computed[1..].iter().all(|computed| *computed <= 303 - 256), "{computed:?}");
}

/// Memory for two requests at their end, and eight that run: some give way, and are computed again.
#[test]
fn requests_that_give_way_get_the_answers_that_each_gets_alone() {
    let path = tiny_model("tiny-llama");
    let one = engine(&path, 1, |_| {});
    let block = one.model_spec().kv_bytes_per_token * KV_BLOCK_TOKENS as u64;
    let ask = |own: u32| {
        let prompt: Vec<u32> = (0..100).map(|i| 10 + (i * (13 + own)) % 400).collect();
        let mut request = CompletionRequest::ids(prompt).max_tokens(200);
        request.ignore_eos = true;
        request.sampling(SamplingParams { seed: Some(u64::from(own)), ..SamplingParams::default() })
    };
    let alone: Vec<Completion> = (0..8).map(|own| answer(one.complete(ask(own)))).collect();
    for (blocks, prefix_cache) in [(5, true), (5, false), (8, true)] {
        let engine = engine(&path, 2, |options| {
            options.sequences_max = 8;
            options.kv_bytes = Some(blocks * block);
            options.prefix_cache = prefix_cache;
        });
        let answers: Vec<Completion> = std::thread::scope(|scope| {
            let streams: Vec<_> = (0..8).map(|own| engine.complete(ask(own))).collect();
            let readers: Vec<_> =
                streams.into_iter().map(|stream| scope.spawn(|| answer(stream))).collect();
            readers.into_iter().map(|reader| reader.join().unwrap()).collect()
        });
        for (got, want) in answers.iter().zip(&alone) {
            assert_eq!(got.text, want.text, "{blocks} blocks");
            assert_eq!(got.usage.completion_tokens, 200);
            assert_eq!(got.usage.prompt_tokens, 100);
        }
        let stats = engine.stats();
        assert!(stats.preemptions > 0, "{blocks} blocks were enough for all");
        assert_eq!((stats.active, stats.queued, stats.completed), (0, 0, 8));
    }
    let few = EngineOptions { kv_bytes: Some(3 * block), ..EngineOptions::default() };
    let refused = Engine::load(&path, &few, &mut |_| {}).unwrap_err();
    assert_eq!(refused.code(), "kv_bytes_too_few", "{refused}");
}
