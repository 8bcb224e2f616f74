//! Which matrices a decoder has and how its files store them: what loading will read, and how much
//! memory it will take, known from the headers alone.

use pricket_simd::{Format, packed_bytes};

use crate::blueprint::{Blueprint, LayerPart};
use crate::{ModelError, TensorSource};

/// The matrices of a layer, in the order of [`Parts::layers`].
const LAYER: [LayerPart; 7] = [
    LayerPart::Query,
    LayerPart::Key,
    LayerPart::Value,
    LayerPart::Output,
    LayerPart::Gate,
    LayerPart::Up,
    LayerPart::Down,
];

/// One of something for each matrix of a decoder.
#[derive(Debug)]
pub(crate) struct Parts<T> {
    pub(crate) embedding: T,
    /// None where the embedding serves as output projection.
    pub(crate) head: Option<T>,
    /// Query, key, value, output, gate, up, down.
    pub(crate) layers: Vec<[T; 7]>,
}

/// A matrix as the files store it.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) name: String,
    pub(crate) format: Format,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    /// The tensor with one value for each row, where there is one.
    pub(crate) bias: Option<String>,
}

impl<T> Parts<T> {
    /// All of them, the ends first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let ends = std::iter::once(&self.embedding).chain(&self.head);
        ends.chain(self.layers.iter().flatten())
    }

    /// Makes something else of each, until that fails.
    pub(crate) fn try_map<U>(
        self,
        mut make: impl FnMut(T) -> Result<U, ModelError>,
    ) -> Result<Parts<U>, ModelError> {
        let embedding = make(self.embedding)?;
        let head = self.head.map(&mut make).transpose()?;
        let mut layers = Vec::with_capacity(self.layers.len());
        for [query, key, value, output, gate, up, down] in self.layers {
            let attention = [make(query)?, make(key)?, make(value)?, make(output)?];
            let [query, key, value, output] = attention;
            layers.push([query, key, value, output, make(gate)?, make(up)?, make(down)?]);
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
        let stored = |name: String, bias: Option<String>, rows, cols| {
            let format = source.shaped(&name, &[rows, cols])?.format;
            let bias = bias.filter(|bias| source.has(bias));
            Ok::<_, ModelError>(Stored { name, format, rows, cols, bias })
        };
        let end = |name: &str| stored(name.to_owned(), None, b.vocab, b.hidden);
        let part = |layer, part| {
            let (rows, cols) = match part {
                LayerPart::Query => (b.query_width(), b.hidden),
                LayerPart::Key | LayerPart::Value => (b.kv_width(), b.hidden),
                LayerPart::Output => (b.hidden, b.query_width()),
                LayerPart::Down => (b.hidden, b.ffn),
                _ => (b.ffn, b.hidden),
            };
            let name = |kind| b.names.layer(layer, part, kind);
            stored(name("weight"), Some(name("bias")), rows, cols)
        };
        let embedding = end(b.names.embedding)?;
        let head = if has_head && b.tied != Some(true) { Some(end(b.names.head)?) } else { None };
        let mut layers = Vec::new();
        for layer in 0..b.layers {
            let [query, key, value, output, gate, up, down] = LAYER.map(|of| part(layer, of));
            layers.push([query?, key?, value?, output?, gate?, up?, down?]);
        }
        Ok(Self { embedding, head, layers })
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

    /// Whether the first layer's queries are floats, which decides how keys and values are kept.
    pub(crate) fn of_floats(&self) -> bool {
        let first = self.layers.first().map(|[query, ..]| query.format);
        first.is_none_or(|format| matches!(format, Format::F32 | Format::F16 | Format::Bf16))
    }
}
