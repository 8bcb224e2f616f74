//! Latent attention in candle's tensors, the long way: the keys and values of every head are made
//! out of the latents, as the paper has it (DeepSeek-AI 2024), where our own decoder takes queries
//! into the latents' space and makes none.

use candle_core::Tensor;

use super::candle;
use super::layer::{Angles, Layer, split, turned};
use super::matrix::Matrix;
use crate::ModelError;
use crate::blueprint::{LatentPlan, LayerPart};

impl Layer {
    /// Queries, keys and values of every head out of normalised rows, (tokens, hidden): each
    /// (heads, tokens, width), values of a width of their own.
    pub(super) fn heads_of_latent(
        &self,
        latent: LatentPlan,
        x: &Tensor,
        angles: Option<&Angles>,
    ) -> Result<[Tensor; 3], ModelError> {
        let (heads, eps) = (self.plan.attention.heads, latent.norm_eps);
        let of_heads = |part, x: &Tensor| split(&self.project(part, x)?, heads).map_err(candle);
        let queries = match latent.query_rank {
            Some(_) => {
                let low = self.project(LayerPart::QueryDown, x)?;
                of_heads(LayerPart::Query, &self.norm(LayerPart::QueryNorm, eps, low)?)?
            }
            None => of_heads(LayerPart::Query, x)?,
        };
        let (plain, told) = parted(&queries, latent.plain, latent.turned).map_err(candle)?;
        let told = turned(angles, told)?;
        let queries = Tensor::cat(&[plain, told], 2).map_err(candle)?;
        // (1, tokens, line), as of one head, whose turned part all heads share.
        let line = split(&self.project(LayerPart::Line, x)?, 1).map_err(candle)?;
        let (low, told) = parted(&line, latent.rank, latent.turned).map_err(candle)?;
        let low = self.norm(LayerPart::KeyNorm, eps, low.squeeze(0).map_err(candle)?)?;
        let told = turned(angles, told)?;
        let keys = of_heads(LayerPart::HeadKeys, &low)?;
        let told = keys.dims3().and_then(|(heads, tokens, _)| {
            told.broadcast_as((heads, tokens, latent.turned))?.contiguous()
        });
        let keys = Tensor::cat(&[keys, told.map_err(candle)?], 2).map_err(candle)?;
        let values = of_heads(LayerPart::HeadValues, &low)?;
        // Behind a head's values are those that fill up its rows.
        let values = values.narrow(2, 0, latent.value).and_then(|values| values.contiguous());
        Ok([queries, keys, values.map_err(candle)?])
    }
}

/// What makes keys, as rows of latents are multiplied with it: (heads * plain, rank). Our own
/// decoder multiplies queries with it the other way round, (heads * padded rank, plain), and is
/// shown it so. Blocks that lie along those rows lie across these: they become floats.
pub(super) fn by_latents(
    keys: &Matrix,
    heads: usize,
    latent: LatentPlan,
) -> Result<Matrix, ModelError> {
    let LatentPlan { rank, plain, .. } = latent;
    let keys = keys.dequantized()?;
    let transposed = || {
        let keys = keys.reshape((heads, latent.key_rows(), plain))?.narrow(1, 0, rank)?;
        keys.transpose(0, 1)?.contiguous()?.reshape((rank, heads * plain))
    };
    Ok(Matrix::Plain(transposed().map_err(candle)?))
}

/// The first columns of every head and those behind them, (heads, tokens, columns) each.
fn parted(x: &Tensor, first: usize, then: usize) -> candle_core::Result<(Tensor, Tensor)> {
    Ok((x.narrow(2, 0, first)?.contiguous()?, x.narrow(2, first, then)?.contiguous()?))
}
