//! The ordered list of steps, and nothing else: what each runs is in its own file or one line here.
//! A step that asks for a quiet machine stands apart from the list.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::shell::Cargo;
use crate::{Complaint, Failure, Metadata, Tree};
use crate::{arm, features, layers, licences, perf, surface, terminal, tidy};

/// One line of `cargo xtask ci`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// `cargo fmt --check`.
    Fmt,
    /// Bans, sizes, comments, files at the root.
    Tidy,
    /// The table of crates against the manifests.
    Layers,
    /// Licences, and no C but what is listed.
    Licences,
    /// Clippy on everything, warnings are errors.
    Clippy,
    /// Each crate with none, each and all of its features.
    Features,
    /// All tests but those in documentation.
    Test,
    /// The tests in documentation.
    Doctest,
    /// The kernels of aarch64, where the target and an emulator are installed.
    Arm,
    /// The model of the stream's queue under every schedule.
    Loom,
    /// Documentation, warnings are errors.
    Doc,
    /// The `pub` items against the recorded ones.
    Surface,
    /// Speed against the recorded ratios; apart from `ci`.
    Perf,
}

impl Step {
    /// Cheap ones first, so that a slip shows within seconds; those that share artifacts stand
    /// together (clippy, features and doc need only metadata, test and doctest need code).
    pub const ALL: [Self; 12] = [
        Self::Fmt,
        Self::Tidy,
        Self::Layers,
        Self::Licences,
        Self::Clippy,
        Self::Features,
        Self::Test,
        Self::Doctest,
        Self::Arm,
        Self::Loom,
        Self::Doc,
        Self::Surface,
    ];

    /// What `ci` leaves out, because it means nothing on a busy machine.
    pub const APART: [Self; 1] = [Self::Perf];

    /// Whether it has recorded results that `--bless` rewrites.
    pub fn is_recorded(self) -> bool {
        matches!(self, Self::Surface | Self::Perf)
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Tidy => "tidy",
            Self::Layers => "layers",
            Self::Licences => "licences",
            Self::Clippy => "clippy",
            Self::Features => "features",
            Self::Test => "test",
            Self::Doctest => "doctest",
            Self::Arm => "arm",
            Self::Loom => "loom",
            Self::Doc => "doc",
            Self::Surface => "surface",
            Self::Perf => "perf",
        }
    }

    /// What it does, in a line of the help.
    pub fn about(self) -> &'static str {
        match self {
            Self::Fmt => "every file is formatted",
            Self::Tidy => "bans, sizes, comments, files at the root (.config/tidy.toml)",
            Self::Layers => "who may depend on whom (.config/layers.toml)",
            Self::Licences => "licences, and no C but what is listed (.config/licences.toml)",
            Self::Clippy => "clippy on all targets, warnings are errors",
            Self::Features => "each crate with none, each and all of its features",
            Self::Test => "all tests: cargo nextest with profile ci, else cargo test",
            Self::Doctest => "the tests in documentation",
            Self::Arm => "pricket-simd for aarch64: clippy, and its tests in an emulator",
            Self::Loom => "the stream's queue under every schedule",
            Self::Doc => "documentation, warnings are errors",
            Self::Surface => "pub items against tests/surface/api",
            Self::Perf => "speed against benches/baseline.toml, as ratios measured in one run",
        }
    }

    /// The step of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().chain(Self::APART).find(|step| step.name() == name)
    }

    fn run(self, root: &Path, bless: bool) -> Result<(), Failure> {
        match self {
            Self::Fmt => Cargo::new(["fmt", "--all", "--check"]).run(root),
            Self::Tidy => self.settle(&tidy::run(&Tree::read(root)?)?),
            Self::Layers => self.settle(&layers::run(root, &Metadata::load(root)?)?),
            Self::Licences => self.settle(&licences::run(root, &Metadata::load(root)?)?),
            Self::Clippy => clippy().run(root),
            Self::Features => features::run(root, &Metadata::load(root)?),
            Self::Test => test(root),
            Self::Doctest => Cargo::new(["test", "--workspace", "--doc"]).run(root),
            Self::Arm => arm::run(root),
            Self::Loom => loom(root),
            Self::Doc => Cargo::new(["doc", "--workspace", "--no-deps", "--lib"])
                .env("RUSTDOCFLAGS", "-D warnings")
                .run(root),
            Self::Surface => self.settle(&surface::run(root, &Tree::read(root)?, bless)?),
            Self::Perf => self.settle(&perf::run(root, bless)?),
        }
    }

    /// Prints the findings; any is a failure.
    fn settle(self, complaints: &[Complaint]) -> Result<(), Failure> {
        for complaint in complaints {
            terminal::say(&complaint.to_string());
        }
        match complaints.len() {
            0 => Ok(()),
            count => Err(Failure::Complaints { step: self.name(), count }),
        }
    }
}

/// Runs the steps in order, says how long each took, and stops at the first that fails.
pub fn run(root: &Path, steps: &[Step], bless: bool) -> Result<(), Failure> {
    let mut times: Vec<(Step, Duration)> = Vec::new();
    for step in steps {
        terminal::say(&format!("== {}: {}", step.name(), step.about()));
        let start = Instant::now();
        let outcome = step.run(root, bless);
        let took = start.elapsed();
        times.push((*step, took));
        let word = if outcome.is_ok() { "ok" } else { "FAILED" };
        terminal::say(&format!("== {} {word} in {:.1} s", step.name(), took.as_secs_f64()));
        outcome?;
    }
    if times.len() > 1 {
        let total: Duration = times.iter().map(|(_, took)| *took).sum();
        terminal::say("\nAll green:");
        for (step, took) in times {
            terminal::say(&format!("  {:<9} {:>7.1} s", step.name(), took.as_secs_f64()));
        }
        terminal::say(&format!("  {:<9} {:>7.1} s", "total", total.as_secs_f64()));
    }
    Ok(())
}

fn clippy() -> Cargo {
    Cargo::new(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

fn test(root: &Path) -> Result<(), Failure> {
    let extra = features::tested(root)?;
    let nextest = Cargo::new(["nextest", "--version"]).works(root);
    let mut words = if nextest {
        vec!["nextest", "run", "--workspace", "--profile", "ci"]
    } else {
        terminal::say("cargo-nextest is not installed: cargo test runs instead, without JUnit");
        vec!["test", "--workspace", "--tests", "--no-fail-fast"]
    };
    let list = extra.join(",");
    if !list.is_empty() {
        words.extend(["--features", list.as_str()]);
    }
    Cargo::new(words).run(root)
}

fn loom(root: &Path) -> Result<(), Failure> {
    if !root.join("crates/pricket-stream/tests/loom.rs").exists() {
        terminal::say("SKIPPED: crates/pricket-stream/tests/loom.rs does not exist");
        return Ok(());
    }
    // `--cfg loom` changes every crate, so its artifacts live apart from the others'.
    let target = Metadata::load(root)?.target_directory.join("loom");
    let target = target.display().to_string();
    let words = ["test", "-p", "pricket-stream", "--test", "loom", "--release", "--target-dir"];
    Cargo::new(words.into_iter().chain([target.as_str()])).env("RUSTFLAGS", "--cfg loom").run(root)
}
