//! Every kind of AWS object that a stack has. One kind is one file; a new one is a line in [`all`].

use std::future::Future;

use futures::future::BoxFuture;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::artifact::Artifacts;
use crate::aws::{Aws, Reader};
use crate::config::Config;
use crate::error::Result;
use crate::events::Events;
use crate::object::{Attributes, Id, Known};
use crate::permissions::Calls;
use crate::stack::{Stack, Tags};

/// What wanted objects are made from.
pub struct Scope<'a> {
    pub config: &'a Config,
    pub stack: &'a Stack,
    pub artifacts: &'a Artifacts,
    /// `function/openapi.json`.
    pub contract: &'a Value,
    /// The region's availability zones by name, sorted: `us-east-1a` first.
    pub zones: &'a [String],
}

impl Scope<'_> {
    /// The tags of the object with this kind and logical name.
    pub fn tags(&self, kind: &str, name: &str) -> Tags {
        self.stack.tags(&Id::new(kind, name))
    }

    /// References to the private subnets, one in each zone in use.
    pub fn subnets(&self) -> Vec<String> {
        ('a'..='z')
            .take(self.config.network.subnets())
            .map(|letter| format!("${{subnet/private-{letter}}}"))
            .collect()
    }
}

/// What a step works with.
pub struct Cx<'a> {
    pub aws: &'a Aws,
    pub stack: &'a Stack,
    pub id: &'a Id,
    pub events: &'a Events,
    /// Zips to publish, by function name.
    pub artifacts: &'a Artifacts,
    /// Attributes of everything that exists by now.
    pub known: &'a Known,
    pub options: &'a Options,
    /// Set where the cloud has no database servers of its own.
    pub database_server: Option<&'a dyn DatabaseServer>,
}

/// What RDS does behind its API, for an emulator that only answers the API.
pub trait DatabaseServer: Send + Sync {
    /// The empty database and its administrator with this password; repeatable.
    fn provision<'a>(
        &'a self,
        database: &'a str,
        administrator: &'a str,
        password: &'a SecretString,
    ) -> BoxFuture<'a, Result<()>>;

    /// Removes both, data and all.
    fn remove<'a>(&'a self, database: &'a str, administrator: &'a str)
    -> BoxFuture<'a, Result<()>>;
}

/// What the operator asked of this run and steps must honour.
#[allow(clippy::struct_excessive_bools)] // independent switches
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Leave out migrations: the control plane has no data plane behind it.
    pub skip_migrate: bool,
    /// Move aliases without asking the new version for its health.
    pub skip_health: bool,
    /// Delete the database without a last snapshot.
    pub skip_final_snapshot: bool,
    /// Take a snapshot of the database before it is migrated.
    pub snapshot: bool,
    /// Execute even statements that keep writers waiting, or seem to take longer than the migrator
    /// may run.
    pub allow_slow: bool,
}

/// What happens to an object when a field of it has to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnChange {
    InPlace,
    /// Deleted, then created: names or addresses collide.
    Replace,
    /// Created beside the old one, which goes when nothing needs it.
    Supersede,
}

/// An object of this kind in the account.
#[derive(Debug, Clone)]
pub struct Found<R> {
    /// The logical name.
    pub name: String,
    pub attributes: Attributes,
    pub value: R,
    /// False where it has our name and not our tags.
    pub owned: bool,
}

impl<R> Found<R> {
    pub fn owned(name: impl Into<String>, attributes: Attributes, value: R) -> Self {
        Self {
            name: name.into(),
            attributes,
            value,
            owned: true,
        }
    }

    /// An attribute that finding always sets; empty where it did not.
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    pub fn aws_id(&self) -> &str {
        self.attribute("id")
    }
}

