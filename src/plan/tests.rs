//! The planner on values: no account, no clock.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::error::Kind as ErrorKind;
use crate::object::attributes;
use crate::report::plan_text;
use crate::resources;

fn wanted(id: &str, value: Value) -> Wanted {
    Wanted {
        id: Id::parse(id).unwrap(),
        value,
        after: BTreeSet::new(),
    }
}

fn found(id: &str, aws_id: &str, value: Value) -> Object {
    Object {
        id: Id::parse(id).unwrap(),
        attributes: attributes([("id", aws_id)]),
        value,
        owned: true,
    }
}

fn network(cidr: &str) -> Vec<Wanted> {
    vec![
        wanted(
            "subnet/private-a",
            json!({"vpc": "${vpc/main}", "cidr": "10.0.0.0/20"}),
        ),
        wanted(
            "vpc/main",
            json!({"cidr": cidr, "tags": {"owner": "security"}}),
        ),
    ]
}

fn account() -> Vec<Object> {
    vec![
        found(
            "vpc/main",
            "vpc-1",
            json!({"cidr": "10.0.0.0/16", "tags": {"owner": "security"}}),
        ),
        found(
            "subnet/private-a",
            "subnet-1",
            json!({"vpc": "vpc-1", "cidr": "10.0.0.0/20"}),
        ),
    ]
}

fn request(wanted: Vec<Wanted>) -> Request {
    Request {
        wanted,
        keep: [("function-version".to_owned(), 3)].into(),
        ..Request::default()
    }
}

fn plan_of(wanted: Vec<Wanted>, found: Vec<Object>) -> Result<Plan> {
    up(&resources::all(), request(wanted), found, &Gaps::default())
}

fn planned(wanted: Vec<Wanted>, found: Vec<Object>) -> Plan {
    plan_of(wanted, found).unwrap()
}

fn text(wanted: Vec<Wanted>, found: Vec<Object>) -> String {
    plan_text(&planned(wanted, found))
}

