//! The table: medians, ratios, what was wanted, and the share of what the machine can do.

use std::fmt::Write;
use std::path::Path;

use pricket::models::{self, GgufFile};

use super::{FlashAttention, Task, wanted};
use crate::{Failure, Spread, median};

/// The table's first two lines.
pub const HEADER: &str = "\
| task | pricket tok/s | llama.cpp tok/s | ratio (by round) | wanted | | of limit | candle tok/s |
|---|---|---|---|---|---|---|---|";

/// The rounds of one task on one file, in tokens per second.
#[derive(Debug, Clone)]
pub struct Measured {
    task: Task,
    ours: Vec<f64>,
    theirs: Vec<(FlashAttention, Vec<f64>)>,
    candle: Vec<f64>,
}

impl Measured {
    /// Nothing yet.
    pub fn new(task: Task) -> Self {
        let theirs = FlashAttention::ALL.map(|flash| (flash, Vec::new())).to_vec();
        Self { task, ours: Vec::new(), theirs, candle: Vec::new() }
    }

    /// What is measured.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// Adds a round of ours.
    pub fn add_ours(&mut self, rate: f64) {
        self.ours.push(rate);
    }

    /// Adds a round of llama.cpp's.
    pub fn add_theirs(&mut self, flash: FlashAttention, rate: f64) {
        for (setting, rates) in &mut self.theirs {
            if *setting == flash {
                rates.push(rate);
            }
        }
    }

    /// Adds a round of candle's.
    pub fn add_candle(&mut self, rate: f64) {
        self.candle.push(rate);
    }

    /// The settings that llama.cpp still has to be measured with: both at first, then the one that
    /// it likes better.
    pub fn settings(&self) -> Vec<FlashAttention> {
        self.best().map_or(FlashAttention::ALL.to_vec(), |(flash, _)| vec![flash])
    }

    /// The setting that was better for llama.cpp in the first round, and its rounds.
    fn best(&self) -> Option<(FlashAttention, &[f64])> {
        self.theirs
            .iter()
            .filter(|(_, rates)| !rates.is_empty())
            .max_by(|(_, a), (_, b)| a[0].total_cmp(&b[0]))
            .map(|(flash, rates)| (*flash, rates.as_slice()))
    }

    /// Our median over llama.cpp's.
    pub fn ratio(&self) -> Option<f64> {
        let (_, theirs) = self.best()?;
        (!self.ours.is_empty()).then(|| median(&self.ours) / median(theirs))
    }

    /// Its line of the table. `share` is the part of the machine's limit that our median reaches.
    pub fn line(&self, file_name: &str, share: Option<f64>) -> String {
        let ours = self.ours();
        let none = || "-".to_owned();
        let theirs = self.best().map_or_else(none, |(flash, rates)| {
            format!("{:.1} (fa {})", median(rates), flash.name())
        });
        let ratio = self.ratio().map_or_else(none, |ratio| {
            let rounds = self.best().map_or(&[][..], |(_, rates)| rates);
            let each: Vec<f64> =
                self.ours.iter().zip(rounds).map(|(ours, theirs)| ours / theirs).collect();
            let Spread { min, max, .. } = Spread::of(&each);
            format!("{ratio:.2} ({min:.2} to {max:.2})")
        });
        let least = wanted(file_name, &self.task);
        let verdict = match least.zip(self.ratio()) {
            Some((least, ratio)) if ratio >= least => "met",
            Some(_) => "SHORT",
            None => "",
        };
        let least = least.map_or_else(none, |least| format!("{least}"));
        let share = share.map_or_else(none, |share| format!("{:.0} %", share * 100.0));
        let mut line = format!(
            "| {} | {ours:.1} | {theirs} | {ratio} | {least} | {verdict} | {share} |",
            self.task.name
        );
        if self.candle.is_empty() {
            line.push_str(" - |");
        } else {
            let _ = write!(line, " {:.1} |", median(&self.candle));
        }
        line
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
