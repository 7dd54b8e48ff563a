//! Databases, secrets, and the keys that all is encrypted under.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_kms::types::KeyManagerType;
use aws_sdk_rds::types::{DbInstance, DbSnapshot};
use futures::future::{join_all, try_join_all};
use serde_json::Value;

use super::{seconds, why};
use crate::audit::facts::{Database, Function, Key, Read, Secret, Snapshot};
use crate::aws::{Aws, During, Optional};
use crate::error::Result;
use crate::resources::iam::policy::parse;

const NOT_FOUND: &[&str] = &["ResourceNotFoundException"];

/// Those with these names, or that the functions' variables name, or that stand in the VPC.
pub async fn databases(
    aws: &Aws,
    names: &[String],
    functions: &[Function],
    vpc: Option<&str>,
) -> Read<Vec<Database>> {
    let pages = aws
        .rds
        .describe_db_instances()
        .into_paginator()
        .items()
        .send();
    let all = pages
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("DescribeDBInstances", "the account");
    let all = match all {
        Ok(all) => all,
        Err(error) => return Read::Unread(why(&error)),
    };
    let is_named = |db: &DbInstance| {
        let id = db.db_instance_identifier().unwrap_or_default();
        names.iter().any(|name| name == id)
    };
    let used = |db: &DbInstance| {
        let address = db.endpoint().and_then(|endpoint| endpoint.address());
        let mut variables = functions
            .iter()
            .flat_map(|function| function.environment.values());
        address.is_some_and(|address| variables.any(|value| value.contains(address)))
    };
    let stands = |db: &DbInstance| {
        let own = db.db_subnet_group().and_then(|group| group.vpc_id());
        own.is_some() && own == vpc
    };
    let mut ours: Vec<DbInstance> = all.iter().filter(|db| is_named(db)).cloned().collect();
    if names.is_empty() {
        ours = all.iter().filter(|db| used(db)).cloned().collect();
        if ours.is_empty() {
            ours = all.into_iter().filter(stands).collect();
        }
    }
    if ours.is_empty() {
        return Read::Absent;
    }
    Read::Known(join_all(ours.into_iter().map(|db| database(aws, db))).await)
}

async fn database(aws: &Aws, db: DbInstance) -> Database {
    let id = db.db_instance_identifier.clone().unwrap_or_default();
    let group = db.db_parameter_groups().first().cloned();
    let name = group
        .as_ref()
        .and_then(|group| group.db_parameter_group_name.clone());
    let (parameters, snapshots) = tokio::join!(parameters(aws, name), snapshots(aws, &id));
    let subnets = db.db_subnet_group.as_ref();
    let subnets = subnets
        .map(|group| group.subnets().to_vec())
        .unwrap_or_default();
    let groups = db.vpc_security_groups.unwrap_or_default().into_iter();
    Database {
        engine: db.engine.unwrap_or_default(),
        encrypted: db.storage_encrypted.unwrap_or_default(),
        kms_key: db.kms_key_id.filter(|key| !key.is_empty()),
        public: db.publicly_accessible.unwrap_or_default(),
        multi_az: db.multi_az.unwrap_or_default(),
        backup_days: db.backup_retention_period.unwrap_or_default(),
        deletion_protection: db.deletion_protection.unwrap_or_default(),
        copy_tags: db.copy_tags_to_snapshot.unwrap_or_default(),
        minor_upgrades: db.auto_minor_version_upgrade.unwrap_or_default(),
        exports: db.enabled_cloudwatch_logs_exports.unwrap_or_default(),
        port: db
            .endpoint
            .and_then(|endpoint| endpoint.port)
            .unwrap_or_default(),
        admin: db.master_username.unwrap_or_default(),
        iam_authentication: db.iam_database_authentication_enabled.unwrap_or_default(),
        monitoring_s: db.monitoring_interval.unwrap_or_default(),
        subnets: subnets
            .into_iter()
            .filter_map(|subnet| subnet.subnet_identifier)
            .collect(),
        groups: groups
            .filter_map(|group| group.vpc_security_group_id)
            .collect(),
        parameters,
        parameters_applied: group
            .and_then(|group| group.parameter_apply_status)
            .unwrap_or_default(),
        snapshots,
        id,
    }
}

/// What the group sets itself. A group of RDS's own sets nothing.
async fn parameters(aws: &Aws, group: Option<String>) -> Read<BTreeMap<String, String>> {
    let Some(group) = group else {
        return Read::Absent;
    };
    let call = aws
        .rds
        .describe_db_parameters()
        .db_parameter_group_name(&group)
        .source("user");
    let pages = call.into_paginator().items().send();
    let parameters = pages
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("DescribeDBParameters", &group);
    Read::of(parameters.map(|parameters| {
        let set = parameters.into_iter();
        set.filter_map(|one| Some((one.parameter_name?, one.parameter_value?)))
            .collect()
    }))
}

