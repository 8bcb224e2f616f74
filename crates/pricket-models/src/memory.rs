//! How much memory the machine has to give.

use pricket_core::ByteSize;

use crate::ModelError;

/// Bytes that could be taken without swapping (Linux: `MemAvailable`); `None` where the system does
/// not say.
pub(crate) fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    kib.checked_mul(1024)
}

/// The error of a system that gave only `granted` of `need` bytes.
pub(crate) fn exceeded(need: u64, granted: u64) -> ModelError {
    // A process may have a limit of its own, below what the machine has; then what it got is told.
    let have = available().filter(|have| *have < need).unwrap_or(granted);
    ModelError::MemoryExceeded { need: ByteSize(need), have: ByteSize(have) }
}

/// Makes room for `len` values in all.
///
/// # Errors
/// [`ModelError::MemoryExceeded`].
pub(crate) fn reserve<T>(buffer: &mut Vec<T>, len: usize) -> Result<(), ModelError> {
    let more = len.saturating_sub(buffer.len());
    let bytes = (len as u64).saturating_mul(size_of::<T>() as u64);
    buffer.try_reserve_exact(more).map_err(|_| exceeded(bytes, 0))
}

/// The least that is asked for at a time. Blocks of up to 32 MiB may stay with the allocator when
/// they are given back (glibc), which then zeroes them page by page before it hands them out again,
/// and memory that is reserved and not used would cost all the same.
const PROBE_BYTES_MIN: u64 = 64 << 20;

/// Asks the system for `count` times `bytes`, touches none of it and gives all back: a vector of
/// zeros that the system refuses would end the process. Less than is asked for at a time passes.
///
/// # Errors
/// [`ModelError::MemoryExceeded`] where the system does not give so much.
pub(crate) fn probe(bytes: u64, count: u64) -> Result<(), ModelError> {
    let need = bytes.saturating_mul(count);
    let block = bytes.max(PROBE_BYTES_MIN);
    let (mut held, mut granted) = (Vec::new(), 0);
    while need - granted >= block {
        held.push(hold(block).ok_or_else(|| exceeded(need, granted))?);
        granted += block;
    }
    Ok(())
}

fn hold(bytes: u64) -> Option<Vec<u8>> {
    let mut held = Vec::new();
    held.try_reserve_exact(usize::try_from(bytes).ok()?).ok()?;
    // What nobody looks at may be optimised away, and the refusal with it.
    Some(std::hint::black_box(held))
}
