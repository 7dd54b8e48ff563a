//! Whether the account has what it should, whoever made it: facts are read, each check judges them
//! by itself, and a report tells. Reading is the only part that calls AWS.

pub mod checks;
pub mod facts;
pub mod read;
mod report;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;

pub use self::facts::{Facts, Read};
pub use self::report::{Line, Report, Tally};

/// One control: what it wants of the account, and how to bring that about.
pub struct Check {
    /// The control's number.
    pub row: u8,
    pub id: &'static str,
    pub title: &'static str,
    /// The controls of public standards behind it.
    pub standards: &'static [&'static str],
    pub severity: Severity,
    pub part: Part,
    /// The kinds and fields of the stack's objects that `up` keeps as this wants them.
    pub held_by: &'static [(&'static str, &'static str)],
    /// What mends it where `up` does not; `{}` stands for the object.
    pub mend: &'static str,
    pub judge: fn(&Facts) -> Vec<Finding>,
}

/// Whose settings a check looks at: what somebody else keeps is not for `up` to mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Stack,
    Network,
    Database,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

/// What a check says of one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    pub object: String,
    pub verdict: Verdict,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    Pass,
    Fail {
        found: String,
        wanted: String,
    },
    /// Not as a standard wants it, by intent.
    Exception {
        reason: String,
    },
    /// Nothing can be said of it here.
    Unchecked {
        reason: String,
    },
}

impl Finding {
    pub fn pass(object: impl Into<String>) -> Self {
        Self {
            object: object.into(),
            verdict: Verdict::Pass,
        }
    }

    pub fn fail(object: impl Into<String>, found: impl fmt::Display, wanted: &str) -> Self {
        Self {
            object: object.into(),
            verdict: Verdict::Fail {
                found: found.to_string(),
                wanted: wanted.to_owned(),
            },
        }
    }

    pub fn exception(object: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            object: object.into(),
            verdict: Verdict::Exception {
                reason: reason.into(),
            },
        }
    }

    pub fn unchecked(object: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            object: object.into(),
            verdict: Verdict::Unchecked {
                reason: reason.into(),
            },
        }
    }

    /// Passes where `right`, and otherwise says what was found.
    pub fn of(
        object: impl Into<String>,
        right: bool,
        found: impl fmt::Display,
        wanted: &str,
    ) -> Self {
        if right {
            Self::pass(object)
        } else {
            Self::fail(object, found, wanted)
        }
    }
}

/// Judges the facts by every check there is.
pub fn audit(facts: &Facts) -> Report {
    let lines = checks::all()
        .into_iter()
        .flat_map(|check| {
            let findings = (check.judge)(facts).into_iter();
            findings.map(|finding| Line::new(check, finding, facts))
        })
        .collect();
    Report { lines }
}
