//! Grants as the statements of a policy: as few as say the same.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::pattern::{arns, covers};
use super::{Grant, Place, When};
use crate::stack::{Stack, TAG_ENVIRONMENT, TAG_STACK};

/// Actions of one service, on the same resources and under the same conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub sid: String,
    pub actions: BTreeSet<String>,
    pub resources: Vec<String>,
    pub when: Vec<When>,
}

/// What the actions of a statement have in common: service, conditions, resources.
type Group<'a> = (&'a str, Vec<When>, Vec<String>);

/// The grants, one statement for each set of resources; what one grant allows on `a/*` is left out of another's `a/b`.
pub fn statements(place: &Place<'_>, grants: &[&Grant]) -> Vec<Statement> {
    // By action and conditions: where.
    let mut allowed: BTreeMap<(&str, Vec<When>), BTreeSet<String>> = BTreeMap::new();
    for grant in grants {
        for pattern in grant.on {
            let (arns, conditioned) = arns(place, pattern, grant.when);
            let mut when = grant.when.to_vec();
            if !conditioned {
                when.clear();
            }
            when.sort_unstable();
            for action in grant.actions {
                let entry = allowed.entry((*action, when.clone())).or_default();
                entry.extend(arns.iter().cloned());
            }
        }
    }
    let mut grouped: BTreeMap<Group<'_>, BTreeSet<String>> = BTreeMap::new();
    for ((action, when), arns) in &allowed {
        let unconditional = allowed.get(&(*action, Vec::new()));
        let covered = |arn: &String| {
            let by = |wide: &String| wide != arn && covers(wide, arn);
            arns.iter().any(by)
                || (!when.is_empty()
                    && unconditional.is_some_and(|wide| wide.iter().any(|wide| covers(wide, arn))))
        };
        let arns: Vec<String> = arns.iter().filter(|arn| !covered(arn)).cloned().collect();
        if arns.is_empty() {
            continue;
        }
        let service = action.split(':').next().unwrap_or_default();
        let actions = grouped.entry((service, when.clone(), arns)).or_default();
        actions.insert((*action).to_owned());
    }
    grouped
        .into_iter()
        .map(|((service, when, resources), actions)| Statement {
            sid: sid(service, &when),
            actions,
            resources,
            when,
        })
        .collect()
}

/// `Ec2`, `Ec2Ours`: service and conditions, as far as a Sid takes characters.
fn sid(service: &str, when: &[When]) -> String {
    let mut sid = String::new();
    for (at, letter) in service.chars().enumerate() {
        sid.push(if at == 0 {
            letter.to_ascii_uppercase()
        } else {
            letter
        });
    }
    for condition in when {
        sid.push_str(match condition {
            When::Ours => "Ours",
            When::Unclaimed => "Unclaimed",
            When::Tagged => "Tagged",
            When::Creating(_) => "Creating",
            When::PassedTo(_) => "Passed",
            When::LinkedTo(_) => "Linked",
            When::OfSecrets => "Secrets",
            When::Via(_) => "Via",
            When::ForResource => "ForService",
        });
    }
    sid
}

impl Statement {
    /// As IAM has it.
    pub fn json(&self, stack: &Stack) -> Value {
        let mut statement = json!({
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": one_or_all(self.actions.iter().cloned().collect()),
            "Resource": one_or_all(self.resources.clone()),
        });
        if !self.when.is_empty() {
            let mut condition: BTreeMap<&str, BTreeMap<String, Value>> = BTreeMap::new();
            for when in &self.when {
                let keys = condition.entry(when.operator()).or_default();
                keys.extend(
                    when.keys(stack)
                        .into_iter()
                        .map(|(key, values)| (key, one_or_all(values))),
                );
            }
            statement["Condition"] = json!(condition);
        }
        statement
    }
}

impl When {
    fn operator(self) -> &'static str {
        match self {
            When::Unclaimed => "StringEqualsIfExists",
            When::ForResource => "Bool",
            When::OfSecrets => "StringLike",
            _ => "StringEquals",
        }
    }

    /// The condition's keys, and the values of which each must be one.
    pub fn keys(self, stack: &Stack) -> Vec<(String, Vec<String>)> {
        let tags = |key: &str| {
            [
                (TAG_STACK, &stack.name),
                (TAG_ENVIRONMENT, &stack.environment),
            ]
            .map(|(tag, value)| (format!("aws:{key}/{tag}"), vec![value.clone()]))
            .to_vec()
        };
        let one = |key: &str, value: String| vec![(key.to_owned(), vec![value])];
        match self {
            When::Ours | When::Unclaimed => tags("ResourceTag"),
            When::Tagged => tags("RequestTag"),
            When::Creating(operations) => {
                let operations = operations.iter().map(|name| (*name).to_owned());
                vec![("ec2:CreateAction".to_owned(), operations.collect())]
            }
            When::PassedTo(service) => one("iam:PassedToService", service.to_owned()),
            When::LinkedTo(service) => one("iam:AWSServiceName", service.to_owned()),
            When::OfSecrets => one(
                "kms:EncryptionContext:SecretARN",
                stack.arn("secretsmanager", &format!("secret:{}/*", stack.prefix())),
            ),
            When::Via(service) => {
                let suffix = match stack.partition() {
                    "aws-cn" => "amazonaws.com.cn",
                    _ => "amazonaws.com",
                };
                one(
                    "kms:ViaService",
                    format!("{service}.{}.{suffix}", stack.region),
                )
            }
            When::ForResource => one("kms:GrantIsForAWSResource", "true".to_owned()),
        }
    }
}

/// A list of one is written as the one.
fn one_or_all(mut values: Vec<String>) -> Value {
    match values.len() {
        1 => json!(values.remove(0)),
        _ => json!(values),
    }
}
