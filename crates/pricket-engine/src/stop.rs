//! When an answer ends.

use std::sync::Arc;

use pricket_core::FinishReason;

/// What ends a request's answer, besides its stop texts.
#[derive(Debug)]
pub(crate) struct StopRules {
    /// The tokens that end a turn; empty where the request ignores them.
    pub(crate) end_ids: Arc<[u32]>,
    /// The most tokens that the request wants.
    pub(crate) answer_tokens_max: Option<usize>,
    /// The most tokens of prompt and answer together.
    pub(crate) context: usize,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Finish {
    pub(crate) reason: FinishReason,
    /// The index of the stop text that did it.
    pub(crate) stop_text: Option<usize>,
}

impl StopRules {
    /// Whether this token ends the turn. Its text is not shown.
    pub(crate) fn is_end(&self, id: u32) -> bool {
        self.end_ids.contains(&id)
    }

    /// Whether the answer ends for its length: `answer` tokens were generated, and there are `all`
    /// with the prompt.
    pub(crate) fn length(&self, answer: usize, all: usize) -> Option<FinishReason> {
        if self.answer_tokens_max.is_some_and(|max| answer >= max) {
            Some(FinishReason::Length)
        } else if all >= self.context {
            Some(FinishReason::ContextEnd)
        } else {
            None
        }
    }

    /// The most tokens that the answer to a prompt can have.
    pub(crate) fn answer_len_max(&self, prompt_len: usize) -> usize {
        let room = self.context.saturating_sub(prompt_len);
        self.answer_tokens_max.map_or(room, |max| max.min(room))
    }
}

impl Finish {
    /// An answer that ended for this reason, and not by a stop text.
    pub(crate) fn by(reason: FinishReason) -> Self {
        Self { reason, stop_text: None }
    }

    /// An answer that ended by a stop text.
    pub(crate) fn by_text(index: usize) -> Self {
        Self { reason: FinishReason::Stop, stop_text: Some(index) }
    }
}
