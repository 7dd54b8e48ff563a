//! A bucket: its owner's alone, encrypted, versioned, and closed to the public.

use std::time::Duration;

use aws_sdk_s3::types::{
    BucketLocationConstraint, CreateBucketConfiguration, ObjectOwnership, Tag, Tagging,
};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bucket_policy::{keeps_logs, keeps_trail};
use super::emptying::empty;
use super::{bucket_name, settings};
use crate::aws::patience::patiently;
use crate::aws::{During, Optional, Reader};
use crate::error::{Error, Kind, Result};
use crate::object::{Attributes, Id, attributes};
use crate::permissions::{Calls, allow};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};
use crate::stack::{Stack, Tags};

/// Logical names, and the stack's keeping of a trail is what both are for.
pub const TRAIL: &str = "trail";
pub const LOGS: &str = "trail-logs";

pub(super) const NO_BUCKET: &[&str] = &["NoSuchBucket"];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    pub name: String,
    /// `BucketOwnerEnforced`: no access lists.
    pub ownership: String,
    /// All of S3's four locks against public access.
    pub private: bool,
    pub versioned: bool,
    /// ARN of the key that encrypts what names none; S3's own where there is none.
    pub kms_key: Option<String>,
    pub policy: Value,
    pub lifecycle: Lifecycle,
    /// The bucket that tells who looked into this one.
    pub access_log: Option<String>,
    pub tags: Tags,
}

/// Days after which things go; none where nothing does.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Lifecycle {
    pub objects: Option<i32>,
    /// Former versions of what was changed or deleted.
    pub versions: Option<i32>,
    pub unfinished_uploads: Option<i32>,
    /// Rules that are not ours.
    pub others: Vec<String>,
}

impl Lifecycle {
    fn after(days: u32) -> Self {
        Self {
            objects: Some(i32::try_from(days).unwrap_or(i32::MAX)),
            versions: Some(30),
            unfinished_uploads: Some(7),
            others: Vec::new(),
        }
    }
}

impl Resource for Bucket {
    const KIND: &'static str = "bucket";
    const NEEDS: &'static [&'static str] = &["kms-key"];
    const CALLS: Calls = Calls {
        find: &[allow(
            &[
                "s3:GetBucketLogging",
                "s3:GetBucketOwnershipControls",
                "s3:GetBucketPolicy",
                "s3:GetBucketPublicAccessBlock",
                "s3:GetBucketTagging",
                "s3:GetBucketVersioning",
                "s3:GetEncryptionConfiguration",
                "s3:GetLifecycleConfiguration",
            ],
            &["s3:{bucket}*"],
        )],
        create: &[allow(
            &[
                "s3:CreateBucket",
                "s3:TagResource",
                "s3:PutBucketLogging",
                "s3:PutBucketOwnershipControls",
                "s3:PutBucketPolicy",
                "s3:PutBucketPublicAccessBlock",
                "s3:PutBucketTagging",
                "s3:PutBucketVersioning",
                "s3:PutEncryptionConfiguration",
                "s3:PutLifecycleConfiguration",
            ],
            &["s3:{bucket}*"],
        )],
        update: &[allow(
            &[
                "s3:PutBucketLogging",
                "s3:PutBucketOwnershipControls",
                "s3:PutBucketPolicy",
                "s3:PutBucketPublicAccessBlock",
                "s3:PutBucketTagging",
                "s3:PutBucketVersioning",
                "s3:PutEncryptionConfiguration",
                "s3:PutLifecycleConfiguration",
            ],
            &["s3:{bucket}*"],
        )],
        delete: &[
            allow(
                &[
                    "s3:DeleteBucket",
                    "s3:DeleteBucketPolicy",
                    "s3:ListBucketVersions",
                ],
                &["s3:{bucket}*"],
            ),
            allow(
                &["s3:DeleteObject", "s3:DeleteObjectVersion"],
                &["s3:{bucket}*/*"],
            ),
        ],
    };
    const DATA: bool = true;
    const INTERRUPTS: Option<&'static str> = Some("the trail");

    /// By name, which a bucket is told of before the other is there.
    fn after(name: &str) -> Vec<Id> {
        if name == TRAIL {
            vec![Id::new(Self::KIND, LOGS)]
        } else {
            Vec::new()
        }
    }

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let (audit, stack) = (&scope.config.audit, scope.stack);
        if !audit.cloudtrail {
            return Vec::new();
        }
        let bucket = |name: &str, policy: Value| Self {
            name: bucket_name(stack, name),
            ownership: ObjectOwnership::BucketOwnerEnforced.as_str().to_owned(),
            private: true,
            versioned: true,
            kms_key: None,
            policy,
            lifecycle: Lifecycle::after(audit.retention_days),
            access_log: None,
            tags: scope.tags(Self::KIND, name),
        };
        let trail = Self {
            kms_key: Some("${kms-key/main.arn}".to_owned()),
            access_log: Some(bucket_name(stack, LOGS)),
            ..bucket(TRAIL, keeps_trail(stack))
        };
        // S3 writes access logs to no bucket under a key of ours.
        let logs = bucket(LOGS, keeps_logs(stack));
        vec![(LOGS.to_owned(), logs), (TRAIL.to_owned(), trail)]
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let reads = [LOGS, TRAIL].map(|name| read(reader, name));
        let found = try_join_all(reads).await?;
        Ok(found.into_iter().flatten().collect())
    }

    fn on_change(field: &str) -> OnChange {
        match field {
            "name" => OnChange::Replace,
            _ => OnChange::InPlace,
        }
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        // The first of all regions is named by leaving it out.
        let region = cx.stack.region.as_str();
        let place = (region != "us-east-1").then(|| BucketLocationConstraint::from(region));
        let place = CreateBucketConfiguration::builder()
            .set_location_constraint(place)
            .set_tags(Some(self.s3_tags(cx)?));
        let made = cx
            .aws
            .s3
            .create_bucket()
            .bucket(&self.name)
            .object_ownership(ObjectOwnership::from(self.ownership.as_str()))
            .create_bucket_configuration(place.build())
            .send()
            .await
            .during("CreateBucket", cx.id);
        let lacking = match made {
            Ok(_) => settings::beyond_new(self),
            Err(error) => match error.code() {
                // An earlier run made it, and ended before its answer.
                Some("BucketAlreadyOwnedByYou") => {
                    let found = Box::pin(settings::read(cx.aws, &self.name)).await?;
                    settings::beyond(self, &found)
                }
                Some("BucketAlreadyExists") => return Err(taken(&self.name, error)),
                _ => return Err(error),
            },
        };
        self.tag(cx).await?;
        for setting in lacking {
            settings::write(self, cx, setting).await?;
        }
        Ok(attributes_of(cx.stack, &self.name))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        changed: &[String],
    ) -> Result<Attributes> {
        for field in changed {
            match field.as_str() {
                "tags" => self.tag(cx).await?,
                setting => settings::write(self, cx, setting).await?,
            }
        }
        Ok(found.attributes.clone())
    }

    /// With all that is in it, versions too. S3 may still bring a log that it wrote before.
    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let name = found.aws_id();
        // Without it nobody may write here any more, and what is empty stays so the sooner.
        let call = cx.aws.s3.delete_bucket_policy().bucket(name);
        let answer = call.send().await.during("DeleteBucketPolicy", cx.id);
        if answer.unless(NO_BUCKET)?.is_none() {
            return Ok(());
        }
        let what = "the last logs to be removed";
        let not_empty = |error: &Error| error.code() == Some("BucketNotEmpty");
        patiently(
            cx.events,
            cx.id,
            what,
            Duration::from_mins(10),
            not_empty,
            || async {
                empty(cx, name).await?;
                let call = cx.aws.s3.delete_bucket().bucket(name);
                call.send().await.during("DeleteBucket", cx.id)
            },
        )
        .await
        .unless(NO_BUCKET)?;
        Ok(())
    }
}

