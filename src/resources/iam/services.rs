//! The roles that AWS's own services take on to write the stack's logs, each to its own group.

use serde_json::{Value, json};

use super::policy::document;
use crate::resources::Scope;
use crate::resources::logs::{flow_group, trail_group};

/// Name, service and permissions of each that the configuration asks for.
pub fn roles(scope: &Scope) -> Vec<(&'static str, &'static str, Value)> {
    let config = scope.config;
    let monitored = config.database.instance.is_none() && config.database.enhanced_monitoring_s > 0;
    [
        (
            config.network.records_flows(),
            ("flow-logs", "vpc-flow-logs.amazonaws.com", flows(scope)),
        ),
        (
            monitored,
            (
                "rds-monitoring",
                "monitoring.rds.amazonaws.com",
                monitoring(scope),
            ),
        ),
        (
            config.audit.cloudtrail,
            ("trail", "cloudtrail.amazonaws.com", trail(scope)),
        ),
    ]
    .into_iter()
    .filter_map(|(wanted, role)| wanted.then_some(role))
    .collect()
}

/// The group is there before: without `CreateLogGroup` none can come back without retention.
fn flows(scope: &Scope) -> Value {
    let group = scope
        .stack
        .arn("logs", &format!("log-group:{}", flow_group(scope.stack)));
    document([
        json!({
            "Sid": "FindGroup",
            "Effect": "Allow",
            "Action": "logs:DescribeLogGroups",
            "Resource": scope.stack.arn("logs", "log-group:*"),
        }),
        json!({
            "Sid": "Logs",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            "Resource": format!("{group}:*"),
        }),
    ])
}

/// What RDS asks for: its groups' names all begin with `RDS`, and serve every instance of the
/// region.
fn monitoring(scope: &Scope) -> Value {
    let groups = scope.stack.arn("logs", "log-group:RDS*");
    document([
        json!({
            "Sid": "Groups",
            "Effect": "Allow",
            "Action": ["logs:CreateLogGroup", "logs:PutRetentionPolicy"],
            "Resource": groups,
        }),
        json!({
            "Sid": "Logs",
            "Effect": "Allow",
            "Action": [
                "logs:CreateLogStream",
                "logs:DescribeLogStreams",
                "logs:GetLogEvents",
                "logs:PutLogEvents",
            ],
            "Resource": format!("{groups}:log-stream:*"),
        }),
    ])
}

/// The names of its streams begin with account and `CloudTrail`.
fn trail(scope: &Scope) -> Value {
    let streams = format!(
        "log-group:{}:log-stream:{}_CloudTrail_*",
        trail_group(scope.stack),
        scope.stack.account
    );
    document([json!({
        "Sid": "Logs",
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": scope.stack.arn("logs", &streams),
    })])
}

#[cfg(test)]
mod tests {
    use crate::resources::iam::role::Role;
    use crate::resources::sample;

    fn names(more: &str) -> Vec<String> {
        let roles = sample::wanted::<Role>(more, &[]).into_iter();
        roles.map(|(name, _)| name).collect()
    }

    #[test]
    fn each_service_has_a_role_for_what_is_turned_on() {
        for (role, off) in [
            ("flow-logs", "[network]\nflow_logs = false"),
            ("rds-monitoring", "[database]\nenhanced_monitoring_s = 0"),
            ("trail", "[audit]\ncloudtrail = false"),
        ] {
            assert!(names("").iter().any(|name| name == role), "{role}");
            assert!(!names(off).iter().any(|name| name == role), "{role}");
        }
    }

    /// CloudTrail is documented not to name the account: with the condition it could not take its
    /// role on at all.
    #[test]
    fn services_that_name_the_account_must() {
        for (name, role) in sample::wanted::<Role>("", &[]) {
            let condition = &role.trust["Statement"][0]["Condition"];
            let names_account = !["trail", "apigateway-logs"].contains(&name.as_str());
            assert_eq!(!condition.is_null(), names_account, "{name}");
        }
    }
}
