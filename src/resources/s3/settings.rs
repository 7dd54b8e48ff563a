//! A bucket's settings, each of which S3 reads and writes by a call of its own.

use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketLoggingStatus,
    BucketVersioningStatus, ExpirationStatus, LifecycleExpiration, LifecycleRule,
    LifecycleRuleFilter, LoggingEnabled, NoncurrentVersionExpiration, ObjectOwnership,
    OwnershipControls, OwnershipControlsRule, PublicAccessBlockConfiguration, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
    VersioningConfiguration,
};
use serde_json::Value;

use super::bucket::{Bucket, Lifecycle};
use crate::aws::{Aws, During, Emulator, Optional};
use crate::error::{Error, Result};
use crate::resources::Cx;
use crate::resources::iam::policy;
use crate::stack::Tags;

/// The fields that a call of its own sets, in the order in which a new bucket gets them: it is
/// closed before anybody is let in.
const ALL: [&str; 7] = [
    "private",
    "ownership",
    "versioned",
    "kms_key",
    "lifecycle",
    "policy",
    "access_log",
];

/// What infra.toml calls the one rule of ours.
const RULE: &str = "retention";

pub async fn read(aws: &Aws, bucket: &str) -> Result<Bucket> {
    let s3 = &aws.s3;
    let (ownership, private, versioning, encryption, policy, lifecycle, logging) = tokio::try_join!(
        async {
            let call = s3.get_bucket_ownership_controls().bucket(bucket);
            let answer = call
                .send()
                .await
                .during("GetBucketOwnershipControls", bucket);
            answer.unless(&["OwnershipControlsNotFoundError"])
        },
        async {
            let call = s3.get_public_access_block().bucket(bucket);
            let answer = call.send().await.during("GetPublicAccessBlock", bucket);
            answer.unless(&["NoSuchPublicAccessBlockConfiguration"])
        },
        async {
            // moto's answer has a root that the SDK does not take.
            if aws.emulator == Some(Emulator::Moto) {
                return Ok(None);
            }
            let call = s3.get_bucket_versioning().bucket(bucket);
            let answer = call.send().await.during("GetBucketVersioning", bucket);
            answer.map(Some)
        },
        async {
            let call = s3.get_bucket_encryption().bucket(bucket);
            let answer = call.send().await.during("GetBucketEncryption", bucket);
            answer.unless(&["ServerSideEncryptionConfigurationNotFoundError"])
        },
        async {
            let call = s3.get_bucket_policy().bucket(bucket);
            let answer = call.send().await.during("GetBucketPolicy", bucket);
            answer.unless(&["NoSuchBucketPolicy"])
        },
        async {
            let call = s3.get_bucket_lifecycle_configuration().bucket(bucket);
            let answer = call
                .send()
                .await
                .during("GetBucketLifecycleConfiguration", bucket);
            answer.unless(&["NoSuchLifecycleConfiguration"])
        },
        async {
            let call = s3.get_bucket_logging().bucket(bucket);
            call.send().await.during("GetBucketLogging", bucket)
        },
    )?;
    let ownership = ownership.and_then(|answer| answer.ownership_controls);
    let ownership = ownership.and_then(|controls| controls.rules.into_iter().next());
    let private = private.and_then(|answer| answer.public_access_block_configuration);
    let encryption = encryption.and_then(|answer| answer.server_side_encryption_configuration);
    let encryption = encryption.and_then(|config| config.rules.into_iter().next());
    let by_default = encryption.and_then(|rule| rule.apply_server_side_encryption_by_default);
    let policy = policy.and_then(|answer| answer.policy);
    Ok(Bucket {
        name: bucket.to_owned(),
        ownership: ownership.map_or_else(String::new, |rule| {
            rule.object_ownership.as_str().to_owned()
        }),
        private: private.is_some_and(|locks| is_closed(&locks)),
        versioned: versioning
            .is_none_or(|answer| answer.status == Some(BucketVersioningStatus::Enabled)),
        kms_key: by_default.and_then(|default| default.kms_master_key_id),
        policy: policy.map_or(Value::Null, |text| policy::parse(&text)),
        lifecycle: observed(
            lifecycle
                .and_then(|answer| answer.rules)
                .unwrap_or_default(),
        ),
        access_log: logging.logging_enabled.map(|logging| logging.target_bucket),
        tags: Tags::new(),
    })
}

