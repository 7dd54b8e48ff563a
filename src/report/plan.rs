//! A plan for people and for scripts.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::plan::{Action, Plan, Reason, Step};

/// A line for each object that changes, with its reason; below it what differs. A last line sums up.
pub fn plan_text(plan: &Plan) -> String {
    let mut text = String::new();
    let width = plan
        .steps
        .iter()
        .filter(|step| step.action != Action::Keep || is_left(step))
        .map(|step| step.id.to_string().len())
        .max()
        .unwrap_or_default();
    for step in plan.changes() {
        let id = step.id.to_string();
        let _ = writeln!(
            text,
            "{:>3} {:<8} {id:<width$}  {}",
            sign(step.action),
            verb(step.action),
            reason(step),
        );
        for change in &step.changes {
            let line = match (&change.found, &change.wanted) {
                (None, Some(wanted)) => format!("+ {}", shown(wanted)),
                (Some(found), None) => format!("- {}", shown(found)),
                (found, wanted) => format!("{} → {}", side(found.as_ref()), side(wanted.as_ref())),
            };
            let _ = writeln!(text, "        {}: {line}", change.path);
        }
    }
    for step in plan.steps.iter().filter(|step| is_left(step)) {
        let _ = writeln!(
            text,
            "    keep     {:<width$}  {}",
            step.id.to_string(),
            reason(step)
        );
    }
    let _ = write!(text, "{}", summary(plan));
    text
}

fn summary(plan: &Plan) -> String {
    if plan.is_empty() {
        return format!(
            "No changes: {} objects are as wanted.",
            plan.count(Action::Keep)
        );
    }
    format!(
        "Plan: {} to create, {} to update, {} to replace, {} to delete; {} unchanged.",
        plan.count(Action::Create),
        plan.count(Action::Update),
        plan.count(Action::Replace) + plan.count(Action::Supersede),
        plan.count(Action::Delete),
        plan.count(Action::Keep),
    )
}

fn is_left(step: &Step) -> bool {
    matches!(
        step.reason,
        Reason::HoldsData | Reason::EncryptsSnapshot | Reason::NeededBy(_)
    )
}

fn sign(action: Action) -> &'static str {
    match action {
        Action::Keep => "",
        Action::Create | Action::Supersede => "+",
        Action::Update => "~",
        Action::Adopt => ">",
        Action::Replace => "-/+",
        Action::Delete => "-",
    }
}

fn verb(action: Action) -> &'static str {
    match action {
        Action::Keep => "keep",
        Action::Create => "create",
        Action::Update => "update",
        Action::Adopt => "adopt",
        Action::Replace => "REPLACE",
        Action::Supersede => "renew",
        Action::Delete => "DELETE",
    }
}

fn reason(step: &Step) -> String {
    match &step.reason {
        Reason::UpToDate => "as wanted".to_owned(),
        Reason::Missing => "missing".to_owned(),
        Reason::Differs => "differs".to_owned(),
        Reason::NamedForAdoption => "has our name and not our tags".to_owned(),
        Reason::CannotChangeInPlace(field) if step.action == Action::Supersede => {
            format!("{field} changes")
        }
        Reason::CannotChangeInPlace(field) => format!("{field} cannot change in place"),
        Reason::DependencyReplaced(id) => format!("{id} is replaced"),
        Reason::NotWanted => "not wanted".to_owned(),
        Reason::Superseded => "superseded".to_owned(),
        Reason::HoldsData => format!("holds data; goes only with --allow-destroy {}", step.id),
        Reason::EncryptsSnapshot => "encrypts the database's last snapshot".to_owned(),
        Reason::NeededBy(id) => format!("{id} stands on it"),
    }
}

fn side(value: Option<&Value>) -> String {
    value.map_or_else(|| "(none)".to_owned(), shown)
}

/// A value on one line. A reference to something that does not exist yet has no value so far.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.starts_with("${") && text.ends_with('}') => {
            format!("(of {})", &text[2..text.len() - 1])
        }
        other => other.to_string(),
    }
}

/// The plan as `--json` has it, version 1.
pub fn plan_json(plan: &Plan) -> Value {
    let steps: Vec<Value> = plan
        .steps
        .iter()
        .map(|step| {
            json!({
                "id": step.id,
                "action": step.action,
                "reason": step.reason,
                "changes": step.changes,
                "interrupts": step.interrupts,
                "needs": step.needs,
                "aws_id": step.found.as_ref().and_then(|found| found.attributes.get("id")),
                "wanted": step.wanted.as_ref().filter(|_| step.action != Action::Keep),
            })
        })
        .collect();
    json!({
        "summary": {
            "create": plan.count(Action::Create),
            "update": plan.count(Action::Update),
            "replace": plan.count(Action::Replace) + plan.count(Action::Supersede),
            "delete": plan.count(Action::Delete),
            "unchanged": plan.count(Action::Keep),
        },
        "steps": steps,
    })
}
