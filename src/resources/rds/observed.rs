//! An instance as the account has it.

use aws_sdk_rds::types::DbInstance;

use super::instance::Instance;
use super::lifecycle::status;
use super::tags_of;
use crate::object::attributes;
use crate::resources::Found;
use crate::stack::{Stack, Tags};

/// How much of the version infra.toml named.
const TAG_VERSION: &str = "wmctl:engine-version";
/// The version of the administrator's secret whose password the instance has.
const TAG_PASSWORD: &str = "wmctl:password-version";

impl Instance {
    /// Its tags, and those that keep what RDS does not tell.
    pub(super) fn all_tags(&self) -> Tags {
        let mut tags = self.tags.clone();
        tags.insert(TAG_VERSION.to_owned(), self.version.clone());
        tags.insert(TAG_PASSWORD.to_owned(), self.password_version.clone());
        tags
    }
}

pub(super) fn found(stack: &Stack, instance: &DbInstance) -> Found<Instance> {
    let mut tags = tags_of(instance.tag_list.as_deref());
    let owned = stack.owns(&tags);
    let asked = tags.remove(TAG_VERSION).unwrap_or_default();
    let password_version = tags.remove(TAG_PASSWORD).unwrap_or_default();
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let endpoint = instance.endpoint.as_ref();
    let group = instance.db_parameter_groups().first();
    let port = endpoint.and_then(|endpoint| endpoint.port);
    let mut log_exports = instance.enabled_cloudwatch_logs_exports().to_vec();
    log_exports.sort();
    let mut security_groups: Vec<String> = instance
        .vpc_security_groups()
        .iter()
        .filter(|group| group.status() != Some("removing"))
        .filter_map(|group| group.vpc_security_group_id.clone())
        .collect();
    security_groups.sort();
    let subnet_group = instance.db_subnet_group.as_ref();
    let value = Instance {
        engine: text(&instance.engine),
        version: as_asked(instance.engine_version().unwrap_or_default(), &asked),
        instance_class: text(&instance.db_instance_class),
        storage_gb: instance.allocated_storage.unwrap_or_default(),
        storage_type: text(&instance.storage_type),
        storage_encrypted: instance.storage_encrypted.unwrap_or_default(),
        kms_key: text(&instance.kms_key_id),
        database: text(&instance.db_name),
        admin: text(&instance.master_username),
        // By name, which is always the same: the password's version says which one it has.
        admin_secret: format!("{}/database-admin", stack.prefix()),
        password_version,
        port,
        subnet_group: subnet_group.map_or_else(String::new, |g| text(&g.db_subnet_group_name)),
        parameter_group: group.map_or_else(String::new, |g| text(&g.db_parameter_group_name)),
        security_groups,
        publicly_accessible: instance.publicly_accessible.unwrap_or_default(),
        multi_az: instance.multi_az.unwrap_or_default(),
        backup_days: instance.backup_retention_period.unwrap_or_default(),
        deletion_protection: instance.deletion_protection.unwrap_or_default(),
        copy_tags_to_snapshots: instance.copy_tags_to_snapshot.unwrap_or_default(),
        auto_minor_upgrades: instance.auto_minor_version_upgrade.unwrap_or_default(),
        log_exports,
        monitoring_s: instance.monitoring_interval.unwrap_or_default(),
        monitoring_role: instance
            .monitoring_role_arn
            .clone()
            // One that monitors nothing is nobody's concern.
            .filter(|role| !role.is_empty() && instance.monitoring_interval > Some(0)),
        certificate_authority: text(&instance.ca_certificate_identifier),
        deleting: status(instance) == "deleting",
        tags: stack.relevant(tags),
    };
    let port = port.map_or_else(String::new, |port| port.to_string());
    let attributes = attributes([
        ("id", &text(&instance.db_instance_identifier)),
        ("arn", &text(&instance.db_instance_arn)),
        (
            "endpoint",
            endpoint.and_then(|e| e.address()).unwrap_or_default(),
        ),
        ("port", &port),
        ("resource_id", &text(&instance.dbi_resource_id)),
        ("status", status(instance)),
        // `pending-reboot` where static parameters wait for one.
        (
            "parameters",
            group
                .and_then(|g| g.parameter_apply_status())
                .unwrap_or_default(),
        ),
    ]);
    Found {
        name: "main".to_owned(),
        attributes,
        value,
        owned,
    }
}

/// The actual version as far as it was asked for: a patch that AWS chose is no drift.
pub(super) fn as_asked(actual: &str, asked: &str) -> String {
    let rest = actual.strip_prefix(asked).filter(|_| !asked.is_empty());
    match rest {
        Some(rest) if rest.is_empty() || rest.starts_with('.') => asked.to_owned(),
        _ => actual.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_is_no_drift_unless_it_was_asked_for() {
        assert_eq!(as_asked("10.11.9", "10.11"), "10.11");
        assert_eq!(as_asked("10.11.9", "10.11.8"), "10.11.9");
        assert_eq!(as_asked("10.11.9", "10.1"), "10.11.9");
        assert_eq!(as_asked("11.4.3", "10.11"), "11.4.3");
        assert_eq!(as_asked("10.11.9", ""), "10.11.9");
    }
}
