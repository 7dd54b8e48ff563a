//! `[api]`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::Span;
use crate::principal;

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