/// What has to be written of a bucket that was just made with its ownership: S3 encrypts under a
/// key of its own, and logs nothing, unless told.
pub fn beyond_new(wanted: &Bucket) -> Vec<&'static str> {
    let needs = |setting: &&str| match *setting {
        "ownership" => false,
        "kms_key" => wanted.kms_key.is_some(),
        "access_log" => wanted.access_log.is_some(),
        _ => true,
    };
    ALL.into_iter().filter(needs).collect()
}

/// What has to be written of one that is there.
pub fn beyond(wanted: &Bucket, found: &Bucket) -> Vec<&'static str> {
    let differs = |setting: &&str| match *setting {
        "private" => wanted.private != found.private,
        "ownership" => wanted.ownership != found.ownership,
        "versioned" => wanted.versioned != found.versioned,
        "kms_key" => wanted.kms_key != found.kms_key,
        "lifecycle" => wanted.lifecycle != found.lifecycle,
        "policy" => wanted.policy != found.policy,
        _ => wanted.access_log != found.access_log,
    };
    ALL.into_iter().filter(differs).collect()
}

/// Writes one setting as it is wanted.
pub async fn write(bucket: &Bucket, cx: &Cx<'_>, setting: &str) -> Result<()> {
    match setting {
        "private" => close(bucket, cx).await,
        "ownership" => own(bucket, cx).await,
        "versioned" => keep_versions(bucket, cx).await,
        "kms_key" => encrypt(bucket, cx).await,
        "lifecycle" => retain(bucket, cx).await,
        "policy" => {
            let call = cx.aws.s3.put_bucket_policy().bucket(&bucket.name);
            let call = call.policy(bucket.policy.to_string());
            call.send().await.during("PutBucketPolicy", cx.id)?;
            Ok(())
        }
        "access_log" => log(bucket, cx).await,
        _ => Ok(()),
    }
}

fn is_closed(locks: &PublicAccessBlockConfiguration) -> bool {
    [
        locks.block_public_acls,
        locks.ignore_public_acls,
        locks.block_public_policy,
        locks.restrict_public_buckets,
    ]
    .into_iter()
    .all(|lock| lock == Some(true))
}

async fn close(bucket: &Bucket, cx: &Cx<'_>) -> Result<()> {
    let on = bucket.private;
    let locks = PublicAccessBlockConfiguration::builder()
        .block_public_acls(on)
        .ignore_public_acls(on)
        .block_public_policy(on)
        .restrict_public_buckets(on)
        .build();
    let call = cx.aws.s3.put_public_access_block().bucket(&bucket.name);
    let call = call.public_access_block_configuration(locks);
    call.send().await.during("PutPublicAccessBlock", cx.id)?;
    Ok(())
}

async fn own(bucket: &Bucket, cx: &Cx<'_>) -> Result<()> {
    let rule = OwnershipControlsRule::builder()
        .object_ownership(ObjectOwnership::from(bucket.ownership.as_str()))
        .build()
        .and_then(|rule| OwnershipControls::builder().rules(rule).build());
    let rule = rule.map_err(|error| incomplete(cx, error))?;
    let call = cx.aws.s3.put_bucket_ownership_controls();
    let call = call.bucket(&bucket.name).ownership_controls(rule);
    call.send()
        .await
        .during("PutBucketOwnershipControls", cx.id)?;
    Ok(())
}

async fn keep_versions(bucket: &Bucket, cx: &Cx<'_>) -> Result<()> {
    let status = if bucket.versioned {
        BucketVersioningStatus::Enabled
    } else {
        BucketVersioningStatus::Suspended
    };
    let versioning = VersioningConfiguration::builder().status(status).build();
    let call = cx.aws.s3.put_bucket_versioning().bucket(&bucket.name);
    let call = call.versioning_configuration(versioning);
    call.send().await.during("PutBucketVersioning", cx.id)?;
    Ok(())
}

