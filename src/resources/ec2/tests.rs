//! Tags and sets; moving to another range, which makes the whole network beside the old one.

use serde_json::json;

use super::default_security_group::DefaultSecurityGroup;
use super::route_table::RouteTable;
use super::security_group::SecurityGroup;
use super::security_group_rules::SecurityGroupRules;
use super::subnet::Subnet;
use super::vpc::Vpc;
use super::vpc_endpoint::VpcEndpoint;
use super::*;
use crate::gaps::Gaps;
use crate::object::{Id, Known, Object, Wanted, attributes, resolve};
use crate::plan::{self, Action, Plan, Reason};
use crate::resources::{Resource, sample};

const OLD: &str = "[network]\ncidr = \"10.42.0.0/16\"";
const NEW: &str = "[network]\ncidr = \"10.43.0.0/16\"";

fn of<R: Resource>(toml: &str, zones: &[&str]) -> impl Iterator<Item = Wanted> {
    let wanted = sample::wanted::<R>(toml, zones).into_iter();
    wanted.map(|(name, value)| Wanted {
        id: Id::new(R::KIND, name),
        value: serde_json::to_value(value).unwrap(),
        after: [].into(),
    })
}

fn wanted_in(toml: &str, zones: &[&str]) -> Vec<Wanted> {
    of::<Vpc>(toml, zones)
        .chain(of::<Subnet>(toml, zones))
        .chain(of::<RouteTable>(toml, zones))
        .chain(of::<SecurityGroup>(toml, zones))
        .chain(of::<SecurityGroupRules>(toml, zones))
        .chain(of::<DefaultSecurityGroup>(toml, zones))
        .chain(of::<VpcEndpoint>(toml, zones))
        .collect()
}

fn wanted(toml: &str) -> Vec<Wanted> {
    wanted_in(toml, &["us-east-1a", "us-east-1b"])
}

/// What an account has after `up`, with AWS's ids: `old-vpc/main`.
fn account(toml: &str, age: &str) -> Vec<Object> {
    let wanted = wanted(toml);
    let ids = wanted.iter().map(|wanted| {
        let id = format!("{age}-{}", wanted.id);
        (wanted.id.clone(), attributes([("id", id.as_str())]))
    });
    let known: Known = ids.collect();
    let objects = wanted.iter().map(|wanted| Object {
        id: wanted.id.clone(),
        attributes: known[&wanted.id].clone(),
        value: resolve(wanted.value.clone(), &known),
        owned: true,
    });
    objects.collect()
}

fn plan(wanted: Vec<Wanted>, found: Vec<Object>) -> Plan {
    let request = plan::Request {
        wanted,
        ..plan::Request::default()
    };
    plan::up(&crate::resources::all(), request, found, &Gaps::default()).unwrap()
}

fn with(plan: &Plan, action: Action) -> Vec<String> {
    let steps = plan.steps.iter().filter(|step| step.action == action);
    steps.map(|step| step.id.to_string()).collect()
}

fn aws_ids(plan: &Plan, action: Action) -> Vec<&str> {
    let steps = plan.steps.iter().filter(|step| step.action == action);
    steps
        .filter_map(|step| step.found.as_ref()?.attributes.get("id"))
        .map(String::as_str)
        .collect()
}

#[test]
fn what_was_made_is_what_is_wanted() {
    assert!(plan(wanted(OLD), account(OLD, "old")).is_empty());
}

#[test]
fn another_range_is_a_network_beside_the_old_one() {
    let plan = plan(wanted(NEW), account(OLD, "old"));
    let all: Vec<String> = plan
        .steps
        .iter()
        .filter(|step| step.wanted.is_some())
        .map(|step| step.id.to_string())
        .collect();
    assert_eq!(with(&plan, Action::Supersede), all);
    // The default group goes with its VPC.
    let gone = aws_ids(&plan, Action::Delete);
    assert_eq!(gone.len(), all.len() - 1, "{gone:?}");
    assert!(gone.iter().all(|id| id.starts_with("old-")), "{gone:?}");
    let subnet = plan.steps.iter().find(|step| step.id.kind == "subnet");
    let vpc = Id::new("vpc", "main");
    assert_eq!(subnet.unwrap().reason, Reason::DependencyReplaced(vpc));
}

#[test]
fn a_run_that_was_cut_off_goes_on_with_what_it_made() {
    let mut found = account(OLD, "old");
    let made = account(NEW, "new").into_iter();
    let first = ["vpc/main", "subnet/private-a", "security-group/function"];
    found.extend(made.filter(|object| first.contains(&object.id.to_string().as_str())));
    // Cut off before EC2 was told of the names.
    for object in &mut found {
        if object.attributes["id"] == "new-vpc/main" {
            object.value["dns_hostnames"] = json!(false);
        }
    }
    let plan = plan(wanted(NEW), found);
    assert_eq!(aws_ids(&plan, Action::Update), ["new-vpc/main"]);
    let kept = aws_ids(&plan, Action::Keep);
    assert_eq!(
        kept,
        ["new-security-group/function", "new-subnet/private-a"]
    );
    let gone = aws_ids(&plan, Action::Delete);
    assert!(gone.iter().all(|id| id.starts_with("old-")), "{gone:?}");
    assert!(gone.contains(&"old-vpc/main") && gone.contains(&"old-subnet/private-a"));
}

#[test]
fn a_subnet_that_changes_its_zone_makes_room_for_itself_first() {
    let zones = ["us-east-1a", "us-east-1c"];
    let plan = plan(wanted_in(OLD, &zones), account(OLD, "old"));
    assert_eq!(with(&plan, Action::Replace), ["subnet/private-b"]);
    assert_eq!(with(&plan, Action::Supersede), Vec::<String>::new());
}

#[test]
fn every_object_has_a_name_for_the_console() {
    let tags = Tags::from([
        (TAG_STACK.to_owned(), "chat".to_owned()),
        (TAG_ENVIRONMENT.to_owned(), "prod".to_owned()),
        (TAG_ID.to_owned(), "subnet/private-a".to_owned()),
    ]);
    let name = |tags: &Tags| tags_of(Some(&ec2_tags(tags))).get("Name").cloned();
    assert_eq!(name(&tags).as_deref(), Some("chat-prod-private-a"));
    let mut named = tags;
    named.insert("Name".to_owned(), "mine".to_owned());
    assert_eq!(name(&named).as_deref(), Some("mine"));
}

#[test]
fn differences_of_sets_are_none_where_empty() {
    let (ab, b) = (id_set(["a", "b"]), id_set(["b"]));
    assert_eq!(only_in(&ab, &b), Some(vec!["a".to_owned()]));
    assert_eq!(only_in(&b, &ab), None);
}
