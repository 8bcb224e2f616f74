//! The weights of an encoder: looked for, read and packed, piece by piece.

use pricket_core::{ProgressEvent, ProgressStage};
use pricket_simd::{Format, Kernels, PackedMatrix, Packer, dequantize_row, packed_bytes};

use super::blueprint::{Activation, EncoderBlueprint, Positions, Task};
use super::names::{Names, Part};
use super::recipe::EmbeddingRecipe;
use super::weights::{Dense, EncoderWeights, Head, Layer, Norm, Plain, Table};
use crate::limits::PROGRESS_EVENTS_MAX;
use crate::memory;
use crate::{ModelError, TensorSource};

/// How much of a matrix is read at a time: it stays in the second-level cache between the read and
/// the repacking.
const PIECE_BYTES: usize = 512 << 10;

/// A matrix as the file stores it.
#[derive(Debug)]
struct Stored {
    part: Part,
    weight: String,
    bias: Option<String>,
    format: Format,
    rows: usize,
    cols: usize,
}

/// What loading will read, known from the headers alone.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    source: &'a dyn TensorSource,
    blueprint: EncoderBlueprint,
    names: Names,
    /// The matrices of each layer.
    layers: Vec<Vec<Stored>>,
    /// Bytes that the tables have in the file and keep in memory.
    table_bytes: u64,
}

impl<'a> Plan<'a> {
    /// Looks every tensor up.
    ///
    /// # Errors
    /// A tensor that is missing, of another shape, stored in a way that is not read, or unknown to
    /// the family is named.
    pub(super) fn of(
        source: &'a dyn TensorSource,
        blueprint: EncoderBlueprint,
    ) -> Result<Self, ModelError> {
        let b = &blueprint;
        let names = Names::of(b, source)?;
        let mut table_bytes = source.shaped(&names.words(), &[b.vocab, b.hidden])?.bytes;
        table_bytes += source.shaped(&names.types(), &[b.types, b.hidden])?.bytes;
        if let Positions::Learned { rows, .. } = b.positions {
            table_bytes += source.shaped(&names.positions(), &[rows, b.hidden])?.bytes;
        }
        let mut layers = Vec::new();
        for layer in 0..b.layers {
            layers.push(stored(source, b, &names, layer)?);
        }
        names.check_unused(b, source)?;
        Ok(Self { source, blueprint, names, layers, table_bytes })
    }

    fn matrices(&self) -> impl Iterator<Item = &Stored> {
        self.layers.iter().flatten()
    }

    /// Bytes that the weights take in memory.
    pub(super) fn memory_bytes(&self) -> Result<u64, ModelError> {
        self.matrices().try_fold(self.table_bytes, |sum, stored| {
            let bytes = packed_bytes(stored.format, stored.rows, stored.cols)?;
            Ok(sum.saturating_add(bytes as u64))
        })
    }

    /// Bytes that matrices and tables have in the file.
    pub(super) fn file_bytes(&self) -> Result<u64, ModelError> {
        self.matrices().try_fold(self.table_bytes, |sum, stored| {
            let row = stored.format.row_bytes(stored.cols)? as u64;
            Ok(sum.saturating_add(row.saturating_mul(stored.rows as u64)))
        })
    }

    /// Reads everything.
    ///
    /// # Errors
    /// [`ModelError::Read`] where the file system fails, [`ModelError::MemoryExceeded`] where the
    /// system gives too little.
    pub(super) fn load(
        self,
        recipe: &EmbeddingRecipe,
        kernels: &'static Kernels,
        on_progress: &mut dyn FnMut(ProgressEvent),
    ) -> Result<EncoderWeights, ModelError> {
        let total = self.file_bytes()?;
        let mut tell = Meter { total, done: 0, due: 0, on_progress };
        let (b, names) = (&self.blueprint, &self.names);
        let words = self.table(&names.words(), b.vocab)?;
        let types = self.table(&names.types(), b.types)?;
        let positions = match b.positions {
            Positions::Learned { rows, .. } => Some(self.table(&names.positions(), rows)?),
            Positions::Rotary { .. } => None,
        };
        tell.advance(self.table_bytes);
        let mut packed = self.pack(&mut tell)?.into_iter();
        let mut layers = Vec::new();
        for (layer, matrices) in self.layers.iter().enumerate() {
            let mut denses = Vec::new();
            for (stored, weight) in matrices.iter().zip(packed.by_ref()) {
                let bias = stored.bias.as_ref();
                let bias = bias.map(|bias| self.floats(bias, &[stored.rows])).transpose()?;
                denses.push((stored.part, Dense { weight, bias }));
            }
            layers.push(self.layer(layer, denses)?);
        }
        let embedding_norm = self.norm(names.embedding_norm())?;
        let head = self.head(recipe)?;
        let blueprint = self.blueprint;
        Ok(EncoderWeights {
            blueprint,
            kernels,
            words,
            types,
            positions,
            embedding_norm,
            layers,
            head,
        })
    }

    fn pack(&self, tell: &mut Meter<'_>) -> Result<Vec<PackedMatrix>, ModelError> {
        let mut packer = Packer::new(self.matrices().map(|m| (m.format, m.rows, m.cols)))?;
        let names: Vec<&str> = self.matrices().map(|matrix| matrix.weight.as_str()).collect();
        let mut buffer = Vec::new();
        for piece in packer.pieces(PIECE_BYTES) {
            let bytes = piece.bytes();
            buffer.resize(bytes, 0);
            let name = names.get(piece.matrix()).copied().unwrap_or_default();
            self.source.read_range(name, piece.offset(), &mut buffer)?;
            piece.pack(&buffer)?;
            tell.advance(bytes as u64);
        }
        Ok(packer.finish()?)
    }

