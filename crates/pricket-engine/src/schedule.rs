//! Who runs how many tokens in the next step. A pure function: no clock, no thread, no tensor.

/// What a running sequence asks of the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// Tokens that have not been through the model yet: the rest of a prompt, or the one token that
    /// was sampled last.
    pub tokens: usize,
    /// Whether a token was sampled already, so that a reader waits for the next.
    pub decoding: bool,
    /// Whether the reader's stream has room for what a step may send.
    pub has_room: bool,
}

/// What a running sequence is given in the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// The sequence's place among the running ones.
    pub index: usize,
    /// How many of its tokens run.
    pub tokens: usize,
}

/// Fills `plan` with the shares of the next step, by rising index.
///
/// Every decoding sequence runs its token in every step; the prompts share `prefill_tokens_max`
/// tokens, first come first served, so that a long prompt delays a running answer by one chunk and
/// no more. A sequence whose reader is behind is passed over until there is room. `running` stands
/// in order of arrival.
pub fn schedule(
    running: impl IntoIterator<Item = Demand>,
    prefill_tokens_max: usize,
    plan: &mut Vec<Share>,
) {
    plan.clear();
    let mut budget = prefill_tokens_max;
    for (index, demand) in running.into_iter().enumerate() {
        if !demand.has_room {
            continue;
        }
        let tokens = if demand.decoding { demand.tokens } else { demand.tokens.min(budget) };
        if !demand.decoding {
            budget -= tokens;
        }
        if tokens > 0 {
            plan.push(Share { index, tokens });
        }
    }
}
