//! The key and its alias.

use aws_sdk_kms::types::Tag;
use serde_json::json;

use super::{Deletion, Rows, drift};

const KEY: &str = "kms-key/main";
const ALIAS: &str = "kms-alias/main";

pub fn rows() -> Rows {
    Rows {
        drifts: vec![
            drift(KEY, "state", |account| {
                Box::pin(async move {
                    let call = account.aws.kms.disable_key().key_id(account.id(KEY));
                    call.send().await.unwrap();
                })
            }),
            drift(KEY, "state", |account| {
                Box::pin(async move {
                    let call = account.aws.kms.schedule_key_deletion();
                    let call = call.key_id(account.id(KEY)).pending_window_in_days(7);
                    call.send().await.unwrap();
                })
            }),
            drift(KEY, "rotation", |account| {
                Box::pin(async move {
                    let call = account.aws.kms.disable_key_rotation();
                    call.key_id(account.id(KEY)).send().await.unwrap();
                })
            }),
            drift(KEY, "policy", |account| {
                Box::pin(async move {
                    let anyone = json!({"Version": "2012-10-17", "Statement": [{
                        "Sid": "Account", "Effect": "Allow", "Principal": "*",
                        "Action": "kms:*", "Resource": "*"}]});
                    let call = account.aws.kms.put_key_policy().key_id(account.id(KEY));
                    let call = call.policy_name("default").policy(anyone.to_string());
                    call.send().await.unwrap();
                })
            }),
            drift(KEY, "tags.owner", |account| {
                Box::pin(async move {
                    let tag = Tag::builder().tag_key("owner").tag_value("other").build();
                    let call = account.aws.kms.tag_resource().key_id(account.id(KEY));
                    call.tags(tag.unwrap()).send().await.unwrap();
                })
            }),
            drift(ALIAS, "key", |account| {
                Box::pin(async move {
                    let kms = &account.aws.kms;
                    let other = kms.create_key().send().await.unwrap();
                    let other = other.key_metadata().unwrap().key_id();
                    let call = kms.update_alias().alias_name(account.id(ALIAS));
                    call.target_key_id(other).send().await.unwrap();
                })
            }),
        ],
        deletions: vec![Deletion {
            id: ALIAS,
            also: &[],
            except: &[],
            deed: |account| {
                Box::pin(async move {
                    let call = account.aws.kms.delete_alias();
                    call.alias_name(account.id(ALIAS)).send().await.unwrap();
                })
            },
        }],
        fixed: &[],
        lasting: &[(
            "kms-key",
            "a deletion only changes its state for a week at least",
        )],
    }
}
