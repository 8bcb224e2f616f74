//! The table: medians, ratios, what was wanted, and the share of what the machine can do.

use std::fmt::Write;
use std::path::Path;

use pricket::models::{self, GgufFile};

use super::{Task, wanted};
use crate::{Failure, Spread, median};

/// The table's first two lines.
pub const HEADER: &str = "\
| task | engine | tok/s | ours to it (by round) | wanted | | of limit |
|---|---|---|---|---|---|---|";

/// The rounds of one engine in one setting, in tokens per second.
#[derive(Debug, Clone)]
struct Rounds {
    peer: &'static str,
    setting: String,
    rates: Vec<f64>,
}

/// The rounds of one task on one file, in tokens per second.
#[derive(Debug, Clone)]
pub struct Measured {
    task: Task,
    ours: Vec<f64>,
    theirs: Vec<Rounds>,
}

impl Measured {
    /// Nothing yet.
    pub fn new(task: Task) -> Self {
        Self { task, ours: Vec::new(), theirs: Vec::new() }
    }

    /// What is measured.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// Adds a round of ours.
    pub fn add_ours(&mut self, rate: f64) {
        self.ours.push(rate);
    }

    /// Adds a round of a peer's.
    pub fn add_theirs(&mut self, peer: &'static str, setting: &str, rate: f64) {
        let known = |rounds: &&mut Rounds| rounds.peer == peer && rounds.setting == setting;
        match self.theirs.iter_mut().find(known) {
            Some(rounds) => rounds.rates.push(rate),
            None => {
                self.theirs.push(Rounds { peer, setting: setting.to_owned(), rates: vec![rate] });
            }
        }
    }

    /// The setting that was better for a peer in the first round: the others are not measured
    /// again.
    /// `None` where it gave no rate at all.
    pub fn setting(&self, peer: &str) -> Option<&str> {
        self.best(peer).map(|rounds| rounds.setting.as_str())
    }

    fn best(&self, peer: &str) -> Option<&Rounds> {
        let first = |rounds: &Rounds| rounds.rates.first().copied().unwrap_or(0.0);
        let its = self.theirs.iter().filter(|rounds| rounds.peer == peer);
        its.max_by(|a, b| first(a).total_cmp(&first(b)))
    }

    /// Our median over a peer's.
    pub fn ratio(&self, peer: &str) -> Option<f64> {
        let rounds = self.best(peer)?;
        (!self.ours.is_empty()).then(|| median(&self.ours) / median(&rounds.rates))
    }

    /// Its lines of the table: ours, then each peer's in its best setting. `share` is the part of
    /// the machine's limit that our median reaches.
    pub fn lines(&self, file_name: &str, share: Option<f64>) -> String {
        let share = share.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", share * 100.0));
        let mut lines =
            format!("| {} | pricket | {:.1} | | | | {share} |", self.task.name, self.ours());
        let mut told: Vec<&str> = Vec::new();
        for Rounds { peer, .. } in &self.theirs {
            if !told.contains(peer) {
                told.push(peer);
                let _ = write!(lines, "\n{}", self.line(peer, file_name));
            }
        }
        lines
    }

    fn line(&self, peer: &str, file_name: &str) -> String {
        let (Some(rounds), Some(ratio)) = (self.best(peer), self.ratio(peer)) else {
            return String::new();
        };
        let each: Vec<f64> =
            self.ours.iter().zip(&rounds.rates).map(|(ours, theirs)| ours / theirs).collect();
        let Spread { min, max, .. } = Spread::of(&each);
        let setting = match rounds.setting.as_str() {
            "" => String::new(),
            setting => format!(" ({setting})"),
        };
        let least = wanted(peer, file_name, &self.task);
        let verdict = match least {
            Some(least) if ratio >= least => "met",
            Some(_) => "SHORT",
            None => "",
        };
        let least = least.map_or_else(|| "-".to_owned(), |least| format!("{least}"));
        format!(
            "| {} | {peer}{setting} | {:.1} | {ratio:.2} ({min:.2} to {max:.2}) | {least} | \
             {verdict} | |",
            self.task.name,
            median(&rounds.rates)
        )
    }

    /// Our median.
    pub fn ours(&self) -> f64 {
        median(&self.ours)
    }
}

/// What a file's forward pass costs at the least.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Work {
    /// Operations for each token of a prompt: two for each weight but those of the embedding and
    /// the head. Attention is not counted.
    pub prefill_operations: f64,
    /// Bytes that a decoded token reads: every weight once, as the file stores it, and an embedding
    /// that is not the head not at all.
    pub decode_bytes: f64,
    /// Bytes that it reads of keys and values for each token before it, as our own backend keeps
    /// them: in 16-bit floats beside quantised weights, else in 32-bit ones.
    pub cached_bytes: f64,
}

impl Work {
    /// Reads it from a file's metadata.
    ///
    /// # Errors
    /// Where the file is no model that says its shape.
    pub fn of(model: &Path) -> Result<Self, Failure> {
        let inspection = models::inspect(model)?;
        let file = GgufFile::open(model)?;
        let head = file.tensor("output.weight");
        let embedding = file.tensor("token_embd.weight").ok_or("the file has no embedding")?;
        let shape = |what: &str, value: Option<u64>| {
            value.ok_or_else(|| format!("the file does not tell its {what}"))
        };
        let rows = shape("vocabulary", inspection.vocab_size)?;
        let table = rows * shape("width", inspection.hidden_size)?;
        let tables = if head.is_some() { 2 } else { 1 };
        let unread = if head.is_some() { embedding.bytes } else { 0 };
        let weights: u64 = file.tensors().iter().map(|tensor| tensor.bytes).sum();
        Ok(Self {
            prefill_operations: 2.0 * inspection.parameters.saturating_sub(tables * table) as f64,
            decode_bytes: weights.saturating_sub(unread) as f64,
            cached_bytes: inspection.kv_bytes_per_token.unwrap_or(0) as f64,
        })
    }

    /// The part of a limit that a rate reaches: of `operations` per second in prefill, of `bytes`
    /// per second in decode. `None` for sequences side by side, which share what they read.
    pub fn share(&self, task: &Task, rate: f64, operations: f64, bytes: f64) -> Option<f64> {
        if task.batch > 1 {
            return None;
        }
        if task.is_prefill() {
            return Some(rate * self.prefill_operations / operations);
        }
        let before = task.depth as f64 + task.generate as f64 / 2.0;
        Some(rate * (self.decode_bytes + before * self.cached_bytes) / bytes)
    }
}
