//! Reads the facts from the account: what is not there is a fact, too, and what may not be read is
//! said where it is missing. Nothing is filtered by tags: whoever made it, it is looked at.

mod data;
mod detectors;
mod edge;
mod functions;
mod gateway;
mod network;
mod trails;
mod watching;

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_smithy_types::DateTime;

use super::facts::{Facts, Read};
use crate::aws::Aws;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::permissions::{ALL, Grant, allow};

/// What is read beside what a plan reads. Trails, topics and the groups that they are watched in
/// are the account's.
pub const READS: &[Grant] = &[
    allow(&["cloudtrail:DescribeTrails", "sns:ListTopics"], ALL),
    allow(
        &["cloudtrail:GetEventSelectors", "cloudtrail:GetTrailStatus"],
        &["cloudtrail:trail/*"],
    ),
    allow(
        &["iam:GetRole", "iam:GetRolePolicy"],
        &["iam:role/wmctl/{stack}/*"],
    ),
    allow(
        &["iam:ListAttachedRolePolicies", "iam:ListRolePolicies"],
        &["iam:role/wmctl/{stack}/*"],
    ),
    allow(&["lambda:ListAliases"], &["lambda:function:{stack}-*"]),
    allow(&["logs:DescribeMetricFilters"], &["logs:log-group:*"]),
    allow(
        &[
            "rds:DescribeDBSnapshotAttributes",
            "rds:DescribeDBSnapshots",
        ],
        &["rds:db:*", "rds:snapshot:*"],
    ),
    allow(
        &["secretsmanager:GetResourcePolicy"],
        &["secretsmanager:secret:{admin-secret}"],
    ),
    allow(
        &["sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic"],
        &["sns:*"],
    ),
    allow(
        &["wafv2:GetLoggingConfiguration"],
        &["wafv2:regional/webacl/*/*"],
    ),
];

/// What to look at. All else is reached from here.
#[derive(Debug, Clone, Default)]
pub struct Subject {
    pub region: String,
    /// A REST API, by id or name.
    pub api: Option<String>,
    pub functions: Vec<String>,
    /// That of the functions, unless named.
    pub vpc: Option<String>,
    /// Databases by name; otherwise those that the functions' variables name, or the VPC holds.
    pub databases: Vec<String>,
    /// Secrets beside those that the functions' variables and roles name.
    pub secrets: Vec<String>,
    pub config: Option<Config>,
}

/// Reads all that the checks judge: one service after the other only where one leads to the next.
pub async fn facts(aws: &Aws, subject: &Subject) -> Facts {
    let (gateway, functions, watching, trails, detector, hub) = tokio::join!(
        gateway::gateway(aws, &subject.region, subject.api.as_deref()),
        functions::functions(aws, &subject.functions),
        watching::watching(aws),
        trails::trails(aws),
        detectors::detector(aws),
        detectors::hub(aws),
    );
    let known = functions.known().cloned().unwrap_or_default();
    let vpc = subject.vpc.clone();
    let vpc = vpc.or_else(|| known.iter().find_map(|function| function.vpc.clone()));
    let databases =
        async { data::databases(aws, &subject.databases, &known, vpc.as_deref()).await };
    let (firewalls, roles, network, databases) = tokio::join!(
        edge::firewalls(aws, gateway.known()),
        functions::roles(aws, &known, gateway.known()),
        network::network(aws, vpc.as_deref()),
        databases,
    );
    let mut names: BTreeSet<String> = subject.secrets.iter().cloned().collect();
    names.extend(functions::secrets(&known, roles.known()));
    let groups = watching::group_names(gateway.known(), &known, firewalls.known());
    let (alarms, topics) = watching;
    let (secrets, log_groups, buckets, trails) = tokio::join!(
        data::secrets(aws, &names),
        watching::log_groups(aws, &groups),
        trails::buckets(aws, trails.known()),
        trails::watched(aws, trails.clone(), alarms.known()),
    );
    let alarms = watching::of_stack(alarms, gateway.known(), &known, databases.known());
    let topics = watching::topics(aws, topics, alarms.known()).await;
    let keys = used(&functions, |one| one.kms_key.as_ref())
        .chain(used(&databases, |one| one.kms_key.as_ref()))
        .chain(used(&secrets, |one| one.kms_key.as_ref()))
        .chain(used(&log_groups, |one| one.kms_key.as_ref()))
        .chain(used(&topics, |one| one.kms_key.as_ref()))
        .collect();
    let keys = data::keys(aws, &keys).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    Facts {
        config: subject.config.clone(),
        emulator: aws.emulator,
        account: aws.account.clone(),
        now: now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX)),
        gateway,
        firewalls,
        functions,
        roles,
        network,
        databases,
        secrets,
        keys,
        log_groups,
        alarms,
        topics,
        trails,
        buckets,
        detector,
        hub,
    }
}

/// The keys of what was read.
fn used<T>(
    read: &Read<Vec<T>>,
    key: impl Fn(&T) -> Option<&String>,
) -> impl Iterator<Item = String> {
    let all = read.known().into_iter().flatten();
    all.filter_map(move |one| key(one).cloned())
}

impl<T> Read<T> {
    fn of(result: Result<T>) -> Self {
        match result {
            Ok(value) => Read::Known(value),
            Err(error) => Read::Unread(why(&error)),
        }
    }
}

/// Why something could not be read, in a line.
fn why(error: &Error) -> String {
    let mut causes = error.causes().into_iter();
    match (&error.aws, causes.next()) {
        (Some(_), _) | (None, None) => error.message.clone(),
        (None, Some(cause)) => format!("{}: {cause}", error.message),
    }
}

/// Seconds since 1970; now where AWS does not say.
fn seconds(time: Option<&DateTime>) -> i64 {
    time.map_or(i64::MAX, DateTime::secs)
}
