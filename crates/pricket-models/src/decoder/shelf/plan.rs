//! Which experts stay on disk, and how many of them there is room for: known from the headers.

use pricket_core::ByteSize;
use pricket_simd::{ActKind, Format};

use crate::ModelError;
use crate::blueprint::{Blueprint, LayerPart};
use crate::decoder::plan::{Parts, Stored};

/// The matrices of an expert as the files store them: gate, up and down.
pub(super) type StoredExpert = [Stored; 3];

/// What the experts of a mixture take in memory, packed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExpertsNeed {
    /// All of them.
    pub(crate) all: u64,
    /// Room for any one of them: the least there can be.
    pub(crate) one: u64,
}

impl ExpertsNeed {
    /// Of matrices that are to be loaded; `None` where none is an expert's.
    ///
    /// # Errors
    /// Where they exceed what can be counted.
    pub(crate) fn of(stored: &Parts<Stored>) -> Result<Option<Self>, ModelError> {
        let (mut all, mut largest) = (0_u64, [0_u64; 3]);
        for parts in &stored.layers {
            for expert in 0.. {
                let own = LayerPart::of_expert(expert).map(|part| parts.get(&part));
                let [Some(gate), Some(up), Some(down)] = own else { break };
                for (of, largest) in [gate, up, down].into_iter().zip(&mut largest) {
                    let bytes = of.packed_bytes()?;
                    all = all.saturating_add(bytes);
                    *largest = bytes.max(*largest);
                }
            }
        }
        let one = largest.iter().sum();
        Ok((all > 0).then_some(Self { all, one }))
    }
}

/// Which experts stay on disk, and how many there is room for.
#[derive(Debug)]
pub(crate) struct ShelfPlan {
    /// Of each layer; none where a layer has no experts.
    pub(super) layers: Vec<Vec<StoredExpert>>,
    /// Of gate, up and down, the matrix that takes most room.
    pub(super) largest: [(Format, usize, usize); 3],
    /// How many experts there is room for.
    pub(super) slots: usize,
    slot_bytes: u64,
    /// Bytes of the files that a token reads at most, and that all experts have.
    pub(super) token_bytes: u64,
    pub(super) file_bytes: u64,
    parameters: u64,
    kinds: Vec<ActKind>,
    /// Whether any of them has biases.
    pub(super) biased: bool,
}

impl ShelfPlan {
    /// Takes the experts out of what is to be loaded, where `room` bytes do not hold all of them.
    ///
    /// # Errors
    /// [`ModelError::ExpertsMemory`] where there is no room for a single one.
    pub(crate) fn take(
        b: &Blueprint,
        stored: &mut Parts<Stored>,
        room: u64,
    ) -> Result<Option<Self>, ModelError> {
        if ExpertsNeed::of(stored)?.is_none_or(|need| need.all <= room) {
            return Ok(None);
        }
        let mut layers = Vec::with_capacity(stored.layers.len());
        for (parts, plan) in stored.layers.iter_mut().zip(&b.layers) {
            let count = plan.ffn.experts.as_ref().map_or(0, |experts| experts.count);
            let mut own = Vec::with_capacity(count);
            for expert in 0..count {
                let [gate, up, down] = LayerPart::of_expert(expert).map(|part| parts.remove(&part));
                if let (Some(gate), Some(up), Some(down)) = (gate, up, down) {
                    own.push([gate, up, down]);
                }
            }
            layers.push(own);
        }
        Self::of(b, layers, room).map(Some)
    }

    fn of(b: &Blueprint, layers: Vec<Vec<StoredExpert>>, room: u64) -> Result<Self, ModelError> {
        let mut plan = Self {
            layers: Vec::new(),
            largest: [(Format::F32, 1, 1); 3],
            slots: 0,
            slot_bytes: 0,
            token_bytes: 0,
            file_bytes: 0,
            parameters: 0,
            kinds: Vec::new(),
            biased: false,
        };
        let mut sizes = [0; 3];
        for (experts, layer) in layers.iter().zip(&b.layers) {
            let chosen = layer.ffn.experts.as_ref().map_or(0, |experts| experts.chosen as u64);
            let mut most = 0;
            for expert in experts {
                let mut bytes = 0_u64;
                let places = sizes.iter_mut().zip(&mut plan.largest);
                for (of, (size, largest)) in expert.iter().zip(places) {
                    if of.packed_bytes()? > *size {
                        (*size, *largest) = (of.packed_bytes()?, (of.format, of.rows, of.cols));
                    }
                    bytes = bytes.saturating_add(stored_bytes(of)?);
                    plan.parameters += (of.rows * of.cols + of.biases()) as u64;
                    plan.biased |= of.bias.is_some();
                    let kind = of.format.activation_kind();
                    if !plan.kinds.contains(&kind) {
                        plan.kinds.push(kind);
                    }
                }
                plan.file_bytes = plan.file_bytes.saturating_add(bytes);
                most = most.max(bytes);
            }
            plan.token_bytes = plan.token_bytes.saturating_add(most.saturating_mul(chosen));
        }
        plan.slot_bytes = sizes.iter().sum();
        // Fewer than there are: the address space counts them.
        plan.slots = (room / plan.slot_bytes.max(1)) as usize;
        if plan.slots == 0 {
            let (need, have) = (ByteSize(plan.slot_bytes), ByteSize(room));
            return Err(ModelError::ExpertsMemory { need, have });
        }
        plan.slots = plan.slots.min(layers.iter().map(Vec::len).sum());
        plan.layers = layers;
        Ok(plan)
    }

    /// Bytes of the room, all of it.
    pub(crate) fn bytes(&self) -> u64 {
        self.slot_bytes.saturating_mul(self.slots as u64)
    }

    /// How many weights stay on disk.
    pub(crate) fn parameters(&self) -> u64 {
        self.parameters
    }

    /// What the experts multiply.
    pub(crate) fn kinds(&self) -> &[ActKind] {
        &self.kinds
    }
}

/// Bytes of a matrix in its file. Its biases, a number for each row, count for nothing.
pub(super) fn stored_bytes(of: &Stored) -> Result<u64, ModelError> {
    Ok((of.format.row_bytes(of.cols)? as u64).saturating_mul(of.rows as u64))
}
