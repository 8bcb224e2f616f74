//! What the system says of its memory.

use std::fs;
use std::path::Path;

use pricket_models::available_memory;

const MIB: u64 = 1 << 20;

/// A folder with `proc` and `sys` in it.
fn system(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let meminfo = "MemTotal:       16384 kB\nMemFree:  1 kB\nMemAvailable:       8192 kB\n";
    for (name, text) in [("proc/meminfo", meminfo)].iter().chain(files) {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

fn available(files: &[(&str, &str)]) -> Option<u64> {
    available_memory(system(files).path())
}

#[test]
fn without_groups_it_is_what_the_machine_has() {
    assert_eq!(available(&[]), Some(8 * MIB));
    assert_eq!(available(&[("proc/meminfo", "MemTotal: 4 kB\n")]), None);
    assert_eq!(available(&[("proc/meminfo", "MemAvailable: many kB\n")]), None);
    assert_eq!(available_memory(Path::new("/nowhere")), None);
}

#[test]
fn a_group_with_less_left_counts_and_copies_of_files_do_not() {
    let own = ("proc/self/cgroup", "0::/app.slice/model\n");
    let group = |limit| {
        [
            own,
            ("sys/fs/cgroup/app.slice/model/memory.max", limit),
            ("sys/fs/cgroup/app.slice/model/memory.current", "3145728\n"),
            ("sys/fs/cgroup/app.slice/model/memory.stat", "anon 1\nfile 2097152\nslab 7\n"),
        ]
    };
    // 4 MiB, of which 3 are used, 2 of them by copies of files.
    assert_eq!(available(&group("4194304\n")), Some(3 * MIB));
    assert_eq!(available(&group("1048576\n")), Some(0));
    for unlimited in ["max\n", "1073741824\n", "nonsense", ""] {
        assert_eq!(available(&group(unlimited)), Some(8 * MIB), "{unlimited}");
    }
}

#[test]
fn a_group_above_counts_too_and_so_does_the_top_where_the_path_is_the_hosts() {
    let own = ("proc/self/cgroup", "0::/a/b\n");
    for folder in ["a", "a/b", "."] {
        let file = |name: &str| format!("sys/fs/cgroup/{folder}/{name}");
        let (limit, used) = (file("memory.max"), file("memory.current"));
        let files = [own, (limit.as_str(), "5242880\n"), (used.as_str(), "1048576\n")];
        assert_eq!(available(&files), Some(4 * MIB), "{folder}");
    }
}

#[test]
fn groups_of_the_older_kind_are_read_as_well() {
    let own = ("proc/self/cgroup", "5:devices:/\n4:cpu,memory:/job\n1:name=systemd:/\n0::/\n");
    let group = |limit| {
        [
            own,
            ("sys/fs/cgroup/memory/job/memory.limit_in_bytes", limit),
            ("sys/fs/cgroup/memory/job/memory.usage_in_bytes", "2097152\n"),
            ("sys/fs/cgroup/memory/job/memory.stat", "cache 5\ntotal_cache 1048576\n"),
        ]
    };
    assert_eq!(available(&group("3145728\n")), Some(2 * MIB));
    assert_eq!(available(&group("9223372036854771712\n")), Some(8 * MIB));
}
