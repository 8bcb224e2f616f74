//! One request on its way through the model.

use std::time::{Duration, Instant};

use pricket_core::{Completion, EffectiveSampling, FinishReason, Usage};
use pricket_models::{Batch, KV_BLOCK_TOKENS, KvCache, LogitsWanted, SequenceId};
use tracing::Span;

use crate::EngineError;
use crate::clock::Clock;
use crate::emit::Emitter;
use crate::sampler::{Sampler, SamplerState};
use crate::schedule::{Rank, Running, Waiting};
use crate::stop::{Finish, StopRules};

/// A request: its tokens, how it is sampled, when it ends, and where its text goes.
pub(crate) struct Sequence {
    /// The prompt, then the answer.
    pub(crate) tokens: Vec<u32>,
    pub(crate) prompt_len: usize,
    pub(crate) sampling: EffectiveSampling,
    pub(crate) sampler_state: SamplerState,
    /// How many alternatives are reported beside each token.
    pub(crate) logprobs: Option<usize>,
    pub(crate) stop: StopRules,
    pub(crate) stop_texts: Vec<String>,
    pub(crate) emitter: Emitter,
    pub(crate) clock: Clock,
    pub(crate) span: Span,
    /// Its place in the order, from the queue on.
    pub(crate) rank: Rank,
    /// How many of the tokens are in the cache.
    pub(crate) computed: usize,
    /// The most that were ever in the cache.
    pub(crate) reached: usize,
    /// How often it had to give way.
    pub(crate) preemptions: usize,
    /// Since when its reader's stream has had no room.
    pub(crate) stalled: Option<Instant>,
    /// How many of the prompt's tokens were found in the cache.
    pub(crate) found: usize,
    /// The cache's name for it, from the first step on.
    pub(crate) cached_as: Option<SequenceId>,
    /// Whether it ended with an error.
    pub(crate) failed: bool,
}

