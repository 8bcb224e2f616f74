//! What the kernel says of this process's threads.

/// Ids of the threads whose name begins with `prefix` (at most 15 bytes, as the kernel cuts names).
fn named(prefix: &str) -> Vec<String> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    tasks
        .flatten()
        .filter(|task| {
            std::fs::read_to_string(task.path().join("comm"))
                .is_ok_and(|name| name.starts_with(prefix))
        })
        .filter_map(|task| task.file_name().into_string().ok())
        .collect()
}

/// How many threads have a name that begins with `prefix`.
pub(crate) fn count(prefix: &str) -> usize {
    named(prefix).len()
}

/// Processor time, in clock ticks, that these threads have used, user and system together.
pub(crate) fn cpu_ticks(prefix: &str) -> u64 {
    let ticks = |id: String| -> u64 {
        let stat =
            std::fs::read_to_string(format!("/proc/self/task/{id}/stat")).unwrap_or_default();
        // After the name in brackets: state is field 3, utime 14, stime 15.
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        after_name.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum()
    };
    named(prefix).into_iter().map(ticks).sum()
}

/// How often these threads gave the processor up by themselves: a thread that polls does so all the
/// time, a parked one not at all.
pub(crate) fn voluntary_switches(prefix: &str) -> u64 {
    let switches = |id: String| -> u64 {
        let path = format!("/proc/self/task/{id}/status");
        let status = std::fs::read_to_string(path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.and_then(|number| number.trim().parse().ok()).unwrap_or_default()
    };
    named(prefix).into_iter().map(switches).sum()
}
