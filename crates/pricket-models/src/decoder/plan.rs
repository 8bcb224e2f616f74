//! Which matrices a decoder has and how its files store them: what loading will read, and how much
//! memory it will take, known from the headers alone.

use std::collections::{BTreeMap, HashMap};

use pricket_simd::{ActKind, Format, dequantize_row, packed_bytes};

use crate::blueprint::{Bias, Blueprint, LayerPart, LayerPlan, MatrixPlan};
use crate::{ModelError, TensorInfo, TensorSource};

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
    pub(crate) bias: Option<StoredBias>,
}

/// A tensor with one value for each row of a matrix's tensor.
#[derive(Debug)]
pub(crate) struct StoredBias {
    pub(crate) name: String,
    /// One of floats.
    format: Format,
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
            Ok::<_, ModelError>(Stored { name, format, first: 0, rows, cols, bias: None })
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
            let mut shape = shape(b, plan, matrix, *tensor_rows);
            let format = source.shaped(name, &shape)?.format;
            let bias = b.names.layer(layer, matrix.part, "bias");
            let has_bias = match matrix.bias {
                Bias::Absent => false,
                Bias::Optional => source.has(&bias),
                Bias::Required => true,
            };
            shape.pop();
            let bias = has_bias.then(|| StoredBias::of(source, &bias, &shape)).transpose()?;
            let stored = Stored {
                name: name.clone(),
                format,
                first: *given,
                rows: matrix.rows,
                cols: matrix.cols,
                bias,
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

    /// Bytes that the matrices take in memory once they are packed, with their biases.
    ///
    /// # Errors
    /// Where they exceed what can be counted.
    pub(crate) fn packed_bytes(&self) -> Result<u64, ModelError> {
        self.iter().try_fold(0_u64, |sum, stored| Ok(sum.saturating_add(stored.packed_bytes()?)))
    }

    /// Whether the first layer's first matrix, of queries, is of floats, which decides how keys and
    /// values are kept.
    pub(crate) fn of_floats(&self) -> bool {
        let first = self.layers.first().and_then(|layer| layer.values().next());
        first.is_none_or(|stored| stored.format.activation_kind() == ActKind::F32)
    }
}

impl StoredBias {
    /// A tensor of this shape, of floats: blocks are no format of biases.
    fn of(source: &dyn TensorSource, name: &str, shape: &[usize]) -> Result<Self, ModelError> {
        let TensorInfo { name, format, .. } = source.shaped(name, shape)?;
        match format {
            Format::F32 | Format::F16 | Format::Bf16 => Ok(Self { name, format }),
            other => {
                let found = format!("biases in {other}");
                Err(ModelError::QuantizationUnsupported { tensor: name, found })
            }
        }
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
    /// Bytes that it takes in memory, packed, with its biases.
    ///
    /// # Errors
    /// Where they exceed what can be counted.
    pub(crate) fn packed_bytes(&self) -> Result<u64, ModelError> {
        let packed = packed_bytes(self.format, self.rows, self.cols)? as u64;
        Ok(packed.saturating_add(self.biases() as u64 * size_of::<f32>() as u64))
    }

    /// Reads its biases. `buffer` is where they stand as they are stored.
    ///
    /// # Errors
    /// What the files refuse.
    pub(crate) fn read_bias(
        &self,
        source: &dyn TensorSource,
        buffer: &mut Vec<u8>,
        values: &mut [f32],
    ) -> Result<(), ModelError> {
        let Some(StoredBias { name, format }) = &self.bias else { return Ok(()) };
        let bytes = format.row_bytes(self.rows)?;
        if buffer.len() < bytes {
            buffer.resize(bytes, 0);
        }
        let buffer = buffer.get_mut(..bytes).unwrap_or_default();
        let offset = (format.block_bytes() as u64).saturating_mul(self.first as u64);
        source.read_range(name, offset, buffer)?;
        Ok(dequantize_row(*format, buffer, values)?)
    }

    /// How many biases it has.
    pub(crate) fn biases(&self) -> usize {
        self.bias.as_ref().map_or(0, |_| self.rows)
    }

    /// Where the matrix begins in its tensor, in bytes.
    ///
    /// # Errors
    /// Where that exceeds what can be counted.
    pub(crate) fn offset(&self) -> Result<u64, ModelError> {
        let row = self.format.row_bytes(self.cols)? as u64;
        Ok(row.saturating_mul(self.first as u64))
    }
}
