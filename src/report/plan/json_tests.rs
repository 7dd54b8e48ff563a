//! docs/plan-json.md says what the code does.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::plan_json;
use crate::gaps::Gaps;
use crate::object::{Id, Object, Wanted, attributes};
use crate::plan::{self, Action, Plan, Reason, Step};
use crate::resources;

const DOCUMENT: &str = include_str!("../../../docs/plan-json.md");

/// The plan of the document's example: a network that was changed by hand, and a new topic.
fn example() -> Plan {
    let wanted = |id: &str, value: Value| Wanted {
        id: Id::parse(id).unwrap(),
        value,
        after: BTreeSet::new(),
    };
    let found = |id: &str, aws_id: &str, value: Value| Object {
        id: Id::parse(id).unwrap(),
        attributes: attributes([("id", aws_id)]),
        value,
        owned: true,
    };
    let rule = |peer: &str| {
        json!({
            "protocol": "tcp", "from_port": 3306, "to_port": 3306, "peer": peer,
            "description": "the function",
        })
    };
    let up = plan::up(
        &resources::all(),
        plan::Request {
            wanted: vec![
                wanted("vpc/main", json!({"cidr": "10.0.0.0/16"})),
                wanted(
                    "subnet/private-a",
                    json!({"vpc": "${vpc/main}", "cidr": "10.0.0.0/20"}),
                ),
                wanted(
                    "security-group-rules/database",
                    json!({"ingress": [rule("sg-0a1")], "tags": {"owner": "security"}}),
                ),
            ],
            ..plan::Request::default()
        },
        vec![
            found("vpc/main", "vpc-0b2", json!({"cidr": "10.0.0.0/16"})),
            found(
                "security-group-rules/database",
                "sg-0c3",
                json!({"ingress": [rule("0.0.0.0/0")], "tags": {"owner": "somebody"}}),
            ),
            found(
                "topic/old",
                "arn:aws:sns:us-east-1:111122223333:chat-production-old",
                json!({}),
            ),
        ],
        &Gaps::default(),
    );
    up.unwrap()
}

#[test]
fn the_documents_example_is_what_the_code_prints() {
    let (_, rest) = DOCUMENT.split_once("```json\n").unwrap();
    let (shown, _) = rest.split_once("```").unwrap();
    assert_eq!(shown.trim_end(), format!("{:#}", plan_json(&example())));
}

/// The keys below one that is documented: what an object's fields are called is no part of it.
const OPEN: [&str; 3] = ["found", "wanted", "aws"];

fn keys(value: &Value, all: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            all.insert(name.clone());
            if !OPEN.contains(&name.as_str()) {
                keys(value, all);
            }
        }),
        Value::Array(items) => items.iter().for_each(|item| keys(item, all)),
        _ => {}
    }
}

fn is_documented(word: &str) -> bool {
    DOCUMENT.contains(&format!("`{word}`"))
}

#[test]
fn every_key_is_documented() {
    let mut all = BTreeSet::new();
    keys(&plan_json(&example()), &mut all);
    let outcome = crate::apply::Outcome {
        done: vec![(Id::new("vpc", "main"), "created")],
        failed: vec![(Id::new("vpc", "main"), crate::error::Error::failed("no"))],
        ..Default::default()
    };
    keys(&crate::report::outcome_json(&outcome, 1), &mut all);
    let missing: Vec<_> = all.iter().filter(|key| !is_documented(key)).collect();
    assert!(missing.is_empty(), "docs/plan-json.md lacks {missing:?}");
}

#[test]
fn every_action_and_reason_is_documented() {
    let id = Id::new("vpc", "main");
    let reasons = [
        Reason::UpToDate,
        Reason::Missing,
        Reason::Differs,
        Reason::NamedForAdoption,
        Reason::Shared,
        Reason::CannotChangeInPlace("cidr".to_owned()),
        Reason::DependencyReplaced(id.clone()),
        Reason::NotWanted,
        Reason::Superseded,
        Reason::HoldsData,
        Reason::EncryptsSnapshot,
        Reason::NeededBy(id.clone()),
    ];
    let actions = [
        Action::Keep,
        Action::Create,
        Action::Update,
        Action::Adopt,
        Action::Replace,
        Action::Supersede,
        Action::Delete,
    ];
    let all = reasons
        .iter()
        .flat_map(|reason| actions.map(|action| (reason.clone(), action)));
    let steps = all.map(|(reason, action)| Step {
        id: id.clone(),
        action,
        reason,
        changes: Vec::new(),
        interrupts: None,
        needs: BTreeSet::new(),
        wanted: None,
        found: None,
    });
    let plan = Plan {
        steps: steps.collect(),
        ..Plan::default()
    };
    let json = plan_json(&plan);
    for step in json["steps"].as_array().unwrap() {
        for key in ["action", "reason"] {
            let word = step[key].as_str().unwrap();
            assert!(is_documented(word), "docs/plan-json.md lacks {key} {word}");
        }
    }
    let summed: &Map<String, Value> = json["summary"].as_object().unwrap();
    let sum: u64 = summed.values().filter_map(Value::as_u64).sum();
    assert_eq!(sum, plan.steps.len() as u64, "an action is not summed up");
}
