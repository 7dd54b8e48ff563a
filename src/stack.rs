//! Names, tags and ownership: how one stack's objects are told from everything else in the account.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::object::Id;

pub const TAG_STACK: &str = "wmctl:stack";
pub const TAG_ENVIRONMENT: &str = "wmctl:environment";
pub const TAG_ID: &str = "wmctl:id";

/// Key and value, as every service has them in a type of its own.
pub type Tags = BTreeMap<String, String>;

/// `aws`, `aws-cn` or `aws-us-gov`: the second part of every ARN.
pub fn partition(region: &str) -> &'static str {
    match region.get(..3) {
        Some("cn-") => "aws-cn",
        Some("us-") if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// One stack in one account and region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    pub name: String,
    pub environment: String,
    pub region: String,
    pub account: String,
    /// The operator's own tags.
    pub tags: Tags,
}

impl Stack {
    pub fn new(config: &Config, account: &str) -> Self {
        Self {
            name: config.stack.name.clone(),
            environment: config.stack.environment.clone(),
            region: config.stack.region.clone(),
            account: account.to_owned(),
            tags: config.stack.tags.clone(),
        }
    }

    /// `{stack}-{environment}`.
    pub fn prefix(&self) -> String {
        format!("{}-{}", self.name, self.environment)
    }

    /// `{stack}-{environment}-{name}`: the AWS name of whatever takes one.
    pub fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix())
    }

    /// `{stack}-{environment}/{name}`: secrets are grouped as paths.
    pub fn secret_name(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix())
    }

    /// The logical name in an AWS name of ours.
    pub fn logical<'a>(&self, name: &'a str) -> Option<&'a str> {
        name.strip_prefix(&self.prefix())?.strip_prefix('-')
    }

    pub fn partition(&self) -> &'static str {
        partition(&self.region)
    }

    /// `arn:{partition}:{service}:{region}:{account}:{resource}`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:{}:{service}:{}:{}:{resource}",
            self.partition(),
            self.region,
            self.account
        )
    }

    /// The tags that an object gets in its create call.
    pub fn tags(&self, id: &Id) -> Tags {
        let mut tags = self.tags.clone();
        tags.insert(TAG_STACK.to_owned(), self.name.clone());
        tags.insert(TAG_ENVIRONMENT.to_owned(), self.environment.clone());
        tags.insert(TAG_ID.to_owned(), id.to_string());
        tags
    }

    pub fn owns(&self, tags: &Tags) -> bool {
        tags.get(TAG_STACK) == Some(&self.name)
            && tags.get(TAG_ENVIRONMENT) == Some(&self.environment)
    }

    /// The logical id in `tags`, where they are this stack's.
    pub fn owned_id(&self, tags: &Tags) -> Option<Id> {
        self.owns(tags)
            .then(|| tags.get(TAG_ID).and_then(|id| Id::parse(id)))
            .flatten()
    }

    /// Those of an object's tags that are ours to keep: tags that others added are theirs.
    pub fn relevant(&self, tags: Tags) -> Tags {
        tags.into_iter()
            .filter(|(key, _)| {
                [TAG_STACK, TAG_ENVIRONMENT, TAG_ID].contains(&key.as_str())
                    || self.tags.contains_key(key)
            })
            .collect()
    }
}