/// One kind of AWS object: one struct for what is wanted and what was found.
///
/// Create, update and delete wait until the object is ready for its dependents, and can be
/// repeated: what a killed run left half done is found and finished by the next.
pub trait Resource: Serialize + DeserializeOwned + Send + Sync + 'static {
    const KIND: &'static str;
    /// The kinds that objects of this kind may refer to. Deletion runs against this order.
    const NEEDS: &'static [&'static str];
    /// Holds what cannot be made again; goes only when the operator names it.
    const DATA: bool = false;
    /// What IAM has to allow for an object of this kind to be found, made, changed and deleted.
    const CALLS: Calls;
    /// What stops while an object of this kind is away, where somebody would notice: it completes
    /// "interrupts …", in the plan's line of a replacement or deletion.
    const INTERRUPTS: Option<&'static str> = None;
    /// There is one in the account and region for everybody, and somebody else's serves as well: it
    /// is brought to what is wanted in place, gets no tags of ours, and never goes with the stack.
    /// What it has beyond that is no part of the value found.
    const SHARED: bool = false;
    /// False where there is one object for each logical name. Otherwise several versions may
    /// stand beside each other, found newest first; superseded ones go, but for as many as the
    /// plan is asked to keep.
    const SUPERSEDED: bool = false;

    /// Fields that are no part of the object's revision: a change of them is no new version.
    const UNVERSIONED: &'static [&'static str] = &["tags"];
    /// False for what is only a trace of something done, or goes with its parent.
    const DELETABLE: bool = true;

    /// Objects that must be there before the one with this logical name, where no field of it
    /// refers to them. Those that the stack does not have are passed over.
    fn after(_name: &str) -> Vec<Id> {
        Vec::new()
    }

    /// The objects of this kind that infra.toml asks for, by logical name.
    fn wanted(scope: &Scope) -> Vec<(String, Self)>;

    /// Objects of this kind that infra.toml names and somebody else keeps, by logical name: the
    /// stack refers to them, and never changes or deletes them. What does not fit is refused here.
    fn existing(
        _reader: &Reader,
        _config: &Config,
    ) -> impl Future<Output = Result<Vec<(String, Attributes)>>> + Send {
        async { Ok(Vec::new()) }
    }

    /// The objects of this kind that the stack has, with as few calls as there can be.
    fn find(reader: &Reader) -> impl Future<Output = Result<Vec<Found<Self>>>> + Send;

    fn on_change(_field: &str) -> OnChange {
        OnChange::InPlace
    }

    fn create(&self, cx: &Cx<'_>) -> impl Future<Output = Result<Attributes>> + Send;

    /// Brings `found` to `self`; `changed` names the fields that differ. Kinds whose objects
    /// never change in place leave it out.
    fn update(
        &self,
        _cx: &Cx<'_>,
        found: &Found<Self>,
        _changed: &[String],
    ) -> impl Future<Output = Result<Attributes>> + Send {
        let attributes = found.attributes.clone();
        async { Ok(attributes) }
    }

    fn delete(cx: &Cx<'_>, found: &Found<Self>) -> impl Future<Output = Result<()>> + Send;
}

macro_rules! kinds {
    ($($resource:ty),* $(,)?) => {
        /// Every kind there is.
        pub fn all() -> Kinds {
            [$(kind::of::<$resource>()),*].into_iter().collect()
        }
    };
}

pub mod apigateway;
pub mod cloudtrail;
pub mod cloudwatch;
pub mod ec2;
pub mod events;
pub mod guardduty;
pub mod iam;
mod kind;
pub mod kms;
pub mod lambda;
pub mod logs;
pub mod rds;
pub mod s3;
#[cfg(test)]
pub(crate) mod sample;
pub mod secretsmanager;
pub mod securityhub;
pub mod sns;
pub mod wafv2;

use kind::to_value;
pub use kind::{Kind, Kinds};

kinds![
    apigateway::account::ApiAccount,
    apigateway::api_key::ApiKey,
    apigateway::api_resource::ApiResource,
    apigateway::deployment::Deployment,
    apigateway::gateway_response::GatewayResponse,
    apigateway::method::Method,
    apigateway::model::Model,
    apigateway::preflight::Preflight,
    apigateway::request_validator::RequestValidator,
    apigateway::rest_api::RestApi,
    apigateway::stage::Stage,
    apigateway::usage_plan::UsagePlan,
    apigateway::usage_plan_key::UsagePlanKey,
    wafv2::association::WebAclAssociation,
    wafv2::logging::WebAclLogging,
    wafv2::web_acl::WebAcl,
    ec2::default_network_acl::DefaultNetworkAcl,
    ec2::default_security_group::DefaultSecurityGroup,
    ec2::flow_log::FlowLog,
    ec2::network_acl::NetworkAcl,
    ec2::route_table::RouteTable,
    ec2::security_group::SecurityGroup,
    ec2::security_group_rules::SecurityGroupRules,
    ec2::subnet::Subnet,
    ec2::vpc::Vpc,
    ec2::vpc_endpoint::VpcEndpoint,
    events::rule::EventRule,
    iam::role::Role,
    kms::alias::Alias,
    kms::key::Key,
    lambda::alias::FunctionAlias,
    lambda::function::Function,
    lambda::permission::FunctionPermission,
    lambda::schema::Schema,
    lambda::version::FunctionVersion,
    cloudtrail::trail::Trail,
    guardduty::detector::Detector,
    securityhub::hub::SecurityHub,
    logs::log_group::LogGroup,
    logs::metric_filter::MetricFilter,
    cloudwatch::alarm::Alarm,
    rds::instance::Instance,
    rds::parameter_group::ParameterGroup,
    rds::subnet_group::SubnetGroup,
    s3::bucket::Bucket,
    secretsmanager::rotation::SecretRotation,
    secretsmanager::secret::Secret,
    secretsmanager::secret_policy::SecretPolicy,
    sns::subscription::Subscription,
    sns::topic::Topic,
];

#[cfg(test)]
mod tests;
