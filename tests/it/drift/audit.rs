//! The trail, its buckets, and what is counted in it.

use aws_sdk_cloudtrail::types::{AdvancedEventSelector, AdvancedFieldSelector, Tag as TrailTag};
use aws_sdk_s3::types::{
    BucketLoggingStatus, BucketVersioningStatus, ExpirationStatus, LifecycleExpiration,
    LifecycleRule, LifecycleRuleFilter, ObjectOwnership, OwnershipControls, OwnershipControlsRule,
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
    ServerSideEncryptionRule, VersioningConfiguration,
};

use wmctl::aws::Emulator as Which;

use super::{Account, Deletion, Drift, Fixed, Rows, drift};

const BUCKET: &str = "bucket/trail";
const LOGS: &str = "bucket/trail-logs";
const TRAIL: &str = "trail/main";
const FILTER: &str = "metric-filter/trail-changes";

pub fn rows() -> Rows {
    let mut drifts = bucket();
    drifts.extend(trail());
    drifts.extend(filter());
    Rows {
        drifts,
        deletions: deletions(),
        fixed: FIXED,
        lasting: &[],
    }
}

const FIXED: &[Fixed] = &[
    ("bucket", "name", "S3 renames none"),
    ("metric-filter", "log_group", "it is a part of the group"),
];

fn bucket() -> Vec<Drift> {
    vec![
        drift(BUCKET, "ownership", |account| {
            Box::pin(async move {
                let rule = OwnershipControlsRule::builder();
                let rule = rule.object_ownership(ObjectOwnership::ObjectWriter).build();
                let rule = OwnershipControls::builder().rules(rule.unwrap()).build();
                let call = account.aws.s3.put_bucket_ownership_controls();
                let call = call.bucket(account.id(BUCKET));
                let call = call.ownership_controls(rule.unwrap());
                call.send().await.unwrap();
            })
        }),
        drift(BUCKET, "private", |account| {
            Box::pin(async move {
                let call = account.aws.s3.delete_public_access_block();
                call.bucket(account.id(BUCKET)).send().await.unwrap();
            })
        }),
        drift(BUCKET, "versioned", |account| {
            Box::pin(async move {
                let off = BucketVersioningStatus::Suspended;
                let off = VersioningConfiguration::builder().status(off).build();
                let call = account.aws.s3.put_bucket_versioning();
                let call = call.bucket(account.id(BUCKET));
                call.versioning_configuration(off).send().await.unwrap();
            })
        }),
        // S3's own key instead of the stack's.
        drift(BUCKET, "kms_key", |account| {
            Box::pin(async move {
                let default = ServerSideEncryptionByDefault::builder();
                let default = default.sse_algorithm(ServerSideEncryption::Aes256).build();
                let rule = ServerSideEncryptionRule::builder();
                let rule = rule.apply_server_side_encryption_by_default(default.unwrap());
                let all = ServerSideEncryptionConfiguration::builder().rules(rule.build());
                let call = account.aws.s3.put_bucket_encryption();
                let call = call.bucket(account.id(BUCKET));
                let call = call.server_side_encryption_configuration(all.build().unwrap());
                call.send().await.unwrap();
            })
        }),
        drift(BUCKET, "policy", |account| {
            Box::pin(async move {
                let call = account.aws.s3.delete_bucket_policy();
                call.bucket(account.id(BUCKET)).send().await.unwrap();
            })
        }),
        // Evidence gone after a day.
        drift(BUCKET, "lifecycle", |account| {
            Box::pin(async move {
                let rule = LifecycleRule::builder()
                    .id("other")
                    .status(ExpirationStatus::Enabled)
                    .filter(LifecycleRuleFilter::builder().prefix("").build())
                    .expiration(LifecycleExpiration::builder().days(1).build());
                let rules = aws_sdk_s3::types::BucketLifecycleConfiguration::builder();
                let rules = rules.rules(rule.build().unwrap()).build();
                let call = account.aws.s3.put_bucket_lifecycle_configuration();
                let call = call.bucket(account.id(BUCKET));
                let call = call.lifecycle_configuration(rules.unwrap());
                call.send().await.unwrap();
            })
        }),
        drift(BUCKET, "access_log", |account| {
            Box::pin(async move {
                let off = BucketLoggingStatus::builder().build();
                let call = account.aws.s3.put_bucket_logging();
                let call = call.bucket(account.id(BUCKET));
                call.bucket_logging_status(off).send().await.unwrap();
            })
        }),
        drift(LOGS, "tags.owner", |account| {
            Box::pin(async move {
                let call = account.aws.s3.get_bucket_tagging();
                let call = call.bucket(account.id(LOGS));
                let mut tags = call.send().await.unwrap().tag_set;
                for tag in &mut tags {
                    if tag.key == "owner" {
                        "other".clone_into(&mut tag.value);
                    }
                }
                let tags = aws_sdk_s3::types::Tagging::builder().set_tag_set(Some(tags));
                let call = account.aws.s3.put_bucket_tagging();
                let call = call.bucket(account.id(LOGS));
                call.tagging(tags.build().unwrap()).send().await.unwrap();
            })
        }),
    ]
}