async fn encrypt(bucket: &Bucket, cx: &Cx<'_>) -> Result<()> {
    let algorithm = match bucket.kms_key {
        Some(_) => ServerSideEncryption::AwsKms,
        None => ServerSideEncryption::Aes256,
    };
    let default = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(algorithm)
        .set_kms_master_key_id(bucket.kms_key.clone())
        .build()
        .and_then(|default| {
            let rule = ServerSideEncryptionRule::builder()
                .apply_server_side_encryption_by_default(default)
                // One data key for many objects: fewer calls of KMS.
                .bucket_key_enabled(bucket.kms_key.is_some());
            let rules = ServerSideEncryptionConfiguration::builder().rules(rule.build());
            rules.build()
        });
    let default = default.map_err(|error| incomplete(cx, error))?;
    let call = cx.aws.s3.put_bucket_encryption().bucket(&bucket.name);
    let call = call.server_side_encryption_configuration(default);
    call.send().await.during("PutBucketEncryption", cx.id)?;
    Ok(())
}

fn observed(rules: Vec<LifecycleRule>) -> Lifecycle {
    let mut lifecycle = Lifecycle::default();
    for rule in rules {
        if rule.id.as_deref() == Some(RULE) && rule.status == ExpirationStatus::Enabled {
            lifecycle.objects = rule.expiration.and_then(|after| after.days);
            let versions = rule.noncurrent_version_expiration;
            lifecycle.versions = versions.and_then(|after| after.noncurrent_days);
            let uploads = rule.abort_incomplete_multipart_upload;
            lifecycle.unfinished_uploads = uploads.and_then(|after| after.days_after_initiation);
        } else {
            lifecycle.others.push(rule.id.unwrap_or_default());
        }
    }
    lifecycle.others.sort();
    lifecycle
}

async fn retain(bucket: &Bucket, cx: &Cx<'_>) -> Result<()> {
    let wanted = &bucket.lifecycle;
    let objects = LifecycleExpiration::builder().set_days(wanted.objects);
    let versions = NoncurrentVersionExpiration::builder().set_noncurrent_days(wanted.versions);
    let uploads = AbortIncompleteMultipartUpload::builder()
        .set_days_after_initiation(wanted.unfinished_uploads);
    let rule = LifecycleRule::builder()
        .id(RULE)
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix("").build())
        .expiration(objects.build())
        .noncurrent_version_expiration(versions.build())
        .abort_incomplete_multipart_upload(uploads.build())
        .build()
        .and_then(|rule| BucketLifecycleConfiguration::builder().rules(rule).build());
    let rule = rule.map_err(|error| incomplete(cx, error))?;
    let call = cx.aws.s3.put_bucket_lifecycle_configuration();
    let call = call.bucket(&bucket.name).lifecycle_configuration(rule);
    let answer = call.send().await;
    answer.during("PutBucketLifecycleConfiguration", cx.id)?;
    Ok(())
}

async fn log(bucket: &Bucket, cx: &Cx<'_>) -> Result<()> {
    let target = bucket.access_log.as_ref().map(|target| {
        let logging = LoggingEnabled::builder().target_bucket(target);
        logging.target_prefix(format!("{}/", bucket.name)).build()
    });
    let target = target.transpose().map_err(|error| incomplete(cx, error))?;
    let status = BucketLoggingStatus::builder().set_logging_enabled(target);
    let call = cx.aws.s3.put_bucket_logging().bucket(&bucket.name);
    let call = call.bucket_logging_status(status.build());
    call.send().await.during("PutBucketLogging", cx.id)?;
    Ok(())
}

fn incomplete(cx: &Cx<'_>, error: aws_sdk_s3::error::BuildError) -> Error {
    Error::failed(format!("{}: a setting is incomplete", cx.id)).because(error)
}
