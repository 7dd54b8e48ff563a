//! The whole network at another address range: beside the old one, unless the database would be
//! left behind.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::account::{connect, listing};
use crate::emulator::Emulator;
use crate::lifecycle::{changes, runtime};
use crate::project::{Project, at};

/// How many objects of each kind the account has.
fn counts(url: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let listing = runtime().block_on(async { listing(&connect(url).await).await });
    for line in listing {
        let kind = line.rsplit_once(' ').unwrap().0.to_owned();
        *counts.entry(kind).or_default() += 1;
    }
    counts
}

/// The range of each VPC that has the stack's tags.
fn ranges(url: &str) -> Vec<String> {
    let answer = runtime().block_on(async {
        let aws = connect(url).await;
        aws.ec2.describe_vpcs().send().await.unwrap()
    });
    let ours = answer.vpcs().iter().filter(|vpc| !vpc.tags().is_empty());
    ours.map(|vpc| vpc.cidr_block().unwrap().to_owned())
        .collect()
}

/// The database and its subnet group, deleted behind our back.
fn delete_database(url: &str) {
    runtime().block_on(async {
        let rds = connect(url).await.rds;
        let name = "watermark-chatbot-prod";
        let found = rds.describe_db_instances().send().await.unwrap();
        let id = found.db_instances()[0].db_instance_identifier().unwrap();
        let call = rds.modify_db_instance().db_instance_identifier(id);
        let call = call.deletion_protection(false).apply_immediately(true);
        call.send().await.unwrap();
        let call = rds.delete_db_instance().db_instance_identifier(id);
        call.skip_final_snapshot(true).send().await.unwrap();
        let call = rds.delete_db_subnet_group().db_subnet_group_name(name);
        call.send().await.unwrap();
    });
}

fn another_range(emulator: &Emulator) {
    let project = Project::new();
    let at = at(&emulator.url);
    let wmctl = |arguments: &[&str]| project.wmctl(&[arguments, &at].concat()).ok();
    wmctl(&["up"]);
    let before = counts(&emulator.url);
    project.edit("10.42.0.0/16", "10.43.0.0/16");

    let left_behind = project.wmctl(&[&["up"], &at[..]].concat());
    assert_eq!(left_behind.code, 6, "{}", left_behind.all());
    assert!(
        left_behind.stdout.contains("cannot follow"),
        "{}",
        left_behind.all()
    );
    assert_eq!(ranges(&emulator.url), ["10.42.0.0/16"]);
    delete_database(&emulator.url);

    let plan = wmctl(&["plan"]).json();
    let steps = plan["plan"]["steps"].as_array().unwrap();
    let action = |action: &str| -> Vec<&Value> {
        let steps = steps.iter().filter(|step| step["action"] == action);
        steps.map(|step| &step["id"]).collect()
    };
    assert!(action("replace").is_empty(), "{plan:#}");
    assert!(action("supersede").iter().any(|id| **id == "vpc/main"));

    wmctl(&["up"]);
    assert_eq!(ranges(&emulator.url), ["10.43.0.0/16"]);
    assert_eq!(counts(&emulator.url), before);
    let again = wmctl(&["plan"]);
    assert_eq!(changes(&again), 0, "{}", again.all());
}

#[test]
fn another_range_is_a_network_beside_the_old_one_on_ministack() {
    another_range(&Emulator::ministack());
}

#[test]
fn another_range_is_a_network_beside_the_old_one_on_moto() {
    another_range(&Emulator::moto());
}
