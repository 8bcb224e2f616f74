//! Speed against a recorded baseline: ratios that one run measures on one machine, never seconds.
//!
//! The bench `perf` holds kernels and a forward pass against what the machine can do in the same
//! seconds, so that a slow hour of a shared machine moves both sides. `benches/baseline.toml` has a
//! table for each kind of machine (all its instruction sets, and threads), each ratio in
//! thousandths.

mod baseline;
mod measurement;

use std::path::Path;

use crate::shell::Cargo;
use crate::{Complaint, Failure, terminal};

pub use baseline::Baseline;
pub use measurement::{Measurement, Ratio};

/// The recorded ratios.
const DATA: &str = "benches/baseline.toml";

/// A ratio that fell by more than this many thousandths of itself is a regression.
///
/// Runs of unchanged code on a shared machine of two cores: most ratios lay within 10 % of each
/// other, those of two threads within 20 %, because a neighbour who takes a core takes half of what
/// they measure (LOG.md).
pub const TOLERANCE: i64 = 200;

/// How often everything is measured before a fall is believed, and before a baseline is recorded.
/// Either side is the median of so many runs, so that a fall is not hidden by the distance between
/// a best and a middle. A first run in which nothing fell is believed at once.
const RUNS: usize = 3;

/// Measures, prints the table, and gives a complaint for each ratio that fell; `bless` records
/// instead of comparing.
pub fn run(root: &Path, bless: bool) -> Result<Vec<Complaint>, Failure> {
    let path = root.join(DATA);
    let failed =
        |error: std::io::Error| Failure::File { path: path.clone(), reason: error.to_string() };
    let mut baseline = match std::fs::read_to_string(&path) {
        Ok(text) => Baseline::parse(DATA, &text)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Baseline::default(),
        Err(error) => return Err(failed(error)),
    };
    let mut runs = vec![measure(root)?];
    if bless {
        while runs.len() < RUNS {
            runs.push(measure(root)?);
        }
        let measured = Measurement::median(&runs)?;
        baseline.record(&measured);
        std::fs::write(&path, baseline.to_string()).map_err(failed)?;
        terminal::say(&baseline.table(&measured));
        return Ok(Vec::new());
    }
    let mut measured = Measurement::median(&runs)?;
    let mut found = baseline.compare(&measured);
    if !found.is_empty() && baseline.knows(measured.kind()) {
        terminal::say(&format!("{} complaints; measuring again", found.len()));
        while runs.len() < RUNS {
            runs.push(measure(root)?);
        }
        measured = Measurement::median(&runs)?;
        found = baseline.compare(&measured);
    }
    terminal::say(&baseline.table(&measured));
    Ok(found)
}

fn measure(root: &Path) -> Result<Measurement, Failure> {
    let words = ["bench", "--quiet", "--package", "pricket-benches", "--bench", "perf"];
    let cargo = Cargo::new(words);
    terminal::say(&format!("$ {}", cargo.line()));
    Measurement::parse(&cargo.output(root)?)
}

/// A complaint about the baseline.
fn complaint(message: String) -> Complaint {
    Complaint::new(DATA, 0, "perf", message)
}
