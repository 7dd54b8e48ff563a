//! Policies that IAM takes: documents of no more characters than it allows.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Place, Statement, statements};
use crate::resources::Kinds;

/// What a managed policy may have, whitespace not counted.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub const QUOTA: usize = 6_144;

/// The policies of whoever runs `wmctl up`, or only looks: one, or as many as it takes.
pub fn policies(place: &Place<'_>, kinds: &Kinds, read_only: bool) -> Vec<Value> {
    let grants = place.grants(kinds, read_only);
    let statements = named(fewer(statements(place, &grants))).into_iter();
    let mut documents: Vec<Vec<Value>> = vec![Vec::new()];
    for statement in statements.map(|statement| statement.json(place.stack)) {
        let fits = |statements: &Vec<Value>| {
            let mut more = statements.clone();
            more.push(statement.clone());
            size(&document(&more)) <= QUOTA
        };
        // The first that has room: as few documents as that makes.
        match documents.iter_mut().find(|one| fits(one)) {
            Some(one) => one.push(statement),
            None => documents.push(vec![statement]),
        }
    }
    documents.iter().map(|one| document(one)).collect()
}

/// EC2's actions are each on types of their own, so those under the same condition need not be told
/// apart: an action on a VPC's tags allows nothing on a subnet.
fn fewer(statements: Vec<Statement>) -> Vec<Statement> {
    let mut fewer: Vec<Statement> = Vec::new();
    for statement in statements {
        let typed = statement.sid.starts_with("Ec2") && !statement.when.is_empty();
        let same = fewer
            .iter_mut()
            .find(|other| typed && other.sid == statement.sid && other.when == statement.when);
        match same {
            Some(other) => {
                other.actions.extend(statement.actions);
                other.resources.extend(statement.resources);
                other.resources.sort_unstable();
                other.resources.dedup();
            }
            None => fewer.push(statement),
        }
    }
    fewer
}

/// Each Sid once: a letter tells those with the same conditions apart.
fn named(mut statements: Vec<Statement>) -> Vec<Statement> {
    let mut seen: BTreeMap<String, u8> = BTreeMap::new();
    for statement in &mut statements {
        let number = seen.entry(statement.sid.clone()).or_default();
        if *number > 0 {
            statement.sid.push(char::from(b'A' + *number));
        }
        *number += 1;
    }
    statements
}

