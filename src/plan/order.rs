//! The order in which objects can be planned.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Result};
use crate::object::{Id, Known, Wanted};

/// The same objects, each behind those that it refers to.
pub(super) fn in_order(wanted: Vec<Wanted>, existing: &Known) -> Result<Vec<Wanted>> {
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
