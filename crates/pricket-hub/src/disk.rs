//! Folders, room on the disk, and names put in place in one step.

use std::fs;
use std::path::Path;

use pricket_core::ByteSize;

use crate::HubError;
use crate::limits::DISK_MARGIN_BYTES;

/// Makes the folder that a file is to lie in.
pub(crate) fn make_parent(path: &Path) -> Result<(), HubError> {
    let Some(parent) = path.parent() else { return Ok(()) };
    make_dir(parent)
}

/// Makes a folder and those above it.
pub(crate) fn make_dir(dir: &Path) -> Result<(), HubError> {
    fs::create_dir_all(dir).map_err(|e| HubError::io("create the folder", dir, e))
}

/// Refuses a download that cannot fit. A system that does not tell its free space is believed to
/// have it; writing then fails in its own words.
pub(crate) fn check_room(dir: &Path, file: &str, need: u64) -> Result<(), HubError> {
    let Ok(free) = fs4::available_space(dir) else { return Ok(()) };
    if need.saturating_add(DISK_MARGIN_BYTES) <= free {
        return Ok(());
    }
    Err(HubError::DiskFull {
        dir: dir.into(),
        file: file.into(),
        need: Some(ByteSize(need)),
        free: Some(ByteSize(free)),
    })
}

/// Gives a finished file its name, durably: its bytes reach the disk before the name does.
pub(crate) fn publish(from: &Path, to: &Path) -> Result<(), HubError> {
    let file = fs::File::open(from).map_err(|e| HubError::io("open", from, e))?;
    file.sync_all().map_err(|e| HubError::io("flush", from, e))?;
    fs::rename(from, to).map_err(|e| HubError::io("rename to", to, e))
}

/// Deletes a file that may already be gone.
pub(crate) fn discard(path: &Path) -> Result<(), HubError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(HubError::io("delete", path, e)),
        _ => Ok(()),
    }
}

/// Deletes a folder of ours that may already be gone.
pub(crate) fn discard_dir(path: &Path) -> Result<(), HubError> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(HubError::io("delete", path, e)),
        _ => Ok(()),
    }
}
