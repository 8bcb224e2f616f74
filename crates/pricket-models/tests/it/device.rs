//! Devices are told as the system shows them, and what is not there is refused with its reason.

use std::fs;
use std::path::Path;

use pricket_core::ErrorKind;
use pricket_models::{DeviceChoice, devices};

/// A machine in a folder, by files below it.
fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

const VERSION: &str = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  \
                       Tue Mar  5 22:23:56 UTC 2024\nGCC version:  gcc version 12.2.0\n";

#[test]
fn words_are_read_and_written_alike() {
    for word in ["auto", "cpu", "cuda:0", "cuda:7", "metal"] {
        assert_eq!(word.parse::<DeviceChoice>().unwrap().to_string(), word);
    }
    assert_eq!("cuda".parse::<DeviceChoice>().unwrap(), DeviceChoice::Cuda(0));
    assert_eq!(DeviceChoice::default(), DeviceChoice::Auto);
    for word in ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:64", "CPU", &"x".repeat(9_000)] {
        let error = word.parse::<DeviceChoice>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let told = error.to_string();
        assert!(told.ends_with("known are auto, cpu, cuda:N and metal"), "{told}");
        assert!(told.len() < 150, "{told}");
    }
}

#[test]
fn the_processor_is_told_with_its_memory() {
    let root = machine(&[
        ("proc/cpuinfo", "processor\t: 0\nmodel name\t: Some CPU @ 2.5GHz\n"),
        ("proc/meminfo", "MemTotal:       16000 kB\nMemAvailable:   1000 kB\n"),
    ]);
    let cpu = DeviceChoice::Auto.pick(root.path()).unwrap();
    assert_eq!((cpu.name.as_str(), cpu.model.as_deref()), ("cpu", Some("Some CPU @ 2.5GHz")));
    assert_eq!((cpu.total_bytes, cpu.free_bytes), (Some(16_384_000), Some(1_024_000)));
    assert_eq!(cpu.refusal, None);
    assert_eq!(DeviceChoice::Cpu.pick(root.path()).unwrap(), cpu);
    assert_eq!(devices(root.path()), [cpu]);
    // Where the system says nothing, nothing is invented.
    let root = machine(&[("proc/meminfo", "MemTotal: many\n")]);
    let cpu = DeviceChoice::Auto.pick(root.path()).unwrap();
    assert_eq!((cpu.model, cpu.total_bytes, cpu.free_bytes), (None, None, None));
    // This machine.
    let cpu = DeviceChoice::Cpu.pick(Path::new("/")).unwrap();
    assert!(cpu.threads.is_some_and(|threads| threads > 0));
    assert!(cpu.free_bytes <= cpu.total_bytes);
}

#[test]
fn cards_are_shown_and_refused_with_the_reason() {
    let root = machine(&[
        ("proc/driver/nvidia/version", VERSION),
        (
            "proc/driver/nvidia/gpus/0000:81:00.0/information",
            "Model: \t\t NVIDIA H200\nIRQ:   \t\t 100\n",
        ),
        ("proc/driver/nvidia/gpus/0000:01:00.0/information", "IRQ: 1\n"),
    ]);
    let found = devices(root.path());
    let names: Vec<_> = found.iter().map(|device| device.name.as_str()).collect();
    assert_eq!(names, ["cpu", "cuda:0", "cuda:1"]);
    assert_eq!(found[1].model, None);
    assert_eq!(found[2].model.as_deref(), Some("NVIDIA H200 (driver 550.54.15)"));
    assert_eq!((found[2].total_bytes, found[2].free_bytes), (None, None));
    let told = |choice: DeviceChoice, root: &Path| choice.pick(root).unwrap_err().to_string();
    assert_eq!(
        told(DeviceChoice::Cuda(1), root.path()),
        "the device `cuda:1` is not supported: this build computes on the processor only"
    );
    let absent = told(DeviceChoice::Cuda(2), root.path());
    assert!(absent.contains("driver 550.54.15 shows no card of this number"), "{absent}");
    let bare = machine(&[]);
    let absent = told(DeviceChoice::Cuda(0), bare.path());
    assert!(absent.contains("no driver of NVIDIA's answers"), "{absent}");
    let metal = told(DeviceChoice::Metal, bare.path());
    assert!(metal.starts_with("the device `metal` is not supported: "), "{metal}");
}
