//! Whole bills, reckoned by hand, and the difference that a plan makes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::config;
use crate::gaps::Gaps;
use crate::object::{Object, attributes};
use crate::plan;
use crate::resources;

fn config(more: &str) -> Config {
    let text = format!("[stack]\nname = \"chat\"\nregion = \"us-east-1\"\n{more}");
    config::parse(&text, std::path::Path::new("infra.toml")).unwrap()
}

fn wanted(id: &str, value: Value) -> Wanted {
    Wanted {
        id: Id::parse(id).unwrap(),
        value,
        after: [].into(),
    }
}

fn database(class: &str, multi_az: bool) -> Value {
    json!({
        "instance_class": class, "storage_gb": 20, "storage_type": "gp3", "multi_az": multi_az,
        "monitoring_s": 60,
    })
}

/// The bill of one object.
fn bill(config: &Config, id: &str, value: Value) -> Estimate {
    let costs = of_wanted(config, &[wanted(id, value)]).unwrap();
    costs.month.unwrap().wanted
}

fn amounts(estimate: &Estimate) -> Vec<String> {
    let lines = estimate.lines.iter();
    lines.map(|line| line.amount.to_string()).collect()
}

#[test]
fn a_database_costs_hours_storage_and_what_monitoring_writes() {
    let one = bill(
        &config(""),
        "db-instance/main",
        database("db.t4g.small", false),
    );
    // 0.032 × 730; 0.115 × 20; 43,800 looks of 5 KB are 0.2089 GB at 0.50.
    assert_eq!(amounts(&one), ["23.36", "2.30", "0.10"]);
    let two = bill(
        &config(""),
        "db-instance/main",
        database("db.t4g.small", true),
    );
    // 0.065 × 730: the table has the price of both. Storage and monitoring twice.
    assert_eq!(amounts(&two), ["47.45", "4.60", "0.21"]);
    let large = bill(
        &config(""),
        "db-instance/main",
        database("db.m7g.2xlarge", true),
    );
    // 0.674 × 730 × 2, for want of a price of both.
    assert_eq!(amounts(&large)[0], "984.04");
    assert!(
        large
            .assumed
            .iter()
            .any(|assumed| assumed.contains("twice"))
    );
}

#[test]
fn a_price_that_is_not_known_is_named_and_not_guessed() {
    let bill = bill(
        &config(""),
        "db-instance/main",
        database("db.x9.huge", false),
    );
    assert_eq!(amounts(&bill), ["2.30", "0.10"]);
    assert_eq!(
        bill.unknown,
        BTreeMap::from([(
            "db-instance-hour db.x9.huge".to_owned(),
            Id::parse("db-instance/main").unwrap()
        )])
    );
}

#[test]
fn a_region_that_is_not_in_the_table_has_no_bill() {
    let mut config = config("");
    config.stack.region = "eu-south-2".to_owned();
    let costs = of_wanted(&config, &[wanted("kms-key/main", json!({}))]).unwrap();
    assert!(costs.month.is_none());
}

#[test]
fn traffic_is_what_infra_toml_says() {
    let busy = config(
        "[cost]\nrequests_per_month = 10_000_000\nfunction_ms = 100\nfunction_metrics = 0\n\
         response_bytes = 1_048_576\nlog_bytes_per_request = 1024",
    );
    let function = json!({"memory_mb": 512, "architecture": "x86_64"});
    // 10 million calls at 0.20; 10⁷ × 0.1 s × 0.5 GB × 0.0000166667.
    assert_eq!(
        amounts(&bill(&busy, "function/chatbot", function.clone())),
        ["2.00", "8.33"]
    );
    assert!(amounts(&bill(&busy, "function/migrator", function)).is_empty());
    let stage = json!({"metrics": false, "tracing": true});
    // 10 million requests at 3.50; 9765.625 GB at 0.09; traces at 5.00.
    assert_eq!(
        amounts(&bill(&busy, "stage/main", stage)),
        ["35.00", "878.91", "50.00"]
    );
    let acl = json!({"rules": [{}, {}, {}]});
    assert_eq!(
        amounts(&bill(&busy, "web-acl/main", acl)),
        ["5.00", "3.00", "6.00"]
    );
    // 9.5367 GB at 0.50; of that 15 % for 60 days, 2.861 GB-months at 0.03.
    let group = json!({"retention_days": 60});
    assert_eq!(
        amounts(&bill(&busy, "log-group/api-access", group)),
        ["4.77", "0.09"]
    );
    let trail = json!({"events": {
        "Management events selector": {"eventCategory": ["Management"]},
        "functions": {"eventCategory": ["Data"], "resources.type": ["AWS::Lambda::Function"]},
    }});
    assert_eq!(amounts(&bill(&busy, "trail/main", trail)), ["10.00"]);
}

