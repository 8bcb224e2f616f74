//! A mixture of experts in candle's tensors, a token at a time.

use candle_core::{DType, Tensor};

use super::candle;
use super::layer::Layer;
use crate::ModelError;
use crate::blueprint::{ExpertsPlan, LayerPart, SHARED, Scoring};

impl Layer {
    /// What the chosen experts and the shared ones give for every row: (tokens, hidden).
    pub(super) fn mix(&self, plan: &ExpertsPlan, x: &Tensor) -> Result<Tensor, ModelError> {
        let logits = self.project(LayerPart::Router, x)?;
        let logits =
            logits.to_dtype(DType::F32).and_then(|l| l.to_vec2::<f32>()).map_err(candle)?;
        let bias = self.vectors.get(&LayerPart::SelectionBias);
        let mut rows = Vec::with_capacity(logits.len());
        for (token, logits) in logits.iter().enumerate() {
            let row = x.narrow(0, token, 1).map_err(candle)?;
            let mut sum = row.zeros_like().map_err(candle)?;
            for (expert, weight) in chosen(plan, logits, bias.map_or(&[], Vec::as_slice)) {
                let given = self.gated(LayerPart::of_expert(expert), &row)?;
                sum = (given * f64::from(weight)).and_then(|given| sum + given).map_err(candle)?;
            }
            rows.push(sum);
        }
        let routed = Tensor::cat(&rows, 0).map_err(candle)?;
        if self.plan.ffn.width == 0 {
            return Ok(routed);
        }
        let mut shared = self.gated(SHARED, x)?;
        if let Some(vector) = self.vectors.get(&LayerPart::SharedScale) {
            let scale = Tensor::from_slice(vector, (vector.len(), 1), x.device());
            let scale = scale.and_then(|vector| x.matmul(&vector)).map_err(candle)?;
            let scale = scale.neg().and_then(|x| x.exp()).and_then(|e| (e + 1.0)?.recip());
            shared = scale.and_then(|scale| shared.broadcast_mul(&scale)).map_err(candle)?;
        }
        (routed + shared).map_err(candle)
    }
}

/// The experts of a token and their weights, the best one first.
fn chosen(plan: &ExpertsPlan, logits: &[f32], bias: &[f32]) -> Vec<(usize, f32)> {
    let peak = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f32 = logits.iter().map(|logit| (logit - peak).exp()).sum();
    let score = |logit: &f32| match plan.scoring {
        Scoring::Softmax => (logit - peak).exp() / total,
        Scoring::Sigmoid => 1.0 / (1.0 + (-logit).exp()),
    };
    let scores: Vec<f32> = logits.iter().map(score).collect();
    let biases = bias.iter().copied().chain(std::iter::repeat(0.0));
    let compared: Vec<f32> = scores.iter().zip(biases).map(|(score, bias)| score + bias).collect();
    let mut experts = ranked(&compared);
    if let Some(groups) = &plan.groups {
        let size = plan.count / groups.count;
        let group = |scores: &[f32]| -> f32 {
            ranked(scores).into_iter().take(groups.best).filter_map(|at| scores.get(at)).sum()
        };
        let groups_scores: Vec<f32> = compared.chunks(size).map(group).collect();
        let open: Vec<usize> = ranked(&groups_scores).into_iter().take(groups.chosen).collect();
        experts.retain(|expert| open.contains(&(expert / size)));
    }
    experts.truncate(plan.chosen);
    let score = |expert: &usize| scores.get(*expert).copied().unwrap_or(0.0);
    let sum: f32 = experts.iter().map(score).sum();
    let divisor = if plan.renormalised { sum + 1e-20 } else { 1.0 };
    let weighed = experts.iter().map(|expert| (*expert, score(expert) / divisor * plan.scale));
    weighed.collect()
}

/// The places of values, the greatest first, equals in their order.
fn ranked(values: &[f32]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..values.len()).collect();
    // Sorting is stable.
    let value = |at: &usize| match values.get(*at) {
        // Both zeros are one.
        Some(value) if !value.is_nan() => value + 0.0,
        _ => f32::NEG_INFINITY,
    };
    places.sort_by(|a, b| value(b).total_cmp(&value(a)));
    places
}
