//! The order in which objects can be planned.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Result};
use crate::object::{Id, Known, Wanted};

/// The same objects, each behind those that it needs, and with them.
pub(super) fn in_order(
    wanted: Vec<Wanted>,
    existing: &Known,
) -> Result<Vec<(Wanted, BTreeSet<Id>)>> {
    let all: BTreeSet<Id> = wanted.iter().map(|wanted| wanted.id.clone()).collect();
    let mut waiting = BTreeMap::new();
    for mut wanted in wanted {
        wanted.after.retain(|id| all.contains(id));
        let needs = wanted.needs();
        waiting.insert(wanted.id.clone(), (wanted, needs));
    }
    let mut ordered = Vec::with_capacity(all.len());
    let mut placed: BTreeSet<Id> = existing.keys().cloned().collect();
    while !waiting.is_empty() {
        let ready: Vec<Id> = waiting
            .iter()
            .filter(|(_, (_, needs))| needs.iter().all(|need| placed.contains(need)))
            .map(|(id, _)| id.clone())
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
