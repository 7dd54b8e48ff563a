//! What has to be done, and why. Values in, values out: no clock, no network.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::diff::{Change, diff, fields};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::gaps::Gaps;
use crate::object::{Attributes, Id, Ids, Known, Object, Wanted, is_resolved, resolve};
use crate::resources::{Kind, Kinds, OnChange};

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
}

/// What it takes to go from `found` to what is wanted.
pub fn up(kinds: &Kinds, request: Request, found: Vec<Object>, gaps: &Gaps) -> Result<Plan> {
    let mut planner = Planner::new(kinds, found, gaps);
    planner.adopt = request.adopt;
    let ordered = in_order(request.wanted, &request.existing)?;
    planner.plan.known = request.existing;
    for wanted in ordered {
        planner.reach(wanted)?;
    }
    planner.no_strangers()?;
    planner.leave_out();
    Ok(planner.plan)
}

/// What it takes to remove what the stack has. An object that holds data stays unless `destroy`
/// names it, and with it all that it stands on, by the references in `wanted`. Where a last
/// snapshot is taken, the key that encrypts it stays.
pub fn down(
    kinds: &Kinds,
    wanted: &[Wanted],
    found: Vec<Object>,
    destroy: &Ids,
    last_snapshot: bool,
    gaps: &Gaps,
) -> Plan {
    let needs: BTreeMap<Id, BTreeSet<Id>> = wanted
        .iter()
        .map(|wanted| (wanted.id.clone(), wanted.needs()))
        .collect();
    let mut staying: BTreeMap<Id, Reason> = BTreeMap::new();
    for object in found.iter().filter(|object| object.owned) {
        if !kinds.get(&object.id.kind).is_some_and(Kind::data) {
            continue;
        }
        if !destroy.contains(&object.id) {
            stay(&object.id, Reason::HoldsData, &needs, &mut staying);
        } else if last_snapshot {
            let keys = needs.get(&object.id).into_iter().flatten();
            for key in keys.filter(|need| need.kind == "kms-key") {
                staying.insert(key.clone(), Reason::EncryptsSnapshot);
            }
        }
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

struct Planner<'a> {
    kinds: &'a Kinds,
    gaps: &'a Gaps,
    found: BTreeMap<Id, Vec<Object>>,
    adopt: Ids,
    /// Objects that have a name of ours, are not ours, and were not named for adoption.
    strangers: Vec<(Object, Vec<Change>)>,
    /// Objects whose old self goes: what refers to them has to follow.
    replaced: BTreeSet<Id>,
    plan: Plan,
}

impl<'a> Planner<'a> {
    fn new(kinds: &'a Kinds, found: Vec<Object>, gaps: &'a Gaps) -> Self {
        let mut by_id: BTreeMap<Id, Vec<Object>> = BTreeMap::new();
        for object in found {
            by_id.entry(object.id.clone()).or_default().push(object);
        }
        Self {
            kinds,
            gaps,
            found: by_id,
            adopt: Ids::default(),
            strangers: Vec::new(),
            replaced: BTreeSet::new(),
            plan: Plan::default(),
        }
    }

    fn push(&mut self, step: Step, known: Option<Attributes>) {
        let mut known = known.unwrap_or_default();
        // Known before anything is done, where nothing that it hashes is still to come.
        if let Some(value) = step.wanted.as_ref().filter(|value| is_resolved(value))
            && let Some(kind) = self.kinds.get(&step.id.kind)
        {
            known.insert("revision".to_owned(), kind.revision(value));
        }
        if !known.is_empty() {
            self.plan.known.insert(step.id.clone(), known);
        }
        self.plan.steps.push(step);
    }

    /// Plans one wanted object; everything that it needs has been planned.
    fn reach(&mut self, wanted: Wanted) -> Result<()> {
        let needs = wanted.needs();
        let value = resolve(&wanted.value, &self.plan.known);
        let Some((object, changes)) = self.current(&wanted.id, &value)? else {
            self.push(
                Step {
                    id: wanted.id,
                    action: Action::Create,
                    reason: Reason::Missing,
                    changes: Vec::new(),
                    interrupts: None,
                    needs,
                    wanted: Some(value),
                    found: None,
                },
                None,
            );
            return Ok(());
        };
        if !object.owned && !self.adopt.contains(&wanted.id) {
            // So that what stands on it is compared with it, and not with nothing.
            self.plan.known.insert(wanted.id, object.attributes.clone());
            self.strangers.push((object, changes));
            return Ok(());
        }
        let (action, reason) = self.decide(&object, &changes, &needs)?;
        let interrupts = match action {
            Action::Replace => self.interrupts(&wanted.id),
            _ => None,
        };
        if matches!(action, Action::Replace | Action::Supersede) {
            self.replaced.insert(wanted.id.clone());
        }
        let known = match action {
            Action::Replace => None,
            Action::Supersede => {
                let others = self.found.entry(wanted.id.clone()).or_default();
                others.insert(0, object.clone());
                None
            }
            _ => Some(object.attributes.clone()),
        };
        self.push(
            Step {
                id: wanted.id,
                action,
                reason,
                changes,
                interrupts,
                needs,
                wanted: Some(value),
                found: Some(object),
            },
            known,
        );
        Ok(())
    }

    /// The object in the account that stands for `id`, and how it differs. Of several versions
    /// it is the first of those that differ least: not at all, or only in place.
    fn current(&mut self, id: &Id, value: &Value) -> Result<Option<(Object, Vec<Change>)>> {
        let Some(candidates) = self.found.get_mut(id) else {
            return Ok(None);
        };
        // What is ours stands before what only has our name.
        if candidates.iter().any(|object| object.owned) {
            candidates.retain(|object| object.owned);
        }
        let kind = self.kinds.get(&id.kind);
        let several = kind.is_some_and(|kind| kind.superseded().is_some());
        if candidates.len() > 1 && !several {
            let ids: Vec<_> = candidates.iter().map(aws_id).collect();
            return Err(Error::new(
                ErrorKind::Refused,
                format!("two objects claim to be {id}: {}", ids.join(" and ")),
            )
            .hint(
                "delete the one that is not in use, or remove its wmctl: tags; nothing was changed",
            ));
        }
        let differences: Vec<Vec<Change>> = candidates
            .iter()
            .map(|object| self.gaps.hide(id, diff(&object.value, value)))
            .collect();
        let in_place =
            |field: &String| kind.is_none_or(|kind| kind.on_change(field) == OnChange::InPlace);
        // By severity: as wanted, then what can be changed, then what has to be made again.
        let effort = |changes: &[Change]| {
            let again = !fields(changes).iter().all(in_place);
            (again, !changes.is_empty())
        };
        let Some((at, _)) = differences
            .iter()
            .enumerate()
            .min_by_key(|(_, changes)| effort(changes))
        else {
            return Ok(None);
        };
        let changes = differences.into_iter().nth(at).unwrap_or_default();
        Ok(Some((candidates.remove(at), changes)))
    }

    fn decide(
        &self,
        object: &Object,
        changes: &[Change],
        needs: &BTreeSet<Id>,
    ) -> Result<(Action, Reason)> {
        let on_change = |field: &str| {
            self.kinds
                .get(&object.id.kind)
                .map_or(OnChange::InPlace, |kind| kind.on_change(field))
        };
        let fields = fields(changes);
        let fixed = |wanted: OnChange| fields.iter().find(|field| on_change(field) == wanted);
        let (replace, supersede) = (fixed(OnChange::Replace), fixed(OnChange::Supersede));
        if !object.owned {
            return match replace.or(supersede) {
                Some(field) => Err(cannot_adopt(object, field)),
                None => Ok((Action::Adopt, Reason::NamedForAdoption)),
            };
        }
        let replaced = needs.iter().find(|need| self.replaced.contains(*need));
        let why = |field: &String| {
            replaced.map_or_else(
                || Reason::CannotChangeInPlace(field.clone()),
                |need| Reason::DependencyReplaced(need.clone()),
            )
        };
        // What is made elsewhere collides with nothing there, so that goes before a collision.
        Ok(match (supersede, replace) {
            (Some(field), _) => (Action::Supersede, why(field)),
            (None, Some(field)) => (Action::Replace, why(field)),
            (None, None) if changes.is_empty() => (Action::Keep, Reason::UpToDate),
            (None, None) => (Action::Update, Reason::Differs),
        })
    }

    /// Refuses to go on beside objects that have names of ours: all of them at once, each with
    /// what would change in it.
    fn no_strangers(&self) -> Result<()> {
        if self.strangers.is_empty() {
            return Ok(());
        }
        let lines: Vec<String> = self.strangers.iter().map(stranger).collect();
        let flags: Vec<String> = self
            .strangers
            .iter()
            .map(|(object, _)| format!("--adopt {}", object.id))
            .collect();
        Err(Error::new(
            ErrorKind::Refused,
            format!(
                "these exist already and do not carry this stack's tags:\n{}",
                lines.join("\n")
            ),
        )
        .hint("nothing was changed")
        .hint(format!("to take over what is yours: {}", flags.join(" ")))
        .hint("or choose another [stack] name or environment"))
    }

    /// What the account has and nobody asked for goes, but for superseded versions that are kept
    /// as a way back.
    fn leave_out(&mut self) {
        for (id, objects) in std::mem::take(&mut self.found) {
            let wanted = self.plan.steps.iter().any(|step| step.id == id);
            let superseded = self.kinds.get(&id.kind).and_then(Kind::superseded);
            let (kept, reason) = if wanted {
                (superseded.unwrap_or(0), Reason::Superseded)
            } else {
                (0, Reason::NotWanted)
            };
            for object in objects.into_iter().filter(|o| o.owned).skip(kept) {
                self.delete(object, reason.clone());
            }
        }
    }

    fn everything_goes(&mut self) {
        for object in std::mem::take(&mut self.found).into_values().flatten() {
            self.delete(object, Reason::NotWanted);
        }
    }

    fn delete(&mut self, object: Object, reason: Reason) {
        if !self.kinds.get(&object.id.kind).is_some_and(Kind::deletable) {
            return;
        }
        self.plan.steps.push(Step {
            id: object.id.clone(),
            action: Action::Delete,
            reason,
            changes: Vec::new(),
            interrupts: None,
            needs: BTreeSet::new(),
            wanted: None,
            found: Some(object),
        });
    }

    fn interrupts(&self, id: &Id) -> Option<&'static str> {
        self.kinds.get(&id.kind).and_then(Kind::interrupts)
    }
}

