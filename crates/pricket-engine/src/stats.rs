//! What the engine has done, counted without locks.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use pricket_core::{Completion, Usage};
use pricket_simd::Kernels;
use serde::Serialize;

/// A snapshot of the engine's counters. At rest `total = completed + failed + cancelled`, and
/// `queued` and `active` are 0. Each counter is exact; between two of them a request may have moved
/// on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EngineStats {
    /// Requests submitted, those refused included.
    pub total: u64,
    /// Requests that wait for their first step.
    pub queued: usize,
    /// Requests that are running.
    pub active: usize,
    /// Requests that ended with a `Complete` chunk.
    pub completed: u64,
    /// Requests that ended with an `Error` chunk, those refused included.
    pub failed: u64,
    /// Requests whose reader left before the end.
    pub cancelled: u64,
    /// Prompt tokens that went through the model, those of requests that did not end well included.
    pub prompt_tokens: u64,
    /// Of them, those whose keys and values were found and not computed again.
    pub cached_tokens: u64,
    /// Tokens generated, those that nobody read to the end included.
    pub completion_tokens: u64,
    /// Steps: forward passes over a batch.
    pub steps: u64,
    /// How often a running request had to give its place and its memory to others.
    pub preemptions: u64,
    /// Time in forward passes that held a part of a prompt, in milliseconds.
    pub prefill_ms: f64,
    /// Time in forward passes that held none, in milliseconds.
    pub decode_ms: f64,
    /// Requests that ended well and had a first token.
    pub first_tokens: u64,
    /// From submission to the first token, summed over them, in milliseconds.
    pub first_token_ms: f64,
    /// Bytes that keys and values occupied after the latest step.
    pub kv_bytes: u64,
    /// Calls of the SIMD matrix kernels, one for each thread's part of a product. The kernels are
    /// the process's: those of other engines in it, since this one was made or its sums were set
    /// back, are among them.
    pub simd_ops: u64,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Completed,
    Failed,
    Cancelled,
}

/// The counters. Each is a number of its own: nobody reads one to decide about another, so no
/// ordering is needed but that of each.
///
/// The SIMD operations are counted by the kernels; here is what they had counted at the start.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    total: AtomicU64,
    queued: AtomicUsize,
    active: AtomicUsize,
    completed: AtomicU64,
    failed: AtomicU64,
    cancelled: AtomicU64,
    prompt_tokens: AtomicU64,
    cached_tokens: AtomicU64,
    completion_tokens: AtomicU64,
    steps: AtomicU64,
    preemptions: AtomicU64,
    prefill_ns: AtomicU64,
    decode_ns: AtomicU64,
    first_tokens: AtomicU64,
    first_token_ns: AtomicU64,
    kv_bytes: AtomicU64,
    simd_ops_before: AtomicU64,
}

impl Stats {
    /// Nothing counted yet.
    pub(crate) fn new() -> Self {
        Self { simd_ops_before: AtomicU64::new(simd_ops()), ..Self::default() }
    }

    /// A request arrived.
    pub(crate) fn arrive(&self) {
        self.total.fetch_add(1, Relaxed);
    }

    /// A request takes a place in the queue; false where all `queue_len_max` are taken.
    pub(crate) fn enqueue(&self, queue_len_max: usize) -> bool {
        let more = |queued: usize| (queued < queue_len_max).then_some(queued + 1);
        self.queued.fetch_update(Relaxed, Relaxed, more).is_ok()
    }

    /// A request leaves the queue for its first step.
    pub(crate) fn start(&self) {
        self.active.fetch_add(1, Relaxed);
        self.queued.fetch_sub(1, Relaxed);
    }

    /// A waiting request is given up.
    pub(crate) fn leave_queue(&self) {
        self.queued.fetch_sub(1, Relaxed);
    }

    /// A running request is over.
    pub(crate) fn leave_active(&self) {
        self.active.fetch_sub(1, Relaxed);
    }

