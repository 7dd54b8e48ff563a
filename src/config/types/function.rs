//! `[function]`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

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