#[test]
fn an_empty_account_gets_everything_in_order_of_need() {
    insta::assert_snapshot!(text(network("10.0.0.0/16"), vec![]), @r"
      + create   vpc/main          missing
      + create   subnet/private-a  missing
    Plan: 2 to create, 0 to update, 0 to replace, 0 to delete; 0 unchanged.
    ");
}

#[test]
fn an_account_as_wanted_has_no_changes() {
    let plan = planned(network("10.0.0.0/16"), account());
    assert!(plan.is_empty());
    insta::assert_snapshot!(plan_text(&plan), @"No changes: 2 objects are as wanted.");
}

#[test]
fn drift_names_field_found_and_wanted_value_and_nothing_else() {
    let mut account = account();
    account[0].value["tags"]["owner"] = json!("intruder");
    insta::assert_snapshot!(text(network("10.0.0.0/16"), account), @r#"
      ~ update   vpc/main  differs
            ~ tags.owner: "intruder" → "security"
    Plan: 0 to create, 1 to update, 0 to replace, 0 to delete; 1 unchanged.
    "#);
}

#[test]
fn what_cannot_change_in_place_is_made_again_with_what_stands_on_it() {
    insta::assert_snapshot!(text(network("10.9.0.0/16"), account()), @r#"
      + renew    vpc/main          cidr changes
            ~ cidr: "10.0.0.0/16" → "10.9.0.0/16"
      + renew    subnet/private-a  vpc/main is made anew
            ~ vpc: "vpc-1" → (id of vpc/main, known later)
      - DELETE   subnet/private-a  superseded (subnet-1)
      - DELETE   vpc/main          superseded (vpc-1)
    Plan: 0 to create, 0 to update, 2 to renew, 0 to replace, 2 to delete; 0 unchanged.
    "#);
}

#[test]
fn what_nobody_asked_for_goes() {
    let mut account = account();
    account.push(found(
        "subnet/private-b",
        "subnet-2",
        json!({"vpc": "vpc-1"}),
    ));
    insta::assert_snapshot!(text(network("10.0.0.0/16"), account), @r"
      - DELETE   subnet/private-b  not wanted (subnet-2)
            ! interrupts every function in its zone
    Plan: 0 to create, 0 to update, 0 to replace, 1 to delete; 2 unchanged.
    ");
}

#[test]
fn two_objects_under_one_id_stop_the_plan_and_are_both_named() {
    let key = wanted("api-key/chatbot", json!({}));
    let account = ["k1", "k2"].map(|id| found("api-key/chatbot", id, json!({})));
    let error = plan_of(vec![key], account.into()).unwrap_err();
    assert_eq!(
        error.message,
        "two objects claim to be api-key/chatbot: k1 and k2"
    );
}

/// The account with its VPC as somebody else's that has our name.
fn strange_account() -> Vec<Object> {
    let mut account = account();
    account[0].owned = false;
    account[0].value["tags"] = json!({});
    account[0].value["dns"] = json!(false);
    account
}

#[test]
fn objects_with_our_names_and_not_our_tags_stop_the_plan_and_are_all_named() {
    let mut account = strange_account();
    account[1].owned = false;
    let error = plan_of(network("10.0.0.0/16"), account).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused);
    insta::assert_snapshot!(crate::report::error_text(&error), @r"
    error: these exist already and do not carry this stack's tags:
      vpc/main: `vpc-1`
        dns: false → (none)
      subnet/private-a: `subnet-1`
    hint: nothing was changed
    hint: to take over what is yours: --adopt vpc/main --adopt subnet/private-a
    hint: or choose another [stack] name or environment
    ");
}

#[test]
fn an_object_that_is_named_is_adopted_and_compared_field_by_field() {
    let adopting = Request {
        adopt: [Id::new("vpc", "main")].into_iter().collect(),
        ..request(network("10.0.0.0/16"))
    };
    let plan = up(
        &resources::all(),
        adopting,
        strange_account(),
        &Gaps::default(),
    )
    .unwrap();
    let vpc = plan
        .steps
        .iter()
        .find(|step| step.id.kind == "vpc")
        .unwrap();
    assert_eq!(vpc.action, Action::Adopt);
    let paths: Vec<_> = vpc.changes.iter().map(|c| c.path.as_str()).collect();
    assert_eq!(paths, ["dns", "tags.owner"]);
    // What stands on it has its id already.
    assert_eq!(plan.count(Action::Keep), 1);
}

#[test]
fn what_would_have_to_be_replaced_is_not_adopted() {
    let adopting = Request {
        adopt: [Id::new("vpc", "main")].into_iter().collect(),
        ..request(network("10.9.0.0/16"))
    };
    let plan = up(
        &resources::all(),
        adopting,
        strange_account(),
        &Gaps::default(),
    );
    let message = plan.unwrap_err().message;
    assert!(message.contains("its cidr differs"), "{message}");
}

#[test]
fn ours_stands_before_what_only_has_our_name() {
    let mut account = account();
    let mut stranger = account[0].clone();
    stranger.owned = false;
    stranger.attributes = attributes([("id", "vpc-9")]);
    account.insert(0, stranger);
    assert!(planned(network("10.0.0.0/16"), account).is_empty());
}

#[test]
fn what_others_keep_is_referred_to_and_never_touched() {
    let only_subnet = vec![wanted("subnet/private-a", json!({"vpc": "${vpc/main}"}))];
    let using = Request {
        existing: Known::from([(Id::new("vpc", "main"), attributes([("id", "vpc-7")]))]),
        ..request(only_subnet)
    };
    let plan = up(&resources::all(), using, vec![], &Gaps::default()).unwrap();
    assert_eq!(plan.steps.len(), 1);
    assert_eq!(plan.steps[0].wanted, Some(json!({"vpc": "vpc-7"})));
}

fn versions(revision_of_function: &str) -> Vec<Wanted> {
    vec![
        wanted(
            "function/chatbot",
            json!({"code_sha256": revision_of_function}),
        ),
        wanted(
            "function-version/chatbot",
            json!({"revision": "${function/chatbot.revision}"}),
        ),
        wanted(
            "function-alias/chatbot",
            json!({"version": "${function-version/chatbot}"}),
        ),
    ]
}

/// An account whose version 7 was published from code "a", with older versions beside it.
fn published() -> Vec<Object> {
    let revision =
        planned(versions("a"), vec![]).known[&Id::new("function", "chatbot")]["revision"].clone();
    let mut objects = vec![
        found("function/chatbot", "chatbot", json!({"code_sha256": "a"})),
        found("function-alias/chatbot", "live", json!({"version": "7"})),
        found(
            "function-version/chatbot",
            "7",
            json!({"revision": revision}),
        ),
    ];
    objects.extend(["6", "5", "4", "3", "2"].map(|version| {
        found(
            "function-version/chatbot",
            version,
            json!({"revision": version}),
        )
    }));
    objects
}

#[test]
fn an_unchanged_function_publishes_nothing_and_keeps_three_old_versions() {
    insta::assert_snapshot!(text(versions("a"), published()), @r"
      - DELETE   function-version/chatbot  superseded (3)
      - DELETE   function-version/chatbot  superseded (2)
    Plan: 0 to create, 0 to update, 0 to replace, 2 to delete; 3 unchanged.
    ");
}

#[test]
fn as_many_old_versions_stay_as_infra_toml_says() {
    let keeping = |count| {
        let request = Request {
            keep: [("function-version".to_owned(), count)].into(),
            ..request(versions("a"))
        };
        let plan = up(&resources::all(), request, published(), &Gaps::default()).unwrap();
        plan.count(Action::Delete)
    };
    assert_eq!([keeping(1), keeping(4), keeping(50)], [4, 1, 0]);
}

#[test]
fn new_code_makes_a_new_version_and_moves_the_alias() {
    let account: Vec<Object> = published().into_iter().take(3).collect();
    let text = text(versions("b"), account);
    insta::with_settings!({filters => vec![("[0-9a-f]{12}", "(hash)")]}, {
        insta::assert_snapshot!(text, @r#"
          ~ update   function/chatbot          differs
                ~ code_sha256: "a" → "b"
          + renew    function-version/chatbot  revision changes
                ~ revision: "(hash)" → "(hash)"
          ~ update   function-alias/chatbot    differs
                ~ version: "7" → (id of function-version/chatbot, known later)
        Plan: 0 to create, 2 to update, 1 to renew, 0 to replace, 0 to delete; 0 unchanged.
        "#);
    });
}

#[test]
fn a_function_changed_behind_our_back_is_mended_without_a_new_version() {
    let mut account: Vec<Object> = published().into_iter().take(3).collect();
    account[0].value["code_sha256"] = json!("intruder");
    insta::assert_snapshot!(text(versions("a"), account), @r#"
      ~ update   function/chatbot  differs
            ~ code_sha256: "intruder" → "a"
    Plan: 0 to create, 1 to update, 0 to replace, 0 to delete; 2 unchanged.
    "#);
}

fn database() -> (Vec<Wanted>, Vec<Object>) {
    let wanted = vec![
        wanted("vpc/main", json!({})),
        wanted("db-subnet-group/main", json!({"vpc": "${vpc/main}"})),
        wanted(
            "db-instance/main",
            json!({"group": "${db-subnet-group/main}"}),
        ),
        wanted("topic/alarms", json!({})),
    ];
    let found = vec![
        found("vpc/main", "vpc-1", json!({})),
        found("db-subnet-group/main", "group", json!({})),
        found("db-instance/main", "instance", json!({})),
        found("topic/alarms", "topic", json!({})),
    ];
    (wanted, found)
}

#[test]
fn down_keeps_data_and_what_it_stands_on() {
    let (wanted, found) = database();
    let destroy = Ids::default();
    let plan = down(
        &resources::all(),
        &wanted,
        found,
        &destroy,
        false,
        &Gaps::default(),
    );
    insta::assert_snapshot!(plan_text(&plan), @r"
      - DELETE   topic/alarms          not wanted (topic)
        keep     vpc/main              db-subnet-group/main stands on it
        keep     db-subnet-group/main  db-instance/main stands on it
        keep     db-instance/main      holds data
    To delete what holds data, too, add: --allow-destroy db-instance/main
    Plan: 0 to create, 0 to update, 0 to replace, 1 to delete; 3 unchanged.
    ");
}

#[test]
fn down_deletes_data_that_is_named() {
    let (wanted, found) = database();
    let destroy = Ids::from_iter([Id::new("db-instance", "main")]);
    let plan = down(
        &resources::all(),
        &wanted,
        found,
        &destroy,
        false,
        &Gaps::default(),
    );
    assert_eq!(plan.count(Action::Delete), 4);
}

#[test]
fn the_key_stays_with_the_last_snapshot() {
    let wanted = vec![
        wanted("kms-key/main", json!({})),
        wanted("db-instance/main", json!({"key": "${kms-key/main}"})),
    ];
    let found = vec![
        found("kms-key/main", "key", json!({})),
        found("db-instance/main", "instance", json!({})),
    ];
    let destroy = Ids::from_iter([Id::new("db-instance", "main"), Id::new("kms-key", "main")]);
    let plan = |last_snapshot| {
        let found = found.clone();
        down(
            &resources::all(),
            &wanted,
            found,
            &destroy,
            last_snapshot,
            &Gaps::default(),
        )
    };
    insta::assert_snapshot!(plan_text(&plan(true)), @r"
      - DELETE   db-instance/main  not wanted (instance)
            ! HOLDS DATA
        keep     kms-key/main      encrypts the database's last snapshot
    Plan: 0 to create, 0 to update, 0 to replace, 1 to delete; 1 unchanged.
    ");
    assert_eq!(plan(false).count(Action::Delete), 2);
}

#[test]
fn objects_that_need_each_other_are_an_error() {
    let circle = vec![
        wanted("vpc/main", json!({"a": "${subnet/private-a}"})),
        wanted("subnet/private-a", json!({"a": "${vpc/main}"})),
    ];
    let error = plan_of(circle, vec![]).unwrap_err();
    assert!(error.message.contains("subnet/private-a, vpc/main"));
}

/// The account's detector, which nobody has tagged.
fn detector(enabled: bool) -> Object {
    Object {
        owned: false,
        ..found(
            "detector/main",
            "12abc",
            json!({"enabled": enabled, "tags": {}}),
        )
    }
}

fn with_detector(wished: bool, enabled: bool, adopt: &[&str]) -> Plan {
    let tags = json!({"owner": "me"});
    let wish = wanted("detector/main", json!({"enabled": true, "tags": tags}));
    let request = Request {
        adopt: adopt.iter().filter_map(|id| Id::parse(id)).collect(),
        ..request(wished.then_some(wish).into_iter().collect())
    };
    let account = vec![detector(enabled)];
    up(&resources::all(), request, account, &Gaps::default()).unwrap()
}

#[test]
fn what_there_is_one_of_for_all_is_used_and_not_taken_over() {
    let plan = with_detector(true, true, &[]);
    assert!(plan.is_empty());
    assert_eq!(plan.steps[0].reason, Reason::Shared);
    let plan = with_detector(true, false, &[]);
    let step = &plan.steps[0];
    assert_eq!(
        (step.action, &step.reason),
        (Action::Update, &Reason::Shared)
    );
    let paths: Vec<_> = step.changes.iter().map(|change| &change.path).collect();
    assert_eq!(paths, ["enabled"]);
    insta::assert_snapshot!(plan_text(&plan), @r"
      ~ update   detector/main  somebody else's, and stays theirs; what it lacks is added
            ~ enabled: false → true
    Plan: 0 to create, 1 to update, 0 to replace, 0 to delete; 0 unchanged.
    ");
    // It is nobody's to delete who only used it.
    assert!(with_detector(false, true, &[]).steps.is_empty());
    let all = vec![detector(true)];
    let (nothing, gaps) = (Ids::default(), Gaps::default());
    let gone = down(&resources::all(), &[], all, &nothing, false, &gaps);
    assert!(gone.steps.is_empty());
}

#[test]
fn what_there_is_one_of_for_all_is_taken_over_where_it_is_named() {
    let plan = with_detector(true, true, &["detector/main"]);
    assert_eq!(plan.steps[0].action, Action::Adopt);
}
