//! What the account was found to have, as far as a control looks at it. Values only: a check needs
//! no account, and a test writes down the facts that it is about.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::aws::Emulator;
use crate::config::Config;
use crate::resources::s3::bucket::Bucket;

/// What one read brought: a read that is refused says nothing of the others.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Read<T> {
    Known(T),
    #[default]
    Absent,
    /// Not known, and why.
    Unread(String),
}

impl<T> Read<T> {
    pub fn known(&self) -> Option<&T> {
        match self {
            Read::Known(value) => Some(value),
            _ => None,
        }
    }
}

/// Everything that was read, in one value.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// What infra.toml asks for; nothing where the stack was named by its parts.
    pub config: Option<Config>,
    pub emulator: Option<Emulator>,
    pub account: String,
    /// Seconds since 1970.
    pub now: i64,
    pub gateway: Read<Gateway>,
    pub firewalls: Read<Vec<Firewall>>,
    pub functions: Read<Vec<Function>>,
    pub roles: Read<Vec<Role>>,
    pub network: Read<Network>,
    pub databases: Read<Vec<Database>>,
    pub secrets: Read<Vec<Secret>>,
    pub keys: Read<Vec<Key>>,
    pub log_groups: Read<Vec<LogGroup>>,
    pub alarms: Read<Vec<Alarm>>,
    pub topics: Read<Vec<Topic>>,
    pub trails: Read<Vec<Trail>>,
    /// Where the trails are kept.
    pub buckets: Read<Vec<Bucket>>,
    /// GuardDuty's, in this region.
    pub detector: Read<Detector>,
    pub hub: Read<Hub>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Detector {
    pub id: String,
    pub enabled: bool,
    /// Those that are enabled, by AWS's names.
    pub features: BTreeSet<String>,
}

/// Security Hub, where it is enabled.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hub {
    pub arn: String,
    /// ARNs of those that are enabled.
    pub standards: Vec<String>,
}

// Each of its switches is one of CloudTrail's own.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trail {
    pub name: String,
    pub logging: bool,
    pub multi_region: bool,
    pub validated: bool,
    /// Calls that change or read the account's set-up, all of them.
    pub management: bool,
    /// Invocations of functions.
    pub invocations: bool,
    pub bucket: Option<String>,
    pub kms_key: Option<String>,
    pub log_group: Option<String>,
    pub watches: Vec<Watch>,
}

/// What is counted in a trail.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Watch {
    pub pattern: String,
    /// Whether an alarm that tells somebody looks at the count.
    pub alarmed: bool,
}

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