fn trail() -> Vec<Drift> {
    vec![
        drift(TRAIL, "logging", |account| {
            Box::pin(async move {
                let call = account.aws.cloudtrail.stop_logging();
                call.name(account.id(TRAIL)).send().await.unwrap();
            })
        }),
        drift(TRAIL, "multi_region", |account| {
            Box::pin(update(account, |call| call.is_multi_region_trail(false)))
        }),
        drift(TRAIL, "global_events", |account| {
            Box::pin(update(account, |call| {
                call.include_global_service_events(false)
            }))
        }),
        drift(TRAIL, "validated", |account| {
            Box::pin(update(account, |call| {
                call.enable_log_file_validation(false)
            }))
        }),
        drift(TRAIL, "bucket", |account| {
            let other = account.id(LOGS);
            Box::pin(update(account, move |call| call.s3_bucket_name(other)))
        }),
        drift(TRAIL, "kms_key", |account| {
            let other = "arn:aws:kms:us-east-1:111122223333:key/other";
            Box::pin(update(account, move |call| call.kms_key_id(other)))
        }),
        drift(TRAIL, "log_group", |account| {
            let other = "arn:aws:logs:us-east-1:111122223333:log-group:other:*";
            Box::pin(update(account, move |call| {
                call.cloud_watch_logs_log_group_arn(other)
            }))
        }),
        drift(TRAIL, "role", |account| {
            let other = "arn:aws:iam::111122223333:role/other";
            Box::pin(update(account, move |call| {
                call.cloud_watch_logs_role_arn(other)
            }))
        }),
        // Changes go unseen: only what is read is recorded.
        drift(TRAIL, "events", |account| {
            Box::pin(async move {
                let field = |name: &str, value: &str| {
                    let field = AdvancedFieldSelector::builder().field(name);
                    field.equals(value).build().unwrap()
                };
                let reads = AdvancedEventSelector::builder()
                    .name("Management events selector")
                    .field_selectors(field("eventCategory", "Management"))
                    .field_selectors(field("readOnly", "true"))
                    .build();
                let call = account.aws.cloudtrail.put_event_selectors();
                let call = call.trail_name(account.id(TRAIL));
                let call = call.advanced_event_selectors(reads.unwrap());
                call.send().await.unwrap();
            })
        }),
        drift(TRAIL, "tags.owner", |account| {
            Box::pin(async move {
                let number = &account.aws.account;
                let name = account.id(TRAIL);
                let arn = format!("arn:aws:cloudtrail:us-east-1:{number}:trail/{name}");
                let tag = TrailTag::builder().key("owner").value("other").build();
                let call = account.aws.cloudtrail.add_tags().resource_id(arn);
                call.tags_list(tag.unwrap()).send().await.unwrap();
            })
        }),
    ]
}

fn filter() -> Vec<Drift> {
    vec![
        drift(FILTER, "pattern", |account| {
            Box::pin(count(account, "{($.eventName = Nothing)}", "1", |value| {
                value
            }))
        }),
        drift(FILTER, "value", |account| {
            Box::pin(count(account, PATTERN, "0", |value| value))
        }),
        drift(FILTER, "metric", |account| {
            Box::pin(count(account, PATTERN, "1", |(namespace, _)| {
                (namespace, "other".to_owned())
            }))
        }),
        drift(FILTER, "namespace", |account| {
            Box::pin(count(account, PATTERN, "1", |(_, metric)| {
                ("other".to_owned(), metric)
            }))
        }),
    ]
}

/// Stands for the pattern that the filter has.
const PATTERN: &str = "";

async fn count(
    account: &Account,
    pattern: &str,
    value: &str,
    change: fn((String, String)) -> (String, String),
) {
    let logs = &account.aws.logs;
    let group = account.id("log-group/trail");
    let call = logs.describe_metric_filters().log_group_name(group);
    let call = call.filter_name_prefix(account.id(FILTER));
    let filter = call.send().await.unwrap().metric_filters.unwrap().remove(0);
    let mut to = filter.metric_transformations.unwrap().remove(0);
    let names = (to.metric_namespace, to.metric_name);
    (to.metric_namespace, to.metric_name) = change(names);
    value.clone_into(&mut to.metric_value);
    let pattern = match pattern {
        PATTERN => filter.filter_pattern.unwrap(),
        other => other.to_owned(),
    };
    let call = logs.put_metric_filter().log_group_name(group);
    let call = call.filter_name(account.id(FILTER)).filter_pattern(pattern);
    call.metric_transformations(to).send().await.unwrap();
}

use aws_sdk_cloudtrail::operation::update_trail::builders::UpdateTrailFluentBuilder as Update;

async fn update(account: &Account, change: impl FnOnce(Update) -> Update) {
    let call = account.aws.cloudtrail.update_trail();
    change(call.name(account.id(TRAIL))).send().await.unwrap();
}

fn deletions() -> Vec<Deletion> {
    vec![
        Deletion {
            id: TRAIL,
            also: &[],
            except: &[],
            deed: |account| {
                Box::pin(async move {
                    let call = account.aws.cloudtrail.delete_trail();
                    call.name(account.id(TRAIL)).send().await.unwrap();
                })
            },
        },
        Deletion {
            id: LOGS,
            also: &[],
            except: &[(
                Which::Moto,
                "its policy's refusal of plain HTTP refuses all",
            )],
            deed: |account| {
                Box::pin(async move {
                    let call = account.aws.s3.delete_bucket();
                    call.bucket(account.id(LOGS)).send().await.unwrap();
                })
            },
        },
        Deletion {
            id: FILTER,
            also: &[],
            except: &[],
            deed: |account| {
                Box::pin(async move {
                    let call = account.aws.logs.delete_metric_filter();
                    let call = call.log_group_name(account.id("log-group/trail"));
                    let call = call.filter_name(account.id(FILTER));
                    call.send().await.unwrap();
                })
            },
        },
    ]
}
