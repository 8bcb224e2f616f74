//! The recorded ratios, and what has become worse since.

use std::fmt;

use super::{Measurement, TOLERANCE, complaint};
use crate::{Complaint, Failure, Value, parse_toml};

const HEAD: &str = "\
# How near we come to what the machine can do, in thousandths; `cargo xtask perf --bless` writes it.
# A table for each kind of machine: its instruction sets and threads.
";

/// The recorded ratios of every kind of machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baseline {
    kinds: Vec<Kind>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Kind {
    name: String,
    ratios: Vec<(String, i64)>,
}

impl Baseline {
    /// Reads the file; `origin` is its name in errors.
    pub fn parse(origin: &str, text: &str) -> Result<Self, Failure> {
        let mut kinds = Vec::new();
        for table in parse_toml(origin, text)?.iter().filter(|table| !table.name.is_empty()) {
            let mut ratios = Vec::new();
            for (name, value) in &table.entries {
                let Value::Number(ratio) = value else {
                    let reason = format!("`{name}` is no number of thousandths");
                    return Err(Failure::data(origin, table.line, reason));
                };
                ratios.push((name.clone(), *ratio));
            }
            kinds.push(Kind { name: table.name.clone(), ratios });
        }
        Ok(Self { kinds })
    }

    /// Whether there are ratios for this kind of machine.
    pub fn knows(&self, kind: &str) -> bool {
        self.kind(kind).is_some()
    }

    fn kind(&self, name: &str) -> Option<&Kind> {
        self.kinds.iter().find(|kind| kind.name == name)
    }

    fn recorded(&self, kind: &str, name: &str) -> Option<i64> {
        let ratios = &self.kind(kind)?.ratios;
        ratios.iter().find(|(known, _)| known == name).map(|(_, ratio)| *ratio)
    }

    /// A complaint for each ratio that fell by more than the tolerance, is no longer measured or
    /// was never recorded.
    pub fn compare(&self, measured: &Measurement) -> Vec<Complaint> {
        let Some(kind) = self.kind(measured.kind()) else {
            let message = format!(
                "there is no baseline for a machine like this one ({}); record one with \
                 `cargo xtask perf --bless`",
                measured.kind()
            );
            return vec![complaint(message)];
        };
        let mut found = Vec::new();
        for (name, recorded) in &kind.ratios {
            match measured.ratio(name) {
                Some(ratio) if ratio.value < least(*recorded) => found.push(complaint(format!(
                    "{name} fell from {} to {}; find what made it slower, or record it with \
                     `cargo xtask perf --bless`",
                    decimal(*recorded),
                    decimal(ratio.value)
                ))),
                Some(_) => {}
                None => found.push(complaint(format!(
                    "{name} is no longer measured; take it out with `cargo xtask perf --bless`"
                ))),
            }
        }
        for ratio in measured.ratios() {
            if self.recorded(measured.kind(), &ratio.name).is_none() {
                found.push(complaint(format!(
                    "{} has no baseline; record it with `cargo xtask perf --bless`",
                    ratio.name
                )));
            }
        }
        found
    }

    /// Takes the measured ratios for this kind of machine.
    pub fn record(&mut self, measured: &Measurement) {
        let ratios =
            measured.ratios().iter().map(|ratio| (ratio.name.clone(), ratio.value)).collect();
        let kind = Kind { name: measured.kind().to_owned(), ratios };
        match self.kinds.iter_mut().find(|known| known.name == kind.name) {
            Some(known) => *known = kind,
            None => self.kinds.push(kind),
        }
    }

    /// The measured ratios beside the recorded ones.
    pub fn table(&self, measured: &Measurement) -> String {
        let kind = measured.kind();
        let mut lines = vec![format!("{:<38} baseline  measured  change  rounds", kind)];
        for ratio in measured.ratios() {
            let recorded = self.recorded(kind, &ratio.name);
            let (before, change) = match recorded {
                Some(recorded) if recorded > 0 => {
                    let change = (ratio.value - recorded) * 100 / recorded;
                    (decimal(recorded), format!("{change:+} %"))
                }
                _ => ("-".to_owned(), "-".to_owned()),
            };
            lines.push(format!(
                "{:<38} {before:>8}  {:>8}  {change:>6}  {} to {}",
                ratio.name,
                decimal(ratio.value),
                decimal(ratio.min),
                decimal(ratio.max)
            ));
        }
        lines.join("\n")
    }
}

impl fmt::Display for Baseline {
    /// As the file has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEAD)?;
        for kind in &self.kinds {
            writeln!(f, "\n[{}]", kind.name)?;
            for (name, ratio) in &kind.ratios {
                writeln!(f, "{name} = {ratio}")?;
            }
        }
        Ok(())
    }
}

/// The least that still passes.
fn least(recorded: i64) -> i64 {
    recorded - recorded * TOLERANCE / 1000
}

/// Thousandths as a decimal number.
fn decimal(thousandths: i64) -> String {
    format!("{}.{:03}", thousandths / 1000, thousandths % 1000)
}
