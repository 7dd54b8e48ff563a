//! Everything that the list calls of an account's services show.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::State;
use aws_sdk_kms::types::KeyState;
use aws_sdk_wafv2::types::Scope;
use wmctl::aws::{Access, Aws, Target};
use wmctl::events::Events;

/// The account behind an endpoint, read beside the binary under test.
pub async fn connect(url: &str) -> Aws {
    let access = Access {
        target: Target::Local(url.to_owned()),
        region: "us-east-1".to_owned(),
        profile: None,
    };
    Aws::connect(&access, &Events::channel().0).await.unwrap()
}

/// One line for each object in the account. Keys on their way out count as gone: AWS keeps
/// them for their waiting period.
pub async fn listing(aws: &Aws) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    network(aws, &mut lines).await;
    data(aws, &mut lines).await;
    compute(aws, &mut lines).await;
    edge(aws, &mut lines).await;
    lines
}

macro_rules! list {
    ($lines:expr, $kind:literal, $call:expr, $items:ident, $id:ident) => {
        let answer = $call.send().await.unwrap();
        for item in answer.$items() {
            $lines.insert(format!("{} {:?}", $kind, item.$id()));
        }
    };
}

async fn network(aws: &Aws, lines: &mut BTreeSet<String>) {
    let ec2 = &aws.ec2;
    list!(lines, "vpc", ec2.describe_vpcs(), vpcs, vpc_id);
    list!(lines, "subnet", ec2.describe_subnets(), subnets, subnet_id);
    list!(
        lines,
        "route table",
        ec2.describe_route_tables(),
        route_tables,
        route_table_id
    );
    list!(
        lines,
        "group",
        ec2.describe_security_groups(),
        security_groups,
        group_id
    );
    let endpoints = ec2.describe_vpc_endpoints().send().await.unwrap();
    for endpoint in endpoints.vpc_endpoints() {
        // A deleted one is listed for a while.
        if endpoint.state().map(State::as_str) != Some("deleted") {
            lines.insert(format!("endpoint {:?}", endpoint.vpc_endpoint_id()));
        }
    }
    list!(
        lines,
        "interface",
        ec2.describe_network_interfaces(),
        network_interfaces,
        network_interface_id
    );
}

async fn data(aws: &Aws, lines: &mut BTreeSet<String>) {
    let keys = aws.kms.list_keys().send().await.unwrap();
    for key in keys.keys() {
        let id = key.key_id().unwrap();
        let described = aws.kms.describe_key().key_id(id).send().await.unwrap();
        if described.key_metadata().unwrap().key_state() != Some(&KeyState::PendingDeletion) {
            lines.insert(format!("key {id}"));
        }
    }
    list!(lines, "alias", aws.kms.list_aliases(), aliases, alias_name);
    list!(
        lines,
        "secret",
        aws.secrets.list_secrets(),
        secret_list,
        name
    );
    list!(
        lines,
        "database",
        aws.rds.describe_db_instances(),
        db_instances,
        db_instance_identifier
    );
    list!(
        lines,
        "subnet group",
        aws.rds.describe_db_subnet_groups(),
        db_subnet_groups,
        db_subnet_group_name
    );
    list!(
        lines,
        "parameter group",
        aws.rds.describe_db_parameter_groups(),
        db_parameter_groups,
        db_parameter_group_name
    );
    // AWS deletes automated snapshots with their instance; moto does not.
    list!(
        lines,
        "snapshot",
        aws.rds.describe_db_snapshots().snapshot_type("manual"),
        db_snapshots,
        db_snapshot_identifier
    );
}

async fn compute(aws: &Aws, lines: &mut BTreeSet<String>) {
    list!(lines, "role", aws.iam.list_roles(), roles, role_name);
    list!(
        lines,
        "log group",
        aws.logs.describe_log_groups(),
        log_groups,
        log_group_name
    );
    list!(
        lines,
        "function",
        aws.lambda.list_functions(),
        functions,
        function_name
    );
    list!(lines, "rule", aws.events.list_rules(), rules, name);
    list!(lines, "topic", aws.sns.list_topics(), topics, topic_arn);
    list!(
        lines,
        "subscription",
        aws.sns.list_subscriptions(),
        subscriptions,
        subscription_arn
    );
    list!(
        lines,
        "alarm",
        aws.cloudwatch.describe_alarms(),
        metric_alarms,
        alarm_name
    );
}

async fn edge(aws: &Aws, lines: &mut BTreeSet<String>) {
    let gateway = &aws.apigateway;
    list!(lines, "api", gateway.get_rest_apis(), items, id);
    list!(lines, "plan", gateway.get_usage_plans(), items, id);
    list!(lines, "api key", gateway.get_api_keys(), items, id);
    let account = gateway.get_account().send().await.unwrap();
    // Unset and emptied are alike.
    let role = account.cloudwatch_role_arn().unwrap_or_default();
    lines.insert(format!("api account role {role:?}"));
    let acls = aws.waf.list_web_acls().scope(Scope::Regional);
    list!(lines, "web acl", acls, web_acls, id);
}
