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

    /// The kind of machine: instruction set and threads.
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

    /// Of each ratio the run in which it is greater.
    #[must_use]
    pub fn better(self, other: &Self) -> Self {
        self.merged(other, |ours, theirs| if theirs.value > ours.value { theirs } else { ours })
    }

    /// Of each ratio the middle between the two runs, and the whole spread.
    #[must_use]
    pub fn middle(self, other: &Self) -> Self {
        self.merged(other, |ours, theirs| Ratio {
            value: i64::midpoint(ours.value, theirs.value),
            min: ours.min.min(theirs.min),
            max: ours.max.max(theirs.max),
            name: ours.name,
        })
    }

    fn merged(self, other: &Self, choose: impl Fn(Ratio, Ratio) -> Ratio) -> Self {
        let ratios = self.ratios.into_iter().map(|ours| match other.ratio(&ours.name) {
            Some(theirs) => choose(ours, theirs.clone()),
            None => ours,
        });
        Self { kind: self.kind, ratios: ratios.collect() }
    }
}
