//! The devices of the machine: which of them this build can compute on, and what memory they have.
//!
//! Nothing here is assumed: a device is told where the system shows it, a number where it can be
//! read, and `None` stands for what is not known.

use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use pricket_simd::{Kernels, default_threads};
use serde::{Deserialize, Serialize};

use crate::ModelError;
use crate::limits::DEVICES_MAX;
use crate::memory::available_memory;

/// Which device the user wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceChoice {
    /// The best that this build can compute on.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A graphics card of NVIDIA's, by its number.
    Cuda(usize),
    /// Apple's graphics processor.
    Metal,
}

impl FromStr for DeviceChoice {
    type Err = ModelError;

    /// Reads `auto`, `cpu`, `cuda`, which is the first one, `cuda:N` or `metal`.
    fn from_str(text: &str) -> Result<Self, ModelError> {
        let number = |text: &str| text.parse().ok().filter(|&number| number < DEVICES_MAX);
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            "metal" => Ok(Self::Metal),
            _ => text.strip_prefix("cuda:").and_then(number).map(Self::Cuda).ok_or_else(|| {
                let short: String = text.chars().take(40).collect();
                refused(&short, "known are auto, cpu, cuda:N and metal".to_owned())
            }),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Metal => f.write_str("metal"),
        }
    }
}

/// A device of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// What [`DeviceChoice`] calls it: `cpu`, `cuda:0`.
    pub name: String,
    /// What it is, in its maker's words.
    pub model: Option<String>,
    /// Why this build cannot compute on it; `None` where it can.
    pub refusal: Option<String>,
    /// The threads that a forward pass uses where nothing else is asked for: of the processor.
    pub threads: Option<usize>,
    /// The instruction set of the kernels: of the processor.
    pub instructions: Option<String>,
    /// Its memory, in bytes.
    pub total_bytes: Option<u64>,
    /// How much of that is free.
    pub free_bytes: Option<u64>,
}

/// The devices that the system shows, the processor first. `root` is the folder that `proc` and
/// `sys` lie in: `/`.
pub fn devices(root: &Path) -> Vec<Device> {
    let mut devices = vec![processor(root)];
    devices.extend(nvidia_cards(root));
    devices
}

impl DeviceChoice {
    /// The device to compute on. `root` as for [`devices`].
    ///
    /// # Errors
    /// [`ModelError::Unsupported`] with the reason where the device is not there, or is and this
    /// build cannot compute on it. Another one is never taken in its place.
    pub fn pick(self, root: &Path) -> Result<Device, ModelError> {
        let name = match self {
            Self::Auto => "cpu".to_owned(),
            other => other.to_string(),
        };
        let found = devices(root).into_iter().find(|device| device.name == name);
        match (found, self) {
            (Some(Device { refusal: Some(reason), .. }), _) => Err(refused(&name, reason)),
            (Some(device), _) => Ok(device),
            (None, Self::Metal) => Err(refused(&name, no_metal())),
            (None, _) => Err(refused(&name, no_card(root))),
        }
    }
}

fn refused(device: &str, why: String) -> ModelError {
    ModelError::Unsupported { what: format!("the device `{device}`"), why }
}

fn processor(root: &Path) -> Device {
    let cpuinfo = fs::read_to_string(root.join("proc/cpuinfo")).unwrap_or_default();
    let model = field(&cpuinfo, "model name").map(str::to_owned);
    let meminfo = fs::read_to_string(root.join("proc/meminfo")).unwrap_or_default();
    let total = field(&meminfo, "MemTotal").and_then(|text| text.strip_suffix(" kB"));
    let kernels = Kernels::detect();
    Device {
        name: "cpu".to_owned(),
        model,
        refusal: kernels.as_ref().err().map(ToString::to_string),
        threads: Some(default_threads()),
        instructions: kernels.ok().map(|kernels| kernels.level().to_string()),
        total_bytes: total.and_then(|kib| kib.trim().parse::<u64>().ok()?.checked_mul(1024)),
        free_bytes: available_memory(root),
    }
}

/// What this build says of every card: it has no code for them.
const NO_CUDA: &str = "this build computes on the processor only";

/// The cards that NVIDIA's driver for Linux shows, in the order of the bus. It tells their memory
/// to its own library only, so that stays unknown.
fn nvidia_cards(root: &Path) -> Vec<Device> {
    let Ok(folders) = fs::read_dir(root.join("proc/driver/nvidia/gpus")) else {
        return Vec::new();
    };
    let mut folders: Vec<_> =
        folders.flatten().map(|entry| entry.path()).take(DEVICES_MAX).collect();
    folders.sort();
    let driver = driver(root).map_or_else(String::new, |version| format!(" (driver {version})"));
    let card = |(number, folder): (usize, &std::path::PathBuf)| {
        let text = fs::read_to_string(folder.join("information")).unwrap_or_default();
        Device {
            name: DeviceChoice::Cuda(number).to_string(),
            model: field(&text, "Model").map(|model| format!("{model}{driver}")),
            refusal: Some(NO_CUDA.to_owned()),
            threads: None,
            instructions: None,
            total_bytes: None,
            free_bytes: None,
        }
    };
    folders.iter().enumerate().map(card).collect()
}

/// The version of NVIDIA's driver, where it is loaded.
fn driver(root: &Path) -> Option<String> {
    let text = fs::read_to_string(root.join("proc/driver/nvidia/version")).ok()?;
    let line = text.lines().find(|line| line.starts_with("NVRM version:"))?;
    let is_version =
        |word: &&str| word.contains('.') && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    line.split_whitespace().find(is_version).map(str::to_owned)
}

fn no_card(root: &Path) -> String {
    match driver(root) {
        Some(version) => {
            format!("{NO_CUDA}, and NVIDIA's driver {version} shows no card of this number")
        }
        None => format!("{NO_CUDA}, and no driver of NVIDIA's answers"),
    }
}

fn no_metal() -> String {
    let system = if cfg!(target_os = "macos") { "" } else { ", and Metal is there on macOS only" };
    format!("{NO_CUDA}{system}")
}

/// The value of the first line `name : value`.
fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(key, _)| key.trim() == name)?;
    Some(value.trim()).filter(|value| !value.is_empty())
}