impl Bucket {
    fn s3_tags(&self, cx: &Cx<'_>) -> Result<Vec<Tag>> {
        self.tags
            .iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect::<std::result::Result<_, _>>()
            .map_err(|error| {
                Error::failed(format!("{}: a tag is incomplete", cx.id)).because(error)
            })
    }

    /// S3 takes all tags at once, so those that others put on stay by being put again.
    async fn tag(&self, cx: &Cx<'_>) -> Result<()> {
        let mut all = tags(cx.aws, &self.name).await?.unwrap_or_default();
        all.extend(self.tags.clone());
        let all = Self {
            tags: all,
            ..self.clone()
        };
        let set = Tagging::builder()
            .set_tag_set(Some(all.s3_tags(cx)?))
            .build();
        let set = set.map_err(|error| {
            Error::failed(format!("{}: the tags are incomplete", cx.id)).because(error)
        })?;
        let call = cx.aws.s3.put_bucket_tagging().bucket(&self.name);
        let answer = call.tagging(set).send().await;
        answer.during("PutBucketTagging", cx.id)?;
        Ok(())
    }
}

fn attributes_of(stack: &Stack, name: &str) -> Attributes {
    let arn = format!("arn:{}:s3:::{name}", stack.partition());
    attributes([("id", name), ("arn", &arn)])
}

fn taken(name: &str, error: Error) -> Error {
    Error::new(
        Kind::Refused,
        format!("the bucket `{name}` exists already, in another account"),
    )
    .hint("choose another [stack] name or environment, or `cloudtrail = false` in [audit]")
    .because(error)
}

/// None where there is no bucket.
async fn tags(aws: &crate::aws::Aws, bucket: &str) -> Result<Option<Tags>> {
    let call = aws.s3.get_bucket_tagging().bucket(bucket);
    match call.send().await.during("GetBucketTagging", bucket) {
        Ok(answer) => {
            let tags = answer.tag_set.into_iter();
            Ok(Some(tags.map(|tag| (tag.key, tag.value)).collect()))
        }
        Err(error) if error.code() == Some("NoSuchTagSet") => Ok(Some(Tags::new())),
        Err(error) => Err(error).unless(NO_BUCKET).map(|_: Option<()>| None),
    }
}

async fn read(reader: &Reader, logical: &str) -> Result<Option<Found<Bucket>>> {
    let name = bucket_name(&reader.stack, logical);
    let Some(tags) = tags(&reader.aws, &name).await? else {
        return Ok(None);
    };
    let owned = reader.stack.owns(&tags);
    let value = Bucket {
        tags: reader.stack.relevant(tags),
        ..Box::pin(settings::read(&reader.aws, &name)).await?
    };
    Ok(Some(Found {
        name: logical.to_owned(),
        attributes: attributes_of(&reader.stack, &name),
        value,
        owned,
    }))
}
