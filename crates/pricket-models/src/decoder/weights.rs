//! The weights of a decoder: read, packed and dropped piece by piece, on several threads.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use pricket_core::{ProgressEvent, ProgressStage};
use pricket_simd::{ActKind, Kernels, PackedMatrix, Packer, dequantize_row};

use crate::blueprint::{Blueprint, LayerPart};
use crate::{ModelError, TensorSource};

/// How much of a tensor is read at a time: small enough to stay in the second-level cache between
/// the read and the repacking, large enough that a system call is nothing beside the copy.
const PIECE_BYTES: usize = 1 << 20;

/// A projection.
#[derive(Debug)]
pub(crate) struct Linear {
    pub(crate) weight: PackedMatrix,
    /// One value for each row of the weight.
    pub(crate) bias: Option<Vec<f32>>,
}

#[derive(Debug)]
pub(crate) struct LayerWeights {
    pub(crate) attention_norm: Vec<f32>,
    pub(crate) query: Linear,
    pub(crate) key: Linear,
    pub(crate) value: Linear,
    pub(crate) output: Linear,
    pub(crate) ffn_norm: Vec<f32>,
    pub(crate) gate: Linear,
    pub(crate) up: Linear,
    pub(crate) down: Linear,
}

/// Everything that a pass reads and nothing that it writes.
#[derive(Debug)]
pub(crate) struct DecoderWeights {
    pub(crate) blueprint: Blueprint,
    pub(crate) kernels: &'static Kernels,
    pub(crate) embedding: Linear,
    pub(crate) layers: Vec<LayerWeights>,
    pub(crate) final_norm: Vec<f32>,
    head: Option<Linear>,
}

impl Linear {
    pub(crate) fn rows(&self) -> usize {
        self.weight.rows()
    }

    fn bytes(&self) -> u64 {
        self.weight.bytes() as u64 + self.bias.as_ref().map_or(0, |b| 4 * b.len() as u64)
    }
}

impl LayerWeights {
    fn linears(&self) -> [&Linear; 7] {
        [&self.query, &self.key, &self.value, &self.output, &self.gate, &self.up, &self.down]
    }
}

impl DecoderWeights {
    /// The output projection; the embedding, where the two are tied.
    pub(crate) fn head(&self) -> &Linear {
        self.head.as_ref().unwrap_or(&self.embedding)
    }

    fn linears(&self) -> impl Iterator<Item = &Linear> {
        let ends = std::iter::once(&self.embedding).chain(&self.head);
        ends.chain(self.layers.iter().flat_map(LayerWeights::linears))
    }

    /// Whether any matrix multiplies activations of this kind.
    pub(crate) fn multiply(&self, kind: ActKind) -> bool {
        self.linears().any(|linear| linear.weight.activation_kind() == kind)
    }

    /// Bytes that the weights occupy.
    pub(crate) fn bytes(&self) -> u64 {
        self.linears().map(Linear::bytes).sum()
    }

    /// How many weights there are, norms included.
    pub(crate) fn parameters(&self) -> u64 {
        let matrices: u64 =
            self.linears().map(|l| (l.weight.rows() * l.weight.cols()) as u64).sum();
        let norms = self.layers.len() * 2 * self.blueprint.hidden + self.blueprint.hidden;
        matrices + norms as u64
    }
}

enum Item {
    Embedding,
    Head,
    Layer(usize),
}

enum Loaded {
    Embedding(Linear),
    Head(Linear),
    Layer(usize, Box<LayerWeights>),
}

struct Loader<'a> {
    source: &'a dyn TensorSource,
    blueprint: &'a Blueprint,
    next: AtomicUsize,
    items: Vec<Item>,
    bytes_done: AtomicU64,
}

/// Reads and packs all weights on `threads` threads.
///
/// # Errors
/// A tensor that is missing or of another shape than the blueprint asks for is named.
pub(crate) fn load_weights(
    source: &dyn TensorSource,
    blueprint: Blueprint,
    kernels: &'static Kernels,
    threads: usize,
    on_progress: &mut dyn FnMut(ProgressEvent),
) -> Result<DecoderWeights, ModelError> {
    let has_head = source.has(blueprint.names.head);
    if blueprint.tied == Some(false) && !has_head {
        return Err(ModelError::TensorMissing { tensor: blueprint.names.head.to_owned() });
    }
    // The largest tensors first, so that no thread is left with one at the end.
    let mut items = vec![Item::Embedding];
    if has_head && blueprint.tied != Some(true) {
        items.push(Item::Head);
    }
    items.extend((0..blueprint.layers).map(Item::Layer));
    let loader = Loader {
        source,
        blueprint: &blueprint,
        next: AtomicUsize::new(0),
        items,
        bytes_done: AtomicU64::new(0),
    };
    let loaded = loader.run(threads, tensor_bytes(source), on_progress)?;
    let (mut embedding, mut head, mut layers) = (None, None, Vec::new());
    for part in loaded {
        match part {
            Loaded::Embedding(linear) => embedding = Some(linear),
            Loaded::Head(linear) => head = Some(linear),
            Loaded::Layer(index, layer) => layers.push((index, layer)),
        }
    }
    layers.sort_by_key(|(index, _)| *index);
    let embedding = embedding.ok_or_else(|| ModelError::TensorMissing {
        tensor: blueprint.names.embedding.to_owned(),
    })?;
    let final_norm = load_vector(source, blueprint.names.final_norm, blueprint.hidden)?;
    let layers = layers.into_iter().map(|(_, layer)| *layer).collect();
    Ok(DecoderWeights { blueprint, kernels, embedding, layers, final_norm, head })
}

