//! What holds for all kinds together.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::*;
use crate::object::{Wanted, references};

/// Everything that the default infra.toml asks for.
fn default_stack() -> Vec<Wanted> {
    let config: Config = toml::from_str(
        "[stack]\nname = 'demo'\nregion = 'us-east-1'\n[alarms]\nemail = 'ops@example.com'",
    )
    .unwrap();
    let stack = Stack::new(&config, "123456789012");
    let zones = ["us-east-1a", "us-east-1b"].map(str::to_owned);
    let scope = Scope {
        config: &config,
        stack: &stack,
        artifacts: &Artifacts::default(),
        contract: &json!({}),
        zones: &zones,
    };
    all()
        .iter()
        .flat_map(|kind| kind.wanted(&scope).unwrap())
        .collect()
}

#[test]
fn every_reference_is_to_something_wanted() {
    let wanted = default_stack();
    let ids: BTreeSet<&Id> = wanted.iter().map(|wanted| &wanted.id).collect();
    assert_eq!(ids.len(), wanted.len(), "two objects share an id");
    for object in &wanted {
        for id in references(&object.value).iter().chain(&object.after) {
            assert!(
                ids.contains(id),
                "{} needs {id}, which nobody wants",
                object.id
            );
        }
    }
}

/// Deletion runs by kinds: a reference that `NEEDS` does not tell of could be cut.
#[test]
fn every_reference_is_to_a_kind_that_is_needed() {
    let kinds = all();
    for object in default_stack() {
        let needs = kinds.get(&object.id.kind).unwrap().needs();
        for id in references(&object.value) {
            assert!(
                needs.contains(&id.kind.as_str()),
                "{} refers to {id}",
                object.id
            );
        }
    }
}

#[test]
fn kinds_do_not_need_each_other_in_a_circle() {
    let kinds = all();
    let mut left: BTreeMap<&str, &[&str]> = kinds
        .iter()
        .map(|kind| (kind.name(), kind.needs()))
        .collect();
    for (kind, needs) in &left {
        for need in *needs {
            assert!(
                left.contains_key(need),
                "{kind} needs {need}, which is no kind"
            );
        }
    }
    while !left.is_empty() {
        let free: Vec<&str> = left
            .iter()
            .filter(|(_, needs)| needs.iter().all(|need| !left.contains_key(need)))
            .map(|(kind, _)| *kind)
            .collect();
        assert!(!free.is_empty(), "a circle among {:?}", left.keys());
        left.retain(|kind, _| !free.contains(kind));
    }
}

/// Names and tags are what objects are found by, so they must be on all that takes them.
#[test]
fn every_tagged_object_carries_its_owner() {
    for object in default_stack() {
        if let Some(tags) = object.value.get("tags") {
            assert_eq!(tags["wmctl:id"], object.id.to_string());
            assert_eq!(tags["wmctl:stack"], "demo");
        }
    }
}

/// What is made beside its predecessor is found twice for a while.
#[test]
fn whatever_is_superseded_may_stand_beside_its_successor() {
    let kinds = all();
    for object in default_stack() {
        let kind = kinds.get(&object.id.kind).unwrap();
        for field in object
            .value
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
        {
            assert!(
                kind.on_change(field) != OnChange::Supersede || kind.superseded(),
                "{}: {field}",
                object.id
            );
        }
    }
}
