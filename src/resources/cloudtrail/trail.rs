//! A trail of the stack's own: every region's management events, and the functions' invocations.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use aws_sdk_cloudtrail::types::{AdvancedEventSelector, AdvancedFieldSelector, Tag};
use serde::{Deserialize, Serialize};

use super::{reading, trail_arn};
use crate::aws::patience::patiently;
use crate::aws::{During, Optional, Reader};
use crate::error::{Error, Result};
use crate::object::{Attributes, Id, attributes};
use crate::permissions::{Calls, When, allow};
use crate::resources::iam::role::{self, Role};
use crate::resources::logs::log_group::LogGroup;
use crate::resources::logs::trail_group;
use crate::resources::s3::bucket::{self, Bucket};
use crate::resources::s3::bucket_name;
use crate::resources::{Cx, Found, Resource, Scope};
use crate::stack::Tags;

pub(super) const NOT_FOUND: &[&str] = &["TrailNotFoundException"];

// Each of its switches is one of CloudTrail's own.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trail {
    pub bucket: String,
    /// ARN of the key that encrypts the files.
    pub kms_key: Option<String>,
    /// ARN of the group that events show in within minutes.
    pub log_group: Option<String>,
    /// ARN of the role that writes there.
    pub role: Option<String>,
    pub multi_region: bool,
    /// IAM's and other services' that have no region.
    pub global_events: bool,
    /// Whether a file that was changed or removed can be told.
    pub validated: bool,
    pub logging: bool,
    pub events: Selectors,
    pub tags: Tags,
}

/// What is recorded: by the selector's name, the values of a field, such as `resources.type`. Ones
/// that are compared in part have the comparison behind the field: `resources.ARN starts_with`.
pub type Selectors = BTreeMap<String, BTreeMap<String, Vec<String>>>;

pub(super) const STARTS_WITH: &str = " starts_with";

impl Resource for Trail {
    const KIND: &'static str = "trail";
    const NEEDS: &'static [&'static str] = &["bucket", "kms-key", "log-group", "iam-role"];
    const CALLS: Calls = Calls {
        find: &[allow(
            &[
                "cloudtrail:GetEventSelectors",
                "cloudtrail:GetTrail",
                "cloudtrail:GetTrailStatus",
                "cloudtrail:ListTags",
            ],
            &["cloudtrail:trail/{stack}"],
        )],
        create: &[
            allow(
                &[
                    "cloudtrail:CreateTrail",
                    "cloudtrail:AddTags",
                    "cloudtrail:PutEventSelectors",
                    "cloudtrail:StartLogging",
                    "cloudtrail:UpdateTrail",
                ],
                &["cloudtrail:trail/{stack}"],
            ),
            allow(&["iam:PassRole"], &["iam:role/wmctl/{stack}/{stack}-trail"])
                .when(&[When::PassedTo("cloudtrail.amazonaws.com")]),
        ],
        update: &[
            allow(
                &[
                    "cloudtrail:AddTags",
                    "cloudtrail:PutEventSelectors",
                    "cloudtrail:StartLogging",
                    "cloudtrail:UpdateTrail",
                ],
                &["cloudtrail:trail/{stack}"],
            ),
            allow(&["iam:PassRole"], &["iam:role/wmctl/{stack}/{stack}-trail"])
                .when(&[When::PassedTo("cloudtrail.amazonaws.com")]),
        ],
        delete: &[allow(
            &["cloudtrail:DeleteTrail"],
            &["cloudtrail:trail/{stack}"],
        )],
    };
    const INTERRUPTS: Option<&'static str> = Some("the record of who did what");

    /// All by names that outlive them.
    fn after(_name: &str) -> Vec<Id> {
        vec![
            Id::new(Bucket::KIND, bucket::TRAIL),
            Id::new(Bucket::KIND, bucket::LOGS),
            Id::new(LogGroup::KIND, "trail"),
            Id::new(Role::KIND, "trail"),
        ]
    }

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        if !scope.config.audit.cloudtrail {
            return Vec::new();
        }
        let functions = scope
            .stack
            .arn("lambda", &format!("function:{}", scope.stack.name("")));
        let group = format!("log-group:{}", trail_group(scope.stack));
        let group = scope.stack.arn("logs", &group);
        let trail = Self {
            bucket: bucket_name(scope.stack, bucket::TRAIL),
            kms_key: Some("${kms-key/main.arn}".to_owned()),
            log_group: Some(group),
            role: Some(role::arn(scope.stack, "trail")),
            multi_region: true,
            global_events: true,
            validated: true,
            logging: true,
            events: [
                (
                    "Management events selector",
                    vec![("eventCategory", "Management")],
                ),
                (
                    "functions",
                    vec![
                        ("eventCategory", "Data"),
                        ("resources.ARN starts_with", functions.as_str()),
                        ("resources.type", "AWS::Lambda::Function"),
                    ],
                ),
            ]
            .into_iter()
            .map(|(name, fields)| {
                let fields = fields.into_iter();
                let fields =
                    fields.map(|(field, value)| (field.to_owned(), vec![value.to_owned()]));
                (name.to_owned(), fields.collect())
            })
            .collect(),
            tags: scope.tags(Self::KIND, "main"),
        };
        vec![("main".to_owned(), trail)]
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        Ok(reading::trail(reader).await?.into_iter().collect())
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let call = cx
            .aws
            .cloudtrail
            .create_trail()
            .name(cx.stack.prefix())
            .s3_bucket_name(&self.bucket)
            .set_kms_key_id(self.kms_key.clone())
            .set_cloud_watch_logs_log_group_arn(self.log_streams())
            .set_cloud_watch_logs_role_arn(self.role.clone())
            .is_multi_region_trail(self.multi_region)
            .include_global_service_events(self.global_events)
            .enable_log_file_validation(self.validated)
            .set_tags_list(Some(self.cloudtrail_tags(cx)?));
        let made = known(cx, || async {
            call.clone().send().await.during("CreateTrail", cx.id)
        })
        .await;
        if let Err(error) = made {
            let full = error.code() == Some("MaximumNumberOfTrailsExceededException");
            return Err(if full {
                error.hint("a region takes five: set `cloudtrail = false` in [audit] where one of them records the whole account")
            } else {
                error
            });
        }
        if cx.aws.emulator.is_some() {
            // Not all of them keep what is said when a trail is made.
            self.put_settings(cx).await?;
            self.tag(cx).await?;
        }
        self.select(cx).await?;
        self.start(cx).await?;
        let arn = trail_arn(cx.stack);
        Ok(attributes([("id", &cx.stack.prefix()), ("arn", &arn)]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        changed: &[String],
    ) -> Result<Attributes> {
        let differs = |name: &str| changed.iter().any(|field| field == name);
        let apart = ["logging", "events", "tags"];
        if changed.iter().any(|field| !apart.contains(&field.as_str())) {
            self.put_settings(cx).await?;
        }
        if differs("events") {
            self.select(cx).await?;
        }
        if differs("logging") {
            self.start(cx).await?;
        }
        if differs("tags") {
            self.tag(cx).await?;
        }
        Ok(found.attributes.clone())
    }

    /// What it has recorded stays in its bucket.
    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let call = cx.aws.cloudtrail.delete_trail();
        let call = call.name(found.attribute("arn"));
        let answer = call.send().await.during("DeleteTrail", cx.id);
        answer.unless(NOT_FOUND)?;
        Ok(())
    }
}

