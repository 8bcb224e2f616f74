//! What was asked for on the command line.

use std::fmt::Write;
use std::path::Path;

use crate::{Failure, Step, ci, terminal};

/// What was asked for on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Print the list of commands.
    Help,
    /// Run steps, in this order.
    Run {
        /// The steps.
        steps: Vec<Step>,
        /// Whether recorded results are rewritten instead of compared.
        bless: bool,
    },
}

impl Command {
    /// Reads the words after `cargo xtask`: `ci`, `help`, or steps by name, and `--bless`.
    pub fn parse(words: &[String]) -> Result<Self, Failure> {
        let mut steps = Vec::new();
        let mut bless = false;
        for word in words {
            match word.as_str() {
                "help" | "--help" | "-h" => return Ok(Self::Help),
                "--bless" => bless = true,
                "ci" => steps.extend(Step::ALL),
                name => match Step::named(name) {
                    Some(step) => steps.push(step),
                    None => return Err(Failure::Usage { word: name.to_owned() }),
                },
            }
        }
        if bless && !steps.iter().any(|step| step.is_recorded()) {
            return Err(Failure::Usage { word: "--bless without surface or perf".to_owned() });
        }
        if steps.is_empty() { Ok(Self::Help) } else { Ok(Self::Run { steps, bless }) }
    }

    /// Does what was asked for, in the repository at `root`.
    pub fn run(&self, root: &Path) -> Result<(), Failure> {
        match self {
            Self::Help => {
                terminal::say(&Self::help());
                Ok(())
            }
            Self::Run { steps, bless } => ci::run(root, steps, *bless),
        }
    }

    /// The list of commands, one per line.
    pub fn help() -> String {
        let mut text = String::from(
            "cargo xtask ci            every step below, in this order, to the first failure\n\
             cargo xtask STEP [STEP..] only these\n\
             cargo xtask help          this text\n\nSteps:\n",
        );
        for step in Step::ALL {
            let _ = writeln!(text, "  {:<9} {}", step.name(), step.about());
        }
        text.push_str("\nApart from ci, on a machine that does nothing else:\n");
        for step in Step::APART {
            let _ = writeln!(text, "  {:<9} {}", step.name(), step.about());
        }
        text.push_str(
            "\nsurface --bless and perf --bless rewrite what is recorded instead of comparing.",
        );
        text
    }
}
