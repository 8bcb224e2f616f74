//! Which matrices a decoder has and how its files store them: what loading will read, and how much
//! memory it will take, known from the headers alone.

use std::collections::{BTreeMap, HashMap};

use pricket_simd::{ActKind, Format, packed_bytes};

use crate::blueprint::{Bias, Blueprint, LayerPart, LayerPlan, MatrixPlan};
use crate::{ModelError, TensorSource};

/// One of something for each matrix of a decoder.
#[derive(Debug)]
pub(crate) struct Parts<T> {
    pub(crate) embedding: T,
    /// None where the embedding serves as output projection.
    pub(crate) head: Option<T>,
    /// Of each layer, by the matrix's part.
    pub(crate) layers: Vec<BTreeMap<LayerPart, T>>,
}

/// A matrix as the files store it: some rows of a tensor.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) name: String,
    pub(crate) format: Format,
    /// Its first row in the tensor.
    pub(crate) first: usize,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    /// The tensor with one value for each row, where there is one.
    pub(crate) bias: Option<String>,
    /// Rows of the tensors.
    pub(crate) tensor_rows: usize,
}

impl<T> Parts<T> {
    /// All of them, the ends first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let ends = std::iter::once(&self.embedding).chain(&self.head);
        ends.chain(self.layers.iter().flat_map(BTreeMap::values))
    }

    /// Makes something else of each, until that fails.
    pub(crate) fn try_map<U>(
        self,
        mut make: impl FnMut(T) -> Result<U, ModelError>,
    ) -> Result<Parts<U>, ModelError> {
        let embedding = make(self.embedding)?;
        let head = self.head.map(&mut make).transpose()?;
        let mut layers = Vec::with_capacity(self.layers.len());
        for layer in self.layers {
            let layer = layer.into_iter().map(|(part, of)| Ok((part, make(of)?)));
            layers.push(layer.collect::<Result<_, ModelError>>()?);
        }
        Ok(Parts { embedding, head, layers })
    }
}

impl Parts<Stored> {
    /// What the files hold of what a blueprint asks for.
    ///
    /// # Errors
    /// A tensor that is missing, of another shape or stored in a way that is not read is named.
    pub(crate) fn of(source: &dyn TensorSource, b: &Blueprint) -> Result<Self, ModelError> {
        let has_head = source.has(b.names.head);
        if b.tied == Some(false) && !has_head {
            return Err(ModelError::TensorMissing { tensor: b.names.head.to_owned() });
        }
        let end = |name: &str| {
            let format = source.shaped(name, &[b.vocab, b.hidden])?.format;
            let (name, rows, cols) = (name.to_owned(), b.vocab, b.hidden);
            let (first, bias, tensor_rows) = (0, None, rows);
            Ok::<_, ModelError>(Stored { name, format, first, rows, cols, bias, tensor_rows })
        };
        let embedding = end(b.names.embedding)?;
        let head = if has_head && b.tied != Some(true) { Some(end(b.names.head)?) } else { None };
        let layers = (0..b.layers.len()).map(|layer| Self::layer(source, b, layer));
        Ok(Self { embedding, head, layers: layers.collect::<Result<_, _>>()? })
    }

    /// The matrices of a layer. Those of one name are rows of one tensor.
    fn layer(
        source: &dyn TensorSource,
        b: &Blueprint,
        layer: usize,
    ) -> Result<BTreeMap<LayerPart, Stored>, ModelError> {
        let Some(plan) = b.layers.get(layer) else { return Ok(BTreeMap::new()) };
        let matrices = b.matrices(plan);
        let names = matrices.iter().map(|matrix| b.names.layer(layer, matrix.part, "weight"));
        let names: Vec<String> = names.collect();
        // Of each tensor, how many rows it has and how many were given to a matrix.
        let mut tensors: HashMap<&str, (usize, usize)> = HashMap::new();
        for (name, matrix) in names.iter().zip(&matrices) {
            tensors.entry(name).or_default().0 += matrix.rows;
        }
        let mut parts = BTreeMap::new();
        for (name, matrix) in names.iter().zip(&matrices) {
            let Some((tensor_rows, given)) = tensors.get_mut(name.as_str()) else { continue };
            let format = source.shaped(name, &shape(b, plan, matrix, *tensor_rows))?.format;
            let bias = b.names.layer(layer, matrix.part, "bias");
            let has_bias = match matrix.bias {
                Bias::Absent => false,
                Bias::Optional => source.has(&bias),
                Bias::Required => true,
            };
            let stored = Stored {
                name: name.clone(),
                format,
                first: *given,
                rows: matrix.rows,
                cols: matrix.cols,
                bias: has_bias.then_some(bias),
                tensor_rows: *tensor_rows,
            };
            *given += matrix.rows;
            parts.insert(matrix.part, stored);
        }
        Ok(parts)
    }

    /// Bytes that the matrices have in their files.
    ///
    /// # Errors
    /// Where they exceed what can be counted.
    pub(crate) fn file_bytes(&self) -> Result<u64, ModelError> {
        self.iter().try_fold(0_u64, |sum, stored| {
            let row = stored.format.row_bytes(stored.cols)? as u64;
            Ok(sum.saturating_add(row.saturating_mul(stored.rows as u64)))
        })
    }

    /// Bytes that the matrices take in memory once they are packed.
    ///
    /// # Errors
    /// Where they exceed what can be counted.
    pub(crate) fn packed_bytes(&self) -> Result<u64, ModelError> {
        self.iter().try_fold(0_u64, |sum, stored| {
            let bytes = packed_bytes(stored.format, stored.rows, stored.cols)?;
            Ok(sum.saturating_add(bytes as u64))
        })
    }

    /// Whether the first layer's first matrix, of queries, is of floats, which decides how keys and
    /// values are kept.
    pub(crate) fn of_floats(&self) -> bool {
        let first = self.layers.first().and_then(|layer| layer.values().next());
        first.is_none_or(|stored| stored.format.activation_kind() == ActKind::F32)
    }
}

/// The shape of the tensor that a matrix lies in; a tensor of all experts has their number for its
/// first axis.
fn shape(b: &Blueprint, plan: &LayerPlan, matrix: &MatrixPlan, rows: usize) -> Vec<usize> {
    match &plan.ffn.experts {
        Some(experts) if b.names.is_stack(matrix.part) => {
            vec![experts.count, rows / experts.count, matrix.cols]
        }
        _ => vec![rows, matrix.cols],
    }
}

impl Stored {
    /// Where the matrix begins in its tensor, in bytes.
    ///
    /// # Errors
    /// Where that exceeds what can be counted.
    pub(crate) fn offset(&self) -> Result<u64, ModelError> {
        let row = self.format.row_bytes(self.cols)? as u64;
        Ok(row.saturating_mul(self.first as u64))
    }
}
