//! One process at a time per file, across threads and processes.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use pricket_core::ProgressStage;

use crate::HubError;
use crate::disk::make_parent;
use crate::progress::Reporter;

/// An advisory lock on a file (`flock`, which Python's `filelock` takes as well), held until it is
/// dropped or its process dies. The lock file itself stays: removing it would let two in at once.
#[derive(Debug)]
pub(crate) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Waits for the lock, and tells the reader that it waits.
    pub(crate) fn acquire(
        path: &Path,
        what: &str,
        reporter: &mut Reporter,
    ) -> Result<Self, HubError> {
        make_parent(path)?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(|e| HubError::io("open", path, e))?;
        let mut waiting = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::Error(e)) => return Err(HubError::io("lock", path, e)),
                Err(TryLockError::WouldBlock) if waiting => reporter.pause()?,
                Err(TryLockError::WouldBlock) => {
                    waiting = true;
                    let what = format!("waiting for another pull of {what}");
                    reporter.begin(ProgressStage::Resolving, what, None)?;
                }
            }
        }
    }
}
