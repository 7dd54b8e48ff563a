//! The roles.

use aws_sdk_iam::types::Tag;
use serde_json::{Value, json};

use super::{Account, Deletion, Rows, drift};

const ROLE: &str = "iam-role/function";
const MANAGED: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";

pub fn rows() -> Rows {
    Rows {
        drifts: vec![
            drift(ROLE, "trust", |account| {
                Box::pin(async move {
                    let trust = json!({"Sid": "Service", "Effect": "Allow",
                        "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"});
                    let call = account.aws.iam.update_assume_role_policy();
                    let call = call.policy_document(document(&trust));
                    call.role_name(account.id(ROLE)).send().await.unwrap();
                })
            }),
            drift(ROLE, "policies.permissions", |account| {
                Box::pin(put_policy(account, "permissions"))
            }),
            drift(ROLE, "policies.extra", |account| {
                Box::pin(put_policy(account, "extra"))
            }),
            drift(ROLE, "attached", |account| {
                Box::pin(async move {
                    let call = account.aws.iam.attach_role_policy().policy_arn(MANAGED);
                    call.role_name(account.id(ROLE)).send().await.unwrap();
                })
            }),
            drift(ROLE, "boundary", |account| {
                Box::pin(async move {
                    let call = account.aws.iam.put_role_permissions_boundary();
                    let call = call.permissions_boundary(MANAGED);
                    call.role_name(account.id(ROLE)).send().await.unwrap();
                })
            }),
            drift(ROLE, "tags.owner", |account| {
                Box::pin(async move {
                    let tag = Tag::builder().key("owner").value("other").build();
                    let call = account.aws.iam.tag_role().tags(tag.unwrap());
                    call.role_name(account.id(ROLE)).send().await.unwrap();
                })
            }),
        ],
        deletions: vec![Deletion {
            id: ROLE,
            // The functions refer to the role's own id, which is another now.
            also: FUNCTION,
            except: &[],
            deed: |account| {
                Box::pin(async move {
                    let (iam, role) = (&account.aws.iam, account.id(ROLE));
                    let call = iam.delete_role_policy().policy_name("permissions");
                    call.role_name(role).send().await.unwrap();
                    iam.delete_role().role_name(role).send().await.unwrap();
                })
            },
        }],
        fixed: &[("iam-role", "path", "a role keeps the path it was made with")],
        lasting: &[],
    }
}

/// What publishes again when the function's role is another.
const FUNCTION: &[&str] = &[
    "function/chatbot",
    "function-version/chatbot",
    "function-alias/chatbot",
];

fn document(statement: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

async fn put_policy(account: &Account, name: &str) {
    let all = json!({"Sid": "All", "Effect": "Allow", "Action": "*", "Resource": "*"});
    let call = account.aws.iam.put_role_policy().policy_name(name);
    let call = call.policy_document(document(&all));
    call.role_name(account.id(ROLE)).send().await.unwrap();
}
