//! `[database]`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// An instance that somebody else keeps, used as it is. Without it the stack makes one.
    pub instance: Option<String>,
    /// The secret with that instance's administrator, by name or ARN.
    pub admin_secret: Option<String>,
    /// Only `mariadb` so far.
    pub engine: String,
    pub version: String,
    pub instance_class: String,
    pub storage_gb: u32,
    pub multi_az: bool,
    pub name: String,
    /// May SELECT and INSERT, nothing else; the migrator owns the schema. Its passwords rotate
    /// between it and a second user, `{app_user}_clone`.
    pub app_user: String,
    /// Days after which the passwords are rotated by themselves; never at 0.
    pub rotate_after_days: u32,
    pub backup_days: u32,
    /// Seconds between two looks at the instance's operating system; 0 for none.
    pub enhanced_monitoring_s: u32,
    /// Days after which stored access and error logs are dropped; never where unset.
    pub log_retention_days: Option<u32>,
    pub deletion_protection: bool,
    pub parameters: BTreeMap<String, String>,
    /// PEM file of the CAs that sign the server's certificate; AWS's own for the region where unset.
    pub ca_file: Option<PathBuf>,
    /// On the local cloud it is the one that its server listens on.
    pub port: Port,
}

/// A TCP port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub struct Port(pub u16);

impl Default for Port {
    fn default() -> Self {
        Self(3306)
    }
}

impl Default for Database {
    fn default() -> Self {
        Self {
            instance: None,
            admin_secret: None,
            engine: "mariadb".to_owned(),
            version: "10.11".to_owned(),
            instance_class: "db.t4g.small".to_owned(),
            storage_gb: 20,
            multi_az: false,
            name: "chatbot_db".to_owned(),
            app_user: "app_user".to_owned(),
            rotate_after_days: 30,
            backup_days: 7,
            enhanced_monitoring_s: 60,
            log_retention_days: None,
            deletion_protection: true,
            parameters: default_parameters(),
            ca_file: None,
            port: Port::default(),
        }
    }
}

/// The parameters a group gets unless infra.toml sets them otherwise.
/// Security Hub reads `require_secure_transport` literally as "1".
pub fn default_parameters() -> BTreeMap<String, String> {
    [
        ("max_connections", "100"),
        ("slow_query_log", "1"),
        ("log_bin_trust_function_creators", "1"),
        ("require_secure_transport", "1"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}
