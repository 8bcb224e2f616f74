//! What is measured of a file, and what ratio to each engine is wanted.

use super::LlamaCpp;

/// One measurement: a prompt to prefill, or tokens to decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Task {
    /// Its name in the table and on the command line.
    pub name: &'static str,
    /// Tokens of the prompt; 0 where decode is measured.
    pub prompt: usize,
    /// Tokens that each sequence decodes; 0 where prefill is measured.
    pub generate: usize,
    /// Tokens that each sequence already has.
    pub depth: usize,
    /// Sequences side by side.
    pub batch: usize,
}

impl Task {
    /// All of them, in the order of the ratios in the table of what is wanted.
    pub const ALL: [Self; 5] = [
        Self { name: "prefill-512", prompt: 512, generate: 0, depth: 0, batch: 1 },
        Self { name: "prefill-32", prompt: 32, generate: 0, depth: 0, batch: 1 },
        Self { name: "decode-128", prompt: 0, generate: 128, depth: 0, batch: 1 },
        Self { name: "decode-128-at-2048", prompt: 0, generate: 128, depth: 2048, batch: 1 },
        Self { name: "decode-64-x8", prompt: 0, generate: 64, depth: 32, batch: 8 },
    ];

    /// The task of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|task| task.name == name)
    }

    /// Whether prefill is measured.
    pub fn is_prefill(&self) -> bool {
        self.prompt > 0
    }
}

/// What a kind of file owes: the ratio to llama.cpp in each task.
struct Debt {
    /// Its name has all of these parts, in any case.
    parts: &'static [&'static str],
    ratios: [f64; Task::ALL.len()],
}

const DEBTS: [Debt; 5] = [
    Debt { parts: &["smollm2-135m", "q4_1"], ratios: [8.0, 6.0, 2.1, 1.7, 5.0] },
    Debt { parts: &["1b", "q4_0"], ratios: [3.5, 3.0, 1.4, 1.3, 3.5] },
    Debt { parts: &["1b", "q4_k_m"], ratios: [3.0, 2.5, 1.4, 1.3, 3.0] },
    Debt { parts: &["1b", "q8_0"], ratios: [5.0, 4.0, 1.2, 1.2, 3.0] },
    Debt { parts: &["gemma-3-270m", "q4_k_m"], ratios: [4.0, 3.0, 1.7, 1.4, 3.0] },
];

/// By what the prefill of SmolLM2 is to beat `openvino-genai`, the strongest of the others there.
const OPENVINO_PREFILL: f64 = 1.6;

/// The least ratio of our rate to a peer's that is wanted: llama.cpp's is a table, which does not
/// know every file, and of every other engine we are to be ahead.
pub fn wanted(peer: &str, file_name: &str, task: &Task) -> Option<f64> {
    let name = file_name.to_ascii_lowercase();
    if peer == LlamaCpp::NAME {
        let is = |debt: &&Debt| debt.parts.iter().all(|part| name.contains(part));
        let debt = DEBTS.iter().find(is)?;
        let column = Task::ALL.iter().position(|known| known == task)?;
        return debt.ratios.get(column).copied();
    }
    let smollm2 = name.contains("smollm2") && task.is_prefill();
    Some(if smollm2 && peer.starts_with("openvino") { OPENVINO_PREFILL } else { 1.0 })
}
