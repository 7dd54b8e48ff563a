//! What has to be done, and why. Values in, values out: no clock, no network.

mod order;
mod planner;
mod strangers;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use self::order::in_order;
use self::planner::Planner;
use crate::diff::Change;
use crate::error::Result;
use crate::gaps::Gaps;
use crate::object::{Id, Ids, Known, Object, Wanted, references_to};
use crate::resources::{Kind, Kinds};

/// The whole plan, in the order in which steps could run one after the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    pub steps: Vec<Step>,
    /// Attributes of what exists and stays.
    pub known: Known,
}

/// What happens to one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub id: Id,
    pub action: Action,
    pub reason: Reason,
    pub changes: Vec<Change>,
    /// What stops meanwhile, where the object is away for a while: "every request".
    pub interrupts: Option<&'static str>,
    /// The wanted objects that this one refers to.
    pub needs: BTreeSet<Id>,
    /// With references where something is not known before it is made.
    pub wanted: Option<Value>,
    pub found: Option<Object>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Keep,
    Create,
    Update,
    /// Taken over: it gets our tags, and what else differs is changed.
    Adopt,
    /// Deleted, then created.
    Replace,
    /// Created beside the old one, which stays or is deleted by a step of its own.
    Supersede,
    Delete,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    UpToDate,
    Missing,
    Differs,
    /// It has the name that ours would have, and the operator named it to be taken over.
    NamedForAdoption,
    /// Somebody else's, of a kind that there is one of for all: used, and left to them.
    Shared,
    /// Differs in a field that AWS does not change on an existing object.
    CannotChangeInPlace(String),
    DependencyReplaced(Id),
    NotWanted,
    /// An older version, and enough others stay.
    Superseded,
    /// Not deleted, since it holds what cannot be made again.
    HoldsData,
    /// Not deleted, since the last snapshot of what is deleted could not be read without it.
    EncryptsSnapshot,
    /// Not deleted, since what holds data stands on it.
    NeededBy(Id),
}

impl Plan {
    /// The steps that change something.
    pub fn changes(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.action != Action::Keep)
    }

    pub fn is_empty(&self) -> bool {
        self.changes().next().is_none()
    }

    pub fn count(&self, action: Action) -> usize {
        self.steps.iter().filter(|s| s.action == action).count()
    }
}

/// The objects that two plans of one stack do not treat alike.
pub fn moved(before: &Plan, now: &Plan) -> Vec<String> {
    let by_id = |plan: &Plan| -> BTreeMap<(Id, String), Step> {
        let steps = plan.steps.iter().cloned();
        steps
            .map(|step| {
                let found = step.found.as_ref().map(aws_id).unwrap_or_default();
                ((step.id.clone(), found), step)
            })
            .collect()
    };
    let (before, now) = (by_id(before), by_id(now));
    let ids: BTreeSet<&Id> = before
        .keys()
        .chain(now.keys())
        .filter(|key| before.get(*key) != now.get(*key))
        .map(|(id, _)| id)
        .collect();
    ids.into_iter().map(Id::to_string).collect()
}

/// What a plan is to reach.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub wanted: Vec<Wanted>,
    /// What the wanted objects may refer to although the stack does not make it.
    pub existing: Known,
    /// Objects to take over although they do not carry the stack's tags.
    pub adopt: Ids,
    /// How many superseded versions of a kind stay as a way back, where not all of them go.
    pub keep: BTreeMap<String, usize>,
}

/// What it takes to go from `found` to what is wanted.
pub fn up(kinds: &Kinds, request: Request, found: Vec<Object>, gaps: &Gaps) -> Result<Plan> {
    let mut planner = Planner::new(kinds, found, gaps);
    planner.adopt = request.adopt;
    planner.keep = request.keep;
    let values = request.wanted.iter().map(|wanted| &wanted.value);
    planner.hashed = values
        .flat_map(|value| references_to("revision", value))
        .collect();
    let ordered = in_order(request.wanted, &request.existing)?;
    planner.plan.known = request.existing;
    for (wanted, needs) in ordered {
        planner.reach(wanted, needs)?;
    }
    strangers::refuse(&planner.strangers)?;
    planner.leave_out();
    Ok(planner.plan)
}

/// What it takes to remove what the stack has. An object that holds data stays unless `destroy`
/// names it, and with it all that it stands on. Where a last
/// snapshot is taken, the key that encrypts it stays.
pub fn down(
    kinds: &Kinds,
    wanted: &[Wanted],
    found: Vec<Object>,
    destroy: &Ids,
    last_snapshot: bool,
    gaps: &Gaps,
) -> Plan {
    let mut needs: BTreeMap<Id, BTreeSet<Id>> = wanted
        .iter()
        .map(|wanted| (wanted.id.clone(), wanted.needs()))
        .collect();
    // What has left infra.toml may stand on whatever its kind can stand on.
    for object in &found {
        if let Some(kind) = kinds.get(&object.id.kind) {
            needs.entry(object.id.clone()).or_insert_with(|| {
                let below = found.iter().map(|other| &other.id);
                below
                    .filter(|id| kind.needs().contains(&id.kind.as_str()))
                    .cloned()
                    .collect()
            });
        }
    }
    let ours = found.iter().filter(|object| object.owned);
    let data = ours.filter(|object| kinds.get(&object.id.kind).is_some_and(Kind::data));
    let (going, holding): (Vec<&Id>, Vec<&Id>) = data
        .map(|object| &object.id)
        .partition(|id| destroy.contains(id));
    let mut staying: BTreeMap<Id, Reason> = holding
        .iter()
        .map(|id| ((*id).clone(), Reason::HoldsData))
        .collect();
    let below = |id: &Id| needs.get(id).into_iter().flatten();
    for id in holding {
        for need in below(id) {
            stay(need, Reason::NeededBy(id.clone()), &needs, &mut staying);
        }
    }
    let keys = going.into_iter().flat_map(below);
    for key in keys.filter(|need| last_snapshot && need.kind == "kms-key") {
        staying.insert(key.clone(), Reason::EncryptsSnapshot);
    }
    let mut planner = Planner::new(kinds, Vec::new(), gaps);
    let (kept, gone): (Vec<_>, Vec<_>) = found
        .into_iter()
        .filter(|object| object.owned)
        .partition(|object| staying.contains_key(&object.id));
    for object in kept {
        let reason = staying.get(&object.id).cloned();
        planner.push(
            Step {
                id: object.id.clone(),
                action: Action::Keep,
                reason: reason.unwrap_or(Reason::HoldsData),
                changes: Vec::new(),
                interrupts: None,
                needs: BTreeSet::new(),
                wanted: None,
                found: Some(object.clone()),
            },
            Some(object.attributes),
        );
    }
    for object in gone {
        planner
            .found
            .entry(object.id.clone())
            .or_default()
            .push(object);
    }
    planner.everything_goes();
    planner.plan
}

fn stay(
    id: &Id,
    reason: Reason,
    needs: &BTreeMap<Id, BTreeSet<Id>>,
    staying: &mut BTreeMap<Id, Reason>,
) {
    if staying.contains_key(id) {
        return;
    }
    staying.insert(id.clone(), reason);
    for need in needs.get(id).into_iter().flatten() {
        stay(need, Reason::NeededBy(id.clone()), needs, staying);
    }
}

fn aws_id(object: &Object) -> String {
    object
        .attributes
        .get("id")
        .cloned()
        .unwrap_or_else(|| object.id.to_string())
}

#[cfg(test)]
mod tests;
