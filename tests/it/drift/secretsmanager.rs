//! The secrets.

use aws_sdk_secretsmanager::types::Tag;

use super::{Account, Deletion, Rows, drift};

const APP: &str = "secret/database-app";
const DIGESTS: &str = "secret/api-keys";
const KEY: &str = "secret/api-key-chatbot";

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
        ],
        deletions: vec![
            Deletion {
                id: KEY,
                also: &[],
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
                ],
                except: &[],
                deed: |account| Box::pin(delete(account, APP)),
            },
        ],
        fixed: &[],
        lasting: &[],
    }
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