#[test]
fn what_stands_there_is_paid_by_the_piece() {
    let config = config("");
    let endpoint = json!({"subnets": {"a": true, "b": true, "c": true}});
    assert_eq!(
        amounts(&bill(&config, "vpc-endpoint/x", endpoint)),
        ["21.90", "0.01"]
    );
    assert_eq!(amounts(&bill(&config, "kms-key/main", json!({}))), ["1.00"]);
    assert_eq!(amounts(&bill(&config, "secret/a", json!({}))), ["0.40"]);
    assert_eq!(
        amounts(&bill(&config, "metric-filter/a", json!({}))),
        ["0.30"]
    );
    let alarm = json!({"metric": null, "queries": {
        "a": {"metric": {}}, "b": {"metric": {}}, "rate": {"metric": null},
    }});
    assert_eq!(amounts(&bill(&config, "alarm/rate", alarm)), ["0.20"]);
    // 100 MB for 90 days are 0.293 GB.
    let bucket = json!({"lifecycle": {"objects": 90}});
    assert_eq!(amounts(&bill(&config, "bucket/trail", bucket)), ["0.01"]);
    assert!(amounts(&bill(&config, "vpc/main", json!({}))).is_empty());
}

fn object(id: &str, value: Value) -> Object {
    Object {
        id: Id::parse(id).unwrap(),
        attributes: attributes([("id", id)]),
        value,
        owned: true,
    }
}

/// The totals now and then, of a plan from `found` to `wanted`.
fn totals(wanted: Vec<Wanted>, found: Vec<Object>) -> (String, String) {
    let request = plan::Request {
        wanted,
        ..plan::Request::default()
    };
    let plan = plan::up(&resources::all(), request, found, &Gaps::default()).unwrap();
    let month = of_plan(&config(""), &plan).unwrap().month.unwrap();
    (
        month.now.unwrap().total().to_string(),
        month.wanted.total().to_string(),
    )
}

#[test]
fn a_plan_tells_what_is_paid_now_and_then() {
    let secret = || wanted("secret/a", json!({"name": "a"}));
    let there = || object("secret/a", json!({"name": "a"}));
    let gone = object("secret/b", json!({"name": "b"}));
    let both = |now: &str, then: &str| (now.to_owned(), then.to_owned());
    assert_eq!(totals(vec![secret()], vec![]), both("0.00", "0.40"));
    assert_eq!(totals(vec![secret()], vec![there()]), both("0.40", "0.40"));
    assert_eq!(
        totals(vec![secret()], vec![there(), gone]),
        both("0.80", "0.40")
    );
}

#[test]
fn a_change_of_the_database_is_the_difference_of_its_two_prices() {
    let now = object("db-instance/main", database("db.t4g.small", false));
    let then = wanted("db-instance/main", database("db.t4g.medium", false));
    // 23.36 + 2.30 + 0.1044; 0.065 × 730 = 47.45 instead.
    assert_eq!(
        totals(vec![then], vec![now]),
        ("25.76".to_owned(), "49.85".to_owned())
    );
}

#[test]
fn an_object_that_is_made_beside_its_old_self_counts_once_on_each_side() {
    let endpoint =
        |vpc: &str, subnets: Value| json!({"vpc": vpc, "service": "s", "subnets": subnets});
    let now = object("vpc-endpoint/a", endpoint("vpc-1", json!({"a": true})));
    let then = wanted(
        "vpc-endpoint/a",
        endpoint("vpc-2", json!({"b": true, "c": true})),
    );
    assert_eq!(
        totals(vec![then], vec![now]),
        ("7.31".to_owned(), "14.61".to_owned())
    );
}
