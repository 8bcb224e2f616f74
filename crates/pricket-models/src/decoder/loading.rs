//! The weights of a decoder: read, packed and dropped piece by piece, on several threads.
//!
//! Every matrix is cut into pieces. The threads take one after the other, in the order of the file,
//! each with a buffer of its own for what it reads: beside the packed weights, a piece for each
//! thread is all that there ever is, and no thread waits for another.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use pricket_core::{ProgressEvent, ProgressStage};
use pricket_simd::{Kernels, Packer, PackerPiece, SimdError};

use super::assembly::assemble;
use super::plan::{Parts, Stored};
use super::weights::DecoderWeights;
use crate::blueprint::Blueprint;
use crate::limits::PROGRESS_EVENTS_MAX;
use crate::{ModelError, TensorSource};

/// How much of a tensor is read at a time: small enough to stay in the second-level cache between
/// the read and the repacking, large enough that a system call is nothing beside the copy.
pub(crate) const PIECE_BYTES: usize = 512 << 10;

/// What the threads share.
struct Pipeline<'a, I> {
    source: &'a dyn TensorSource,
    matrices: &'a [&'a Stored],
    // lock: held to take the next piece, of which a thread then reads and packs hundreds of
    // kilobytes; no token has been asked for yet.
    pieces: Mutex<I>,
    bytes_done: AtomicU64,
    failed: AtomicBool,
}

/// Reads and packs all weights on `threads` threads.
///
/// # Errors
/// What the files lack or the system refuses; a read that fails ends the work of every thread.
pub(crate) fn load_weights(
    source: &dyn TensorSource,
    blueprint: Blueprint,
    stored: Parts<Stored>,
    kernels: &'static Kernels,
    threads: usize,
    on_progress: &mut dyn FnMut(ProgressEvent),
) -> Result<DecoderWeights, ModelError> {
    let total = stored.file_bytes()?;
    // In the order of the file, so that it is read from front to back.
    let place: HashMap<&str, usize> = source.names().zip(0..).collect();
    let mut in_order: Vec<&Stored> = stored.iter().collect();
    in_order.sort_by_key(|matrix| (place.get(matrix.name.as_str()), matrix.first));
    let mut packer = Packer::new(in_order.iter().map(|m| (m.format, m.rows, m.cols)))?;
    let pipeline = Pipeline {
        source,
        matrices: &in_order,
        pieces: Mutex::new(packer.pieces(PIECE_BYTES)),
        bytes_done: AtomicU64::new(0),
        failed: AtomicBool::new(false),
    };
    pipeline.run(threads, total, on_progress)?;
    let places = in_order.into_iter().map(|matrix| (matrix.name.clone(), matrix.first));
    let packed = places.zip(packer.finish()?).collect();
    assemble(source, blueprint, stored, packed, kernels)
}

impl<'a, I: Iterator<Item = PackerPiece<'a>> + Send> Pipeline<'_, I> {
    fn run(
        self,
        threads: usize,
        total: u64,
        on_progress: &mut dyn FnMut(ProgressEvent),
    ) -> Result<(), ModelError> {
        let step = total.div_ceil(PROGRESS_EVENTS_MAX - 1).max(1);
        let mut due = 0;
        let mut tell = |done: u64| {
            if done >= due {
                let next = ((done / step + 1) * step).min(total);
                due = if done == total { u64::MAX } else { next };
                let stage = ProgressStage::Loading;
                on_progress(ProgressEvent::Advanced { stage, done, total: Some(total) });
            }
        };
        thread::scope(|scope| {
            let mut helpers = Vec::new();
            let mut outcome = Ok(());
            for index in 1..threads.max(1) {
                let name = format!("pricket-loader-{index}");
                let helper = || self.drain(&mut |_| ());
                match thread::Builder::new().name(name).spawn_scoped(scope, helper) {
                    Ok(helper) => helpers.push(helper),
                    Err(source) => {
                        self.failed.store(true, Ordering::Relaxed);
                        outcome = Err(SimdError::ThreadStart { source }.into());
                        break;
                    }
                }
            }
            outcome = outcome.and(self.drain(&mut tell));
            for helper in helpers {
                outcome = outcome.and(helper.join().unwrap_or(Err(ModelError::LoadPanicked)));
            }
            outcome
        })?;
        tell(total);
        Ok(())
    }

    /// Works until nothing is left or anybody failed.
    fn drain(&self, after_each: &mut dyn FnMut(u64)) -> Result<(), ModelError> {
        let mut buffer = Vec::new();
        while let Some(piece) = self.next() {
            let bytes = piece.bytes();
            let done = self.read_and_pack(piece, &mut buffer);
            if done.is_err() {
                self.failed.store(true, Ordering::Relaxed);
                return done;
            }
            let before = self.bytes_done.fetch_add(bytes as u64, Ordering::Relaxed);
            after_each(before + bytes as u64);
        }
        Ok(())
    }

    fn next(&self) -> Option<PackerPiece<'a>> {
        if self.failed.load(Ordering::Relaxed) {
            return None;
        }
        // A panic of whoever held it is told when that thread is joined.
        self.pieces.lock().ok()?.next()
    }

    fn read_and_pack(
        &self,
        piece: PackerPiece<'a>,
        buffer: &mut Vec<u8>,
    ) -> Result<(), ModelError> {
        let bytes = piece.bytes();
        if buffer.len() < bytes {
            buffer.resize(bytes, 0);
        }
        let buffer = buffer.get_mut(..bytes).unwrap_or_default();
        if let Some(matrix) = self.matrices.get(piece.matrix()) {
            let offset = matrix.offset()? + piece.offset();
            self.source.read_range(&matrix.name, offset, buffer)?;
        }
        Ok(piece.pack(buffer)?)
    }
}
