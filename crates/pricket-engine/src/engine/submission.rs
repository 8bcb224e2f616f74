//! From a request to a sequence in the queue. All of it runs on the caller's thread.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use pricket_core::{CompletionRequest, EffectiveSampling, OneOrMany};
use pricket_tokenizer::StopMatcher;

use super::Engine;
use crate::clock::Clock;
use crate::emit::Emitter;
use crate::event::Event;
use crate::outlet::Outlet;
use crate::sampler::SamplerState;
use crate::schedule::Rank;
use crate::sequence::Sequence;
use crate::stop::StopRules;
use crate::{EngineError, limits};

/// A request that was found good.
struct Accepted {
    tokens: Vec<u32>,
    sampling: EffectiveSampling,
    sampler_state: SamplerState,
    stop_texts: Vec<String>,
    matcher: StopMatcher,
}

impl Engine {
    /// Checks a request, encodes it, and hands it to the engine's thread; or tells its reader why
    /// not.
    pub(super) fn submit(&self, request: &CompletionRequest, mut outlet: Outlet) {
        let clock = Clock::new();
        let accepted = self.accept(request).and_then(|accepted| {
            outlet.enqueue(self.queue_len_max)?;
            Ok(accepted)
        });
        match accepted {
            Ok(accepted) => {
                let sequence = Box::new(self.sequence(request, accepted, clock, outlet));
                // There is a place (`enqueue`). Where the thread is gone, dropping the sequence
                // tells its reader.
                if self.inbox.try_send(Event::Submit(sequence)).is_ok() {
                    self.waker.unpark();
                }
            }
            Err(error) => outlet.fail(&error),
        }
    }

    /// Refuses what a request may not ask.
    fn accept(&self, request: &CompletionRequest) -> Result<Accepted, EngineError> {
        request.sampling.validate()?;
        if request.max_tokens == Some(0) {
            return Err(EngineError::MaxTokensZero);
        }
        if let Some(count) = request.logprobs.filter(|&count| count > limits::LOGPROBS_MAX) {
            return Err(EngineError::LogprobsTooMany { count, max: limits::LOGPROBS_MAX });
        }
        let stop_texts: Vec<String> =
            request.stop.iter().flat_map(OneOrMany::iter).cloned().collect();
        if stop_texts.len() > limits::STOP_TEXTS_MAX {
            let count = stop_texts.len();
            return Err(EngineError::StopTextsTooMany { count, max: limits::STOP_TEXTS_MAX });
        }
        let fits = 1..=limits::STOP_TEXT_BYTES_MAX;
        if let Some(text) = stop_texts.iter().find(|text| !fits.contains(&text.len())) {
            let max = limits::STOP_TEXT_BYTES_MAX;
            return Err(EngineError::StopTextLength { bytes: text.len(), max });
        }
        let sampling = self.sampling.overlaid(&request.sampling).effective(fresh_seed());
        self.check_ids(&sampling)?;
        Ok(Accepted {
            tokens: self.encode(request)?,
            sampler_state: self.sampler_state(&sampling)?,
            sampling,
            matcher: StopMatcher::new(stop_texts.clone())?,
            stop_texts,
        })
    }

    /// Refuses to ban or favour tokens that the model does not have.
    fn check_ids(&self, sampling: &EffectiveSampling) -> Result<(), EngineError> {
        let vocab_size = self.spec.vocab_size;
        let biased = sampling.logit_bias.as_slice().iter().map(|&(id, _)| id);
        let mut ids = biased.chain(sampling.bad_words.iter().flatten().copied());
        match ids.find(|&id| id as usize >= vocab_size) {
            Some(id) => Err(EngineError::TokenOutOfVocabulary { id, vocab_size }),
            None => Ok(()),
        }
    }

    /// What sampling remembers. The vocabulary is searched for breakers only where DRY is on.
    fn sampler_state(&self, sampling: &EffectiveSampling) -> Result<SamplerState, EngineError> {
        let state = SamplerState::new(sampling);
        if sampling.dry_multiplier == 0.0 {
            return Ok(state);
        }
        Ok(state.with_breakers(self.text.breakers(&sampling.dry_sequence_breakers)?))
    }

    /// The prompt's ids: at least one, all in the vocabulary, with room for an answer behind them.
    fn encode(&self, request: &CompletionRequest) -> Result<Vec<u32>, EngineError> {
        let tokens = self.text.encode(request)?;
        let vocab_size = self.spec.vocab_size;
        if tokens.is_empty() {
            return Err(EngineError::PromptEmpty);
        }
        if let Some(&id) = tokens.iter().find(|&&id| id as usize >= vocab_size) {
            return Err(EngineError::TokenOutOfVocabulary { id, vocab_size });
        }
        if tokens.len() >= self.context {
            let prompt_tokens = tokens.len();
            return Err(EngineError::ContextExceeded { prompt_tokens, context: self.context });
        }
        Ok(tokens)
    }

    /// Lays out everything that the request needs until its last token.
    fn sequence(
        &self,
        request: &CompletionRequest,
        accepted: Accepted,
        clock: Clock,
        outlet: Outlet,
    ) -> Sequence {
        let Accepted { mut tokens, sampling, sampler_state, stop_texts, matcher } = accepted;
        let prompt_len = tokens.len();
        let stop = StopRules {
            end_ids: if request.ignore_eos { Arc::new([]) } else { Arc::clone(&self.end_ids) },
            answer_tokens_max: request.max_tokens,
            context: self.context,
        };
        let reserved = stop.answer_len_max(prompt_len).min(limits::RESERVE_TOKENS_MAX);
        tokens.reserve_exact(reserved);
        let text_bytes = reserved * limits::RESERVE_BYTES_PER_TOKEN;
        Sequence {
            tokens,
            prompt_len,
            sampler_state: sampler_state.with_answer(prompt_len, Arc::clone(&stop.end_ids)),
            sampling,
            logprobs: request.logprobs,
            stop,
            stop_texts,
            emitter: Emitter::new(self.text.detokenizer(), matcher, text_bytes, outlet),
            clock,
            span: tracing::info_span!(
                "request",
                correlation_id = %request.correlation_id,
                prompt_tokens = prompt_len
            ),
            rank: Rank::new(0, 0, 0, 0),
            computed: 0,
            reached: 0,
            preemptions: 0,
            stalled: None,
            found: 0,
            cached_as: None,
            failed: false,
        }
    }
}

/// A seed for a request that sets none: the random keys of the standard library's hash maps.
fn fresh_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}
