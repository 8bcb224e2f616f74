//! What the bench `perf` printed.

use crate::Failure;

const ORIGIN: &str = "the bench `perf`";

/// A ratio over the rounds of a run, in thousandths.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ratio {
    /// What is held against what.
    pub name: String,
    /// The best rate of all rounds over the best of what it is held against.
    pub value: i64,
    /// The least of a single round.
    pub min: i64,
    /// The greatest of a single round.
    pub max: i64,
}

/// The ratios of one kind of machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measurement {
    kind: String,
    ratios: Vec<Ratio>,
}

impl Measurement {
    /// Reads the bench's output: `on KIND`, then `NAME VALUE LEAST GREATEST` on a line each.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let mut kind = None;
        let mut ratios = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let fault = || Failure::data(ORIGIN, index + 1, format!("`{line}` is no ratio"));
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                [] => {}
                ["on", name] => kind = Some((*name).to_owned()),
                [name, value, min, max] => {
                    let number = |word: &str| word.parse().map_err(|_| fault());
                    ratios.push(Ratio {
                        name: (*name).to_owned(),
                        value: number(value)?,
                        min: number(min)?,
                        max: number(max)?,
                    });
                }
                _ => return Err(fault()),
            }
        }
        match kind {
            Some(kind) if !ratios.is_empty() => Ok(Self { kind, ratios }),
            _ => Err(Failure::data(ORIGIN, 0, "it printed no `on KIND` with ratios")),
        }
    }

    /// The kind of machine: instruction sets and threads.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The ratios, in the order of the bench.
    pub fn ratios(&self) -> &[Ratio] {
        &self.ratios
    }

    /// The ratio of that name.
    pub fn ratio(&self, name: &str) -> Option<&Ratio> {
        self.ratios.iter().find(|ratio| ratio.name == name)
    }

    /// Of each ratio of some runs on one machine the run in the middle, and the whole spread; of
    /// two runs the lower.
    pub fn median(runs: &[Self]) -> Result<Self, Failure> {
        let Some(first) = runs.first() else {
            return Err(Failure::data(ORIGIN, 0, "it did not run"));
        };
        let mut ratios = Vec::with_capacity(first.ratios.len());
        for Ratio { name, .. } in &first.ratios {
            let mut all: Vec<&Ratio> = runs.iter().filter_map(|run| run.ratio(name)).collect();
            if all.len() < runs.len() || runs.iter().any(|run| run.kind != first.kind) {
                let reason = format!("its runs do not agree on what there is: `{name}`");
                return Err(Failure::data(ORIGIN, 0, reason));
            }
            all.sort_by_key(|ratio| ratio.value);
            let value = all.get((all.len() - 1) / 2).map_or(0, |ratio| ratio.value);
            let min = all.iter().map(|ratio| ratio.min).min().unwrap_or(0);
            let max = all.iter().map(|ratio| ratio.max).max().unwrap_or(0);
            ratios.push(Ratio { name: name.clone(), value, min, max });
        }
        Ok(Self { kind: first.kind.clone(), ratios })
    }
}