/// A stranger, and below it each field as it is and as it is wanted. That it lacks our tags is said
/// once for all.
fn stranger((object, changes): &(Object, Vec<Change>)) -> String {
    let side = |value: &Option<Value>| {
        value
            .as_ref()
            .map_or_else(|| "(none)".to_owned(), Value::to_string)
    };
    let mut lines = vec![format!("  {}: `{}`", object.id, aws_id(object))];
    for change in changes.iter().filter(|change| change.field() != "tags") {
        let (found, wanted) = (side(&change.found), side(&change.wanted));
        lines.push(format!("    {}: {found} → {wanted}", change.path));
    }
    lines.join("\n")
}

fn cannot_adopt(object: &Object, field: &str) -> Error {
    Error::new(
        ErrorKind::Refused,
        format!(
            "{}: `{}` cannot be adopted: its {field} differs, and cannot change in place",
            object.id,
            aws_id(object)
        ),
    )
    .hint("nothing was changed; bring infra.toml to what it is, or choose another [stack] name or environment")
}

fn aws_id(object: &Object) -> String {
    object
        .attributes
        .get("id")
        .cloned()
        .unwrap_or_else(|| object.id.to_string())
}

/// The same objects, each behind those that it refers to.
fn in_order(wanted: Vec<Wanted>, existing: &Known) -> Result<Vec<Wanted>> {
    let mut waiting: BTreeMap<Id, Wanted> = wanted
        .into_iter()
        .map(|wanted| (wanted.id.clone(), wanted))
        .collect();
    let all: BTreeSet<Id> = waiting.keys().cloned().collect();
    for wanted in waiting.values_mut() {
        wanted.after.retain(|id| all.contains(id));
    }
    let mut ordered: Vec<Wanted> = Vec::with_capacity(all.len());
    let mut placed: BTreeSet<Id> = existing.keys().cloned().collect();
    while !waiting.is_empty() {
        let ready: Vec<Id> = waiting
            .values()
            .filter(|wanted| wanted.needs().iter().all(|need| placed.contains(need)))
            .map(|wanted| wanted.id.clone())
            .collect();
        if ready.is_empty() {
            let stuck: Vec<String> = waiting.keys().map(Id::to_string).collect();
            return Err(Error::failed(format!(
                "these objects need each other, or something that is not wanted: {}",
                stuck.join(", ")
            )));
        }
        for id in ready {
            if let Some(wanted) = waiting.remove(&id) {
                placed.insert(id);
                ordered.push(wanted);
            }
        }
    }
    Ok(ordered)
}

#[cfg(test)]
mod tests;