    fn layer(&self, layer: usize, denses: Vec<(Part, Dense)>) -> Result<Layer, ModelError> {
        let mut projections = Vec::new();
        let (mut output, mut up, mut gate, mut down) = (None, None, None, None);
        for (part, dense) in denses {
            match part {
                Part::Output => output = Some(dense),
                Part::Up => up = Some(dense),
                Part::Gate => gate = Some(dense),
                Part::Down => down = Some(dense),
                _ => projections.push(dense),
            }
        }
        let there = |dense: Option<Dense>, part| {
            let [tensor, _] = self.names.layer(layer, part);
            dense.ok_or(ModelError::TensorMissing { tensor })
        };
        Ok(Layer {
            projections,
            output: there(output, Part::Output)?,
            attention_norm: self.norm(self.names.layer(layer, Part::AttentionNorm))?,
            up: there(up, Part::Up)?,
            gate,
            down: there(down, Part::Down)?,
            ffn_norm: self.norm(self.names.layer(layer, Part::FfnNorm))?,
        })
    }

    fn head(&self, recipe: &EmbeddingRecipe) -> Result<Head, ModelError> {
        let b = &self.blueprint;
        let Task::Scores { sigmoid } = b.task else {
            let (pooling, normalize) = (recipe.pooling.clone(), recipe.normalize);
            return Ok(Head::Pooled { pooling, normalize });
        };
        let plain = |[weight, bias]: [String; 2], rows: usize| {
            let (cols, values) = (b.hidden, self.floats(&weight, &[rows, b.hidden])?);
            Ok::<_, ModelError>(Plain { cols, rows: values, bias: self.floats(&bias, &[rows])? })
        };
        let [inner, out] = self.names.head(b.family);
        Ok(Head::Scored { inner: plain(inner, b.hidden)?, out: plain(out, 1)?, sigmoid })
    }

    fn norm(&self, [weight, bias]: [String; 2]) -> Result<Norm, ModelError> {
        let shape = [self.blueprint.hidden];
        Ok(Norm { weight: self.floats(&weight, &shape)?, bias: self.floats(&bias, &shape)? })
    }

    /// A table as the file stores it.
    fn table(&self, name: &str, rows: usize) -> Result<Table, ModelError> {
        let cols = self.blueprint.hidden;
        let info = self.source.shaped(name, &[rows, cols])?;
        let row_bytes = info.format.row_bytes(cols)?;
        let bytes = self.read(name, info.bytes)?;
        Ok(Table { format: info.format, cols, row_bytes, bytes })
    }

    /// A small tensor as floats.
    fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ModelError> {
        let info = self.source.shaped(name, shape)?;
        let bytes = self.read(name, info.bytes)?;
        let mut values = Vec::new();
        let count = shape.iter().product();
        memory::reserve(&mut values, count)?;
        values.resize(count, 0.0);
        dequantize_row(info.format, &bytes, &mut values)?;
        Ok(values)
    }

    /// All of a tensor's bytes.
    fn read(&self, name: &str, count: u64) -> Result<Vec<u8>, ModelError> {
        let count = usize::try_from(count).map_err(|_| memory::exceeded(count, 0))?;
        let mut bytes = Vec::new();
        memory::reserve(&mut bytes, count)?;
        bytes.resize(count, 0);
        self.source.read_range(name, 0, &mut bytes)?;
        Ok(bytes)
    }
}

/// The matrices of a layer.
fn stored(
    source: &dyn TensorSource,
    b: &EncoderBlueprint,
    names: &Names,
    layer: usize,
) -> Result<Vec<Stored>, ModelError> {
    let gated = b.activation == Activation::SiluGated;
    let parts = names.projections().iter().copied().chain([Part::Output, Part::Up]);
    let parts = parts.chain(gated.then_some(Part::Gate)).chain([Part::Down]);
    let found = parts.map(|part| {
        let (rows, cols) = match part {
            Part::Projections => (3 * b.hidden, b.hidden),
            Part::Up | Part::Gate => (b.ffn, b.hidden),
            Part::Down => (b.hidden, b.ffn),
            _ => (b.hidden, b.hidden),
        };
        let [weight, bias] = names.layer(layer, part);
        let format = source.shaped(&weight, &[rows, cols])?.format;
        // The gated family may go without, the others may not.
        let bias = if gated && !source.has(&bias) {
            None
        } else {
            source.shaped(&bias, &[rows])?;
            Some(bias)
        };
        Ok(Stored { part, weight, bias, format, rows, cols })
    });
    found.collect()
}

/// Tells how far loading is, not too often.
struct Meter<'a> {
    total: u64,
    done: u64,
    due: u64,
    on_progress: &'a mut dyn FnMut(ProgressEvent),
}

impl Meter<'_> {
    fn advance(&mut self, bytes: u64) {
        self.done += bytes;
        if self.done >= self.due {
            let step = self.total.div_ceil(PROGRESS_EVENTS_MAX - 1).max(1);
            self.due = ((self.done / step + 1) * step).min(self.total);
            let (stage, done, total) = (ProgressStage::Loading, self.done, Some(self.total));
            (self.on_progress)(ProgressEvent::Advanced { stage, done, total });
        }
    }
}
