//! What there is to say of keys.

use std::fmt::Write;

use serde::Serialize;

use super::age::days;
use super::last_use::last_use;
use super::next::{Next, Phase, Wish, next};
use super::steps::Keys;
use super::{now, shown};
use crate::aws::Aws;
use crate::config;
use crate::error::Result;
use crate::resources::apigateway::versions::{Role, Versions};
use crate::stack::Stack;

/// One key of infra.toml.
#[derive(Debug, Serialize)]
pub struct Report {
    pub name: String,
    pub rotate_after_days: u32,
    /// Whether the current version is older than that.
    pub rotation_due: bool,
    /// `idle`, `begun`, `overlap` or `grace`; `missing` where there is no key.
    pub phase: &'static str,
    /// When an overlap or a grace period ends, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// Oldest first.
    pub versions: Vec<VersionReport>,
}

#[derive(Debug, Serialize)]
pub struct VersionReport {
    pub version: u32,
    pub id: String,
    /// `current`, `pending`, `old` or `retired`.
    pub stage: &'static str,
    pub enabled: bool,
    /// In seconds since 1970.
    pub created: i64,
    pub age_days: i64,
    pub last_use: String,
}

/// What a key's versions are and when they were last used.
pub async fn report(
    aws: &Aws,
    stack: &Stack,
    keys: &Keys,
    rules: &config::ApiKey,
) -> Result<Report> {
    let key = keys.by_name.get(&rules.name);
    let (phase, until) = key.map_or(("missing", None), |key| phase(key, rules));
    let mut versions = Vec::new();
    for (role, version) in key.map(Versions::roles).unwrap_or_default() {
        let used = last_use(aws, stack, keys.plan.as_deref(), &version.id).await?;
        versions.push(VersionReport {
            version: version.number,
            id: version.id.clone(),
            stage: stage(role),
            enabled: version.enabled,
            created: version.created,
            age_days: days(now() - version.created),
            last_use: used.text(),
        });
    }
    let limit = i64::from(rules.rotate_after_days);
    let current = versions.iter().find(|version| version.stage == "current");
    Ok(Report {
        name: rules.name.clone(),
        rotate_after_days: rules.rotate_after_days,
        rotation_due: current.is_some_and(|current| current.age_days >= limit),
        phase,
        until,
        versions,
    })
}

fn phase(key: &Versions, rules: &config::ApiKey) -> (&'static str, Option<i64>) {
    match next(key, Wish::GoOn, rules, false, now()) {
        Next::Done => ("idle", None),
        Next::Wait { phase, until, .. } => (name(phase), Some(until)),
        Next::Step(_) => match super::next::phase(key) {
            Some(phase) if key.of(Role::Pending).is_empty() => (name(phase), None),
            _ => ("begun", None),
        },
    }
}

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Overlap => "overlap",
        Phase::Grace => "grace",
    }
}

fn stage(role: Role) -> &'static str {
    match role {
        Role::Current => "current",
        Role::Pending => "pending",
        Role::Old => "old",
        Role::Retired => "retired",
    }
}

impl Report {
    /// A line for the key, one for each version, and what to do next.
    pub fn text(&self) -> String {
        let mut text = self.name.clone();
        for version in &self.versions {
            let _ = write!(
                text,
                "\n  v{:<3} {:<8} {:>4} days old, last used {}",
                version.version, version.stage, version.age_days, version.last_use
            );
        }
        let _ = write!(text, "\n  {}", self.advice());
        text
    }

    fn advice(&self) -> String {
        let (command, until) = (
            format!("`wmctl rotate-keys {}`", self.name),
            self.until.map(shown),
        );
        match (self.phase, until) {
            ("missing", _) => "not there yet: `wmctl up` makes it".to_owned(),
            ("begun", _) => format!(
                "a rotation has begun and callers use the old key: {command} goes on, --abort goes back"
            ),
            ("overlap", Some(until)) => format!(
                "both keys are valid until {until}, each with a quota of its own; {command} after that disables the old one (--finish: now)"
            ),
            ("grace", Some(until)) => format!(
                "the old key is disabled; {command} after {until} deletes it (--finish: now)"
            ),
            ("overlap" | "grace", None) => format!("{command} goes on now"),
            _ if self.rotation_due => format!(
                "older than rotate_after_days = {}: {command} makes a new one",
                self.rotate_after_days
            ),
            _ => "nothing to do".to_owned(),
        }
    }
}
