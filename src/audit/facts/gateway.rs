//! API Gateway's.

use std::collections::BTreeMap;

use serde_json::Value;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gateway {
    pub id: String,
    pub name: String,
    pub endpoint_types: Vec<String>,
    pub security_policy: Option<String>,
    pub policy: Option<Value>,
    pub methods: Vec<Method>,
    pub stages: Vec<Stage>,
    pub plans: Vec<Plan>,
    pub keys: Vec<ApiKey>,
    pub responses: BTreeMap<String, Response>,
    /// Who API Gateway writes its logs as, in this region.
    pub log_role: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Method {
    /// `POST /chatbot`.
    pub name: String,
    pub key_required: bool,
    pub authorization: String,
    pub validates_body: bool,
    pub default_model: Option<String>,
}

impl Method {
    /// Preflight requests carry neither key nor body.
    pub fn is_preflight(&self) -> bool {
        self.name.starts_with("OPTIONS ")
    }
}

// Each of its switches is one of API Gateway's own.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stage {
    pub name: String,
    pub arn: String,
    pub tracing: bool,
    pub cache: bool,
    pub cache_encrypted: bool,
    pub log_level: String,
    pub data_trace: bool,
    pub metrics: bool,
    pub rate: f64,
    pub burst: i32,
    /// Destination and format.
    pub access_log: Option<(String, String)>,
    /// Methods with settings of their own.
    pub exceptions: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    pub id: String,
    pub rate: Option<f64>,
    pub burst: Option<i32>,
    pub quota: Option<i32>,
    pub keys: usize,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct ApiKey {
    pub name: String,
    pub enabled: bool,
    pub created: i64,
}

/// A gateway response. No status keeps that of each refusal.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Response {
    pub status: Option<String>,
    pub headers: BTreeMap<String, String>,
    pub bodies: BTreeMap<String, String>,
}