fn document(statements: &[Value]) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// The characters that IAM counts.
pub fn size(document: &Value) -> usize {
    let text = document.to_string();
    text.chars()
        .filter(|letter| !letter.is_whitespace())
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::resources;
    use crate::stack::Stack;

    fn printed(more: &str, region: &str, read_only: bool) -> Vec<Value> {
        let text = format!("[stack]\nname = \"chat\"\nregion = \"{region}\"\n{more}");
        let config: Config = toml::from_str(&text).unwrap();
        let stack = Stack::new(&config, "111122223333");
        let place = Place {
            stack: &stack,
            config: &config,
        };
        policies(&place, &resources::all(), read_only)
    }

    fn all(policies: &[Value]) -> Vec<Value> {
        let statements = policies.iter().map(|one| one["Statement"].as_array());
        statements.flat_map(|some| some.unwrap().clone()).collect()
    }

    fn texts(value: &Value) -> Vec<&str> {
        match value {
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
            one => one.as_str().into_iter().collect(),
        }
    }

    /// Actions that take no resource in IAM, by the service's own authorization reference.
    const WITHOUT_RESOURCE: &[&str] = &[
        "cloudtrail:DescribeTrails",
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeFlowLogs",
        "ec2:DescribeNetworkAcls",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeRouteTables",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcEndpoints",
        "ec2:DescribeVpcs",
        "events:ListRules",
        "guardduty:CreateDetector",
        "guardduty:ListDetectors",
        "iam:GetAccountAuthorizationDetails",
        "kms:CreateKey",
        "kms:ListKeys",
        "lambda:GetAccountSettings",
        "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:PutResourcePolicy",
        "secretsmanager:ListSecrets",
        "sns:ListTopics",
        "sns:Unsubscribe",
        "wafv2:ListWebACLs",
    ];

    #[test]
    fn only_what_takes_no_resource_is_allowed_on_all() {
        let policies = printed("", "us-east-1", false);
        let statements = all(&policies);
        let everywhere = statements.iter().filter(|one| one["Resource"] == "*");
        let mut actions: Vec<&str> = everywhere.flat_map(|one| texts(&one["Action"])).collect();
        actions.sort_unstable();
        assert_eq!(actions, WITHOUT_RESOURCE);
        for statement in &statements {
            assert!(
                texts(&statement["Action"])
                    .iter()
                    .all(|one| !one.contains('*'))
            );
        }
    }

    #[test]
    fn iam_takes_the_documents_and_their_sids() {
        for policies in [
            printed("", "us-east-1", false),
            printed("", "us-east-1", true),
        ] {
            assert!(policies.len() <= 10, "as many as a user may have");
            assert!(policies.iter().all(|one| size(one) <= QUOTA));
            let mut sids: Vec<String> = all(&policies)
                .iter()
                .map(|one| one["Sid"].as_str().unwrap().to_owned())
                .collect();
            let letters = |sid: &String| sid.chars().all(|one| one.is_ascii_alphanumeric());
            assert!(sids.iter().all(letters), "{sids:?}");
            let statements = sids.len();
            sids.sort_unstable();
            sids.dedup();
            assert_eq!(sids.len(), statements, "{sids:?}");
        }
    }

    /// Neither a value that is secret, nor a call that changes anything or may store a log.
    #[test]
    fn who_only_reads_changes_nothing_and_sees_no_secret() {
        for statement in all(&printed("", "us-east-1", true)) {
            for action in texts(&statement["Action"]) {
                let name = action.split(':').nth(1).unwrap();
                let reads = ["Describe", "Get", "List", "GET"];
                let decrypts = action == "kms:Decrypt"
                    && statement["Condition"]
                        .to_string()
                        .contains("lambda.us-east-1");
                assert!(
                    decrypts || reads.iter().any(|reads| name.starts_with(reads)),
                    "{action}"
                );
                assert_ne!(action, "secretsmanager:GetSecretValue");
            }
        }
    }

    #[test]
    fn roles_are_handed_to_the_services_that_they_are_for_alone() {
        let statements = all(&printed("", "us-east-1", false));
        let passing = statements
            .iter()
            .filter(|one| one["Action"] == "iam:PassRole");
        let mut passed = 0;
        for statement in passing {
            let service = &statement["Condition"]["StringEquals"]["iam:PassedToService"];
            assert!(service.as_str().unwrap().ends_with(".amazonaws.com"));
            for role in texts(&statement["Resource"]) {
                assert!(!role.contains('*'), "{role}");
                passed += 1;
            }
        }
        assert_eq!(passed, 6);
    }

    #[test]
    fn a_partition_is_written_as_its_own() {
        for (region, partition) in [("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn")] {
            for statement in all(&printed("", region, false)) {
                for arn in texts(&statement["Resource"]) {
                    let wanted = format!("arn:{partition}:");
                    assert!(arn == "*" || arn.starts_with(&wanted), "{arn}");
                }
            }
        }
        let text = json!(printed("", "cn-north-1", false)).to_string();
        assert!(text.contains("secretsmanager.cn-north-1.amazonaws.com.cn"));
    }

    /// It has none of our tags, so it is named; and so is the secret.
    #[test]
    fn what_somebody_else_keeps_is_named() {
        let more = "[network]\nvpc_id = \"vpc-1\"\nsubnet_ids = [\"subnet-1\", \"subnet-2\"]\n\
                    [database]\ninstance = \"shared\"\nadmin_secret = \"shared/admin\"\n";
        let statements = all(&printed(more, "us-east-1", false));
        let on = |action: &str, arn: &str| {
            let mut with = statements.iter().filter(|one| {
                texts(&one["Action"]).contains(&action) && texts(&one["Resource"]).contains(&arn)
            });
            with.next().map(|one| one["Condition"].is_null())
        };
        let ec2 = |resource: &str| format!("arn:aws:ec2:us-east-1:111122223333:{resource}");
        assert_eq!(on("ec2:CreateSecurityGroup", &ec2("vpc/vpc-1")), Some(true));
        assert_eq!(
            on("ec2:CreateVpcEndpoint", &ec2("subnet/subnet-2")),
            Some(true)
        );
        let secret = "arn:aws:secretsmanager:us-east-1:111122223333:secret:shared/admin-*";
        assert_eq!(on("secretsmanager:DescribeSecret", secret), Some(true));
        assert_eq!(on("secretsmanager:DeleteSecret", secret), None);
    }
}
