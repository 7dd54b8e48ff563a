//! Decides for one object after the other what happens to it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::strangers::{Stranger, cannot_adopt};
use super::{Action, Plan, Reason, Step, aws_id};
use crate::diff::{Change, diff, fields};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::gaps::Gaps;
use crate::object::{Attributes, Id, Ids, Object, Wanted, is_resolved, resolve};
use crate::resources::{Kind, Kinds, OnChange};

pub(super) struct Planner<'a> {
    kinds: &'a Kinds,
    gaps: &'a Gaps,
    pub(super) found: BTreeMap<Id, Vec<Object>>,
    pub(super) adopt: Ids,
    pub(super) keep: BTreeMap<String, usize>,
    /// Objects that have a name of ours, are not ours, and were not named for adoption.
    pub(super) strangers: Vec<Stranger>,
    /// Objects whose old self goes: what refers to them has to follow.
    replaced: BTreeSet<Id>,
    /// Objects that others follow by the hash of their content.
    pub(super) hashed: BTreeSet<Id>,
    pub(super) plan: Plan,
}

impl<'a> Planner<'a> {
    pub(super) fn new(kinds: &'a Kinds, found: Vec<Object>, gaps: &'a Gaps) -> Self {
        let mut by_id: BTreeMap<Id, Vec<Object>> = BTreeMap::new();
        for object in found {
            by_id.entry(object.id.clone()).or_default().push(object);
        }
        Self {
            kinds,
            gaps,
            found: by_id,
            adopt: Ids::default(),
            keep: BTreeMap::new(),
            strangers: Vec::new(),
            replaced: BTreeSet::new(),
            hashed: BTreeSet::new(),
            plan: Plan::default(),
        }
    }

    pub(super) fn push(&mut self, step: Step, known: Option<Attributes>) {
        let mut known = known.unwrap_or_default();
        // Known before anything is done, where nothing that it hashes is still to come.
        if self.hashed.contains(&step.id)
            && let Some(value) = step.wanted.as_ref().filter(|value| is_resolved(value))
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
    pub(super) fn reach(&mut self, wanted: Wanted, needs: BTreeSet<Id>) -> Result<()> {
        let value = resolve(wanted.value, &self.plan.known);
        let Some((object, mut changes)) = self.current(&wanted.id, &value)? else {
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
        let foreign = !object.owned && !self.adopt.contains(&wanted.id);
        let kind = self.kinds.get(&wanted.id.kind);
        let shared = foreign && kind.is_some_and(Kind::shared);
        if foreign && !shared {
            // So that what stands on it is compared with it, and not with nothing.
            self.plan.known.insert(wanted.id, object.attributes.clone());
            self.strangers.push((object, changes));
            return Ok(());
        }
        let (action, reason) = if shared {
            changes.retain(|change| change.field() != "tags");
            let action = if changes.is_empty() {
                Action::Keep
            } else {
                Action::Update
            };
            (action, Reason::Shared)
        } else {
            self.decide(&object, &changes, &needs)?
        };
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
        let several = kind.is_some_and(Kind::superseded);
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

    /// What the account has and nobody asked for goes, but for superseded versions that are kept
    /// as a way back.
    pub(super) fn leave_out(&mut self) {
        let mut going = Vec::new();
        for (id, objects) in std::mem::take(&mut self.found) {
            let wanted = self.plan.steps.iter().any(|step| step.id == id);
            let (kept, reason) = if wanted {
                let kept = self.keep.get(&id.kind).copied();
                (kept.unwrap_or(0), Reason::Superseded)
            } else {
                (0, Reason::NotWanted)
            };
            let objects = objects.into_iter().filter(|object| object.owned);
            going.extend(objects.skip(kept).map(|object| (object, reason.clone())));
        }
        self.delete(going, true);
    }

    pub(super) fn everything_goes(&mut self) {
        let found = std::mem::take(&mut self.found).into_values().flatten();
        let going = found.map(|object| (object, Reason::NotWanted)).collect();
        // Whoever takes all down need not be told what stops with each of it.
        self.delete(going, false);
    }

    /// In the order of execution: what may refer to others goes before them.
    fn delete(&mut self, mut going: Vec<(Object, Reason)>, tell: bool) {
        going.retain(|(object, _)| self.kinds.get(&object.id.kind).is_some_and(Kind::deletable));
        let heights = heights(self.kinds);
        let height = |object: &Object| heights.get(object.id.kind.as_str()).copied();
        going.sort_by_key(|(object, _)| Reverse(height(object)));
        for (object, reason) in going {
            let interrupts = match reason {
                Reason::NotWanted if tell => self.interrupts(&object.id),
                _ => None,
            };
            self.plan.steps.push(Step {
                id: object.id.clone(),
                action: Action::Delete,
                reason,
                changes: Vec::new(),
                interrupts,
                needs: BTreeSet::new(),
                wanted: None,
                found: Some(object),
            });
        }
    }

    fn interrupts(&self, id: &Id) -> Option<&'static str> {
        self.kinds.get(&id.kind).and_then(Kind::interrupts)
    }
}

/// How many kinds stand below each, one on the other.
fn heights(kinds: &Kinds) -> BTreeMap<&str, usize> {
    let mut heights: BTreeMap<&str, usize> = kinds.iter().map(|kind| (kind.name(), 0)).collect();
    // Needs run in no circle, so this ends after as many rounds as there are levels.
    loop {
        let mut changed = false;
        for kind in kinds.iter() {
            let below = kind.needs().iter().filter_map(|need| heights.get(need));
            let height = below.map(|height| height + 1).max().unwrap_or(0);
            changed |= heights.insert(kind.name(), height) != Some(height);
        }
        if !changed {
            return heights;
        }
    }
}
