//! Changing an instance that exists.

use aws_sdk_rds::types::CloudwatchLogsExportConfiguration;
use secrecy::ExposeSecret;

use super::instance::Instance;
use super::lifecycle::once_idle;
use super::observed::as_asked;
use super::with_service_role;
use crate::aws::During;
use crate::error::{Error, Kind, Result};
use crate::resources::Cx;
use crate::resources::secretsmanager::password;

impl Instance {
    /// Changes what differs, all at once and now rather than in the maintenance window.
    pub(super) async fn modify(
        &self,
        cx: &Cx<'_>,
        name: &str,
        now: &Self,
        actual_version: &str,
        changed: &[String],
    ) -> Result<()> {
        let differs = |field: &str| changed.iter().any(|changed| changed == field);
        if self.storage_gb < now.storage_gb {
            return Err(shrinking(now.storage_gb, self.storage_gb));
        }
        let password = if differs("password_version") {
            Some(password(cx.aws, &self.admin_secret).await?)
        } else {
            None
        };
        let version =
            (as_asked(actual_version, &self.version) != self.version).then(|| self.version.clone());
        let missing = |of: &[String], from: &[String]| {
            let missing = of.iter().filter(|log| !from.contains(log));
            missing.cloned().collect::<Vec<_>>()
        };
        let exports = CloudwatchLogsExportConfiguration::builder()
            .set_enable_log_types(Some(missing(&self.log_exports, &now.log_exports)))
            .set_disable_log_types(Some(missing(&now.log_exports, &self.log_exports)))
            .build();
        let exposed = password.as_ref().map(|p| p.expose_secret().to_owned());
        let on = |field: &str, value: bool| differs(field).then_some(value);
        let text = |field: &str, value: &str| differs(field).then(|| value.to_owned());
        let monitoring = differs("monitoring_s") || differs("monitoring_role");
        let call = cx
            .aws
            .rds
            .modify_db_instance()
            .db_instance_identifier(name)
            .apply_immediately(true)
            .allow_major_version_upgrade(version.is_some())
            .set_engine_version(version)
            .set_db_instance_class(text("instance_class", &self.instance_class))
            .set_allocated_storage(differs("storage_gb").then_some(self.storage_gb))
            .set_storage_type(text("storage_type", &self.storage_type))
            .set_master_user_password(exposed)
            .set_db_port_number(self.port.filter(|_| differs("port")))
            .set_db_parameter_group_name(text("parameter_group", &self.parameter_group))
            .set_vpc_security_group_ids(
                differs("security_groups").then(|| self.security_groups.clone()),
            )
            .set_publicly_accessible(on("publicly_accessible", self.publicly_accessible))
            .set_multi_az(on("multi_az", self.multi_az))
            .set_backup_retention_period(differs("backup_days").then_some(self.backup_days))
            .set_deletion_protection(on("deletion_protection", self.deletion_protection))
            .set_copy_tags_to_snapshot(on("copy_tags_to_snapshots", self.copy_tags_to_snapshots))
            .set_auto_minor_version_upgrade(on("auto_minor_upgrades", self.auto_minor_upgrades))
            .set_cloudwatch_logs_export_configuration(differs("log_exports").then_some(exports))
            // RDS takes neither without the other.
            .set_monitoring_interval(monitoring.then_some(self.monitoring_s))
            .set_monitoring_role_arn(self.monitoring_role.clone().filter(|_| monitoring))
            .set_ca_certificate_identifier(text(
                "certificate_authority",
                &self.certificate_authority,
            ));
        Box::pin(with_service_role(cx, || {
            once_idle(cx, || {
                let call = call.clone();
                async { call.send().await.during("ModifyDBInstance", cx.id) }
            })
        }))
        .await?;
        if let (Some(server), Some(password)) = (cx.database_server, &password) {
            server
                .provision(&self.database, &self.admin, password)
                .await?;
        }
        Ok(())
    }
}

fn shrinking(now: i32, wanted: i32) -> Error {
    Error::new(
        Kind::Refused,
        format!("the database's storage only grows: {now} GB cannot become {wanted} GB"),
    )
    .hint(format!("set `storage_gb = {now}` in [database]"))
}
