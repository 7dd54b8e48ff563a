//! The database instance: private, encrypted, backed up, and never lost by accident.

use std::time::SystemTime;

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::existing::existing;
use super::lifecycle::{NOT_FOUND, describe, gone, once_idle, ready, snapshot_name};
use super::observed::found;
use super::subnet_group::SubnetGroup;
use super::{ADMIN, rds_tags, tag, with_service_role};
use crate::aws::{During, Optional, Reader};
use crate::config::Config;
use crate::diff::{diff, fields};
use crate::error::Result;
use crate::object::{Attributes, Id};
use crate::permissions::{Calls, When, allow};
use crate::resources::iam::role::{self, Role};
use crate::resources::logs::log_group::LogGroup;
use crate::resources::secretsmanager::{self, password};
use crate::resources::{Cx, Found, OnChange, Resource, Scope, to_value};
use crate::stack::Tags;

// Each of its switches is one of RDS's own.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    pub engine: String,
    /// As much of it as infra.toml names: `10.11`, or `10.11.9`.
    pub version: String,
    pub instance_class: String,
    pub storage_gb: i32,
    pub storage_type: String,
    pub storage_encrypted: bool,
    pub kms_key: String,
    pub database: String,
    pub admin: String,
    pub admin_secret: String,
    pub password_version: String,
    /// Unknown while the instance is being made: a run that finds it so waits for the rest.
    pub port: Option<i32>,
    pub subnet_group: String,
    pub parameter_group: String,
    pub security_groups: Vec<String>,
    pub publicly_accessible: bool,
    pub multi_az: bool,
    pub backup_days: i32,
    pub deletion_protection: bool,
    pub copy_tags_to_snapshots: bool,
    pub auto_minor_upgrades: bool,
    pub log_exports: Vec<String>,
    /// Seconds between two looks at the operating system; 0 for none.
    pub monitoring_s: i32,
    /// ARN of the role that what is seen there is written by.
    pub monitoring_role: Option<String>,
    pub certificate_authority: String,
    /// Somebody, or a run that was cut off, is deleting it.
    pub deleting: bool,
    pub tags: Tags,
}

