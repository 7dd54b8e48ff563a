//! The shape of infra.toml and its defaults. What a value may be is checked in `check`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::Span;
use crate::principal;

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
pub struct Network {
    pub cidr: Ipv4Net,
    /// Private subnets, one in each of so many availability zones.
    pub zones: u8,
    pub egress: Egress,
    /// Who talked to whom is recorded, in a VPC of the stack's own.
    pub flow_logs: bool,
    /// A VPC that somebody else keeps, instead of one of the stack's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<String>,
    /// Its private subnets, in two zones at least.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subnet_ids: Vec<String>,
}

impl Network {
    /// Whether the stack records what passes through its own VPC.
    pub fn records_flows(&self) -> bool {
        self.flow_logs && self.vpc_id.is_none()
    }

    /// How many subnets the stack uses, its own or others'.
    pub fn subnets(&self) -> usize {
        match self.vpc_id {
            Some(_) => self.subnet_ids.len(),
            None => usize::from(self.zones),
        }
    }
}

impl Default for Network {
    fn default() -> Self {
        Self {
            cidr: Ipv4Net::new_assert(std::net::Ipv4Addr::new(10, 42, 0, 0), 16),
            zones: 2,
            egress: Egress::Endpoints,
            flow_logs: true,
            vpc_id: None,
            subnet_ids: Vec::new(),
        }
    }
}

/// How the function reaches AWS's own services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Egress {
    /// Interface endpoints inside the VPC; no way to the internet.
    Endpoints,
}

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
pub struct Function {
    #[serde(rename = "crate")]
    pub source: PathBuf,
    pub architecture: Architecture,
    pub memory_mb: u32,
    /// At most 30: API Gateway answers 504 after 29 seconds, whatever the function still does,
    /// and a second more lets it end by itself and say so in its log.
    pub timeout_s: u32,
    pub reserved_concurrency: u32,
    pub log_level: LogLevel,
    pub log_retention_days: u32,
    pub tracing: bool,
    pub secrets: Secrets,
    pub max_payload_bytes: u32,
    pub max_query_limit: u32,
    /// Older versions that stay beside the newest, for `wmctl rollback`.
    pub keep_versions: u32,
}

impl Default for Function {
    fn default() -> Self {
        Self {
            source: PathBuf::from("function"),
            architecture: Architecture::Arm64,
            memory_mb: 256,
            timeout_s: 30,
            reserved_concurrency: 50,
            log_level: LogLevel::Info,
            log_retention_days: 365,
            tracing: true,
            secrets: Secrets::SecretsManager,
            max_payload_bytes: 1_048_576,
            max_query_limit: 1000,
            keep_versions: 3,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    Arm64,
    #[serde(rename = "x86_64")]
    X86_64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

/// Where the function's secrets come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Secrets {
    SecretsManager,
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Api {
    pub path: String,
    pub stage: String,
    pub contract: PathBuf,
    pub throttle: Throttle,
    pub access_logs: bool,
    pub execution_logs: ExecutionLogs,
    /// CIDRs that calls come from, and ARNs of roles and users that sign them; empty for no limit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_from: Vec<String>,
    /// The one origin whose pages may call from a browser.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors_origin: Option<String>,
    pub usage_plan: UsagePlan,
    pub keys: Vec<ApiKey>,
}

impl Api {
    /// The CIDRs of `allow_from`.
    pub fn ranges(&self) -> Vec<&str> {
        let all = self.allow_from.iter().map(String::as_str);
        all.filter(|from| !principal::is_meant(from)).collect()
    }

    /// Whether calls must be signed, so that it is known who makes them.
    pub fn is_signed(&self) -> bool {
        !self.principals().is_empty()
    }

    /// The ARNs of `allow_from`.
    pub fn principals(&self) -> Vec<&str> {
        let all = self.allow_from.iter().map(String::as_str);
        all.filter(|from| principal::is_meant(from)).collect()
    }

    /// The origin that is let in, if there is one.
    pub fn origin(&self) -> Option<&str> {
        self.cors_origin
            .as_deref()
            .filter(|origin| !origin.is_empty())
    }
}

impl Default for Api {
    fn default() -> Self {
        Self {
            path: "/chatbot".to_owned(),
            stage: "prod".to_owned(),
            contract: PathBuf::from("function/openapi.json"),
            throttle: Throttle::default(),
            access_logs: true,
            execution_logs: ExecutionLogs::Info,
            allow_from: Vec::new(),
            cors_origin: None,
            usage_plan: UsagePlan::default(),
            keys: vec![ApiKey::named("chatbot")],
        }
    }
}

/// Requests per second, and how many may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    pub rate: u32,
    pub burst: u32,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            rate: 100,
            burst: 200,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ExecutionLogs {
    Off,
    Error,
    Info,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct UsagePlan {
    pub throttle: Throttle,
    pub quota: Quota,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    pub limit: u32,
    pub period: Period,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            limit: 100_000,
            period: Period::Month,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    Day,
    Week,
    Month,
}

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    pub name: String,
    /// Its age in days from which on commands ask for a rotation.
    #[serde(default = "rotate_after_days")]
    pub rotate_after_days: u32,
    /// How long a key that was rotated out stays valid beside the new one.
    #[serde(default = "overlap")]
    pub overlap: Span,
    /// How long it is kept after that, disabled, until it is deleted.
    #[serde(default = "grace")]
    pub grace: Span,
}

impl ApiKey {
    /// With the defaults.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            rotate_after_days: rotate_after_days(),
            overlap: overlap(),
            grace: grace(),
        }
    }
}

fn rotate_after_days() -> u32 {
    90
}

fn overlap() -> Span {
    Span::hours(24)
}

fn grace() -> Span {
    Span::hours(7 * 24)
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
