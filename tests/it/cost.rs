//! What the stack costs: without an account, and against one.

use serde_json::Value;

use crate::emulator::Emulator;
use crate::project::{Project, at};

#[test]
fn the_bill_needs_no_account() {
    let run = Project::new().wmctl(&["cost"]).ok();
    insta::assert_snapshot!("cost", run.stdout);
}

#[test]
fn a_price_and_a_region_that_are_not_in_the_table_are_named() {
    let project = Project::new();
    project.edit("db.t4g.small", "db.r5b.24xlarge");
    let run = project.wmctl(&["cost"]).ok();
    assert!(
        run.stdout.contains("Unknown:") && run.stdout.contains("db-instance-hour db.r5b.24xlarge"),
        "{}",
        run.all()
    );
    project.edit("us-east-1", "eu-west-3");
    let run = project.wmctl(&["cost"]).ok();
    assert!(
        run.stdout.contains("no prices of eu-west-3"),
        "{}",
        run.all()
    );
}

fn cost(plan: &Value) -> [&str; 3] {
    ["now", "wanted", "difference"].map(|key| plan["cost"]["total"][key].as_str().unwrap())
}

#[test]
fn a_plan_tells_what_a_change_costs() {
    let emulator = Emulator::moto();
    let project = Project::new();
    let at = at(&emulator.url);
    let wmctl = |arguments: &[&str]| project.wmctl(&[arguments, &at].concat()).ok();
    let first = wmctl(&["plan"]).json();
    let [now, wanted, difference] = cost(&first);
    assert_eq!((now, difference), ("0.00", wanted));
    assert_eq!(first["cost"]["unknown"], serde_json::json!([]), "{first:#}");
    wmctl(&["up"]);
    let same = wmctl(&["plan"]).json();
    assert_eq!(cost(&same), [wanted, wanted, "0.00"]);

    project.edit("db.t4g.small", "db.t4g.medium");
    // 0.065 instead of 0.032, 730 hours.
    let larger = wmctl(&["plan"]).json();
    assert_eq!(cost(&larger)[0], wanted);
    assert_eq!(cost(&larger)[2], "24.09");
    let text = project.wmctl(&[
        "plan",
        "--endpoint-url",
        &emulator.url,
        "--skip",
        "migrate,health",
    ]);
    let text = text.ok().stdout;
    let line = text
        .lines()
        .find(|line| line.trim_start().starts_with("Total"));
    assert!(line.unwrap().ends_with("+24.09"), "{text}");
}
