//! What the rules said about a name, one step for each rule that fits it.

use std::fmt;

use crate::ResolutionRule;

/// One rule that fits a name, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// The name: the one that was asked for, or a target of an earlier step.
    pub name: String,
    /// The rule.
    pub rule: ResolutionRule,
    /// What became of it.
    pub verdict: Verdict,
}

/// What becomes of a rule that fits a name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It was used, and the name means this.
    Used {
        /// The name to go on with.
        target: String,
    },
    /// It was used, and the name means itself: no further rule is asked.
    Kept,
    /// Another one has a higher priority.
    Outranked,
    /// A condition does not hold.
    Unmet {
        /// Which, as a clause.
        reason: String,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {} ", self.name, self.rule)?;
        match &self.verdict {
            Verdict::Used { target } => write!(f, "makes it `{target}`"),
            Verdict::Kept => f.write_str("leaves it as it is"),
            Verdict::Outranked => f.write_str("is outranked"),
            Verdict::Unmet { reason } => write!(f, "does not hold, because {reason}"),
        }
    }
}