impl Trail {
    /// CloudTrail wants the group's ARN with that of its streams.
    fn log_streams(&self) -> Option<String> {
        self.log_group.as_ref().map(|group| format!("{group}:*"))
    }

    async fn put_settings(&self, cx: &Cx<'_>) -> Result<()> {
        let call = cx
            .aws
            .cloudtrail
            .update_trail()
            .name(trail_arn(cx.stack))
            .s3_bucket_name(&self.bucket)
            .set_kms_key_id(self.kms_key.clone())
            .set_cloud_watch_logs_log_group_arn(self.log_streams())
            .set_cloud_watch_logs_role_arn(self.role.clone())
            .is_multi_region_trail(self.multi_region)
            .include_global_service_events(self.global_events)
            .enable_log_file_validation(self.validated);
        known(cx, || async {
            call.clone().send().await.during("UpdateTrail", cx.id)
        })
        .await?;
        Ok(())
    }

    async fn select(&self, cx: &Cx<'_>) -> Result<()> {
        let selectors = self.events.iter().map(|(name, fields)| {
            let fields = fields.iter().map(|(field, values)| {
                let partly = field.strip_suffix(STARTS_WITH);
                let selector = AdvancedFieldSelector::builder().field(partly.unwrap_or(field));
                let values = Some(values.clone());
                match partly {
                    Some(_) => selector.set_starts_with(values).build(),
                    None => selector.set_equals(values).build(),
                }
            });
            let fields = fields.collect::<std::result::Result<Vec<_>, _>>()?;
            let selector = AdvancedEventSelector::builder().name(name);
            selector.set_field_selectors(Some(fields)).build()
        });
        let selectors = selectors.collect::<std::result::Result<Vec<_>, _>>();
        let selectors = selectors.map_err(|error| incomplete(cx, error))?;
        let call = cx.aws.cloudtrail.put_event_selectors();
        let call = call.trail_name(trail_arn(cx.stack));
        let call = call.set_advanced_event_selectors(Some(selectors));
        call.send().await.during("PutEventSelectors", cx.id)?;
        Ok(())
    }

    async fn start(&self, cx: &Cx<'_>) -> Result<()> {
        let call = cx.aws.cloudtrail.start_logging();
        let answer = call.name(trail_arn(cx.stack)).send().await;
        answer.during("StartLogging", cx.id)?;
        Ok(())
    }

    async fn tag(&self, cx: &Cx<'_>) -> Result<()> {
        let call = cx.aws.cloudtrail.add_tags();
        let call = call.resource_id(trail_arn(cx.stack));
        let call = call.set_tags_list(Some(self.cloudtrail_tags(cx)?));
        call.send().await.during("AddTags", cx.id)?;
        Ok(())
    }

    fn cloudtrail_tags(&self, cx: &Cx<'_>) -> Result<Vec<Tag>> {
        self.tags
            .iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect::<std::result::Result<_, _>>()
            .map_err(|error| incomplete(cx, error))
    }
}

fn incomplete(cx: &Cx<'_>, error: aws_sdk_cloudtrail::error::BuildError) -> Error {
    Error::failed(format!("{}: a setting is incomplete", cx.id)).because(error)
}

/// CloudTrail tries bucket, key, group and role at once, and does not know of a new one yet.
async fn known<T, F>(cx: &Cx<'_>, attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    const NOT_YET: [&str; 7] = [
        "CloudWatchLogsDeliveryUnavailableException",
        "ConflictException",
        "InsufficientEncryptionPolicyException",
        "InsufficientS3BucketPolicyException",
        "InvalidCloudWatchLogsLogGroupArnException",
        "InvalidCloudWatchLogsRoleArnException",
        "S3BucketDoesNotExistException",
    ];
    patiently(
        cx.events,
        cx.id,
        "the bucket's, the key's and the role's policies to be known everywhere",
        Duration::from_mins(3),
        |error| error.code().is_some_and(|code| NOT_YET.contains(&code)),
        attempt,
    )
    .await
}
