//! A VPC that somebody else keeps: used, never changed, and left as it was.

use aws_sdk_ec2::types::{
    AttributeBooleanValue, Filter, ResourceType, State, Tag, TagSpecification,
};
use serde_json::Value;
use wmctl::aws::Aws;

use crate::account::connect;
use crate::emulator::Emulator;
use crate::lifecycle::{EVERYTHING, changes, runtime};
use crate::project::{Project, at};

/// A VPC as a network team hands it out, and its two subnets.
struct Landing {
    vpc: String,
    subnets: Vec<String>,
}

impl Landing {
    async fn build(aws: &Aws) -> Self {
        let ec2 = &aws.ec2;
        let name = Tag::builder().key("Name").value("landing-zone").build();
        let tags = |kind: ResourceType| {
            let tags = TagSpecification::builder().resource_type(kind);
            tags.tags(name.clone()).build()
        };
        let call = ec2.create_vpc().cidr_block("10.99.0.0/16");
        let call = call.tag_specifications(tags(ResourceType::Vpc));
        let made = call.send().await.unwrap().vpc.unwrap();
        let vpc = made.vpc_id.unwrap();
        let on = AttributeBooleanValue::builder().value(true).build();
        let call = ec2.modify_vpc_attribute().vpc_id(&vpc);
        call.enable_dns_hostnames(on).send().await.unwrap();
        let mut subnets = Vec::new();
        for (zone, range) in [
            ("us-east-1a", "10.99.1.0/24"),
            ("us-east-1c", "10.99.2.0/24"),
        ] {
            let call = ec2.create_subnet().vpc_id(&vpc).cidr_block(range);
            let call = call.availability_zone(zone);
            let call = call.tag_specifications(tags(ResourceType::Subnet));
            let made = call.send().await.unwrap().subnet.unwrap();
            subnets.push(made.subnet_id.unwrap());
        }
        Self { vpc, subnets }
    }

    /// All that EC2 says of the VPC and of what came with it.
    async fn description(&self, aws: &Aws) -> String {
        let of_vpc = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
        let here = of_vpc("vpc-id", &self.vpc);
        let ec2 = &aws.ec2;
        let vpcs = ec2.describe_vpcs().vpc_ids(&self.vpc).send().await.unwrap();
        let call = ec2.describe_subnets().filters(here.clone());
        let subnets = call.send().await.unwrap();
        let call = ec2.describe_route_tables().filters(here.clone());
        let tables = call.send().await.unwrap();
        let call = ec2.describe_security_groups().filters(here);
        let call = call.filters(of_vpc("group-name", "default"));
        let groups = call.send().await.unwrap();
        format!(
            "{:#?}\n{:#?}\n{:#?}\n{:#?}",
            vpcs.vpcs(),
            subnets.subnets(),
            tables.route_tables(),
            groups.security_groups()
        )
    }

    /// How many groups and live endpoints stand in it.
    async fn guests(&self, aws: &Aws) -> usize {
        let here = Filter::builder().name("vpc-id").values(&self.vpc).build();
        let call = aws.ec2.describe_security_groups().filters(here);
        let groups = call.send().await.unwrap();
        let endpoints = aws.ec2.describe_vpc_endpoints().send().await.unwrap();
        let live = endpoints.vpc_endpoints().iter().filter(|endpoint| {
            let state = endpoint.state().map(State::as_str);
            endpoint.vpc_id() == Some(self.vpc.as_str()) && state != Some("deleted")
        });
        groups.security_groups().len() + live.count()
    }
}

fn used_and_left(emulator: &Emulator) {
    let runtime = runtime();
    let aws = runtime.block_on(connect(&emulator.url));
    let landing = runtime.block_on(Landing::build(&aws));
    let before = runtime.block_on(landing.description(&aws));
    assert_eq!(
        runtime.block_on(landing.guests(&aws)),
        1,
        "its default group"
    );

    let project = Project::new();
    let vpc = format!("vpc_id = {:?}", landing.vpc);
    project.edit("cidr  = \"10.42.0.0/16\"", &vpc);
    let subnets = format!("subnet_ids = {:?} ", landing.subnets);
    project.edit("zones = 2 ", &subnets);
    let at = at(&emulator.url);
    let wmctl = |arguments: &[&str]| project.wmctl(&[arguments, &at].concat()).ok();

    let plan = wmctl(&["plan"]).json();
    let steps = plan["plan"]["steps"].as_array().unwrap();
    let kind = |step: &Value| {
        step["id"]
            .as_str()
            .unwrap()
            .split('/')
            .next()
            .unwrap()
            .to_owned()
    };
    for made in ["vpc", "subnet", "route-table", "default-security-group"] {
        assert!(steps.iter().all(|step| kind(step) != made), "{plan:#}");
    }
    let function = steps.iter().find(|step| step["id"] == "function/chatbot");
    assert_eq!(
        function.unwrap()["wanted"]["subnets"],
        serde_json::json!(landing.subnets)
    );

    wmctl(&["up"]);
    let again = wmctl(&["plan"]);
    assert_eq!(changes(&again), 0, "{}", again.all());
    // Three groups and an endpoint stand in it now.
    assert_eq!(runtime.block_on(landing.guests(&aws)), 5);

    wmctl(&["down", "--allow-destroy", EVERYTHING]);
    assert_eq!(runtime.block_on(landing.guests(&aws)), 1);
    assert_eq!(runtime.block_on(landing.description(&aws)), before);
}

#[test]
fn a_vpc_of_others_is_used_and_left_as_it_was_on_ministack() {
    used_and_left(&Emulator::ministack());
}

#[test]
fn a_vpc_of_others_is_used_and_left_as_it_was_on_moto() {
    used_and_left(&Emulator::moto());
}

#[test]
fn a_vpc_that_is_not_there_is_refused_before_anything_changes() {
    let emulator = Emulator::moto();
    let project = Project::new();
    project.edit(
        "cidr  = \"10.42.0.0/16\"",
        "vpc_id = \"vpc-0123456789abcdef0\"",
    );
    project.edit(
        "zones = 2 ",
        "subnet_ids = [\"subnet-0123abcd\", \"subnet-4567cdef\"] ",
    );
    let at = ["--endpoint-url", &emulator.url, "--skip", "migrate,health"];
    let run = project.wmctl(&[&["up", "--yes"], &at[..]].concat());
    assert_eq!(run.code, 2, "{}", run.all());
    assert!(run.stderr.contains("[network] "), "{}", run.all());
    assert!(run.stderr.contains("nothing was changed"), "{}", run.all());
}
