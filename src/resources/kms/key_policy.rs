//! Who may use the key.

use serde_json::{Value, json};

use crate::resources::Scope;
use crate::resources::cloudtrail::trail_arn;
use crate::resources::iam::policy;

/// This account through IAM, the log service for the account's own groups, the alarms that write to
/// the encrypted topic, and the stack's own trail; no principal is a wildcard.
pub fn key_policy(scope: &Scope) -> Value {
    let stack = scope.stack;
    let partition = stack.partition();
    let mut statements = vec![
        json!({
            "Sid": "Account",
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:{partition}:iam::{}:root", stack.account)},
            "Action": "kms:*",
            "Resource": "*",
        }),
        json!({
            "Sid": "Logs",
            "Effect": "Allow",
            "Principal": {"Service": format!("logs.{}.amazonaws.com", stack.region)},
            "Action": [
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:Encrypt",
                "kms:GenerateDataKey*",
                "kms:ReEncrypt*",
            ],
            "Resource": "*",
            "Condition": {"ArnLike": {
                "kms:EncryptionContext:aws:logs:arn": stack.arn("logs", "log-group:*"),
            }},
        }),
        json!({
            "Sid": "Alarms",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceAccount": stack.account}},
        }),
    ];
    if scope.config.audit.cloudtrail {
        statements.push(json!({
            "Sid": "Trail",
            "Effect": "Allow",
            "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*"],
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceArn": trail_arn(stack)}},
        }));
    }
    policy::document(statements)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::kms::key::Key;
    use crate::resources::sample;

    #[test]
    fn nobody_but_this_account_and_its_services_may_use_the_key() {
        let (_, key) = sample::wanted::<Key>("", &[]).remove(0);
        let text = key.policy.to_string();
        assert!(!text.contains(r#""Principal":"*""#));
        for statement in key.policy["Statement"].as_array().unwrap() {
            let service = statement["Principal"].get("Service");
            assert_eq!(service.is_some(), statement.get("Condition").is_some());
        }
        assert!(text.contains(
            r#""kms:EncryptionContext:aws:logs:arn":"arn:aws:logs:us-east-1:111122223333:log-group:*""#
        ));
        assert_eq!(policy::parse(&text), key.policy);
    }
}
