//! The engine's end of a request's stream: it keeps the law that exactly one terminal chunk is
//! sent, that it is the last, and that the counters tell the same story.

use std::sync::Arc;

use pricket_core::{Completion, CompletionChunk, CorrelationId, Usage};
use pricket_stream::{AsyncStreamSender, TrySendError};

use crate::stats::{Outcome, Stats};
use crate::{EngineError, limits};

/// How far a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Refused or not yet in the queue.
    New,
    /// In the queue.
    Queued,
    /// Its first step has begun.
    Active,
    /// Its terminal chunk was sent, or nobody is there to read it.
    Ended,
}

/// Sends a request's chunks without ever waiting, and settles its account once.
#[derive(Debug)]
pub(crate) struct Outlet {
    sender: AsyncStreamSender<CompletionChunk>,
    stats: Arc<Stats>,
    request: CorrelationId,
    stage: Stage,
}

impl Outlet {
    /// The outlet of a request that has just arrived.
    pub(crate) fn new(
        sender: AsyncStreamSender<CompletionChunk>,
        stats: Arc<Stats>,
        request: CorrelationId,
    ) -> Self {
        stats.arrive();
        Self { sender, stats, request, stage: Stage::New }
    }

    /// Takes a place in the queue.
    ///
    /// # Errors
    /// [`EngineError::Busy`] where all `queue_len_max` are taken.
    pub(crate) fn enqueue(&mut self, queue_len_max: usize) -> Result<(), EngineError> {
        if !self.stats.enqueue(queue_len_max) {
            return Err(EngineError::Busy { queue_len_max });
        }
        self.stage = Stage::Queued;
        Ok(())
    }

    /// Leaves the queue for the first step. One that gave way stays active.
    pub(crate) fn start(&mut self) {
        if self.stage == Stage::Queued {
            self.stats.start();
            self.stage = Stage::Active;
        }
    }

    /// Whether there is room for everything that a step may send. Where there is not, the reader's
    /// next read wakes the engine.
    pub(crate) fn has_room(&self) -> bool {
        self.fits_step() || {
            self.sender.ask_for_space();
            self.fits_step()
        }
    }

    fn fits_step(&self) -> bool {
        self.sender.len() + limits::STEP_CHUNKS_MAX <= self.sender.capacity()
    }

    /// Whether nobody reads any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.sender.is_closed()
    }

    /// Whether the request is over.
    pub(crate) fn is_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    /// Sends a chunk that is not terminal. That the reader has left is no error here: the sequence
    /// is taken out before the next step.
    ///
    /// # Errors
    /// [`EngineError::StreamOverrun`] where a step sends more than it may.
    pub(crate) fn send(&self, chunk: CompletionChunk) -> Result<(), EngineError> {
        match self.sender.try_send(chunk) {
            Ok(()) | Err(TrySendError::Closed(_)) => Ok(()),
            Err(_) => Err(EngineError::StreamOverrun { chunks_max: limits::STEP_CHUNKS_MAX }),
        }
    }

    /// Counts what a request used that does not end well.
    pub(crate) fn count_tokens(&self, usage: &Usage) {
        self.stats.count_tokens(usage);
    }

    /// Ends the request well.
    pub(crate) fn complete(&mut self, completion: Completion) {
        self.stats.count_completion(&completion);
        self.end(Outcome::Completed, CompletionChunk::Complete(Box::new(completion)));
    }

    /// Ends the request with an error.
    pub(crate) fn fail(&mut self, error: &EngineError) {
        let code = error.code();
        tracing::warn!(correlation_id = %self.request, code, %error, "request failed");
        let report = error.report(self.request);
        self.end(Outcome::Failed, CompletionChunk::Error(Box::new(report)));
    }

    /// Settles the account first, so that whoever has read the terminal chunk finds it settled.
    fn end(&mut self, outcome: Outcome, terminal: CompletionChunk) {
        if self.stage == Stage::Ended {
            return;
        }
        let outcome = if self.sender.is_closed() { Outcome::Cancelled } else { outcome };
        match self.stage {
            Stage::Queued => self.stats.leave_queue(),
            Stage::Active => self.stats.leave_active(),
            Stage::New | Stage::Ended => {}
        }
        self.stats.settle(outcome);
        self.stage = Stage::Ended;
        // There is room (`has_room` before the step), or nobody reads.
        let _ = self.sender.try_send(terminal);
    }
}

/// However a request goes, its reader is told.
impl Drop for Outlet {
    fn drop(&mut self) {
        if self.stage != Stage::Ended {
            if self.sender.is_closed() {
                let report = EngineError::Stopped.report(self.request);
                self.end(Outcome::Cancelled, CompletionChunk::Error(Box::new(report)));
            } else {
                self.fail(&EngineError::Stopped);
            }
        }
    }
}
