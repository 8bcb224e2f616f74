//! How much memory the machine has to give.

use std::fs;
use std::path::Path;

use pricket_core::ByteSize;

use crate::ModelError;

/// Bytes that this process could take without swapping: what Linux tells of the machine
/// (`MemAvailable`), or what the control groups of this process have left where that is less.
/// `None` where the system does not say.
///
/// `root` is the folder that `proc` and `sys` lie in: `/`.
pub fn available_memory(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    let machine = kib.checked_mul(1024)?;
    Some(group_left(root).map_or(machine, |left| left.min(machine)))
}

/// What a kind of control groups calls its files: the limit, what is used, and in `memory.stat` the
/// part of it that holds copies of files, which the system drops where memory is short.
struct Group {
    folder: &'static str,
    limit: &'static str,
    used: &'static str,
    files: &'static str,
}

const UNIFIED: Group =
    Group { folder: "", limit: "memory.max", used: "memory.current", files: "file" };
const FIRST_KIND: Group = Group {
    folder: "memory",
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    files: "total_cache",
};

/// The least that any control group around this process has left; `None` where none has a limit.
fn group_left(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let groups = text.lines().filter_map(|line| {
        // `0::/path`, or `7:memory:/path` of the older kind.
        let (kind, path) = line.split_once(':')?.1.split_once(':')?;
        let group = match kind {
            "" => UNIFIED,
            kind if kind.split(',').any(|kind| kind == "memory") => FIRST_KIND,
            _ => return None,
        };
        let top = root.join("sys/fs/cgroup").join(group.folder);
        // In a container the path may be the host's, where nothing lies; the top is its own.
        let below = Path::new(path.trim_start_matches('/')).ancestors();
        below.filter_map(|path| group.left(&top.join(path))).min()
    });
    groups.min()
}

impl Group {
    fn left(&self, folder: &Path) -> Option<u64> {
        let text = |name: &str| fs::read_to_string(folder.join(name)).ok();
        let number = |name: &str| text(name)?.trim().parse::<u64>().ok();
        let limit = number(self.limit)?;
        let used = number(self.used)?;
        let files = text("memory.stat").and_then(|text| {
            let mut entries = text.lines().filter_map(|line| line.split_once(' '));
            entries.find(|(name, _)| *name == self.files)?.1.trim().parse::<u64>().ok()
        });
        Some(limit.saturating_sub(used.saturating_sub(files.unwrap_or(0))))
    }
}

/// The error of a system that gave only `granted` of `need` bytes.
pub(crate) fn exceeded(need: u64, granted: u64) -> ModelError {
    // A process may have a limit of its own, below what the machine has; then what it got is told.
    let have = available_memory(Path::new("/")).filter(|have| *have < need).unwrap_or(granted);
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