    /// A request ended.
    pub(crate) fn settle(&self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Completed => &self.completed,
            Outcome::Failed => &self.failed,
            Outcome::Cancelled => &self.cancelled,
        };
        counter.fetch_add(1, Relaxed);
    }

    /// Tokens of one request, however it ended.
    pub(crate) fn count_tokens(&self, usage: &Usage) {
        self.prompt_tokens.fetch_add(usage.prompt_tokens as u64, Relaxed);
        self.cached_tokens.fetch_add(usage.cached_tokens as u64, Relaxed);
        self.completion_tokens.fetch_add(usage.completion_tokens as u64, Relaxed);
    }

    /// Tokens of a request that ended well, and how long its reader waited for the first.
    pub(crate) fn count_completion(&self, completion: &Completion) {
        let Completion { usage, timings, .. } = completion;
        self.count_tokens(usage);
        if usage.completion_tokens > 0 {
            self.first_tokens.fetch_add(1, Relaxed);
            self.first_token_ns.fetch_add((timings.first_token_ms * 1e6) as u64, Relaxed);
        }
    }

    /// A forward pass.
    pub(crate) fn count_step(&self, took: Duration, holds_prompt: bool, kv_bytes: u64) {
        // 2^64 nanoseconds are 584 years.
        let took = took.as_nanos() as u64;
        self.steps.fetch_add(1, Relaxed);
        let time = if holds_prompt { &self.prefill_ns } else { &self.decode_ns };
        time.fetch_add(took, Relaxed);
        self.kv_bytes.store(kv_bytes, Relaxed);
    }

    /// A running request gave way.
    pub(crate) fn count_preemption(&self) {
        self.preemptions.fetch_add(1, Relaxed);
    }

    /// Sets the sums back to 0, and leaves what is counted up and down.
    pub(crate) fn reset(&self) {
        for sum in [
            &self.total,
            &self.completed,
            &self.failed,
            &self.cancelled,
            &self.prompt_tokens,
            &self.cached_tokens,
            &self.completion_tokens,
            &self.steps,
            &self.preemptions,
            &self.prefill_ns,
            &self.decode_ns,
            &self.first_tokens,
            &self.first_token_ns,
        ] {
            sum.store(0, Relaxed);
        }
        self.simd_ops_before.store(simd_ops(), Relaxed);
    }

    pub(crate) fn snapshot(&self) -> EngineStats {
        EngineStats {
            total: self.total.load(Relaxed),
            queued: self.queued.load(Relaxed),
            active: self.active.load(Relaxed),
            completed: self.completed.load(Relaxed),
            failed: self.failed.load(Relaxed),
            cancelled: self.cancelled.load(Relaxed),
            prompt_tokens: self.prompt_tokens.load(Relaxed),
            cached_tokens: self.cached_tokens.load(Relaxed),
            completion_tokens: self.completion_tokens.load(Relaxed),
            steps: self.steps.load(Relaxed),
            preemptions: self.preemptions.load(Relaxed),
            prefill_ms: self.prefill_ns.load(Relaxed) as f64 / 1e6,
            decode_ms: self.decode_ns.load(Relaxed) as f64 / 1e6,
            first_tokens: self.first_tokens.load(Relaxed),
            first_token_ms: self.first_token_ns.load(Relaxed) as f64 / 1e6,
            kv_bytes: self.kv_bytes.load(Relaxed),
            simd_ops: simd_ops().saturating_sub(self.simd_ops_before.load(Relaxed)),
        }
    }
}

/// What the kernels of all levels have counted since the program started.
fn simd_ops() -> u64 {
    Kernels::available().map(Kernels::matmuls).sum()
}

impl EngineStats {
    /// From submission to the first token, on average, in milliseconds; `None` before the first.
    pub fn mean_first_token_ms(&self) -> Option<f64> {
        (self.first_tokens > 0).then(|| self.first_token_ms / self.first_tokens as f64)
    }

    /// The counters as Prometheus' text format has them, under the name `pricket_engine_*`.
    pub fn to_prometheus(&self) -> String {
        let rows: [(&str, &str, f64); 15] = [
            ("requests_total", "counter", self.total as f64),
            ("requests_queued", "gauge", self.queued as f64),
            ("requests_active", "gauge", self.active as f64),
            ("requests_completed_total", "counter", self.completed as f64),
            ("requests_failed_total", "counter", self.failed as f64),
            ("requests_cancelled_total", "counter", self.cancelled as f64),
            ("prompt_tokens_total", "counter", self.prompt_tokens as f64),
            ("cached_tokens_total", "counter", self.cached_tokens as f64),
            ("completion_tokens_total", "counter", self.completion_tokens as f64),
            ("steps_total", "counter", self.steps as f64),
            ("preemptions_total", "counter", self.preemptions as f64),
            ("prefill_seconds_total", "counter", self.prefill_ms / 1e3),
            ("decode_seconds_total", "counter", self.decode_ms / 1e3),
            ("kv_bytes", "gauge", self.kv_bytes as f64),
            ("simd_ops_total", "counter", self.simd_ops as f64),
        ];
        let mut text = String::new();
        for (name, kind, value) in rows {
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "# TYPE pricket_engine_{name} {kind}");
            let _ = writeln!(text, "pricket_engine_{name} {value}");
        }
        let (name, seconds) = ("pricket_engine_first_token_seconds", self.first_token_ms / 1e3);
        let _ = writeln!(text, "# TYPE {name} summary");
        let _ = writeln!(text, "{name}_sum {seconds}");
        let _ = writeln!(text, "{name}_count {}", self.first_tokens);
        text
    }
}
