//! A database that somebody else keeps: used, and left as it was.

use aws_sdk_rds::types::{DbInstance, Tag};
use wmctl::aws::Aws;

use crate::account::{connect, listing};
use crate::emulator::Emulator;
use crate::lifecycle::{EVERYTHING, changes, runtime};
use crate::project::{Project, Run, at};

/// An instance and its administrator's secret, made by hand.
async fn make(aws: &Aws) {
    let network = aws.ec2.create_vpc().cidr_block("10.1.0.0/16");
    let network = network.send().await.unwrap().vpc.unwrap();
    let group = aws.ec2.create_security_group().group_name("shared");
    let group = group.vpc_id(network.vpc_id.unwrap()).description("x");
    let group = group.send().await.unwrap().group_id.unwrap();
    let instance = aws.rds.create_db_instance();
    instance
        .db_instance_identifier("shared")
        .engine("mariadb")
        .engine_version("10.11.9")
        .db_instance_class("db.t4g.small")
        .allocated_storage(20)
        .master_username("keeper")
        .master_user_password("not-a-secret-here")
        .port(3306)
        .vpc_security_group_ids(group)
        .tags(Tag::builder().key("team").value("data").build())
        .send()
        .await
        .unwrap();
    let secret = aws.secrets.create_secret().name("shared/admin");
    let login = r#"{"username": "keeper", "password": "not-a-secret-here"}"#;
    secret.secret_string(login).send().await.unwrap();
}

/// The instance but for the time that it could be restored to, which moves by itself.
async fn instance(aws: &Aws) -> DbInstance {
    let call = aws.rds.describe_db_instances();
    let answer = call.db_instance_identifier("shared").send().await.unwrap();
    let mut instance = answer.db_instances.unwrap().remove(0);
    instance.latest_restorable_time = None;
    instance
}

/// The project's own `[database]` section, with an instance named instead of described.
fn name_instance(project: &Project, name: &str) {
    let config = project.config();
    let (before, rest) = config.split_once("[database]\n").unwrap();
    let (_, after) = rest.split_once("\n[").unwrap();
    project.write(&format!(
        "{before}[database]\ninstance = \"{name}\"\nadmin_secret = \"shared/admin\"\n\n[{after}"
    ));
}

fn on(emulator: &Emulator) {
    let project = Project::new();
    let at = at(&emulator.url);
    let wmctl = |arguments: &[&str]| -> Run { project.wmctl(&[arguments, &at].concat()) };
    let runtime = runtime();
    let aws = runtime.block_on(connect(&emulator.url));
    runtime.block_on(make(&aws));
    let (shared, before) = runtime.block_on(async { (instance(&aws).await, listing(&aws).await) });

    name_instance(&project, "absent");
    let refused = wmctl(&["up"]);
    assert_eq!(refused.code, 6, "{}", refused.all());
    assert!(refused.all().contains("there is none of this name"));

    name_instance(&project, "shared");
    let plain = ["plan", "--endpoint-url", &emulator.url];
    let shown = project.wmctl(&plain).ok();
    let group = "let the security group watermark-chatbot-prod-function, which `up` makes, in";
    assert!(shown.stderr.contains(group), "{}", shown.all());
    let up = wmctl(&["up"]).ok();
    let steps = up.json()["plan"]["steps"].clone();
    for step in steps.as_array().unwrap() {
        let id = step["id"].as_str().unwrap();
        assert!(!id.starts_with("db-"), "{id}");
        assert!(!["secret/database-admin", "security-group/database"].contains(&id));
    }
    let again = wmctl(&["plan"]).ok();
    assert_eq!(changes(&again), 0, "{}", again.all());

    let address = shared.endpoint().and_then(|endpoint| endpoint.address());
    let variable = runtime.block_on(async {
        let call = aws.lambda.get_function_configuration();
        let call = call.function_name("watermark-chatbot-prod-migrator");
        let variables = call.send().await.unwrap().environment.unwrap().variables;
        variables.unwrap()
    });
    assert_eq!(variable.get("DB_HOST").map(String::as_str), address);
    assert!(variable["ADMIN_SECRET_ARN"].contains("shared/admin"));

    // What is gone cannot be used, and does not keep the rest from going.
    name_instance(&project, "absent");
    wmctl(&["down", "--allow-destroy", EVERYTHING]).ok();
    let (left, after) = runtime.block_on(async { (instance(&aws).await, listing(&aws).await) });
    assert_eq!(left, shared);
    let strange: Vec<_> = before.symmetric_difference(&after).collect();
    assert!(strange.is_empty(), "left behind or lost: {strange:#?}");
}

#[test]
fn an_instance_that_exists_is_used_and_left_as_it_was() {
    on(&Emulator::ministack());
    on(&Emulator::moto());
}
