//! The one error type: what happened, to which object, and what to run next.

use std::fmt;

use crate::aws::Failure;

/// Why a command failed. Each kind has its own exit code, see [`Kind::exit_code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// infra.toml is wrong; nothing was called.
    Config,
    /// The command line or the state of things does not allow the request.
    Usage,
    /// Something that must be on this machine is missing or in the way.
    Environment,
    /// AWS cannot be reached, or does not know or trust the caller.
    Access,
    /// A check or the operator refused the plan; nothing was changed.
    Refused,
    /// An operation failed; what was done before it stays.
    Failed,
    /// An audit found controls that fail; nothing was changed.
    Audit,
    /// Stopped by a signal.
    Interrupted,
}

impl Kind {
    /// 1 failed, 2 usage, 3 configuration, 4 environment, 5 access, 6 refused, 7 audit,
    /// 130 interrupted.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::Config => 3,
            Kind::Environment => 4,
            Kind::Access => 5,
            Kind::Refused => 6,
            Kind::Audit => 7,
            Kind::Interrupted => 130,
        }
    }

    /// The kind's stable name in `--json` output.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Failed => "failed",
            Kind::Usage => "usage",
            Kind::Config => "config",
            Kind::Environment => "environment",
            Kind::Access => "access",
            Kind::Refused => "refused",
            Kind::Audit => "audit",
            Kind::Interrupted => "interrupted",
        }
    }
}

/// An error with its hints. `message` is a sentence without a final stop;
/// each hint is something the operator can do, a command where there is one.
#[derive(Debug)]
pub struct Error {
    pub kind: Kind,
    pub message: String,
    pub hints: Vec<String>,
    /// What AWS answered, where it was AWS that refused.
    pub aws: Option<Box<Failure>>,
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
    /// The call may have been carried out all the same: its answer was lost, or told of a fault
    /// within AWS.
    pub uncertain: bool,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hints: Vec::new(),
            aws: None,
            source: None,
            uncertain: false,
        }
    }

    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    pub fn environment(message: impl Into<String>) -> Self {
        Self::new(Kind::Environment, message)
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The causes, outermost first, each once: many libraries repeat their source's text.
    pub fn causes(&self) -> Vec<String> {
        let mut causes: Vec<String> = Vec::new();
        let mut next: Option<&(dyn std::error::Error + 'static)> =
            self.source.as_ref().map(|source| source.as_ref() as _);
        while let Some(error) = next {
            let text = error.to_string();
            if !text.is_empty() && !causes.iter().any(|seen| seen.contains(&text)) {
                causes.push(text);
            }
            next = error.source();
        }
        causes
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as _)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::Kind;

    /// Every kind; the match makes sure that a new one is not forgotten.
    fn kinds() -> Vec<Kind> {
        let next = |kind| match kind {
            Kind::Config => Some(Kind::Usage),
            Kind::Usage => Some(Kind::Environment),
            Kind::Environment => Some(Kind::Access),
            Kind::Access => Some(Kind::Refused),
            Kind::Refused => Some(Kind::Failed),
            Kind::Failed => Some(Kind::Audit),
            Kind::Audit => Some(Kind::Interrupted),
            Kind::Interrupted => None,
        };
        std::iter::successors(Some(Kind::Config), |kind| next(*kind)).collect()
    }

    /// The exit codes that may occur: 0 for success, and one for each kind.
    fn codes() -> BTreeSet<u8> {
        let codes: Vec<u8> = kinds().into_iter().map(Kind::exit_code).collect();
        let all: BTreeSet<u8> = codes.iter().copied().chain([0]).collect();
        assert_eq!(all.len(), codes.len() + 1, "two kinds share an exit code");
        all
    }

    /// The numbers in the first column of the table under `heading`.
    fn table(document: &str, heading: &str) -> BTreeSet<u8> {
        let (_, section) = document.split_once(heading).unwrap();
        let rows = section
            .lines()
            .skip(1)
            .take_while(|line| !line.starts_with('#'));
        rows.filter_map(|row| row.split('|').nth(1)?.trim().parse().ok())
            .collect()
    }

    #[test]
    fn the_readme_lists_every_exit_code() {
        let readme = include_str!("../README.md");
        assert_eq!(table(readme, "## Exit codes"), codes());
    }

    #[test]
    fn the_help_lists_every_exit_code() {
        let help = crate::cli::Cli::command().render_long_help().to_string();
        let (_, list) = help.split_once("Exit codes:").unwrap();
        let numbers = list.split_whitespace().filter_map(|word| word.parse().ok());
        assert_eq!(numbers.collect::<BTreeSet<u8>>(), codes());
    }

    #[test]
    fn scripts_are_told_each_kind_and_its_exit_code() {
        let document = include_str!("../docs/plan-json.md");
        for kind in kinds() {
            let row = format!("| `{}` | {} |", kind.name(), kind.exit_code());
            assert!(document.contains(&row), "docs/plan-json.md lacks {row}");
        }
    }
}
