//! Every sampler by its definition, in f64 and without a thought of speed. Nothing here knows the
//! code that it is held against.

use std::collections::BTreeMap;

use pricket_core::{EffectiveSampling, SamplerKind};
use pricket_engine::Rng;

/// A request in the middle of its answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Text {
    pub(crate) history: Vec<u32>,
    pub(crate) prompt_len: usize,
    pub(crate) end_ids: Vec<u32>,
    /// Sequences that break DRY's, those of one token too.
    pub(crate) breakers: Vec<Vec<u32>>,
}

type Left = Vec<(u32, f64)>;

/// The tokens that the chain leaves and their probabilities, likeliest first. `bound` is
/// Mirostat's.
pub(crate) fn distribution(
    logits: &[f32],
    text: &Text,
    params: &EffectiveSampling,
    rng: &mut Rng,
    bound: f64,
) -> Left {
    let mut left: Left = (0u32..).zip(logits.iter().map(|&x| f64::from(x))).collect();
    bans(&mut left, text, params);
    left.retain(|t| t.1 > f64::NEG_INFINITY);
    rank(&mut left);
    for &kind in params.samplers.as_slice() {
        let filters = params.mirostat == 0;
        match kind {
            SamplerKind::Penalties => penalties(&mut left, text, params),
            SamplerKind::Dry => dry(&mut left, text, params),
            SamplerKind::Temperature => temperature(&mut left, params),
            SamplerKind::TopNSigma if filters => top_n_sigma(&mut left, params.top_n_sigma),
            SamplerKind::TopK if filters && params.top_k > 0 => left.truncate(params.top_k),
            SamplerKind::TypicalP if filters => typical(&mut left, params.typical_p),
            SamplerKind::TopP if filters => top_p(&mut left, params.top_p),
            SamplerKind::MinP if filters => min_p(&mut left, params.min_p),
            SamplerKind::Xtc if filters => xtc(&mut left, params, rng),
            _ => {}
        }
    }
    match params.mirostat {
        1 => mirostat_one(&mut left, bound, logits.len()),
        2 => {
            let probabilities = softmax(&left);
            let kept = probabilities.iter().take_while(|p| -p.log2() <= bound).count();
            left.truncate(kept.max(1));
        }
        _ => {}
    }
    let probabilities = softmax(&left);
    left.iter().zip(probabilities).map(|(t, p)| (t.0, p)).collect()
}

fn rank(left: &mut Left) {
    left.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
}

fn softmax(left: &Left) -> Vec<f64> {
    let max = left.iter().map(|t| t.1).fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = left.iter().map(|t| (t.1 - max).exp()).sum();
    left.iter().map(|t| (t.1 - max).exp() / sum).collect()
}

fn entropy(probabilities: &[f64]) -> f64 {
    -probabilities.iter().filter(|&&p| p > 0.0).map(|p| p * p.ln()).sum::<f64>()
}

fn bans(left: &mut Left, text: &Text, params: &EffectiveSampling) {
    let biases: BTreeMap<u32, f32> = params.logit_bias.as_slice().iter().copied().collect();
    let short = text.history.len() - text.prompt_len < params.min_tokens;
    for (id, logit) in left {
        let bias = f64::from(biases.get(id).copied().unwrap_or(0.0));
        *logit = if bias <= -100.0 { f64::NEG_INFINITY } else { *logit + bias };
        let completes = |word: &Vec<u32>| {
            let all = [text.history.as_slice(), &[*id]].concat();
            all.ends_with(word)
        };
        let ends = short && text.end_ids.contains(id);
        if ends || params.bad_words.iter().any(completes) {
            *logit = f64::NEG_INFINITY;
        }
    }
}

fn latest(history: &[u32], last_n: usize) -> &[u32] {
    let from = if last_n == 0 { 0 } else { history.len().saturating_sub(last_n) };
    &history[from..]
}

fn penalties(left: &mut Left, text: &Text, params: &EffectiveSampling) {
    let window = latest(&text.history, params.penalty_last_n);
    for (id, logit) in left.iter_mut() {
        let seen = window.iter().filter(|&h| h == id).count() as f64;
        if seen > 0.0 {
            let factor = f64::from(params.repetition_penalty);
            *logit = if *logit > 0.0 { *logit / factor } else { *logit * factor };
            *logit -= seen * f64::from(params.frequency_penalty);
            *logit -= f64::from(params.presence_penalty);
        }
    }
    rank(left);
}

