//! Which experts of a mixture are loaded, and which stay in their files.

use std::sync::Arc;

use pricket_core::ByteSize;

use super::{Backend, OpenOptions};
use crate::blueprint::Blueprint;
use crate::decoder::{DecoderWeights, ExpertsNeed, Need, Parts, Shelf, ShelfPlan, Stored};
use crate::fused_experts::FusedExperts;
use crate::{ModelError, ModelFiles, ModelSpec};

impl OpenOptions {
    /// Takes the experts that stay on disk out of what is to be loaded, and out of what is needed.
    ///
    /// # Errors
    /// [`ModelError::MemoryExceeded`] where not even one of them fits;
    /// [`ModelError::ExpertsMemory`] where what they are given has no room for one.
    pub(super) fn shelf(
        &self,
        blueprint: &Blueprint,
        stored: &mut Parts<Stored>,
        need: &mut Need,
    ) -> Result<Option<ShelfPlan>, ModelError> {
        let Some(experts) = ExpertsNeed::of(stored)? else { return Ok(None) };
        let room = match (self.experts_memory, self.backend) {
            (room @ Some(_), Backend::Cpu) => room,
            (None, Backend::Cpu) => self.room_left(experts, *need, blueprint.context)?,
            (None, _) => None,
            (Some(_), _) => {
                return Err(ModelError::Unsupported {
                    what: "candle's backend with experts on disk".to_owned(),
                    why: "it holds all weights in memory".to_owned(),
                });
            }
        };
        let Some(room) = room else { return Ok(None) };
        let plan = ShelfPlan::take(blueprint, stored, room)?;
        if let Some(plan) = &plan {
            need.weights = need.weights.saturating_sub(experts.all).saturating_add(plan.bytes());
        }
        Ok(plan)
    }

    /// What is left for experts where not all of them fit: an eighth of it stays with the system,
    /// which reads files through it.
    fn room_left(
        &self,
        experts: ExpertsNeed,
        need: Need,
        trained_for: usize,
    ) -> Result<Option<u64>, ModelError> {
        let all = self.with_context(need, trained_for);
        let Some(have) = self.memory_at_hand().filter(|have| all > *have) else { return Ok(None) };
        let rest = all.saturating_sub(experts.all);
        let least = rest.saturating_add(experts.one);
        if least > have {
            return Err(ModelError::MemoryExceeded { need: ByteSize(least), have: ByteSize(have) });
        }
        let left = have.saturating_sub(rest);
        Ok(Some((left - left / 8).max(experts.one)))
    }
}

impl ModelFiles {
    /// Lays out the room for experts, and tells what is known of them.
    pub(super) fn lay_out(
        &self,
        plan: ShelfPlan,
        fused: Option<FusedExperts>,
        options: &OpenOptions,
        weights: &mut DecoderWeights,
        spec: &mut ModelSpec,
    ) -> Result<Shelf, ModelError> {
        spec.parameters = spec.parameters.saturating_add(plan.parameters());
        spec.weight_bytes = spec.weight_bytes.saturating_add(plan.bytes());
        weights.on_disk = plan.kinds().to_vec();
        let (shelf, told) = Shelf::new(plan, Arc::clone(&self.found), fused, options.quantize)?;
        spec.experts_on_disk = Some(told);
        Ok(shelf)
    }
}