/// A web ACL and the stage that it stands in front of, or a stage without one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Firewall {
    pub stage: String,
    pub acl: Option<WebAcl>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct WebAcl {
    pub name: String,
    pub metrics: bool,
    pub rules: Vec<Rule>,
    /// Not known on an emulator that knows no logging.
    pub logging: Read<Logging>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rule {
    pub name: String,
    pub metrics: bool,
    /// The managed group that it stands for, and whether that only counts.
    pub group: Option<String>,
    pub counts_only: bool,
    /// Requests from one address in five minutes, where it blocks them.
    pub rate: Option<i64>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Logging {
    pub destinations: Vec<String>,
    pub redacted_headers: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Function {
    pub name: String,
    pub arn: String,
    pub runtime: String,
    pub role: String,
    pub environment: BTreeMap<String, String>,
    pub kms_key: Option<String>,
    pub vpc: Option<String>,
    pub subnets: Vec<String>,
    pub groups: Vec<String>,
    pub tracing: bool,
    pub log_group: String,
    pub reserved: Option<i32>,
    /// What has a URL; not known where the cloud does not list them.
    pub urls: Read<Vec<String>>,
    /// Who may call it, beside IAM.
    pub policy: Value,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Role {
    pub name: String,
    pub trust: Value,
    pub attached: Vec<String>,
    pub policies: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Network {
    pub vpc: String,
    pub cidrs: Vec<String>,
    pub subnets: Vec<Subnet>,
    pub groups: Vec<Group>,
    pub acls: Vec<Acl>,
    pub endpoints: Vec<Endpoint>,
    pub flow_logs: Vec<FlowLog>,
    /// Route tables with a way to the internet, and the subnets that use them.
    pub ways_out: Vec<(String, Vec<String>)>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Subnet {
    pub id: String,
    pub zone: String,
    pub public_addresses: bool,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Group {
    pub id: String,
    pub name: String,
    pub ingress: Vec<Opening>,
    pub egress: Vec<Opening>,
}

/// What a security group lets through. `-1` is every protocol.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Opening {
    pub protocol: String,
    pub from: i32,
    pub to: i32,
    /// Ranges, groups and prefix lists.
    pub peers: Vec<String>,
}

impl Opening {
    pub fn is_to_all(&self) -> bool {
        self.peers
            .iter()
            .any(|peer| peer == "0.0.0.0/0" || peer == "::/0")
    }

    pub fn holds(&self, port: i32) -> bool {
        self.protocol == "-1" || (self.from..=self.to).contains(&port)
    }
}

impl std::fmt::Display for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let peers = self.peers.join(", ");
        match (self.protocol.as_str(), self.from, self.to) {
            ("-1", ..) => write!(f, "everything with {peers}"),
            (protocol, from, to) if from == to => write!(f, "{protocol} {from} with {peers}"),
            (protocol, from, to) => write!(f, "{protocol} {from} to {to} with {peers}"),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Acl {
    pub id: String,
    pub subnets: Vec<String>,
    pub ingress: Vec<AclEntry>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct AclEntry {
    pub number: i32,
    pub allow: bool,
    pub cidr: String,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Endpoint {
    pub id: String,
    pub service: String,
    pub interface: bool,
    pub private_dns: bool,
    pub subnets: Vec<String>,
    pub policy: Value,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct FlowLog {
    pub active: bool,
    pub traffic: String,
}

// Each of its switches is one of RDS's own.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Database {
    pub id: String,
    pub engine: String,
    pub encrypted: bool,
    pub kms_key: Option<String>,
    pub public: bool,
    pub multi_az: bool,
    pub backup_days: i32,
    pub deletion_protection: bool,
    pub copy_tags: bool,
    pub minor_upgrades: bool,
    pub exports: Vec<String>,
    pub port: i32,
    pub admin: String,
    pub iam_authentication: bool,
    pub monitoring_s: i32,
    pub subnets: Vec<String>,
    pub groups: Vec<String>,
    /// What its group sets, beside the family's own values.
    pub parameters: Read<BTreeMap<String, String>>,
    /// `in-sync`, or what keeps a parameter from taking effect.
    pub parameters_applied: String,
    pub snapshots: Read<Vec<Snapshot>>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    pub id: String,
    pub encrypted: bool,
    pub public: bool,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Secret {
    pub name: String,
    pub kms_key: Option<String>,
    /// Whether a function of Secrets Manager rotates it.
    pub rotation: bool,
    pub changed: i64,
    pub policy: Option<Value>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Key {
    pub id: String,
    pub arn: String,
    /// Not AWS's own.
    pub ours: bool,
    pub state: String,
    pub rotation: bool,
    pub multi_region: bool,
    pub policy: Value,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogGroup {
    pub name: String,
    pub exists: bool,
    /// Never, where unset.
    pub retention: Option<i32>,
    pub kms_key: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Alarm {
    pub name: String,
    /// `AWS/RDS CPUUtilization`, one for each metric that it reads.
    pub metrics: Vec<String>,
    /// The values of their dimensions: what it is about. An emulator may leave them out.
    pub about: BTreeSet<String>,
    pub threshold: f64,
    pub enabled: bool,
    pub actions: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Topic {
    pub arn: String,
    pub kms_key: Option<String>,
    pub policy: Value,
    pub confirmed: usize,
    pub pending: usize,
}