fn dry(left: &mut Left, text: &Text, params: &EffectiveSampling) {
    if params.dry_multiplier == 0.0 {
        return;
    }
    let window = latest(&text.history, params.dry_penalty_last_n);
    // How many tokens stand behind the last breaker.
    let broken = |end: &usize| text.breakers.iter().any(|b| window[..*end].ends_with(b));
    let run = window.len() - (1..=window.len()).rev().find(broken).unwrap_or(0);
    for (id, logit) in left.iter_mut() {
        if text.breakers.contains(&vec![*id]) {
            continue;
        }
        // The longest end of the window that stood in it before, followed by this token.
        let follows = |&at: &usize| window[at] == *id;
        let common = |at: usize| {
            let (before, all) = (window[..at].iter().rev(), window.iter().rev());
            before.zip(all).take_while(|(a, b)| a == b).count().min(run)
        };
        let longest = (0..window.len()).filter(follows).map(common).max().unwrap_or(0);
        if longest > 0 && longest >= params.dry_allowed_length {
            let beyond = (longest - params.dry_allowed_length) as f64;
            *logit -= f64::from(params.dry_multiplier) * f64::from(params.dry_base).powf(beyond);
        }
    }
    rank(left);
}

fn temperature(left: &mut Left, params: &EffectiveSampling) {
    let (base, range) = (f64::from(params.temperature), f64::from(params.dynatemp_range));
    let mut t = base;
    if range > 0.0 && left.len() > 1 {
        let share = entropy(&softmax(left)) / (left.len() as f64).ln();
        let (low, high) = ((base - range).max(0.0), base + range);
        t = low + (high - low) * share.powf(f64::from(params.dynatemp_exponent));
    }
    if t == 0.0 {
        left.truncate(1);
    } else {
        for x in left.iter_mut() {
            x.1 /= t;
        }
    }
}

fn top_n_sigma(left: &mut Left, n: f32) {
    if n > 0.0 {
        let count = left.len() as f64;
        let mean = left.iter().map(|t| t.1).sum::<f64>() / count;
        let variance = left.iter().map(|t| (t.1 - mean).powi(2)).sum::<f64>() / count;
        let least = left[0].1 - f64::from(n) * variance.sqrt();
        left.retain(|t| t.1 >= least);
    }
}

fn typical(left: &mut Left, p: f32) {
    if p < 1.0 {
        let probabilities = softmax(left);
        let expected = entropy(&probabilities);
        let mut near: Vec<_> = left.iter().zip(&probabilities).collect();
        near.sort_by(|a, b| {
            let far = |p: f64| (-p.ln() - expected).abs();
            far(*a.1).total_cmp(&far(*b.1)).then(a.0.0.cmp(&b.0.0))
        });
        let kept = until(near.iter().map(|t| *t.1), p);
        let mut kept: Left = near[..kept].iter().map(|t| *t.0).collect();
        rank(&mut kept);
        *left = kept;
    }
}

/// How many of these it takes to reach a share.
fn until(probabilities: impl Iterator<Item = f64>, share: f32) -> usize {
    let (mut reached, mut count) = (0.0, 0);
    for p in probabilities {
        if reached >= f64::from(share) {
            break;
        }
        reached += p;
        count += 1;
    }
    count
}

fn top_p(left: &mut Left, p: f32) {
    if p < 1.0 {
        left.truncate(until(softmax(left).into_iter(), p));
    }
}

fn min_p(left: &mut Left, p: f32) {
    let max = left[0].1;
    left.retain(|t| (t.1 - max).exp() >= f64::from(p));
}

fn xtc(left: &mut Left, params: &EffectiveSampling, rng: &mut Rng) {
    if params.xtc_probability == 0.0 || params.xtc_threshold > 0.5 {
        return;
    }
    if rng.next_f64() < f64::from(params.xtc_probability) {
        let top = softmax(left).iter().filter(|&&p| p >= f64::from(params.xtc_threshold)).count();
        left.drain(..top.saturating_sub(1));
    }
}

/// The paper's first algorithm: Zipf's exponent by least squares over the 100 likeliest tokens.
fn mirostat_one(left: &mut Left, bound: f64, vocab_size: usize) {
    let (mut products, mut squares) = (0.0, 0.0);
    for i in 1..left.len().min(100) {
        let t = ((i + 1) as f64 / i as f64).ln();
        let b = left[i - 1].1 - left[i].1;
        products += t * b;
        squares += t * t;
    }
    let s = products / squares;
    let epsilon = s - 1.0;
    let n = vocab_size as f64;
    let k = (epsilon * bound.exp2() / (1.0 - n.powf(-epsilon))).powf(1.0 / s);
    left.truncate((k as usize).max(1));
}
