//! Progress as events: throttled, never falling, never in the way of the work.

use std::time::Instant;

use pricket_core::{ProgressEvent, ProgressStage};
use pricket_stream::AsyncStreamSender;

use crate::HubError;
use crate::limits::{POLL_INTERVAL, PROGRESS_INTERVAL};

/// Tells one pull's reader how it goes, and the pull whether the reader is still there.
pub(crate) struct Reporter {
    sender: AsyncStreamSender<ProgressEvent>,
    name: String,
    stage: ProgressStage,
    total: Option<u64>,
    done: u64,
    told: Instant,
}

impl Reporter {
    pub(crate) fn new(sender: AsyncStreamSender<ProgressEvent>, name: &str) -> Self {
        Self {
            sender,
            name: name.to_owned(),
            stage: ProgressStage::Resolving,
            total: None,
            done: 0,
            told: Instant::now(),
        }
    }

    /// What is being fetched.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A stage begins.
    pub(crate) fn begin(
        &mut self,
        stage: ProgressStage,
        what: impl Into<String>,
        total: Option<u64>,
    ) -> Result<(), HubError> {
        (self.stage, self.total, self.done, self.told) = (stage, total, 0, Instant::now());
        self.send(ProgressEvent::Started { stage, what: what.into(), total })
    }

    /// `done` of the stage is done. Less than before is not told: bytes that have to be fetched
    /// again are no progress.
    pub(crate) fn advance(&mut self, done: u64) -> Result<(), HubError> {
        // A wheel may be longer than its alias knows; progress beyond the whole is none.
        let done = self.total.map_or(done, |total| done.min(total));
        let last = self.total == Some(done);
        if done <= self.done || (!last && self.told.elapsed() < PROGRESS_INTERVAL) {
            return self.check();
        }
        (self.done, self.told) = (done, Instant::now());
        let event = ProgressEvent::Advanced { stage: self.stage, done, total: self.total };
        if last {
            return self.send(event);
        }
        // A reader that is slow misses an event in between and holds up nothing.
        let _ = self.sender.try_send(event);
        self.check()
    }

    /// Whether anybody still wants the result.
    pub(crate) fn check(&self) -> Result<(), HubError> {
        if self.sender.is_closed() { Err(self.cancelled()) } else { Ok(()) }
    }

    /// Waits a moment, less than the reader's patience.
    pub(crate) fn pause(&self) -> Result<(), HubError> {
        self.check()?;
        std::thread::park_timeout(POLL_INTERVAL);
        self.check()
    }

    /// Sends the last event.
    pub(crate) fn end(&self, outcome: Result<std::path::PathBuf, HubError>) {
        let event = match outcome {
            Ok(path) => ProgressEvent::Finished { path: Some(path) },
            Err(error) => ProgressEvent::Failed { error: Box::new(error.report()) },
        };
        // A reader that is gone needs no last word.
        let _ = self.sender.send(event);
    }

    fn send(&self, event: ProgressEvent) -> Result<(), HubError> {
        self.sender.send(event).map_err(|_| self.cancelled())
    }

    fn cancelled(&self) -> HubError {
        HubError::Cancelled { name: self.name.clone() }
    }
}
