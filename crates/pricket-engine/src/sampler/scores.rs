//! Logits by token id, whether a whole row or the few that are left.

/// Logits that are found by their token's id.
#[derive(Debug)]
pub(super) struct Scores<'a> {
    /// The ids, rising; `None` where a logit's place is its id.
    ids: Option<&'a [u32]>,
    logits: &'a mut [f32],
}

impl<'a> Scores<'a> {
    /// A logit for every token of the vocabulary.
    pub(super) fn of_row(logits: &'a mut [f32]) -> Self {
        Self { ids: None, logits }
    }

    /// Logits of these tokens, whose ids rise.
    pub(super) fn of_some(ids: &'a [u32], logits: &'a mut [f32]) -> Self {
        Self { ids: Some(ids), logits }
    }

    /// The logit of a token; `None` where it is not there.
    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut f32> {
        let place = match self.ids {
            None => id as usize,
            Some(ids) => ids.binary_search(&id).ok()?,
        };
        self.logits.get_mut(place)
    }
}

/// Back to a single: what overflows ends at its range.
pub(super) fn finite(logit: f64) -> f32 {
    logit.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32
}
