//! What sampling remembers of one request.

use std::sync::Arc;

use pricket_core::EffectiveSampling;

use super::Rng;

/// What breaks DRY's sequences, as token ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breakers {
    /// Tokens that break by themselves, by rising id.
    singles: Arc<[u32]>,
    /// Tokens that break where they follow each other.
    sequences: Arc<[Vec<u32>]>,
}

impl Breakers {
    /// Breakers of single tokens, and of sequences of two or more; shorter sequences are passed
    /// over.
    pub fn new(mut singles: Vec<u32>, mut sequences: Vec<Vec<u32>>) -> Self {
        singles.sort_unstable();
        singles.dedup();
        sequences.retain(|sequence| sequence.len() > 1);
        Self { singles: singles.into(), sequences: sequences.into() }
    }

    /// Whether a token breaks by itself.
    pub(super) fn is_single(&self, id: u32) -> bool {
        self.singles.binary_search(&id).is_ok()
    }

    /// How many tokens stand behind the last breaker of a text; all of them where there is none.
    pub(super) fn run_len(&self, history: &[u32]) -> usize {
        let ends_here = |end: &usize| {
            let text = history.get(..*end).unwrap_or_default();
            let single = text.last().is_some_and(|&id| self.is_single(id));
            single || self.sequences.iter().any(|sequence| text.ends_with(sequence))
        };
        let last = (1..=history.len()).rev().find(ends_here);
        history.len() - last.unwrap_or(0)
    }
}

/// What sampling remembers of one request, and what it must know of it: the random numbers,
/// Mirostat's bound, where the answer begins, and which tokens end it.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplerState {
    pub(super) rng: Rng,
    /// The largest surprise that Mirostat lets pass, in bits.
    pub(super) mirostat_bound: f64,
    pub(super) breakers: Breakers,
    pub(super) end_ids: Arc<[u32]>,
    pub(super) prompt_len: usize,
}

impl SamplerState {
    /// The state before a request's first token: the numbers of its seed, and Mirostat's bound at
    /// twice its target, where its authors begin. The prompt is empty, nothing breaks DRY's
    /// sequences, and no token ends the answer.
    pub fn new(params: &EffectiveSampling) -> Self {
        Self {
            rng: Rng::new(params.seed),
            mirostat_bound: 2.0 * f64::from(params.mirostat_tau),
            breakers: Breakers::default(),
            end_ids: Arc::new([]),
            prompt_len: 0,
        }
    }

    /// The same with what breaks DRY's sequences.
    #[must_use]
    pub fn with_breakers(mut self, breakers: Breakers) -> Self {
        self.breakers = breakers;
        self
    }

    /// The same with an answer that begins behind `prompt_len` tokens and that `end_ids` end: what
    /// the minimum of tokens needs.
    #[must_use]
    pub fn with_answer(mut self, prompt_len: usize, end_ids: Arc<[u32]>) -> Self {
        self.prompt_len = prompt_len;
        self.end_ids = end_ids;
        self
    }

    /// The largest surprise that Mirostat lets pass, in bits.
    pub fn mirostat_bound(&self) -> f64 {
        self.mirostat_bound
    }
}