impl Loader<'_> {
    fn run(
        &self,
        threads: usize,
        total: u64,
        on_progress: &mut dyn FnMut(ProgressEvent),
    ) -> Result<Vec<Loaded>, ModelError> {
        let advanced = |loader: &Self| ProgressEvent::Advanced {
            stage: ProgressStage::Loading,
            done: loader.bytes_done.load(Ordering::Relaxed).min(total),
            total: Some(total),
        };
        thread::scope(|scope| {
            let helpers: Vec<_> =
                (1..threads.max(1)).map(|_| scope.spawn(|| self.drain(&mut || ()))).collect();
            let mut loaded = self.drain(&mut || on_progress(advanced(self)));
            for helper in helpers {
                let part = helper.join().unwrap_or(Err(ModelError::LoadPanicked));
                match (&mut loaded, part) {
                    (Ok(all), Ok(part)) => all.extend(part),
                    (Ok(_), Err(error)) => loaded = Err(error),
                    (Err(_), _) => {}
                }
            }
            loaded
        })
    }

    fn drain(&self, after_each: &mut dyn FnMut()) -> Result<Vec<Loaded>, ModelError> {
        let mut loaded = Vec::new();
        while let Some(item) = self.items.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            loaded.push(self.load(item)?);
            after_each();
        }
        Ok(loaded)
    }

    fn load(&self, item: &Item) -> Result<Loaded, ModelError> {
        let b = self.blueprint;
        let end = |name: &str| -> Result<Linear, ModelError> {
            let weight = self.matrix(name, b.vocab, b.hidden)?;
            Ok(Linear { weight, bias: None })
        };
        match *item {
            Item::Embedding => end(b.names.embedding).map(Loaded::Embedding),
            Item::Head => end(b.names.head).map(Loaded::Head),
            Item::Layer(index) => Ok(Loaded::Layer(index, Box::new(self.layer(index)?))),
        }
    }

    fn layer(&self, layer: usize) -> Result<LayerWeights, ModelError> {
        let b = self.blueprint;
        let (q, kv) = (b.query_width(), b.kv_width());
        let norm = |part| load_vector(self.source, &b.names.layer(layer, part, "weight"), b.hidden);
        Ok(LayerWeights {
            attention_norm: norm(LayerPart::AttentionNorm)?,
            query: self.linear(layer, LayerPart::Query, q, b.hidden)?,
            key: self.linear(layer, LayerPart::Key, kv, b.hidden)?,
            value: self.linear(layer, LayerPart::Value, kv, b.hidden)?,
            output: self.linear(layer, LayerPart::Output, b.hidden, q)?,
            ffn_norm: norm(LayerPart::FfnNorm)?,
            gate: self.linear(layer, LayerPart::Gate, b.ffn, b.hidden)?,
            up: self.linear(layer, LayerPart::Up, b.ffn, b.hidden)?,
            down: self.linear(layer, LayerPart::Down, b.hidden, b.ffn)?,
        })
    }

    fn linear(
        &self,
        layer: usize,
        part: LayerPart,
        rows: usize,
        cols: usize,
    ) -> Result<Linear, ModelError> {
        let names = &self.blueprint.names;
        let weight = self.matrix(&names.layer(layer, part, "weight"), rows, cols)?;
        let bias = names.layer(layer, part, "bias");
        let bias = if self.source.has(&bias) {
            Some(load_vector(self.source, &bias, rows)?)
        } else {
            None
        };
        Ok(Linear { weight, bias })
    }

    fn matrix(&self, name: &str, rows: usize, cols: usize) -> Result<PackedMatrix, ModelError> {
        let info = self.source.shaped(name, &[rows, cols])?;
        let row_bytes = info.format.row_bytes(cols)?;
        let mut packer = Packer::new(info.format, rows, cols)?;
        let piece_rows = (PIECE_BYTES / row_bytes.max(1)).max(1).min(rows);
        let mut piece = vec![0; piece_rows * row_bytes];
        let mut row = 0;
        while row < rows {
            let len = piece_rows.min(rows - row) * row_bytes;
            let bytes = piece.get_mut(..len).unwrap_or(&mut []);
            self.source.read_range(name, (row * row_bytes) as u64, bytes)?;
            packer.push_rows(bytes)?;
            self.bytes_done.fetch_add(len as u64, Ordering::Relaxed);
            row += piece_rows;
        }
        Ok(packer.finish()?)
    }
}

/// Reads a vector of `len` values as floats.
pub(crate) fn load_vector(
    source: &dyn TensorSource,
    name: &str,
    len: usize,
) -> Result<Vec<f32>, ModelError> {
    let info = source.shaped(name, &[len])?;
    let mut bytes = vec![0; info.format.row_bytes(len)?];
    source.read_range(name, 0, &mut bytes)?;
    let mut values = vec![0.0; len];
    dequantize_row(info.format, &bytes, &mut values)?;
    Ok(values)
}

/// Bytes of all tensors that can be read.
fn tensor_bytes(source: &dyn TensorSource) -> u64 {
    source.names().filter_map(|name| source.info(name).ok()).map(|info| info.bytes).sum()
}