async fn snapshots(aws: &Aws, database: &str) -> Read<Vec<Snapshot>> {
    let call = aws
        .rds
        .describe_db_snapshots()
        .db_instance_identifier(database);
    let pages = call.into_paginator().items().send();
    let snapshots = pages
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("DescribeDBSnapshots", database);
    let snapshots = match snapshots {
        Ok(snapshots) => snapshots,
        Err(error) => return Read::Unread(why(&error)),
    };
    Read::of(
        try_join_all(
            snapshots
                .into_iter()
                .map(|snapshot| of_snapshot(aws, snapshot)),
        )
        .await,
    )
}

/// RDS's own snapshots cannot be shared.
async fn of_snapshot(aws: &Aws, snapshot: DbSnapshot) -> Result<Snapshot> {
    let id = snapshot.db_snapshot_identifier.unwrap_or_default();
    let mut public = false;
    if snapshot.snapshot_type.as_deref() == Some("manual") {
        let call = aws
            .rds
            .describe_db_snapshot_attributes()
            .db_snapshot_identifier(&id);
        let answer = call
            .send()
            .await
            .during("DescribeDBSnapshotAttributes", &id)?;
        let attributes = answer.db_snapshot_attributes_result;
        let attributes = attributes.and_then(|result| result.db_snapshot_attributes);
        public = attributes.unwrap_or_default().iter().any(|attribute| {
            attribute.attribute_name() == Some("restore")
                && attribute
                    .attribute_values()
                    .iter()
                    .any(|account| account == "all")
        });
    }
    Ok(Snapshot {
        encrypted: snapshot.encrypted.unwrap_or_default(),
        public,
        id,
    })
}

pub async fn secrets(aws: &Aws, names: &BTreeSet<String>) -> Read<Vec<Secret>> {
    if names.is_empty() {
        return Read::Absent;
    }
    let reads = names.iter().map(|name| secret(aws, name));
    Read::of(try_join_all(reads).await.map(|found| {
        let mut found: Vec<Secret> = found.into_iter().flatten().collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found.dedup_by(|a, b| a.name == b.name);
        found
    }))
}

async fn secret(aws: &Aws, name: &str) -> Result<Option<Secret>> {
    let call = aws.secrets.describe_secret().secret_id(name);
    let secret = call
        .send()
        .await
        .during("DescribeSecret", name)
        .unless(NOT_FOUND)?;
    let Some(secret) = secret.filter(|secret| secret.deleted_date.is_none()) else {
        return Ok(None);
    };
    let call = aws.secrets.get_resource_policy().secret_id(name);
    let policy = call
        .send()
        .await
        .during("GetResourcePolicy", name)
        .unless(NOT_FOUND)?;
    let policy = policy.and_then(|answer| answer.resource_policy);
    let changed = secret.last_changed_date().or(secret.created_date());
    Ok(Some(Secret {
        changed: seconds(changed),
        name: secret.name.unwrap_or_default(),
        kms_key: secret.kms_key_id.filter(|key| !key.is_empty()),
        rotation: secret.rotation_enabled.unwrap_or_default(),
        policy: policy
            .filter(|text| !text.is_empty())
            .map(|text| parse(&text)),
    }))
}

pub async fn keys(aws: &Aws, names: &BTreeSet<String>) -> Read<Vec<Key>> {
    if names.is_empty() {
        return Read::Absent;
    }
    let reads = names.iter().map(|name| key(aws, name));
    Read::of(try_join_all(reads).await.map(|found| {
        let mut found: Vec<Key> = found.into_iter().flatten().collect();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        found.dedup_by(|a, b| a.id == b.id);
        found
    }))
}

async fn key(aws: &Aws, name: &str) -> Result<Option<Key>> {
    let kms = &aws.kms;
    let answer = kms
        .describe_key()
        .key_id(name)
        .send()
        .await
        .during("DescribeKey", name);
    let answer = answer.unless(&["NotFoundException"])?;
    let Some(found) = answer.and_then(|answer| answer.key_metadata) else {
        return Ok(None);
    };
    let ours = found.key_manager == Some(KeyManagerType::Customer);
    let mut key = Key {
        ours,
        arn: found.arn.unwrap_or_default(),
        state: found
            .key_state
            .map_or_else(String::new, |state| state.as_str().to_owned()),
        rotation: false,
        multi_region: found.multi_region.unwrap_or_default(),
        policy: Value::Null,
        id: found.key_id,
    };
    if ours {
        let id = &key.id;
        let policy = kms
            .get_key_policy()
            .key_id(id)
            .policy_name("default")
            .send();
        let rotation = kms.get_key_rotation_status().key_id(id).send();
        let (policy, rotation) = tokio::join!(policy, rotation);
        let policy = policy.during("GetKeyPolicy", id)?.policy;
        // A key on its way out does not tell.
        let rotation = rotation.during("GetKeyRotationStatus", id);
        let rotation = rotation.unless(&["KMSInvalidStateException"])?;
        key.rotation = rotation.is_some_and(|answer| answer.key_rotation_enabled);
        key.policy = policy.map_or(Value::Null, |text| parse(&text));
    }
    Ok(Some(key))
}
