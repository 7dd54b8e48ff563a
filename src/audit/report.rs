//! What an audit says, one line for each finding.

use serde::Serialize;

use super::facts::Facts;
use super::{Check, Finding, Part, Severity, Verdict};
use crate::gaps;

#[derive(Debug, Clone, Serialize)]
pub struct Line {
    pub control: u8,
    pub id: &'static str,
    pub title: &'static str,
    pub standards: &'static [&'static str],
    pub severity: Severity,
    pub object: String,
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What to run, where it fails.
    pub remedy: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct Report {
    pub lines: Vec<Line>,
}

/// How many of each verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub passed: usize,
    pub failed: usize,
    pub excepted: usize,
    pub unchecked: usize,
}

impl Line {
    pub(super) fn new(check: &Check, finding: Finding, facts: &Facts) -> Self {
        let Finding { object, verdict } = finding;
        let verdict = match verdict {
            Verdict::Fail { .. } => lost(check, facts).unwrap_or(verdict),
            other => other,
        };
        let fails = matches!(verdict, Verdict::Fail { .. });
        Self {
            control: check.row,
            id: check.id,
            title: check.title,
            standards: check.standards,
            severity: check.severity,
            remedy: fails.then(|| remedy(check, &object, facts)),
            object,
            verdict,
        }
    }

    pub fn fails(&self) -> bool {
        matches!(self.verdict, Verdict::Fail { .. })
    }
}

impl Report {
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for line in &self.lines {
            *match line.verdict {
                Verdict::Pass => &mut tally.passed,
                Verdict::Fail { .. } => &mut tally.failed,
                Verdict::Exception { .. } => &mut tally.excepted,
                Verdict::Unchecked { .. } => &mut tally.unchecked,
            } += 1;
        }
        tally
    }
}

/// What an emulator does not store cannot be judged there.
fn lost(check: &Check, facts: &Facts) -> Option<Verdict> {
    let emulator = facts.emulator?;
    let missing = gaps::MISSING.iter().find(|(of, kind, _)| {
        *of == emulator && check.held_by.iter().any(|(of_kind, _)| of_kind == kind)
    });
    if let Some((_, kind, why)) = missing {
        let reason = format!("not emulated: {kind}: {why}");
        return Some(Verdict::Unchecked { reason });
    }
    let (_, kind, path, why) = gaps::TABLE.iter().find(|(of, kind, path, _)| {
        let holds = |(of_kind, field): &(&str, &str)| of_kind == kind && field.starts_with(path);
        *of == emulator && check.held_by.iter().any(holds)
    })?;
    Some(Verdict::Unchecked {
        reason: format!("not emulated: {kind} {path}: {why}"),
    })
}

/// `wmctl up` where it keeps that field; a command of AWS's own for what it does not keep.
fn remedy(check: &Check, object: &str, facts: &Facts) -> String {
    let kept = facts
        .config
        .as_ref()
        .is_some_and(|config| match check.part {
            Part::Stack => true,
            Part::Network => config.network.vpc_id.is_none(),
            Part::Database => config.database.instance.is_none(),
        });
    if kept && !check.held_by.is_empty() {
        return "wmctl up".to_owned();
    }
    check.mend.replace("{}", object)
}
