//! The shape of infra.toml and its defaults. What a value may be is checked in `check`.

mod api;
mod database;
mod function;
mod network;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use api::{Api, ApiKey, ExecutionLogs, Period, Quota, Throttle, UsagePlan};
pub use database::{Database, Port, default_parameters};
pub use function::{Architecture, Function, LogLevel, Secrets};
pub use network::{Egress, Network};

/// The whole file.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub stack: StackSettings,
    #[serde(default)]
    pub network: Network,
    #[serde(default)]
    pub database: Database,
    #[serde(default)]
    pub migrations: Migrations,
    #[serde(default)]
    pub function: Function,
    #[serde(default)]
    pub api: Api,
    #[serde(default)]
    pub waf: Waf,
    #[serde(default)]
    pub alarms: Alarms,
    #[serde(default)]
    pub audit: Audit,
    #[serde(default)]
    pub cost: Cost,
}

/// Whose objects these are and where they live.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StackSettings {
    pub name: String,
    pub region: String,
    #[serde(default = "environment")]
    pub environment: String,
    /// ARNs of those who run wmctl, and may read the secrets; without it, every user of the account
    /// and of Identity Center may, and no role.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[serde(default)]
    pub operators: Vec<String>,
    /// Put on every object that takes tags, beside the owner tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

fn environment() -> String {
    "prod".to_owned()
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Migrations {
    pub dir: PathBuf,
}

impl Default for Migrations {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("migrations"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Waf {
    pub enabled: bool,
    pub managed_rules: Vec<ManagedRules>,
    /// Requests from one address in five minutes.
    pub rate_limit_5min: u32,
    /// ISO 3166 alpha-2 codes.
    pub block_countries: Vec<String>,
}

impl Default for Waf {
    fn default() -> Self {
        Self {
            enabled: true,
            managed_rules: vec![
                ManagedRules::Common,
                ManagedRules::Sqli,
                ManagedRules::KnownBadInputs,
                ManagedRules::IpReputation,
            ],
            rate_limit_5min: 2000,
            block_countries: Vec::new(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ManagedRules {
    Common,
    Sqli,
    KnownBadInputs,
    IpReputation,
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alarms {
    /// Who hears of an alarm; alarms without it are kept, and nobody is told.
    pub email: Option<String>,
    pub function_errors_5min: u32,
    pub api_errors_5min: u32,
    pub latency_p99_ms: u32,
    pub database_cpu_percent: u32,
    pub database_connections_percent: u32,
}

impl Default for Alarms {
    fn default() -> Self {
        Self {
            email: None,
            function_errors_5min: 10,
            api_errors_5min: 50,
            latency_p99_ms: 1000,
            database_cpu_percent: 80,
            database_connections_percent: 80,
        }
    }
}

/// What is recorded about the account and the network, and who watches it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// A trail of the stack's own; leave it out where the account has one for all regions.
    pub cloudtrail: bool,
    /// The account's watch for attacks, paid by what it reads. One that is there is used.
    pub guardduty: bool,
    /// The account's checks against standards, paid by their number. A hub that is there is used.
    pub security_hub: bool,
    /// How long the trail, and the network's and the firewall's logs, are kept.
    pub retention_days: u32,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            cloudtrail: true,
            guardduty: false,
            security_hub: false,
            retention_days: 365,
        }
    }
}

/// What the stack is used for in a month, for the estimate of its cost. Nothing is limited by it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cost {
    pub requests_per_month: u64,
    /// What the function takes for a request, on the average.
    pub function_ms: u32,
    pub response_bytes: u32,
    /// What a request writes to each of the logs that hold requests.
    pub log_bytes_per_request: u32,
    /// What comes in a month into each other log, and into each bucket.
    pub background_log_mb: u32,
    /// Metrics that the function writes: four for each intent that is called.
    pub function_metrics: u32,
}

impl Default for Cost {
    fn default() -> Self {
        Self {
            requests_per_month: 100_000,
            function_ms: 50,
            response_bytes: 8192,
            log_bytes_per_request: 2048,
            background_log_mb: 100,
            function_metrics: 32,
        }
    }
}
