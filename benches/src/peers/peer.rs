//! What every engine beside ours can do for the comparison.

use std::path::Path;

use super::Task;
use crate::Failure;

/// One measurement.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The file.
    pub model: &'a Path,
    /// What is timed.
    pub task: &'a Task,
    /// Threads that compute.
    pub threads: usize,
}

/// Another engine.
pub trait Peer {
    /// Its name in the table and on the command line.
    fn name(&self) -> &'static str;

    /// Where it was found, or which version it is.
    fn origin(&self) -> String;

    /// The settings of which the first round keeps the better one, task by task; a single empty one
    /// where there is nothing to choose.
    fn settings(&self) -> Vec<&'static str>;

    /// Tokens per second, of all sequences together.
    ///
    /// # Errors
    /// Where it cannot run the file or the task in that setting, or failed.
    fn rate(&mut self, run: &Run, setting: &str) -> Result<f64, Failure>;

    /// Ends what it keeps running for other settings than these.
    fn keep(&mut self, _settings: &[String]) {}
}
