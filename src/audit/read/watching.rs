//! Logs, alarms, and who hears of them.

use std::collections::BTreeSet;

use aws_sdk_cloudwatch::types::MetricAlarm;
use futures::future::try_join_all;
use serde_json::Value;

use crate::audit::facts::{Alarm, Database, Firewall, Function, Gateway, LogGroup, Read, Topic};
use crate::aws::{Aws, During, Optional};
use crate::error::Result;
use crate::resources::iam::policy::parse;

/// The account's alarms, and its topics.
pub async fn watching(aws: &Aws) -> (Read<Vec<Alarm>>, Read<Vec<String>>) {
    let alarms = async {
        let pages = aws.cloudwatch.describe_alarms().into_paginator().send();
        let pages = pages
            .collect::<Result<Vec<_>, _>>()
            .await
            .during("DescribeAlarms", "the account")?;
        let alarms = pages
            .into_iter()
            .flat_map(|page| page.metric_alarms.unwrap_or_default());
        Ok(alarms.map(alarm).collect())
    };
    let topics = async {
        let pages = aws.sns.list_topics().into_paginator().items().send();
        let topics = pages
            .collect::<Result<Vec<_>, _>>()
            .await
            .during("ListTopics", "the account")?;
        Ok(topics
            .into_iter()
            .filter_map(|topic| topic.topic_arn)
            .collect())
    };
    let (alarms, topics) = tokio::join!(alarms, topics);
    (Read::of(alarms), Read::of(topics))
}

fn alarm(alarm: MetricAlarm) -> Alarm {
    let mut metrics = Vec::new();
    let mut about = BTreeSet::new();
    let mut take = |namespace: Option<&str>,
                    name: Option<&str>,
                    dimensions: &[aws_sdk_cloudwatch::types::Dimension]| {
        if let (Some(namespace), Some(name)) = (namespace, name) {
            metrics.push(format!("{namespace} {name}"));
        }
        about.extend(dimensions.iter().filter_map(|one| one.value.clone()));
    };
    take(alarm.namespace(), alarm.metric_name(), alarm.dimensions());
    for query in alarm.metrics() {
        if let Some(metric) = query.metric_stat().and_then(|stat| stat.metric()) {
            take(
                metric.namespace(),
                metric.metric_name(),
                metric.dimensions(),
            );
        }
    }
    Alarm {
        metrics,
        about,
        threshold: alarm.threshold.unwrap_or_default(),
        enabled: alarm.actions_enabled.unwrap_or(true),
        actions: alarm.alarm_actions.unwrap_or_default(),
        name: alarm.alarm_name.unwrap_or_default(),
    }
}

/// The alarms that are about what was looked at.
pub fn of_stack(
    alarms: Read<Vec<Alarm>>,
    gateway: Option<&Gateway>,
    functions: &[Function],
    databases: Option<&Vec<Database>>,
) -> Read<Vec<Alarm>> {
    let alarms = match alarms {
        Read::Known(alarms) => alarms,
        Read::Absent => return Read::Absent,
        Read::Unread(why) => return Read::Unread(why),
    };
    let mut names: BTreeSet<&str> = functions
        .iter()
        .map(|function| function.name.as_str())
        .collect();
    names.extend(gateway.map(|gateway| gateway.name.as_str()));
    names.extend(
        databases
            .into_iter()
            .flatten()
            .map(|database| database.id.as_str()),
    );
    // Where it is not known what an alarm is about, its name still tells.
    let ours = |alarm: &Alarm| {
        let about = &alarm.about;
        about.iter().any(|value| names.contains(value.as_str()))
            || (about.is_empty() && names.iter().any(|name| alarm.name.starts_with(name)))
    };
    Read::Known(alarms.into_iter().filter(ours).collect())
}

