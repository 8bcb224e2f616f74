//! The hot path: one step for every sequence in the plan.

use std::time::Instant;

use pricket_models::KV_BLOCK_TOKENS;

use crate::EngineError;
use crate::containment::contained;
use crate::schedule::Share;
use crate::worker::Worker;

impl Worker {
    /// Plan, forward, sample, emit, retire. A failure ends the sequence that it belongs to: where a
    /// pass over several fails, each runs alone, and only the culprit fails again.
    pub(crate) fn step(&mut self) {
        let plan = std::mem::take(&mut self.plan);
        if let Err(error) = self.run_batch(&plan.shares) {
            let alone = plan.shares.len() == 1;
            for share in &plan.shares {
                let again = if alone { None } else { self.run_batch(&[*share]).err() };
                let failed = if alone { Some(&error) } else { again.as_ref() };
                if let (Some(error), Some(sequence)) = (failed, self.running.get_mut(share.index)) {
                    sequence.fail(error);
                }
            }
        }
        self.plan = plan;
        self.retire();
    }

    /// One forward pass for these shares, and one more token for those whose tokens all ran.
    fn run_batch(&mut self, plan: &[Share]) -> Result<(), EngineError> {
        let Self { model, cache, prefixes, blocks, running, batch, logits, sampler, .. } = self;
        let (stats, budget) = (&self.stats, &mut self.budget);

        // Plan: which tokens of whom.
        batch.clear();
        let (mut decoding, mut prompt_tokens) = (0, 0);
        for share in plan {
            if let Some(sequence) = running.get(share.index) {
                let tokens = sequence.enter(batch, share.tokens);
                if sequence.is_prefilling() {
                    prompt_tokens += tokens;
                } else {
                    decoding += 1;
                }
            }
        }

        // Room: what is kept for later requests gives way.
        let missing = cache.blocks_wanted(batch).saturating_sub(cache.blocks_free());
        if let (true, Some(prefixes)) = (missing > 0, &mut *prefixes) {
            prefixes.evict(missing, cache);
        }

        // Forward: logits is (rows, vocab_size), a row for each sequence whose tokens all ran.
        let began = Instant::now();
        {
            let _phase = tracing::trace_span!("forward", tokens = batch.tokens().len()).entered();
            contained(|| model.forward(batch, cache, logits))?;
        }
        let took = began.elapsed();
        stats.count_step(took, prompt_tokens > 0, cache.bytes());
        budget.record(decoding, prompt_tokens, took);

        // Sample and emit: each sequence for itself, and each failure its own.
        let mut row = 0;
        for share in plan {
            let Some(sequence) = running.get_mut(share.index) else { continue };
            let prefilling = sequence.is_prefilling();
            let whole = sequence.advance(share.tokens, took);
            if prefilling {
                // Others that begin alike need not wait for the answer's end.
                let known = sequence.computed - sequence.computed % KV_BLOCK_TOKENS;
                Self::remember(prefixes, cache, blocks, sequence, known);
            }
            if !whole {
                continue;
            }
            let extended = contained(|| sequence.extend(logits.row_mut(row), sampler));
            row += 1;
            if let Err(error) = extended {
                sampler.reset();
                sequence.fail(&error);
            }
        }
        Ok(())
    }
}
