//! A plan for scripts: docs/plan-json.md says what each key means.

use serde_json::{Value, json};

use crate::plan::{Action, Plan, Reason, Step};
use crate::resources::{self, Kind, Kinds};

/// The plan as `--json` has it, version 1.
pub fn plan_json(plan: &Plan) -> Value {
    let kinds = resources::all();
    let steps = plan.steps.iter().map(|step| step_json(&kinds, step));
    json!({
        "summary": {
            "create": plan.count(Action::Create),
            "update": plan.count(Action::Update),
            "adopt": plan.count(Action::Adopt),
            "supersede": plan.count(Action::Supersede),
            "replace": plan.count(Action::Replace),
            "delete": plan.count(Action::Delete),
            "unchanged": plan.count(Action::Keep),
        },
        "steps": steps.collect::<Vec<Value>>(),
    })
}

fn step_json(kinds: &Kinds, step: &Step) -> Value {
    let (reason, cause) = reason(&step.reason);
    json!({
        "id": step.id,
        "aws_id": step.found.as_ref().and_then(|found| found.attributes.get("id")),
        "action": step.action,
        "reason": reason,
        "cause": cause,
        "holds_data": kinds.get(&step.id.kind).is_some_and(Kind::data),
        "interrupts": step.interrupts,
        "changes": step.changes,
        "needs": step.needs,
        "wanted": step.wanted.as_ref().filter(|_| step.action != Action::Keep),
    })
}

/// The reason, and the field or the object that is the cause of it.
fn reason(reason: &Reason) -> (&'static str, Option<String>) {
    match reason {
        Reason::UpToDate => ("up_to_date", None),
        Reason::Missing => ("missing", None),
        Reason::Differs => ("differs", None),
        Reason::NamedForAdoption => ("named_for_adoption", None),
        Reason::Shared => ("shared", None),
        Reason::CannotChangeInPlace(field) => ("cannot_change_in_place", Some(field.clone())),
        Reason::DependencyReplaced(id) => ("dependency_replaced", Some(id.to_string())),
        Reason::NotWanted => ("not_wanted", None),
        Reason::Superseded => ("superseded", None),
        Reason::HoldsData => ("holds_data", None),
        Reason::EncryptsSnapshot => ("encrypts_snapshot", None),
        Reason::NeededBy(id) => ("needed_by", Some(id.to_string())),
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
