//! Reading experts: by all threads of the pool, each some of what is missing.

use std::sync::Arc;
use std::time::Instant;

use pricket_simd::{GROUP_ROWS, PackedMatrix};

use super::plan::{StoredExpert, stored_bytes};
use crate::decoder::Decoder;
use crate::decoder::loading::PIECE_BYTES;
use crate::decoder::plan::Stored;
use crate::decoder::weights::GatedWeights;
use crate::decoder::work::{Task, Work};
use crate::files::Found;
use crate::fused_experts::FusedExperts;
use crate::quantizing::Quantizing;
use crate::{ModelError, Quantization, TensorSource};

/// How much is read before the first token, to learn how fast that goes.
const MEASURED_BYTES: u64 = 64 << 20;

/// Where the experts are.
#[derive(Debug)]
pub(crate) struct StoredExperts {
    pub(super) files: Arc<Found>,
    /// How the files hold them, where they do not as they are read.
    pub(super) fused: Option<FusedExperts>,
    pub(super) quantization: Quantization,
    /// Of each layer; none where a layer has no experts.
    pub(super) layers: Vec<Vec<StoredExpert>>,
}

/// An expert that a thread is to read, and the room for it.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub(super) slot: usize,
    pub(super) layer: usize,
    pub(super) expert: usize,
    pub(super) weights: Arc<GatedWeights>,
    pub(super) is_done: bool,
}

impl StoredExperts {
    fn expert(&self, layer: usize, expert: usize) -> Option<&StoredExpert> {
        self.layers.get(layer)?.get(expert)
    }
}

impl Fetch {
    fn run(&mut self, from: &StoredExperts, buffer: &mut Vec<u8>) -> Result<(), ModelError> {
        let missing = || ModelError::TensorMissing { tensor: format!("expert {}", self.expert) };
        let stored = from.expert(self.layer, self.expert).ok_or_else(missing)?;
        let weights = Arc::get_mut(&mut self.weights).ok_or(ModelError::BufferShared)?;
        let source = from.files.source();
        let fused = from.fused.as_ref().map(|fused| fused.over(source));
        let source = fused.as_ref().map_or(source, |fused| fused as _);
        let quantizing = Quantizing::over(source, from.quantization);
        let source = quantizing.as_ref().map_or(source, |quantizing| quantizing as _);
        for (linear, stored) in weights.linears_mut().into_iter().zip(stored) {
            fill(source, stored, &mut linear.weight, buffer)?;
            if stored.bias.is_none() {
                linear.bias = None;
                continue;
            }
            let values = linear.bias.get_or_insert_default();
            values.resize(stored.rows, 0.0);
            stored.read_bias(source, buffer, values)?;
        }
        self.is_done = true;
        Ok(())
    }
}

/// Reads and packs a matrix, some rows at a time.
fn fill(
    source: &dyn TensorSource,
    stored: &Stored,
    matrix: &mut PackedMatrix,
    buffer: &mut Vec<u8>,
) -> Result<(), ModelError> {
    matrix.refill(stored.format, stored.rows, stored.cols)?;
    let row = stored.format.row_bytes(stored.cols)?;
    let groups = (PIECE_BYTES / (GROUP_ROWS * row)).max(1);
    for first in (0..stored.rows).step_by(groups * GROUP_ROWS) {
        let count = (stored.rows - first).min(groups * GROUP_ROWS);
        if buffer.len() < count * row {
            buffer.resize(count * row, 0);
        }
        let rows = buffer.get_mut(..count * row).unwrap_or_default();
        let offset = stored.offset()?.saturating_add(first as u64 * row as u64);
        source.read_range(&stored.name, offset, rows)?;
        matrix.pack_rows(first, rows)?;
    }
    Ok(())
}

impl Work {
    /// Makes room for so many experts to be read, so that no step has to.
    pub(in crate::decoder) fn reserve_fetches(&mut self, count: usize) {
        self.fetches.reserve(count);
        self.piece.resize(PIECE_BYTES, 0);
    }

    /// Reads this thread's share of what is missing.
    pub(in crate::decoder) fn fetch(&mut self) -> Result<(), ModelError> {
        let Some(from) = self.stored.take() else { return Ok(()) };
        let mut fetches = self.fetches.iter_mut();
        fetches.try_for_each(|fetch| fetch.run(&from, &mut self.piece))
    }
}

impl Decoder {
    /// Has the experts of a layer from `first` on that tokens take read, where they are not in
    /// memory, as far as there is room for all of them at once. Gives how far that was.
    ///
    /// # Errors
    /// What the files refuse.
    pub(in crate::decoder) fn bring(
        &mut self,
        layer: usize,
        first: usize,
        count: usize,
    ) -> Result<usize, ModelError> {
        let Some(shelf) = &mut self.shelf else { return Ok(count) };
        let routing = &self.rows.routing;
        let wanted = |expert| !routing.rows(expert).is_empty();
        let end = shelf.hand_out(layer, first..count, wanted, &mut self.works);
        self.fetch()?;
        // A shelf has a slot at least.
        if end > first { Ok(end) } else { Err(ModelError::BufferShared) }
    }

    /// Has read what was handed out.
    fn fetch(&mut self) -> Result<(), ModelError> {
        let Some(shelf) = &self.shelf else { return Ok(()) };
        if self.works.iter().all(|work| work.fetches.is_empty()) {
            return Ok(());
        }
        for work in &mut self.works {
            work.stored = Some(Arc::clone(shelf.stored()));
        }
        let ran = self.run(Task::Fetch);
        if let Some(shelf) = &mut self.shelf {
            shelf.take_back(&mut self.works);
        }
        ran
    }

    /// Reads experts of one layer after the other until there is enough to tell bytes per second.
    ///
    /// # Errors
    /// What the files refuse.
    pub(crate) fn measure_experts(&mut self) -> Result<(), ModelError> {
        let start = Instant::now();
        let (mut bytes, mut layer) = (0_u64, 0);
        while let Some(shelf) = &mut self.shelf
            && let stored = Arc::clone(shelf.stored())
            && let Some(experts) = stored.layers.get(layer)
            && bytes < MEASURED_BYTES
        {
            let room = shelf.slots().min(experts.len());
            let mut end = 0;
            for of in experts.iter().take(room) {
                if bytes >= MEASURED_BYTES {
                    break;
                }
                bytes = of.iter().try_fold(bytes, |sum, of| stored_bytes(of).map(|b| sum + b))?;
                end += 1;
            }
            shelf.hand_out(layer, 0..end, |_| true, &mut self.works);
            self.fetch()?;
            layer += 1;
        }
        let per_second = bytes as f64 / start.elapsed().as_secs_f64().max(1e-6);
        if let Some(told) = &mut self.spec.experts_on_disk {
            told.read_bytes_per_second = per_second as u64;
        }
        Ok(())
    }
}
