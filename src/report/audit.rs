//! An audit for people, and for pages that show code scanning.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use super::style::{Colour, Style};
use crate::audit::checks::{ROWS, all};
use crate::audit::{Line, Report, Severity, Verdict};

/// Where a title begins.
const INDENT: usize = 10;

/// The report by control: a line for each check that passes, and the reason for each that does not.
pub(super) fn styled(report: &Report, style: Style) -> String {
    let mut text = String::new();
    for (row, title) in ROWS {
        let lines: Vec<&Line> = report
            .lines
            .iter()
            .filter(|line| line.control == row)
            .collect();
        let _ = writeln!(
            text,
            "{}",
            style.paint(Colour::Cyan, &format!("{row:>2}  {title}"))
        );
        for check in by_check(&lines) {
            of_check(&mut text, &check, style);
        }
    }
    let tally = report.tally();
    let _ = writeln!(
        text,
        "\n{} pass, {} fail, {} accepted exceptions, {} not checkable here.",
        tally.passed, tally.failed, tally.excepted, tally.unchecked
    );
    text
}

/// The lines of one check after the other.
fn by_check<'a>(lines: &[&'a Line]) -> Vec<Vec<&'a Line>> {
    let mut checks: Vec<Vec<&Line>> = Vec::new();
    for line in lines {
        match checks.iter_mut().find(|check| check[0].id == line.id) {
            Some(check) => check.push(line),
            None => checks.push(vec![line]),
        }
    }
    checks
}

fn of_check(text: &mut String, lines: &[&Line], style: Style) {
    let Some(first) = lines.first() else {
        return;
    };
    let worst = lines
        .iter()
        .map(|line| rank(&line.verdict))
        .max()
        .unwrap_or_default();
    let (mark, colour) = [
        ("ok", Colour::Green),
        ("n/a", Colour::Dim),
        ("note", Colour::Yellow),
        ("FAIL", Colour::Red),
    ][worst];
    let mark = style.paint(colour, &format!("{mark:<4}"));
    let mut title = first.title.to_owned();
    if lines.len() > 1 {
        let _ = write!(title, " ({})", lines.len());
    }
    let _ = write!(text, "    {mark}  {title}");
    if !first.standards.is_empty() {
        let standards = format!("  {}", first.standards.join(", "));
        let _ = write!(text, "{}", style.paint(Colour::Dim, &standards));
    }
    text.push('\n');
    let reasons = lines.iter().filter(|line| line.verdict != Verdict::Pass);
    for (said, objects) in alike(reasons) {
        let said = format!("{}: {said}", objects.join(", "));
        let said = style.wrapped(INDENT, INDENT + 2, &said);
        let _ = writeln!(text, "{:INDENT$}{said}", "");
    }
}

/// What is said of several objects is said once.
fn alike<'a>(lines: impl Iterator<Item = &'a &'a Line>) -> Vec<(String, Vec<&'a str>)> {
    let mut said: Vec<(String, Vec<&str>)> = Vec::new();
    for line in lines {
        let text = reason(line);
        match said.iter_mut().find(|(other, _)| *other == text) {
            Some((_, objects)) => objects.push(&line.object),
            None => said.push((text, vec![&line.object])),
        }
    }
    said
}

fn reason(line: &Line) -> String {
    match &line.verdict {
        Verdict::Pass => String::new(),
        Verdict::Exception { reason } | Verdict::Unchecked { reason } => reason.clone(),
        Verdict::Fail { found, wanted } => {
            let mend = line.remedy.as_deref().unwrap_or_default();
            format!("found {found}; wanted {wanted}; to mend: {mend}")
        }
    }
}

fn rank(verdict: &Verdict) -> usize {
    match verdict {
        Verdict::Pass => 0,
        Verdict::Unchecked { .. } => 1,
        Verdict::Exception { .. } => 2,
        Verdict::Fail { .. } => 3,
    }
}

/// SARIF 2.1.0: a rule for each check, and a result for each finding that fails or is excepted.
/// Scanning pages want a place in a file; what asks for all of it is infra.toml.
pub fn sarif(report: &Report) -> Value {
    let checks = all();
    let indexes: BTreeMap<&str, usize> = checks
        .iter()
        .enumerate()
        .map(|(index, check)| (check.id, index))
        .collect();
    let rules: Vec<Value> = checks
        .iter()
        .map(|check| {
            let tags: Vec<&str> = ["security"]
                .iter()
                .chain(check.standards)
                .copied()
                .collect();
            json!({
                "id": check.id,
                "shortDescription": {"text": check.title},
                "defaultConfiguration": {"level": level(check.severity)},
                "properties": {
                    "control": check.row,
                    "security-severity": score(check.severity),
                    "tags": tags,
                },
            })
        })
        .collect();
    let results: Vec<Value> = report
        .lines
        .iter()
        .filter_map(|line| result(line, indexes.get(line.id).copied()?))
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "wmctl audit",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "results": results,
        }],
    })
}

fn result(line: &Line, rule: usize) -> Option<Value> {
    let suppressions = match &line.verdict {
        Verdict::Fail { .. } => Vec::new(),
        Verdict::Exception { reason } => {
            vec![json!({"kind": "external", "status": "accepted", "justification": reason})]
        }
        Verdict::Pass | Verdict::Unchecked { .. } => return None,
    };
    Some(json!({
        "ruleId": line.id,
        "ruleIndex": rule,
        "level": level(line.severity),
        "message": {"text": format!("{}: {}", line.object, reason(line))},
        "locations": [{
            "physicalLocation": {
                "artifactLocation": {"uri": "infra.toml"},
                "region": {"startLine": 1},
            },
            "logicalLocations": [{"fullyQualifiedName": line.object, "kind": "resource"}],
        }],
        "partialFingerprints": {"control/v1": format!("{}:{}", line.id, line.object)},
        "suppressions": suppressions,
    }))
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "note",
        Severity::Medium => "warning",
        Severity::High | Severity::Critical => "error",
    }
}

/// The numbers that code-scanning pages sort by.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "3.0",
        Severity::Medium => "5.5",
        Severity::High => "8.0",
        Severity::Critical => "9.5",
    }
}
