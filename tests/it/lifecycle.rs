//! From nothing to a stack and back to nothing.

use std::collections::BTreeSet;

use crate::account::{connect, listing};
use crate::emulator::Emulator;
use crate::project::{Project, Run, at};

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// What `down` takes along only where it is named.
pub const EVERYTHING: &str = "db-instance/main,kms-key/main,secret/*,bucket/*";

pub fn changes(run: &Run) -> u64 {
    let summary = run.json()["plan"]["summary"].as_object().unwrap().clone();
    let changes = summary.iter().filter(|(what, _)| *what != "unchanged");
    changes.map(|(_, count)| count.as_u64().unwrap()).sum()
}

/// Every key at the head of a document is explained where scripts' authors look.
fn assert_documented(run: &Run) {
    let document = include_str!("../../docs/plan-json.md");
    for key in run.json().as_object().unwrap().keys() {
        assert!(document.contains(&format!("`{key}`")), "{key}");
    }
}

/// Plan, up, empty plan, down, on an emulator that has no data plane.
fn control_plane(emulator: &Emulator) -> Vec<String> {
    let project = Project::new();
    let at = at(&emulator.url);
    let wmctl = |arguments: &[&str]| project.wmctl(&[arguments, &at].concat());
    let runtime = runtime();
    let aws = runtime.block_on(connect(&emulator.url));
    let before = runtime.block_on(listing(&aws));

    let plan = wmctl(&["plan"]).ok();
    assert_documented(&plan);
    let planned: Vec<String> = plan.json()["plan"]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            format!(
                "{} {}",
                step["action"].as_str().unwrap(),
                step["id"].as_str().unwrap()
            )
        })
        .collect();
    assert!(
        planned.iter().all(|step| step.starts_with("create ")),
        "{planned:#?}"
    );

    let up = wmctl(&["up"]).ok();
    assert_documented(&up);
    assert_eq!(
        up.json()["result"]["done"].as_array().unwrap().len(),
        planned.len()
    );

    let again = wmctl(&["up"]).ok();
    assert_eq!(changes(&again), 0, "{}", again.all());

    let kept = wmctl(&["down"]).ok();
    assert_documented(&kept);
    let left: BTreeSet<String> = kept.json()["plan"]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| step["reason"] == "holds_data")
        .map(|step| step["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        left,
        [
            "bucket/trail",
            "bucket/trail-logs",
            "db-instance/main",
            "kms-key/main",
            "secret/api-key-chatbot",
            "secret/api-keys",
            "secret/database-admin",
            "secret/database-app",
        ]
        .map(str::to_owned)
        .into(),
        "{}",
        kept.all()
    );

    wmctl(&["down", "--allow-destroy", EVERYTHING]).ok();
    let after = runtime.block_on(listing(&aws));
    let strange: Vec<_> = before.symmetric_difference(&after).collect();
    assert!(strange.is_empty(), "left behind or lost: {strange:#?}");
    planned
}

#[test]
fn the_control_plane_on_both_emulators() {
    let on_ministack = control_plane(&Emulator::ministack());
    let on_moto = control_plane(&Emulator::moto());
    assert_eq!(everywhere(on_ministack), everywhere(on_moto));
}

/// Without the kinds of which one of the emulators can make nothing.
fn everywhere(mut planned: Vec<String>) -> Vec<String> {
    let kinds: Vec<&str> = wmctl::gaps::MISSING
        .iter()
        .map(|(_, kind, _)| *kind)
        .collect();
    planned.retain(|step| !kinds.iter().any(|kind| step.contains(&format!(" {kind}/"))));
    planned
}
