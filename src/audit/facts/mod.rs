//! What the account was found to have, as far as a control looks at it. Values only: a check needs
//! no account, and a test writes down the facts that it is about.

mod gateway;
mod network;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::aws::Emulator;
use crate::config::Config;
use crate::resources::s3::bucket::Bucket;

pub use gateway::{ApiKey, Gateway, Method, Plan, Response, Stage};
pub use network::{Acl, AclEntry, Endpoint, FlowLog, Group, Network, Opening, Subnet};

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
