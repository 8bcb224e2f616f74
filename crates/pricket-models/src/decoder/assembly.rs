//! Packed matrices, biases and norms, put together.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use pricket_simd::{Format, Kernels, PackedMatrix, dequantize_row};

use super::plan::{Parts, Stored};
use super::weights::{
    AttentionWeights, DecoderWeights, ExpertsWeights, FfnWeights, GatedWeights, GroupedWeights,
    LatentWeights, LayerWeights, Linear, Projections,
};
use crate::blueprint::{Blueprint, GATED, LayerPart, LayerPlan, SHARED};
use crate::{ModelError, TensorSource};

/// Packed matrices, by the tensor and the row of it that each begins with.
pub(super) type Packed = HashMap<(String, usize), PackedMatrix>;

/// Puts the packed matrices, their biases and the norms together.
pub(super) fn assemble(
    source: &dyn TensorSource,
    blueprint: Blueprint,
    stored: Parts<Stored>,
    mut packed: Packed,
    kernels: &'static Kernels,
) -> Result<DecoderWeights, ModelError> {
    let Parts { embedding, head, layers } = stored.try_map(|stored| {
        let bias = load_bias(source, &stored)?;
        let missing = || ModelError::TensorMissing { tensor: stored.name.clone() };
        let weight = packed.remove(&(stored.name.clone(), stored.first)).ok_or_else(missing)?;
        Ok(Linear { weight, bias })
    })?;
    let norms = Norms { source, blueprint: &blueprint };
    let layers = layers.into_iter().zip(&blueprint.layers).enumerate();
    let layers = layers.map(|(index, (matrices, plan))| norms.layer(index, plan, matrices));
    let layers = layers.collect::<Result<_, _>>()?;
    let final_norm = norms.read(blueprint.names.final_norm, blueprint.hidden)?;
    Ok(DecoderWeights {
        blueprint,
        kernels,
        embedding,
        layers,
        final_norm,
        head,
        on_disk: Vec::new(),
    })
}

/// Reads norms, and puts layers together.
struct Norms<'a> {
    source: &'a dyn TensorSource,
    blueprint: &'a Blueprint,
}