/// Those that the alarms tell; all where it is not known what they tell.
pub async fn topics(
    aws: &Aws,
    all: Read<Vec<String>>,
    alarms: Option<&Vec<Alarm>>,
) -> Read<Vec<Topic>> {
    let all = match all {
        Read::Known(all) => all,
        Read::Absent => return Read::Absent,
        Read::Unread(why) => return Read::Unread(why),
    };
    let told: BTreeSet<&String> = alarms
        .into_iter()
        .flatten()
        .flat_map(|alarm| &alarm.actions)
        .collect();
    let ours = all
        .iter()
        .filter(|arn| told.is_empty() || told.contains(arn));
    let reads: Vec<_> = ours.map(|arn| topic(aws, arn)).collect();
    Read::of(
        try_join_all(reads)
            .await
            .map(|topics| topics.into_iter().flatten().collect()),
    )
}

async fn topic(aws: &Aws, arn: &str) -> Result<Option<Topic>> {
    let answer = aws.sns.get_topic_attributes().topic_arn(arn).send().await;
    let answer = answer
        .during("GetTopicAttributes", arn)
        .unless(&["NotFound", "NotFoundException"])?;
    let Some(fields) = answer.and_then(|answer| answer.attributes) else {
        return Ok(None);
    };
    let pages = aws
        .sns
        .list_subscriptions_by_topic()
        .topic_arn(arn)
        .into_paginator()
        .items()
        .send();
    let subscriptions = pages
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("ListSubscriptionsByTopic", arn)?;
    let confirmed = subscriptions
        .iter()
        .filter(|one| {
            one.subscription_arn()
                .is_some_and(|arn| arn.starts_with("arn:"))
        })
        .count();
    Ok(Some(Topic {
        arn: arn.to_owned(),
        kms_key: fields
            .get("KmsMasterKeyId")
            .filter(|key| !key.is_empty())
            .cloned(),
        policy: fields.get("Policy").map_or(Value::Null, |text| parse(text)),
        confirmed,
        pending: subscriptions.len() - confirmed,
    }))
}

/// Where everything that was looked at writes its logs.
pub fn group_names(
    gateway: Option<&Gateway>,
    functions: &[Function],
    firewalls: Option<&Vec<Firewall>>,
) -> BTreeSet<String> {
    let name = |arn: &str| {
        let name = arn.split(":log-group:").nth(1)?;
        Some(name.trim_end_matches(":*").to_owned())
    };
    let mut names: BTreeSet<String> = functions
        .iter()
        .map(|function| function.log_group.clone())
        .collect();
    for stage in gateway.into_iter().flat_map(|gateway| &gateway.stages) {
        names.extend(stage.access_log.as_ref().and_then(|(arn, _)| name(arn)));
        if let Some(gateway) = gateway.filter(|_| stage.log_level != "OFF") {
            names.insert(format!(
                "API-Gateway-Execution-Logs_{}/{}",
                gateway.id, stage.name
            ));
        }
    }
    for acl in firewalls
        .into_iter()
        .flatten()
        .filter_map(|wall| wall.acl.as_ref())
    {
        let logging = acl.logging.known().into_iter();
        names.extend(
            logging
                .flat_map(|logging| &logging.destinations)
                .filter_map(|arn| name(arn)),
        );
    }
    names.retain(|name| !name.is_empty());
    names
}

pub async fn log_groups(aws: &Aws, names: &BTreeSet<String>) -> Read<Vec<LogGroup>> {
    let reads = names.iter().map(|name| async move {
        let call = aws.logs.describe_log_groups().log_group_name_prefix(name);
        let pages = call.into_paginator().items().send();
        let groups = pages
            .collect::<Result<Vec<_>, _>>()
            .await
            .during("DescribeLogGroups", name)?;
        let found = groups
            .into_iter()
            .find(|group| group.log_group_name.as_ref() == Some(name));
        Ok(LogGroup {
            name: name.clone(),
            exists: found.is_some(),
            retention: found.as_ref().and_then(|group| group.retention_in_days),
            kms_key: found.and_then(|group| group.kms_key_id),
        })
    });
    let groups = Read::of(try_join_all(reads).await);
    match groups {
        Read::Known(groups) if groups.is_empty() => Read::Absent,
        other => other,
    }
}
