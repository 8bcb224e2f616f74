//! Experts that stay in their files, and are read and packed when a token takes them.
//!
//! As many of them stay in memory as the given room holds; the one that was not taken for longest
//! makes way for the next. The room is laid out once: after that, taking an expert allocates
//! nothing but what the reader of a format puts scales and codes together in.

mod fetch;
mod plan;

use std::ops::Range;
use std::sync::Arc;

use pricket_simd::{Format, PackedMatrix};

pub(crate) use self::fetch::{Fetch, StoredExperts};
pub(crate) use self::plan::{ExpertsNeed, ShelfPlan};
use super::weights::{GatedWeights, Linear};
use super::work::Work;
use crate::files::Found;
use crate::fused_experts::FusedExperts;
use crate::{ExpertsOnDisk, ModelError, Quantization};

/// Room for an expert.
#[derive(Debug)]
struct Slot {
    /// None while a thread has it to fill it.
    weights: Option<Arc<GatedWeights>>,
    /// Whose weights they are: of which layer, which one.
    holds: Option<(usize, usize)>,
    /// When they were taken last.
    taken: u64,
}

/// The experts on disk, and those in memory.
#[derive(Debug)]
pub(crate) struct Shelf {
    stored: Arc<StoredExperts>,
    /// The slot that holds an expert, of each layer.
    places: Vec<Vec<Option<usize>>>,
    slots: Vec<Slot>,
    /// Counts what was taken.
    clock: u64,
}

impl Shelf {
    /// Lays the room out.
    ///
    /// # Errors
    /// Where the system refuses the memory.
    pub(crate) fn new(
        plan: ShelfPlan,
        files: Arc<Found>,
        fused: Option<FusedExperts>,
        quantization: Quantization,
    ) -> Result<(Self, ExpertsOnDisk), ModelError> {
        let mut slots = Vec::with_capacity(plan.slots);
        for _ in 0..plan.slots {
            let [gate, up, down] = plan.largest.map(|of| room(of, plan.biased));
            let weights = Arc::new(GatedWeights { gate: gate?, up: up?, down: down? });
            slots.push(Slot { weights: Some(weights), holds: None, taken: 0 });
        }
        let places = plan.layers.iter().map(|experts| vec![None; experts.len()]).collect();
        let told = ExpertsOnDisk {
            file_bytes: plan.file_bytes,
            room_bytes: plan.bytes(),
            token_bytes: plan.token_bytes,
            read_bytes_per_second: 0,
        };
        let stored = Arc::new(StoredExperts { files, fused, quantization, layers: plan.layers });
        Ok((Self { stored, places, slots, clock: 0 }, told))
    }

    pub(super) fn stored(&self) -> &Arc<StoredExperts> {
        &self.stored
    }

    /// How many experts there is room for.
    pub(super) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// An expert that is in memory.
    pub(super) fn held(&self, layer: usize, expert: usize) -> Option<&Arc<GatedWeights>> {
        let index = (*self.places.get(layer)?.get(expert)?)?;
        self.slots.get(index)?.weights.as_ref()
    }

    /// Gives the threads what is missing of the wanted experts of a layer, from the first of them
    /// on and as far as there is room for all at once. Gives how far that was.
    pub(super) fn hand_out(
        &mut self,
        layer: usize,
        experts: Range<usize>,
        wanted: impl Fn(usize) -> bool,
        works: &mut [Box<Work>],
    ) -> usize {
        let end = experts.end;
        // What is there and wanted makes way last, the first of it last of all.
        for expert in experts.clone().rev().filter(|expert| wanted(*expert)) {
            self.touch(layer, expert);
        }
        let before = self.clock;
        let mut missing = 0;
        for expert in experts.filter(|expert| wanted(*expert)) {
            if self.touch(layer, expert) {
                continue;
            }
            // Never one that was passed on the way here.
            let free = self.slots.iter().enumerate().filter(|(_, slot)| slot.taken <= before);
            let Some((index, _)) = free.min_by_key(|(_, slot)| slot.taken) else { return expert };
            let Some(weights) = self.empty(index) else { return expert };
            if let Some(work) = works.get_mut(missing % works.len().max(1)) {
                work.fetches.push(Fetch { slot: index, layer, expert, weights, is_done: false });
            }
            missing += 1;
        }
        end
    }

    /// Takes back what the threads were given, filled or not.
    pub(super) fn take_back(&mut self, works: &mut [Box<Work>]) {
        for fetch in works.iter_mut().flat_map(|work| work.fetches.drain(..)) {
            let Fetch { slot: index, layer, expert, weights, is_done } = fetch;
            let place = self.places.get_mut(layer).and_then(|own| own.get_mut(expert));
            if let (Some(slot), Some(place)) = (self.slots.get_mut(index), place) {
                slot.weights = Some(weights);
                slot.holds = is_done.then_some((layer, expert));
                *place = is_done.then_some(index);
            }
        }
    }

    /// Marks an expert as taken now; false where it is not in memory.
    fn touch(&mut self, layer: usize, expert: usize) -> bool {
        let place = self.places.get(layer).and_then(|experts| experts.get(expert));
        let Some(index) = place.copied().flatten() else { return false };
        self.clock += 1;
        let slot = self.slots.get_mut(index);
        slot.map(|slot| slot.taken = self.clock).is_some()
    }

    /// Empties a slot, which counts as taken now.
    fn empty(&mut self, index: usize) -> Option<Arc<GatedWeights>> {
        self.clock += 1;
        let slot = self.slots.get_mut(index)?;
        slot.taken = self.clock;
        if let Some((layer, expert)) = slot.holds.take()
            && let Some(place) = self.places.get_mut(layer).and_then(|own| own.get_mut(expert))
        {
            *place = None;
        }
        slot.weights.take()
    }
}

/// Memory for a matrix that takes no more than this one, and for its biases.
fn room((format, rows, cols): (Format, usize, usize), biased: bool) -> Result<Linear, ModelError> {
    let bias = biased.then(|| vec![0.0; rows]);
    Ok(Linear { weight: PackedMatrix::zeros(format, rows, cols)?, bias })
}
