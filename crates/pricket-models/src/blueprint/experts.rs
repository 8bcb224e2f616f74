//! A mixture of experts on paper: many small feed-forward layers, of which a token takes a few.

use super::layer::{Bias, FfnPlan, Gating};

/// Experts (Shazeer et al. 2017): feed-forward layers of one shape, and a matrix, the router, that
/// gives each of them a logit for each token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ExpertsPlan {
    /// How many there are.
    pub(crate) count: usize,
    /// How many a token takes.
    pub(crate) chosen: usize,
    /// The width of each.
    pub(crate) width: usize,
    pub(crate) scoring: Scoring,
    /// Whether the router itself has biases.
    pub(crate) router_bias: Bias,
    /// Whether a bias is added to the scores for the choice alone (`DeepSeek-AI` 2024).
    pub(crate) selection_bias: bool,
    /// Groups of experts, where a token chooses among these first.
    pub(crate) groups: Option<GroupsPlan>,
    /// Whether the scores of the chosen are divided by their sum.
    pub(crate) renormalised: bool,
    /// What the scores are multiplied with at last.
    pub(crate) scale: f32,
    /// Whether what the shared experts give is multiplied with the sigmoid of a number that a
    /// vector takes from the row.
    pub(crate) shared_scale: bool,
}

/// How logits become scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scoring {
    /// All of a token's together sum to 1.
    Softmax,
    /// Each for itself.
    Sigmoid,
}

/// Groups of as many experts each, consecutive ones, of which a token takes the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupsPlan {
    pub(crate) count: usize,
    /// How many of them a token takes its experts from.
    pub(crate) chosen: usize,
    /// How many of its best scores a group's own score is the sum of.
    pub(crate) best: usize,
}

impl ExpertsPlan {
    /// A router as most have it: the best by softmax, their scores divided by their sum.
    pub(crate) fn softmax(count: usize, chosen: usize, width: usize) -> Self {
        Self {
            count,
            chosen,
            width,
            scoring: Scoring::Softmax,
            router_bias: Bias::Absent,
            selection_bias: false,
            groups: None,
            renormalised: true,
            scale: 1.0,
            shared_scale: false,
        }
    }

    /// What is wrong with it.
    pub(crate) fn wrong(&self) -> Option<String> {
        let (count, chosen) = (self.count, self.chosen);
        if chosen == 0 || chosen > count {
            return Some(format!("{chosen} of {count} experts cannot be chosen"));
        }
        if !self.scale.is_finite() {
            return Some(format!("its experts' weights are multiplied with {}", self.scale));
        }
        let groups = self.groups?;
        if groups.count == 0 || !count.is_multiple_of(groups.count) || groups.best == 0 {
            return Some(format!("{count} experts are not in {} groups", groups.count));
        }
        let within = count / groups.count * groups.chosen.min(groups.count);
        if groups.chosen > groups.count || chosen > within {
            let of = format!("{} of {} groups", groups.chosen, groups.count);
            return Some(format!("{of} do not have {chosen} experts to choose"));
        }
        None
    }
}

impl Gating {
    /// What is wrong with it.
    pub(crate) fn wrong(self) -> Option<String> {
        let Self::Bounded { alpha, limit } = self else { return None };
        let sound = alpha.is_finite() && limit.is_finite() && limit > 0.0;
        (!sound).then(|| format!("its gate is bounded by {limit} and has a slope of {alpha}"))
    }
}

impl FfnPlan {
    /// The width of what stands between the way in and the way back, where it is widest.
    pub(crate) fn widest(&self) -> usize {
        self.width.max(self.experts.as_ref().map_or(0, |experts| experts.width))
    }
}
