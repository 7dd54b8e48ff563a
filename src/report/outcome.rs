//! What became of a plan: what was done, what failed and why, and what was not tried.

use std::fmt::Write;

use serde_json::{Value, json};

use super::style::{Colour, Style};
use super::{error_json, error_styled};
use crate::apply::Outcome;
use crate::object::Id;
use crate::plan::Plan;

/// One line where all went well. Otherwise what each object came to, and then that line.
pub(super) fn outcome_text(plan: &Plan, outcome: &Outcome, calls: u64, style: Style) -> String {
    let mut text = String::new();
    if !outcome.is_complete() {
        done(&mut text, outcome, style);
        failed(&mut text, outcome, style);
        not_tried(&mut text, plan, outcome, style);
    }
    let _ = write!(
        text,
        "{} done, {} failed, {} not tried; {calls} calls, {:.1} s",
        outcome.done.len(),
        outcome.failed.len(),
        outcome.skipped.len(),
        outcome.elapsed.as_secs_f64(),
    );
    text
}

fn done(text: &mut String, outcome: &Outcome, style: Style) {
    if outcome.done.is_empty() {
        return;
    }
    let done = outcome.done.iter().map(|(id, what)| format!("{id} {what}"));
    let done = done.collect::<Vec<_>>().join(", ");
    let title = style.paint(Colour::Green, "Done:");
    let _ = writeln!(text, "{title}\n  {}", style.wrapped(2, 2, &done));
}

fn failed(text: &mut String, outcome: &Outcome, style: Style) {
    if outcome.failed.is_empty() {
        return;
    }
    let _ = writeln!(text, "{}", style.paint(Colour::Red, "Failed:"));
    for (id, error) in &outcome.failed {
        let _ = writeln!(text, "  {id}");
        for line in error_styled(error, style).lines() {
            let _ = writeln!(text, "    {line}");
        }
    }
}

fn not_tried(text: &mut String, plan: &Plan, outcome: &Outcome, style: Style) {
    if outcome.skipped.is_empty() {
        return;
    }
    let _ = writeln!(text, "{}", style.paint(Colour::Yellow, "Not tried:"));
    let ids = outcome.skipped.iter().map(|id| id.to_string().len());
    let width = ids.max().unwrap_or_default();
    for id in &outcome.skipped {
        let (why, id) = (why_not(plan, outcome, id), id.to_string());
        let _ = writeln!(text, "  {id:<width$}  {why}");
    }
}

/// Why a step was not tried: its own first half failed, what it needs was not made, the run was
/// stopped, or something that refers to it is still there.
fn why_not(plan: &Plan, outcome: &Outcome, id: &Id) -> String {
    let has_failed = |id: &Id| outcome.failed.iter().any(|(failed, _)| failed == id);
    let is_left = |need: &&Id| has_failed(need) || outcome.skipped.contains(need);
    if has_failed(id) {
        return "its deletion failed".to_owned();
    }
    let steps = plan.changes().filter(|step| step.id == *id);
    match steps.flat_map(|step| &step.needs).find(is_left) {
        Some(need) => format!("needs {need}"),
        None if outcome.interrupted => "stopped before".to_owned(),
        None => "what may refer to it is still there".to_owned(),
    }
}

/// The outcome as `--json` has it.
pub fn outcome_json(outcome: &Outcome, calls: u64) -> Value {
    let done = outcome.done.iter();
    let failed = outcome.failed.iter();
    json!({
        "done": done.map(|(id, what)| json!({"id": id, "done": what})).collect::<Vec<_>>(),
        "failed": failed
            .map(|(id, error)| json!({"id": id, "error": error_json(error)}))
            .collect::<Vec<_>>(),
        "skipped": outcome.skipped,
        "interrupted": outcome.interrupted,
        "elapsed_s": outcome.elapsed.as_secs_f64(),
        "calls": calls,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::error::Error;
    use crate::plan::{Action, Reason, Step};

    fn id(text: &str) -> Id {
        Id::parse(text).unwrap()
    }

    fn step(name: &str, action: Action, needs: &[&str]) -> Step {
        Step {
            id: id(name),
            action,
            reason: Reason::Missing,
            changes: Vec::new(),
            interrupts: None,
            needs: needs.iter().map(|need| id(need)).collect(),
            wanted: None,
            found: None,
        }
    }

    fn plan() -> Plan {
        Plan {
            steps: vec![
                step("vpc/main", Action::Create, &[]),
                step("subnet/private-a", Action::Create, &["vpc/main"]),
                step("function/chatbot", Action::Create, &["subnet/private-a"]),
                step("topic/old", Action::Delete, &[]),
            ],
            ..Plan::default()
        }
    }

    fn outcome() -> Outcome {
        let error = Error::failed("CreateSubnet refused for subnet/private-a: InvalidSubnet.Conflict: The CIDR conflicts (HTTP 400, request r-1)")
            .hint("choose another [network] cidr");
        Outcome {
            done: vec![(id("vpc/main"), "created")],
            failed: vec![(id("subnet/private-a"), error)],
            skipped: vec![id("function/chatbot"), id("topic/old")],
            elapsed: Duration::from_millis(1500),
            ..Outcome::default()
        }
    }

    #[test]
    fn a_failure_says_what_is_done_what_failed_and_what_is_left() {
        insta::assert_snapshot!(outcome_text(&plan(), &outcome(), 12, Style::PLAIN), @r"
        Done:
          vpc/main created
        Failed:
          subnet/private-a
            error: CreateSubnet refused for subnet/private-a: InvalidSubnet.Conflict: The CIDR conflicts (HTTP 400, request r-1)
            hint: choose another [network] cidr
        Not tried:
          function/chatbot  needs subnet/private-a
          topic/old         what may refer to it is still there
        1 done, 1 failed, 2 not tried; 12 calls, 1.5 s
        ");
    }

    #[test]
    fn a_stopped_run_says_what_it_did_not_begin() {
        let outcome = Outcome {
            failed: Vec::new(),
            skipped: vec![id("topic/old")],
            interrupted: true,
            ..outcome()
        };
        insta::assert_snapshot!(outcome_text(&plan(), &outcome, 12, Style::PLAIN), @r"
        Done:
          vpc/main created
        Not tried:
          topic/old  stopped before
        1 done, 0 failed, 1 not tried; 12 calls, 1.5 s
        ");
    }

    #[test]
    fn success_is_one_line() {
        let outcome = Outcome {
            failed: Vec::new(),
            skipped: Vec::new(),
            ..outcome()
        };
        insta::assert_snapshot!(outcome_text(&plan(), &outcome, 12, Style::PLAIN), @"1 done, 0 failed, 0 not tried; 12 calls, 1.5 s");
    }
}
