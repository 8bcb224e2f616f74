//! The order of requests.

/// Who goes first: the lower rank. It is made once, when a request is submitted, and kept when the
/// request is preempted.
///
/// A request gains one step of priority for each `aging_ms` that it waits. All wait alike, so the
/// order of two requests is that of the moments at which a request of priority 0 would have had to
/// come to be their equal: a number that does not change, and that needs no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// The moment, in milliseconds since the engine's start.
    due_ms: i64,
    /// The place in the order of arrival, which decides between equals.
    arrival: u64,
}

impl Rank {
    /// The rank of a request that came `submitted_ms` after the engine's start, as the `arrival`th.
    ///
    /// It goes before every request of priority `other` that came more than
    /// `(other - priority) * aging_ms` after it.
    pub fn new(submitted_ms: u64, priority: i8, aging_ms: u64, arrival: u64) -> Self {
        let submitted = i64::try_from(submitted_ms).unwrap_or(i64::MAX);
        let aging = i64::try_from(aging_ms).unwrap_or(i64::MAX);
        let due_ms = submitted.saturating_sub(i64::from(priority).saturating_mul(aging));
        Self { due_ms, arrival }
    }
}