impl Norms<'_> {
    /// A norm as the kernels multiply with it.
    fn read(&self, name: &str, len: usize) -> Result<Vec<f32>, ModelError> {
        load_norm(self.source, self.blueprint, name, len)
    }

    fn layer(
        &self,
        index: usize,
        plan: &LayerPlan,
        mut matrices: BTreeMap<LayerPart, Linear>,
    ) -> Result<LayerWeights, ModelError> {
        let names = &self.blueprint.names;
        let mut norms = BTreeMap::new();
        for (part, len) in self.blueprint.norms(plan) {
            norms.insert(part, self.read(&names.layer(index, part, "weight"), len)?);
        }
        let missing =
            |part| ModelError::TensorMissing { tensor: names.layer(index, part, "weight") };
        // Where they stay on disk, they were taken out of what is loaded.
        let on_disk = !matrices.keys().any(|part| part.is_of_expert());
        let mut matrix = |part| matrices.remove(&part).ok_or_else(|| missing(part));
        let (query, query_norm) = (matrix(LayerPart::Query)?, norms.remove(&LayerPart::QueryNorm));
        let key_norm = norms.remove(&LayerPart::KeyNorm);
        let projections = if plan.attention.latent.is_some() {
            Projections::Latent(LatentWeights {
                down: match query_norm {
                    Some(norm) => Some((matrix(LayerPart::QueryDown)?, norm)),
                    None => None,
                },
                query,
                line: matrix(LayerPart::Line)?,
                norm: key_norm.ok_or_else(|| missing(LayerPart::KeyNorm))?,
                keys: matrix(LayerPart::HeadKeys)?,
                values: matrix(LayerPart::HeadValues)?,
            })
        } else {
            Projections::Grouped(GroupedWeights {
                query,
                key: matrix(LayerPart::Key)?,
                value: matrix(LayerPart::Value)?,
                head_norms: query_norm.zip(key_norm).map(|(query, key)| [query, key]),
            })
        };
        let mut vectors = self.vectors(index, plan)?;
        let attention = AttentionWeights {
            projections,
            sinks: vectors.remove(&LayerPart::Sinks),
            output: matrix(LayerPart::Output)?,
        };
        let ffn = Self::ffn(plan, on_disk, vectors, &mut matrix)?;
        let mut norm = |part| norms.remove(&part).ok_or_else(|| missing(part));
        Ok(LayerWeights {
            plan: plan.clone(),
            attention_norm: norm(LayerPart::AttentionNorm)?,
            attention,
            attention_post_norm: norm(LayerPart::AttentionPostNorm).ok(),
            ffn_norm: norm(LayerPart::FfnNorm)?,
            ffn,
            ffn_post_norm: norm(LayerPart::FfnPostNorm).ok(),
        })
    }

    fn vectors(
        &self,
        index: usize,
        plan: &LayerPlan,
    ) -> Result<BTreeMap<LayerPart, Vec<f32>>, ModelError> {
        let vectors = self.blueprint.vectors(plan).into_iter().map(|(part, len)| {
            let name = self.blueprint.names.layer(index, part, "weight");
            Ok((part, load_row(self.source, &name, len)?))
        });
        vectors.collect()
    }

    fn ffn(
        plan: &LayerPlan,
        on_disk: bool,
        mut vectors: BTreeMap<LayerPart, Vec<f32>>,
        matrix: &mut impl FnMut(LayerPart) -> Result<Linear, ModelError>,
    ) -> Result<FfnWeights, ModelError> {
        let mut gated = |[gate, up, down]: [LayerPart; 3]| {
            let (gate, up, down) = (matrix(gate)?, matrix(up)?, matrix(down)?);
            Ok::<_, ModelError>(GatedWeights { gate, up, down })
        };
        let Some(experts) = &plan.ffn.experts else {
            return Ok(FfnWeights { always: Some(gated(GATED)?), experts: None });
        };
        let always = if plan.ffn.width > 0 { Some(gated(SHARED)?) } else { None };
        let in_memory = if on_disk { 0 } else { experts.count };
        let each = (0..in_memory).map(|expert| Ok(Arc::new(gated(LayerPart::of_expert(expert))?)));
        let each = each.collect::<Result<_, ModelError>>()?;
        let experts = ExpertsWeights {
            router: matrix(LayerPart::Router)?,
            selection_bias: vectors.remove(&LayerPart::SelectionBias),
            shared_scale: vectors.remove(&LayerPart::SharedScale),
            each,
        };
        Ok(FfnWeights { always, experts: Some(experts) })
    }
}

/// Reads the biases of a matrix, where it has them.
pub(crate) fn load_bias(
    source: &dyn TensorSource,
    stored: &Stored,
) -> Result<Option<Vec<f32>>, ModelError> {
    let mut values = stored.bias.as_ref().map(|_| vec![0.0; stored.rows]);
    if let Some(values) = &mut values {
        stored.read_bias(source, &mut Vec::new(), values)?;
    }
    Ok(values)
}

/// Reads a norm of `len` values as what rows are multiplied with.
pub(crate) fn load_norm(
    source: &dyn TensorSource,
    blueprint: &Blueprint,
    name: &str,
    len: usize,
) -> Result<Vec<f32>, ModelError> {
    let mut norm = load_vector(source, name, len)?;
    for weight in &mut norm {
        *weight += blueprint.norm_offset;
    }
    Ok(norm)
}

/// Reads a vector of `len` values, or a matrix that is one row of so many.
pub(crate) fn load_row(
    source: &dyn TensorSource,
    name: &str,
    len: usize,
) -> Result<Vec<f32>, ModelError> {
    if source.info(name)?.shape != [1, len] {
        return load_vector(source, name, len);
    }
    read_values(source, name, source.info(name)?.format, len)
}

/// Reads a vector of `len` values as floats.
pub(crate) fn load_vector(
    source: &dyn TensorSource,
    name: &str,
    len: usize,
) -> Result<Vec<f32>, ModelError> {
    let info = source.shaped(name, &[len])?;
    read_values(source, name, info.format, len)
}

fn read_values(
    source: &dyn TensorSource,
    name: &str,
    format: Format,
    len: usize,
) -> Result<Vec<f32>, ModelError> {
    let mut bytes = vec![0; format.row_bytes(len)?];
    source.read_range(name, 0, &mut bytes)?;
    let mut values = vec![0.0; len];
    dequantize_row(format, &bytes, &mut values)?;
    Ok(values)
}
