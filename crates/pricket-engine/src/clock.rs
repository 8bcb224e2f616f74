//! The times of one request, measured.

use std::time::{Duration, Instant};

use pricket_core::Timings;

/// When things happened.
#[derive(Debug)]
pub(crate) struct Clock {
    submitted: Instant,
    started: Option<Instant>,
    prefill: Duration,
    first_token: Option<Instant>,
    latest_token: Option<Instant>,
}

impl Clock {
    /// A clock that starts at submission, now.
    pub(crate) fn new() -> Self {
        Self {
            submitted: Instant::now(),
            started: None,
            prefill: Duration::ZERO,
            first_token: None,
            latest_token: None,
        }
    }

    /// Milliseconds from `began` to the submission.
    pub(crate) fn submitted_ms(&self, began: Instant) -> u64 {
        // 2^64 milliseconds are half a billion years.
        self.submitted.saturating_duration_since(began).as_millis() as u64
    }

    /// The first step begins.
    pub(crate) fn start(&mut self) {
        self.started.get_or_insert_with(Instant::now);
    }

    /// A forward pass held a part of the prompt.
    pub(crate) fn prefilled(&mut self, took: Duration) {
        self.prefill += took;
    }

    /// A token was sampled.
    pub(crate) fn token(&mut self) {
        let now = Instant::now();
        self.first_token.get_or_insert(now);
        self.latest_token = Some(now);
    }

    /// The times so far.
    pub(crate) fn timings(&self) -> Timings {
        let since_submission = |at: Option<Instant>| {
            at.map_or(0.0, |at| milliseconds(at.saturating_duration_since(self.submitted)))
        };
        let decode = match (self.first_token, self.latest_token) {
            (Some(first), Some(latest)) => latest.saturating_duration_since(first),
            _ => Duration::ZERO,
        };
        Timings {
            queue_ms: since_submission(self.started),
            prefill_ms: milliseconds(self.prefill),
            decode_ms: milliseconds(decode),
            first_token_ms: since_submission(self.first_token),
            total_ms: milliseconds(self.submitted.elapsed()),
        }
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