impl Resource for Instance {
    const KIND: &'static str = "db-instance";
    const NEEDS: &'static [&'static str] = &[
        "kms-key",
        "secret",
        "security-group",
        "security-group-rules",
        "db-subnet-group",
        "db-parameter-group",
        "iam-role",
        "log-group",
    ];
    const CALLS: Calls = Calls {
        find: &[allow(&["rds:DescribeDBInstances"], &["rds:db:*"])],
        create: &[
            allow(
                &["rds:CreateDBInstance"],
                &[
                    "rds:db:{stack}",
                    "rds:og:default*",
                    "rds:pg:{stack}-*",
                    "rds:subgrp:{stack}",
                ],
            ),
            allow(&["rds:AddTagsToResource"], &["rds:db:{stack}"]),
            super::ENCRYPT,
            super::GRANT_KEY,
            allow(
                &["iam:PassRole"],
                &["iam:role/wmctl/{stack}/{stack}-rds-monitoring"],
            )
            .when(&[When::PassedTo("monitoring.rds.amazonaws.com")]),
            super::SERVICE_ROLE,
            secretsmanager::READ,
            secretsmanager::DECRYPT,
        ],
        update: &[
            allow(
                &["rds:ModifyDBInstance"],
                &[
                    "rds:db:{stack}",
                    "rds:og:default*",
                    "rds:pg:{stack}-*",
                    "rds:subgrp:{stack}",
                ],
            ),
            allow(&["rds:AddTagsToResource"], &["rds:db:{stack}"]),
            allow(
                &["iam:PassRole"],
                &["iam:role/wmctl/{stack}/{stack}-rds-monitoring"],
            )
            .when(&[When::PassedTo("monitoring.rds.amazonaws.com")]),
            secretsmanager::READ,
            secretsmanager::DECRYPT,
        ],
        delete: &[
            allow(
                &["rds:ModifyDBInstance"],
                &[
                    "rds:db:{stack}",
                    "rds:og:default*",
                    "rds:pg:{stack}-*",
                    "rds:subgrp:{stack}",
                ],
            ),
            allow(&["rds:DeleteDBInstance"], &["rds:db:{stack}"]),
            allow(
                &["rds:CreateDBSnapshot", "rds:AddTagsToResource"],
                &["rds:db:{stack}", "rds:snapshot:{stack}-*"],
            ),
        ],
    };
    const DATA: bool = true;
    const INTERRUPTS: Option<&'static str> = Some("every request");

    fn after(_name: &str) -> Vec<Id> {
        vec![
            Id::new(SubnetGroup::KIND, "main"),
            // RDS would make its own, with neither key nor retention.
            Id::new(LogGroup::KIND, "database-error"),
            Id::new(LogGroup::KIND, "database-slowquery"),
            Id::new(Role::KIND, "rds-monitoring"),
        ]
    }

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let database = &scope.config.database;
        if database.instance.is_some() {
            return Vec::new();
        }
        let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        let monitoring_s = number(database.enhanced_monitoring_s);
        let instance = Self {
            engine: database.engine.clone(),
            version: database.version.clone(),
            instance_class: database.instance_class.clone(),
            storage_gb: number(database.storage_gb),
            storage_type: "gp3".to_owned(),
            storage_encrypted: true,
            kms_key: "${kms-key/main.arn}".to_owned(),
            database: database.name.clone(),
            admin: ADMIN.to_owned(),
            admin_secret: "${secret/database-admin}".to_owned(),
            password_version: "${secret/database-admin.version}".to_owned(),
            port: Some(database.port.0.into()),
            // By name, which outlives the group: an instance that stands in it never leaves it.
            subnet_group: scope.stack.prefix(),
            parameter_group: "${db-parameter-group/main}".to_owned(),
            security_groups: vec!["${security-group/database}".to_owned()],
            publicly_accessible: false,
            multi_az: database.multi_az,
            backup_days: number(database.backup_days),
            deletion_protection: database.deletion_protection,
            copy_tags_to_snapshots: true,
            // Whoever names a patch wants that one and no later.
            auto_minor_upgrades: database.version.split('.').count() < 3,
            // The audit log would need an option group.
            log_exports: vec!["error".to_owned(), "slowquery".to_owned()],
            monitoring_s,
            monitoring_role: (monitoring_s > 0).then(|| role::arn(scope.stack, "rds-monitoring")),
            certificate_authority: "rds-ca-rsa2048-g1".to_owned(),
            deleting: false,
            tags: scope.tags(Self::KIND, "main"),
        };
        vec![("main".to_owned(), instance)]
    }

    async fn existing(reader: &Reader, config: &Config) -> Result<Vec<(String, Attributes)>> {
        existing(reader, config).await
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let instance = describe(&reader.aws, &reader.stack.prefix()).await?;
        Ok(instance
            .map(|instance| found(&reader.stack, &instance))
            .into_iter()
            .collect())
    }

    fn on_change(field: &str) -> OnChange {
        match field {
            "engine" | "storage_encrypted" | "kms_key" | "database" | "admin" | "subnet_group"
            | "deleting" => OnChange::Replace,
            _ => OnChange::InPlace,
        }
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let name = cx.stack.prefix();
        let password = password(cx.aws, &self.admin_secret).await?;
        let call = cx
            .aws
            .rds
            .create_db_instance()
            .db_instance_identifier(&name)
            .engine(&self.engine)
            .engine_version(&self.version)
            .db_instance_class(&self.instance_class)
            .allocated_storage(self.storage_gb)
            .storage_type(&self.storage_type)
            .storage_encrypted(self.storage_encrypted)
            .kms_key_id(&self.kms_key)
            .db_name(&self.database)
            .master_username(&self.admin)
            .master_user_password(password.expose_secret())
            .set_port(self.port)
            .db_subnet_group_name(&self.subnet_group)
            .db_parameter_group_name(&self.parameter_group)
            .set_vpc_security_group_ids(Some(self.security_groups.clone()))
            .publicly_accessible(self.publicly_accessible)
            .multi_az(self.multi_az)
            .backup_retention_period(self.backup_days)
            .deletion_protection(self.deletion_protection)
            .copy_tags_to_snapshot(self.copy_tags_to_snapshots)
            .auto_minor_version_upgrade(self.auto_minor_upgrades)
            .set_enable_cloudwatch_logs_exports(Some(self.log_exports.clone()))
            .monitoring_interval(self.monitoring_s)
            .set_monitoring_role_arn(self.monitoring_role.clone())
            .ca_certificate_identifier(&self.certificate_authority)
            .set_tags(Some(rds_tags(&self.all_tags())));
        let created = Box::pin(with_service_role(cx, || {
            let call = call.clone();
            async { call.send().await.during("CreateDBInstance", cx.id) }
        }))
        .await;
        if let Err(error) = created {
            let ours = error.code() == Some("DBInstanceAlreadyExists")
                && describe(cx.aws, &name)
                    .await?
                    .is_some_and(|instance| found(cx.stack, &instance).owned);
            if !ours {
                return Err(error);
            }
        }
        let instance = ready(cx, &name).await?;
        if let Some(server) = cx.database_server {
            server
                .provision(&self.database, &self.admin, &password)
                .await?;
        }
        Ok(found(cx.stack, &instance).attributes)
    }

    async fn update(&self, cx: &Cx<'_>, old: &Found<Self>, _: &[String]) -> Result<Attributes> {
        let name = old.aws_id();
        // What it was doing when it was found may have changed what differs.
        let instance = ready(cx, name).await?;
        let now = found(cx.stack, &instance);
        let changed = fields(&diff(&to_value(&now.value)?, &to_value(self)?));
        let actual = instance.engine_version.unwrap_or_default();
        if changed.iter().any(|field| field != "tags") {
            Box::pin(self.modify(cx, name, &now.value, &actual, &changed)).await?;
        }
        if !changed.is_empty() {
            tag(cx, now.attribute("arn"), &self.all_tags()).await?;
        }
        Ok(found(cx.stack, &ready(cx, name).await?).attributes)
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let name = found.aws_id();
        if found.value.deletion_protection && !found.value.deleting {
            let call = cx
                .aws
                .rds
                .modify_db_instance()
                .db_instance_identifier(name)
                .deletion_protection(false)
                .apply_immediately(true);
            once_idle(cx, || {
                let call = call.clone();
                async { call.send().await.during("ModifyDBInstance", cx.id) }
            })
            .await
            .unless(NOT_FOUND)?;
        }
        // Before the instance goes: afterwards no later run would know that this is left to do.
        if let Some(server) = cx.database_server {
            server
                .remove(&found.value.database, &found.value.admin)
                .await?;
        }
        // A snapshot that an emulator takes holds nothing.
        let skip = cx.options.skip_final_snapshot || cx.aws.emulator.is_some();
        let snapshot = (!skip).then(|| snapshot_name(name, "final", SystemTime::now()));
        let call = cx
            .aws
            .rds
            .delete_db_instance()
            .db_instance_identifier(name)
            .skip_final_snapshot(skip)
            .set_final_db_snapshot_identifier(snapshot.clone())
            .delete_automated_backups(false);
        if !found.value.deleting {
            let deleted = once_idle(cx, || {
                let call = call.clone();
                async { call.send().await.during("DeleteDBInstance", cx.id) }
            })
            .await
            .unless(NOT_FOUND)?;
            if let (Some(_), Some(snapshot)) = (deleted, snapshot) {
                cx.events
                    .note(format!("{}: the last snapshot is {snapshot}", cx.id));
            }
        }
        gone(cx, name).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::sample::wanted;

    fn instance(more: &str) -> Instance {
        wanted(more, &[]).remove(0).1
    }

    #[test]
    fn the_default_is_private_encrypted_and_protected() {
        let instance = instance("");
        assert!(!instance.publicly_accessible);
        assert!(instance.storage_encrypted);
        assert!(instance.deletion_protection);
        assert!(instance.auto_minor_upgrades);
        assert_eq!(instance.admin, "wmctl_admin");
        assert_eq!(instance.security_groups, ["${security-group/database}"]);
    }

    #[test]
    fn whoever_names_a_patch_gets_no_other() {
        let instance = instance("[database]\nversion = \"10.11.9\"\n");
        assert_eq!(instance.version, "10.11.9");
        assert!(!instance.auto_minor_upgrades);
    }

    #[test]
    fn what_would_lose_the_data_is_a_replacement() {
        for field in [
            "kms_key",
            "storage_encrypted",
            "engine",
            "database",
            "admin",
        ] {
            assert_eq!(Instance::on_change(field), OnChange::Replace);
        }
        assert_eq!(Instance::on_change("version"), OnChange::InPlace);
    }
}
