//! The secrets.

use aws_sdk_secretsmanager::types::{RotationRulesType, Tag};
use wmctl::aws::Emulator::MiniStack;

use super::{Account, Deletion, Rows, drift};

const APP: &str = "secret/database-app";
const DIGESTS: &str = "secret/api-keys";
const KEY: &str = "secret/api-key-chatbot";
const POLICY: &str = "secret-policy/database-app";
const ROTATION: &str = "secret-rotation/database-app";

pub fn rows() -> Rows {
    Rows {
        drifts: vec![
            drift(APP, "description", |account| {
                Box::pin(async move {
                    let call = account.aws.secrets.update_secret().description("mine");
                    call.secret_id(account.id(APP)).send().await.unwrap();
                })
            }),
            drift(APP, "kms_key", |account| {
                Box::pin(async move {
                    let call = account.aws.secrets.update_secret();
                    let call = call.kms_key_id("alias/aws/secretsmanager");
                    call.secret_id(account.id(APP)).send().await.unwrap();
                })
            }),
            drift(APP, "tags.owner", |account| {
                Box::pin(tag(account, APP, "owner"))
            }),
            // Everybody may read it whom IAM allows to.
            drift(POLICY, "policy", |account| {
                Box::pin(async move {
                    let call = account.aws.secrets.put_resource_policy();
                    let nothing = r#"{"Version": "2012-10-17", "Statement": []}"#;
                    let call = call.secret_id(account.id(POLICY)).resource_policy(nothing);
                    call.send().await.unwrap();
                })
            }),
            drift(DIGESTS, "sources.chatbot", |account| {
                Box::pin(tag(account, DIGESTS, "wmctl:source/chatbot"))
            }),
            drift(KEY, "intact", |account| {
                Box::pin(async move {
                    let call = account.aws.secrets.put_secret_value();
                    let call = call.secret_string("of another's making");
                    call.secret_id(account.id(KEY)).send().await.unwrap();
                })
            }),
            drift(ROTATION, "days", |account| {
                Box::pin(rotate(account, "function-alias/migrator", 999))
            }),
            drift(ROTATION, "function", |account| {
                Box::pin(rotate(account, "function-alias/chatbot", 30))
            }),
        ],
        deletions: vec![
            Deletion {
                id: POLICY,
                also: &[],
                except: &[],
                deed: |account| {
                    Box::pin(async move {
                        let call = account.aws.secrets.delete_resource_policy();
                        let call = call.secret_id(account.id(POLICY));
                        call.send().await.unwrap();
                    })
                },
            },
            Deletion {
                id: KEY,
                also: &["secret-policy/api-key-chatbot"],
                except: &[],
                deed: |account| Box::pin(delete(account, KEY)),
            },
            Deletion {
                id: APP,
                // They name it by its ARN, which is not known before it is back.
                also: &[
                    "iam-role/function",
                    "iam-role/migrator",
                    "function/chatbot",
                    "function/migrator",
                    "function-version/chatbot",
                    "function-version/migrator",
                    "function-alias/chatbot",
                    "function-alias/migrator",
                    "schema/main",
                    "function-permission/migrator-live-rotate-database-app",
                    ROTATION,
                    POLICY,
                ],
                except: &[],
                deed: |account| Box::pin(delete(account, APP)),
            },
            Deletion {
                id: ROTATION,
                also: &[],
                except: &[(MiniStack, "rotates nothing by schedule")],
                deed: |account| {
                    Box::pin(async move {
                        let call = account.aws.secrets.cancel_rotate_secret();
                        call.secret_id(account.id(APP)).send().await.unwrap();
                    })
                },
            },
        ],
        fixed: &[
            ("secret-policy", "secret", "it is a part of the secret"),
            ("secret-rotation", "secret", "it is found by it"),
        ],
        lasting: &[],
    }
}

async fn rotate(account: &Account, function: &str, days: i64) {
    let rules = RotationRulesType::builder().automatically_after_days(days);
    let call = account.aws.secrets.rotate_secret();
    call.secret_id(account.id(APP))
        .rotation_lambda_arn(account.id(function))
        .rotation_rules(rules.build())
        .rotate_immediately(false)
        .send()
        .await
        .unwrap();
}

async fn tag(account: &Account, secret: &str, key: &str) {
    let tag = Tag::builder().key(key).value("other").build();
    let call = account.aws.secrets.tag_resource().tags(tag);
    call.secret_id(account.id(secret)).send().await.unwrap();
}

/// For later, as an operator would: until then its name is taken.
async fn delete(account: &Account, secret: &str) {
    let call = account.aws.secrets.delete_secret();
    let call = call.recovery_window_in_days(7);
    call.secret_id(account.id(secret)).send().await.unwrap();
}