impl Sequence {
    /// Whether nobody reads any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.emitter.outlet().is_abandoned()
    }

    /// Whether nothing is left to do.
    pub(crate) fn is_over(&self) -> bool {
        self.emitter.outlet().is_ended() || self.is_abandoned()
    }

    /// Begins to run under a name in the cache.
    pub(crate) fn start(&mut self, cached_as: SequenceId) {
        self.cached_as = Some(cached_as);
        self.clock.start();
        self.emitter.outlet_mut().start();
    }

    /// Begins behind the first `len` tokens, which the cache holds already.
    pub(crate) fn adopt(&mut self, len: usize) {
        self.computed = len;
        self.reached = self.reached.max(len);
        if self.preemptions == 0 {
            self.found = len.min(self.prompt_len);
        }
    }

    /// Gives its place back, and gives the cache's name for it.
    pub(crate) fn give_way(&mut self) -> Option<SequenceId> {
        self.computed = 0;
        self.preemptions += 1;
        self.cached_as.take()
    }

    /// Whether a part of the prompt is still to run, or of what a sequence that gave way had
    /// computed.
    pub(crate) fn is_prefilling(&self) -> bool {
        self.tokens.len() == self.prompt_len || self.pending() > 1
    }

    /// Tokens that are not in the cache.
    fn pending(&self) -> usize {
        self.tokens.len() - self.computed
    }

    /// Whether its reader's stream has room for what a step may send.
    pub(crate) fn has_room(&self) -> bool {
        self.emitter.outlet().has_room()
    }

    /// Its tokens but for the last, which runs in any case: its logits are wanted.
    pub(crate) fn wanted(&self) -> &[u32] {
        self.tokens.split_last().map_or(&[], |(_, wanted)| wanted)
    }

    /// How many tokens, in whole blocks, another request could take over once this one's prompt has
    /// run that far; 0 where it has.
    pub(crate) fn coming_for(&self, other: &Self) -> usize {
        if !self.is_prefilling() {
            return 0;
        }
        let pairs = self.tokens.iter().zip(other.wanted());
        let common = pairs.take_while(|(a, b)| a == b).count();
        let blocks = common - common % KV_BLOCK_TOKENS;
        if self.computed < blocks { blocks } else { 0 }
    }

    /// What the scheduler sees of it while it runs.
    pub(crate) fn running(&mut self, cache: &KvCache, now: Instant) -> Running {
        self.stalled = if self.has_room() { None } else { self.stalled.or(Some(now)) };
        let blocks = self.cached_as.map_or(&[][..], |id| cache.blocks(id));
        let sole = blocks.iter().filter(|block| cache.block_sequences(**block) == 1);
        Running {
            rank: self.rank,
            computed: self.computed,
            pending: self.pending(),
            decoding: !self.is_prefilling(),
            // 2^64 milliseconds are half a billion years.
            stalled_ms: self.stalled.map(|since| now.duration_since(since).as_millis() as u64),
            blocks: blocks.len(),
            blocks_sole: sole.count(),
        }
    }

    /// What the scheduler sees of it while it waits, where its first `cached` tokens are known, in
    /// blocks of which so many whole ones nobody holds.
    pub(crate) fn waiting(&self, cached: usize, cached_blocks_idle: usize) -> Waiting {
        Waiting { rank: self.rank, tokens: self.tokens.len(), cached, cached_blocks_idle }
    }

    /// Adds its next `share` tokens to a batch, and tells how many there were. Logits are wanted of
    /// the last token that there is.
    pub(crate) fn enter(&self, batch: &mut Batch, share: usize) -> usize {
        let share = share.min(self.pending());
        let end = self.computed + share;
        let wanted = if end == self.tokens.len() { LogitsWanted::Last } else { LogitsWanted::None };
        if let (Some(id), Some(tokens)) = (self.cached_as, self.tokens.get(self.computed..end)) {
            batch.push(id, self.computed, tokens, wanted);
        }
        share
    }

    /// A forward pass ran its next `share` tokens. Tells whether the next token is to be sampled.
    pub(crate) fn advance(&mut self, share: usize, took: Duration) -> bool {
        if self.is_prefilling() {
            self.clock.prefilled(took);
        }
        self.computed += share.min(self.pending());
        self.reached = self.reached.max(self.computed);
        self.pending() == 0
    }

    /// Samples the next token, emits its text, and ends the answer where it is to end.
    pub(crate) fn extend(
        &mut self,
        logits: &mut [f32],
        sampler: &mut Sampler,
    ) -> Result<(), EngineError> {
        let span = self.span.clone();
        let _entered = span.enter();

        // Sample.
        let (id, logprob) = {
            let _phase = tracing::trace_span!("sample").entered();
            let (tokens, sampling) = (&self.tokens, &self.sampling);
            let state = &mut self.sampler_state;
            match self.logprobs {
                None => (sampler.sample(logits, tokens, sampling, state)?, None),
                Some(top) => {
                    let found =
                        sampler.sample_with_logprobs(logits, tokens, sampling, state, top)?;
                    (found.id, Some(found))
                }
            }
        };
        self.tokens.push(id);
        self.clock.token();
        if self.stop.is_end(id) {
            return self.complete(Finish::by(FinishReason::Stop));
        }

        // Emit.
        let _phase = tracing::trace_span!("emit").entered();
        if let Some(index) = self.emitter.push(id, logprob)? {
            return self.end(Finish::by_text(index));
        }
        match self.stop.length(self.answer_len(), self.tokens.len()) {
            Some(reason) => self.complete(Finish::by(reason)),
            None => Ok(()),
        }
    }

    /// Ends the request with an error.
    pub(crate) fn fail(&mut self, error: &EngineError) {
        let _entered = self.span.enter();
        self.failed = true;
        self.count_unless_ended();
        self.emitter.outlet_mut().fail(error);
    }

    /// It leaves, perhaps before its end: what it used is counted all the same.
    pub(crate) fn count_unless_ended(&self) {
        if !self.emitter.outlet().is_ended() {
            self.emitter.outlet().count_tokens(&self.usage());
        }
    }

    /// The tokens that went through the model, and those that came out of it.
    fn usage(&self) -> Usage {
        Usage {
            prompt_tokens: self.reached.min(self.prompt_len),
            cached_tokens: self.found,
            completion_tokens: self.answer_len(),
        }
    }

    fn answer_len(&self) -> usize {
        self.tokens.len() - self.prompt_len
    }

    /// Emits what was held back, and ends the answer.
    fn complete(&mut self, finish: Finish) -> Result<(), EngineError> {
        let finish = self.emitter.finish()?.map_or(finish, Finish::by_text);
        self.end(finish)
    }

    /// Sends the terminal chunk.
    #[allow(clippy::unnecessary_wraps, reason = "it ends functions that can fail")]
    fn end(&mut self, finish: Finish) -> Result<(), EngineError> {
        let usage = self.usage();
        let timings = self.clock.timings();
        tracing::info!(
            reason = ?finish.reason,
            prompt_tokens = usage.prompt_tokens,
            completion_tokens = usage.completion_tokens,
            first_token_ms = timings.first_token_ms,
            total_ms = timings.total_ms,
            "request complete"
        );
        let stop = finish.stop_text.and_then(|index| self.stop_texts.get(index)).cloned();
        let text = self.emitter.take_text();
        let sampling = self.sampling.clone();
        let finish_reason = finish.reason;
        let completion = Completion { text, finish_reason, stop, usage, timings, sampling };
        self.emitter.outlet_mut().complete(completion);
        Ok(())
    }
}
