//! Which experts tokens take, and with which weights.
//!
//! A token's choice depends on its own logits alone. Among equals the expert of the lower number is
//! chosen; what is no number is chosen last.

use pricket_simd::Kernels;

use crate::ModelError;
use crate::blueprint::{Blueprint, ExpertsPlan, GroupsPlan, Scoring};
use crate::memory::reserve;

/// Keeps a sum of scores that all vanish from dividing by zero, as `DeepSeek`'s own code does.
const SUM_MIN: f32 = 1e-20;

/// A token that takes an expert, and what it multiplies the expert's answer with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Taken {
    pub(super) token: usize,
    pub(super) weight: f32,
}

/// The choices of some tokens, and the buffers that they are made in.
#[derive(Debug, Default)]
pub(crate) struct Routing {
    /// The router's logits, then scores: (tokens, experts).
    pub(super) logits: Vec<f32>,
    /// What the shared experts' answer is multiplied with: (tokens).
    pub(super) shared: Vec<f32>,
    /// Scores of one token as they are compared.
    compared: Vec<f32>,
    group_scores: Vec<f32>,
    /// What may still be chosen: experts, and groups.
    open: Vec<bool>,
    open_groups: Vec<bool>,
    /// The experts of one token after the other, each token's in rising order, with their weights.
    chosen: Vec<(usize, f32)>,
    /// Where the rows of each expert begin, and where those of the last one end.
    starts: Vec<usize>,
    /// The rows of one expert after the other, each expert's in the order of tokens.
    taken: Vec<Taken>,
}

impl Routing {
    /// Makes room for `tokens` tokens of any layer.
    pub(super) fn lay_out(&mut self, b: &Blueprint, tokens: usize) -> Result<(), ModelError> {
        let widest = |of: fn(&ExpertsPlan) -> usize| {
            b.widest(|layer| layer.ffn.experts.as_ref().map_or(0, of))
        };
        let (count, chosen) = (widest(|e| e.count), widest(|e| e.chosen));
        let groups = widest(|e| e.groups.map_or(0, |groups| groups.count));
        if count == 0 {
            return Ok(());
        }
        reserve(&mut self.logits, tokens * count)?;
        reserve(&mut self.shared, tokens)?;
        reserve(&mut self.compared, count)?;
        reserve(&mut self.open, count)?;
        reserve(&mut self.group_scores, groups)?;
        reserve(&mut self.open_groups, groups)?;
        reserve(&mut self.chosen, tokens * chosen)?;
        reserve(&mut self.starts, count + 1)?;
        reserve(&mut self.taken, tokens * chosen)
    }

    /// Bytes that a token takes here.
    pub(super) fn token_bytes(plan: &ExpertsPlan) -> usize {
        let choice = size_of::<(usize, f32)>() + size_of::<Taken>();
        size_of::<f32>() * (plan.count + 1) + choice * plan.chosen
    }

    /// Chooses for every token whose logits stand in `logits`.
    pub(super) fn choose(&mut self, kernels: &Kernels, plan: &ExpertsPlan, bias: Option<&[f32]>) {
        let mut logits = std::mem::take(&mut self.logits);
        self.chosen.clear();
        for scores in logits.chunks_exact_mut(plan.count) {
            score(kernels, plan.scoring, scores);
            self.choose_for(plan, bias, scores);
        }
        self.logits = logits;
        self.sort(plan);
    }

    /// The tokens that take an expert.
    pub(super) fn rows(&self, expert: usize) -> &[Taken] {
        let (start, end) = (self.starts.get(expert), self.starts.get(expert + 1));
        let range = start.zip(end).map(|(start, end)| *start..*end);
        range.and_then(|range| self.taken.get(range)).unwrap_or(&[])
    }

