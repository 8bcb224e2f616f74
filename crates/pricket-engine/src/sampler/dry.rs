//! DRY: what would go on with a repetition loses the more, the longer the repetition is.

use pricket_core::EffectiveSampling;

use super::penalties::{Counts, window};
use super::scores::{Scores, finite};
use super::state::Breakers;
use crate::limits::RESERVE_TOKENS_MAX;

/// Scratch of [`Dry::penalize`].
#[derive(Debug, Default)]
pub(super) struct Dry {
    /// For each token before the last one, latest first: how many tokens that end there are those
    /// that end the text.
    matches: Vec<usize>,
}

impl Dry {
    /// Lowers every token that followed an earlier copy of the text's end, by `multiplier *
    /// base^(length - allowed_length)` where the longest such copy has `length` tokens, at least
    /// the allowed ones (P. E. Weidmann's "DRY", as llama.cpp computes it). A copy reaches back at
    /// most to the last breaker, and tokens that break by themselves lose nothing. The time grows
    /// with the window, whatever repeats in it.
    pub(super) fn penalize(
        &mut self,
        mut scores: Scores<'_>,
        counts: &mut Counts,
        history: &[u32],
        params: &EffectiveSampling,
        breakers: &Breakers,
    ) {
        let window = window(history, params.dry_penalty_last_n);
        // A copy of no token at all is none.
        let allowed = params.dry_allowed_length.max(1);
        let run = breakers.run_len(window);
        if run < allowed || window.len() <= allowed {
            return;
        }
        self.find(window);
        // The token behind each copy, and the longest copy before it; counts are below 2^32, as
        // tokens of a context are.
        let followed = || window.iter().rev().zip(&self.matches);
        for (&next, &length) in followed() {
            let length = length.min(run);
            if length < allowed || breakers.is_single(next) {
                continue;
            }
            if let Some(longest) = counts.get_mut(next) {
                *longest = (*longest).max(u32::try_from(length).unwrap_or(u32::MAX));
            }
        }
        let (multiplier, base) = (f64::from(params.dry_multiplier), f64::from(params.dry_base));
        for (&next, _) in followed() {
            let Some(longest) = counts.get_mut(next) else { continue };
            let longest = std::mem::take(longest) as usize;
            let Some(logit) = scores.get_mut(next) else { continue };
            if longest == 0 || !logit.is_finite() {
                continue;
            }
            let beyond = longest.saturating_sub(params.dry_allowed_length);
            *logit = finite(f64::from(*logit) - multiplier * base.powf(beyond as f64));
        }
    }

    /// The Z-algorithm (Gusfield, "Algorithms on Strings, Trees, and Sequences", 1997) over the
    /// window read backwards: `matches[k - 1]` tokens are the same from the last token backwards
    /// and from the `k`-th before it.
    fn find(&mut self, window: &[u32]) {
        let len = window.len();
        self.matches.clear();
        // As a request's own list of tokens: laid out at once, and past that in doublings.
        self.matches.reserve(len.max(RESERVE_TOKENS_MAX));
        let back = |place: usize| len.checked_sub(place + 1).and_then(|at| window.get(at));
        // The copy that reaches furthest: where it begins, and the place behind it.
        let (mut begin, mut end) = (0, 0);
        for place in 1..len {
            // Inside that copy the matches of its original are known.
            let known = match place.checked_sub(begin + 1) {
                Some(original) if place < end => {
                    self.matches.get(original).map_or(0, |&length| length.min(end - place))
                }
                _ => 0,
            };
            let mut length = known;
            while place + length < len && back(length) == back(place + length) {
                length += 1;
            }
            if place + length > end {
                (begin, end) = (place, place + length);
            }
            self.matches.push(length);
        }
    }
}