    /// The choice of one token.
    fn choose_for(&mut self, plan: &ExpertsPlan, bias: Option<&[f32]>, scores: &[f32]) {
        self.compared.clear();
        self.compared.extend_from_slice(scores);
        // The bias counts for the choice, and never for the weights.
        for (compared, bias) in self.compared.iter_mut().zip(bias.unwrap_or(&[])) {
            *compared += bias;
        }
        self.open.clear();
        self.open.resize(plan.count, true);
        if let Some(groups) = &plan.groups {
            self.close_groups(plan.count, groups);
        }
        let first = self.chosen.len();
        let mut sum = 0.0;
        for _ in 0..plan.chosen {
            let Some(expert) = best(&self.compared, &mut self.open) else { break };
            let score = scores.get(expert).copied().unwrap_or(0.0);
            sum += score;
            self.chosen.push((expert, score));
        }
        let own = self.chosen.get_mut(first..).unwrap_or_default();
        for (_, weight) in own.iter_mut() {
            if plan.renormalised {
                *weight /= sum + SUM_MIN;
            }
            *weight *= plan.scale;
        }
        own.sort_unstable_by_key(|(expert, _)| *expert);
    }

    /// Closes the experts of all groups but the best ones: a score of theirs, however it compares,
    /// is then never chosen.
    fn close_groups(&mut self, count: usize, groups: &GroupsPlan) {
        let size = (count / groups.count.max(1)).max(1);
        self.group_scores.clear();
        for (scores, open) in self.compared.chunks(size).zip(self.open.chunks_mut(size)) {
            let mut sum = 0.0;
            for _ in 0..groups.best.min(size) {
                let best = best(scores, open).and_then(|at| scores.get(at));
                sum += best.copied().unwrap_or(0.0);
            }
            self.group_scores.push(sum);
        }
        self.open.fill(false);
        self.open_groups.clear();
        self.open_groups.resize(self.group_scores.len(), true);
        for _ in 0..groups.chosen {
            let Some(group) = best(&self.group_scores, &mut self.open_groups) else { break };
            if let Some(open) = self.open.get_mut(group * size..(group + 1) * size) {
                open.fill(true);
            }
        }
    }

    /// Sorts the choices by expert: the order of tokens stays.
    fn sort(&mut self, plan: &ExpertsPlan) {
        self.starts.clear();
        self.starts.resize(plan.count + 1, 0);
        for (expert, _) in &self.chosen {
            if let Some(start) = self.starts.get_mut(*expert) {
                *start += 1;
            }
        }
        // From how many there are to where they end, and, as they are put there from the last one
        // on, to where they begin.
        let mut end = 0;
        for start in &mut self.starts {
            end += *start;
            *start = end;
        }
        self.taken.clear();
        self.taken.resize(self.chosen.len(), Taken { token: 0, weight: 0.0 });
        let tokens = self.chosen.chunks_exact(plan.chosen).enumerate().rev();
        for (token, (expert, weight)) in tokens.flat_map(|(t, own)| own.iter().map(move |c| (t, c)))
        {
            let Some(start) = self.starts.get_mut(*expert) else { continue };
            *start -= 1;
            if let Some(taken) = self.taken.get_mut(*start) {
                *taken = Taken { token, weight: *weight };
            }
        }
    }
}

/// Makes scores of a token's logits.
fn score(kernels: &Kernels, scoring: Scoring, logits: &mut [f32]) {
    match scoring {
        Scoring::Softmax => {
            if kernels.softmax(logits).is_err() {
                // Not a number goes on as in every other layer, and spoils its own sequence alone.
                logits.fill(f32::NAN);
            }
        }
        Scoring::Sigmoid => logits.iter_mut().for_each(|logit| *logit = sigmoid(*logit)),
    }
}

/// `1 / (1 + exp(-x))`.
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The place of the greatest open score, the first among equals, which is closed with that.
fn best(scores: &[f32], open: &mut [bool]) -> Option<usize> {
    let mut found: Option<(usize, f32)> = None;
    for (at, (score, open)) in scores.iter().zip(&*open).enumerate() {
        let is_better = |best: f32| *score > best || (best.is_nan() && !score.is_nan());
        if *open && found.is_none_or(|(_, best)| is_better(best)) {
            found = Some((at, *score));
        }
    }
    let (at, _) = found?;
    if let Some(open) = open.get_mut(at) {
        *open = false;
    }
    Some(at)
}
