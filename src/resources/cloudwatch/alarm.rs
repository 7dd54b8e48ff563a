//! An alarm on one metric, or on a figure made of several.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{ComparisonOperator, MetricAlarm, Statistic, Tag};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::metric::{Metric, Query, dimensions};
use super::watched::alarms;
use crate::aws::{Aws, During, Optional, Reader};
use crate::error::Result;
use crate::object::{Attributes, Id, attributes};
use crate::permissions::{Calls, allow};
use crate::resources::{Cx, Found, Resource, Scope};
use crate::stack::Tags;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    pub description: String,
    pub metric: Option<Metric>,
    /// By id; one of them is the result that the alarm looks at.
    pub queries: BTreeMap<String, Query>,
    pub comparison: String,
    pub threshold: f64,
    pub evaluation_periods: i32,
    pub missing_data: String,
    pub actions_enabled: bool,
    pub actions: Vec<String>,
    pub tags: Tags,
}

impl Resource for Alarm {
    const KIND: &'static str = "alarm";
    const NEEDS: &'static [&'static str] = &["topic"];
    const CALLS: Calls = Calls {
        find: &[
            allow(&["cloudwatch:DescribeAlarms"], &["cloudwatch:alarm:*"]),
            allow(
                &["cloudwatch:ListTagsForResource"],
                &["cloudwatch:alarm:{stack}-*"],
            ),
        ],
        create: &[allow(
            &["cloudwatch:PutMetricAlarm", "cloudwatch:TagResource"],
            &["cloudwatch:alarm:{stack}-*"],
        )],
        update: &[allow(
            &["cloudwatch:PutMetricAlarm", "cloudwatch:TagResource"],
            &["cloudwatch:alarm:{stack}-*"],
        )],
        delete: &[allow(
            &["cloudwatch:DeleteAlarms"],
            &["cloudwatch:alarm:{stack}-*"],
        )],
    };
    const INTERRUPTS: Option<&'static str> = Some("alarms' e-mails");

    /// By its ARN, which stays the same when the topic is made again.
    fn after(_name: &str) -> Vec<Id> {
        vec![Id::new("topic", "alarms")]
    }

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        alarms(scope)
            .into_iter()
            .map(|(name, alarm)| (name.to_owned(), alarm))
            .collect()
    }

    /// Another stack's prefix may begin with ours, so the tags decide whose an alarm is.
    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let mut pages = reader
            .aws
            .cloudwatch
            .describe_alarms()
            .alarm_name_prefix(reader.stack.name(""))
            .into_paginator()
            .send();
        let mut alarms = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.during("DescribeAlarms", "the account")?;
            alarms.extend(page.metric_alarms.unwrap_or_default());
        }
        try_join_all(alarms.into_iter().map(|alarm| found(reader, alarm))).await
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        self.put(cx).await?;
        let name = cx.stack.name(&cx.id.name);
        let arn = cx.stack.arn("cloudwatch", &format!("alarm:{name}"));
        Ok(attributes([("id", &name), ("arn", &arn)]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        changed: &[String],
    ) -> Result<Attributes> {
        if changed.iter().any(|field| field != "tags") {
            self.put(cx).await?;
        }
        if changed.iter().any(|field| field == "tags") {
            cx.aws
                .cloudwatch
                .tag_resource()
                .resource_arn(found.attribute("arn"))
                .set_tags(Some(self.cloudwatch_tags()))
                .send()
                .await
                .during("TagResource", cx.id)?;
        }
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let call = cx
            .aws
            .cloudwatch
            .delete_alarms()
            .alarm_names(found.aws_id());
        call.send()
            .await
            .during("DeleteAlarms", cx.id)
            .unless(&["ResourceNotFound"])?;
        Ok(())
    }
}

impl Alarm {
    /// Creates the alarm, or gives all its settings to the one that has the name.
    async fn put(&self, cx: &Cx<'_>) -> Result<()> {
        let mut call = cx
            .aws
            .cloudwatch
            .put_metric_alarm()
            .alarm_name(cx.stack.name(&cx.id.name))
            .alarm_description(&self.description)
            .comparison_operator(ComparisonOperator::from(self.comparison.as_str()))
            .threshold(self.threshold)
            .evaluation_periods(self.evaluation_periods)
            .treat_missing_data(&self.missing_data)
            .actions_enabled(self.actions_enabled)
            .set_alarm_actions(Some(self.actions.clone()))
            .set_tags(Some(self.cloudwatch_tags()));
        for (id, query) in &self.queries {
            call = call.metrics(query.to_sdk(id));
        }
        if let Some(metric) = &self.metric {
            call = call
                .namespace(&metric.namespace)
                .metric_name(&metric.name)
                .period(metric.period)
                .set_dimensions(Some(metric.sdk_dimensions()));
            call = if metric.is_percentile() {
                call.extended_statistic(&metric.statistic)
            } else {
                call.statistic(Statistic::from(metric.statistic.as_str()))
            };
        }
        call.send().await.during("PutMetricAlarm", cx.id)?;
        Ok(())
    }

    fn cloudwatch_tags(&self) -> Vec<Tag> {
        self.tags
            .iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect()
    }
}

async fn found(reader: &Reader, alarm: MetricAlarm) -> Result<Found<Alarm>> {
    let name = alarm.alarm_name.clone().unwrap_or_default();
    let arn = alarm.alarm_arn.clone().unwrap_or_default();
    let tags = tags(&reader.aws, &arn).await?;
    Ok(Found {
        name: reader.stack.logical(&name).unwrap_or_default().to_owned(),
        attributes: attributes([("id", &name), ("arn", &arn)]),
        owned: reader.stack.owns(&tags),
        value: observed(alarm, reader.stack.relevant(tags)),
    })
}

fn observed(alarm: MetricAlarm, tags: Tags) -> Alarm {
    let statistic = alarm.extended_statistic.or_else(|| {
        alarm
            .statistic
            .map(|statistic| statistic.as_str().to_owned())
    });
    let mut actions = alarm.alarm_actions.unwrap_or_default();
    actions.sort();
    Alarm {
        description: alarm.alarm_description.unwrap_or_default(),
        // One on a figure made of several has none, or an empty name.
        metric: alarm
            .metric_name
            .filter(|name| !name.is_empty())
            .map(|name| Metric {
                namespace: alarm.namespace.unwrap_or_default(),
                name,
                statistic: statistic.unwrap_or_default(),
                period: alarm.period.unwrap_or_default(),
                dimensions: dimensions(alarm.dimensions),
            }),
        queries: alarm
            .metrics
            .unwrap_or_default()
            .into_iter()
            .map(|query| (query.id.clone().unwrap_or_default(), Query::from_sdk(query)))
            .collect(),
        comparison: alarm
            .comparison_operator
            .map_or_else(String::new, |operator| operator.as_str().to_owned()),
        threshold: alarm.threshold.unwrap_or_default(),
        evaluation_periods: alarm.evaluation_periods.unwrap_or_default(),
        missing_data: alarm.treat_missing_data.unwrap_or_default(),
        actions_enabled: alarm.actions_enabled.unwrap_or_default(),
        actions,
        tags,
    }
}

async fn tags(aws: &Aws, arn: &str) -> Result<Tags> {
    let call = aws.cloudwatch.list_tags_for_resource().resource_arn(arn);
    let answer = call.send().await.during("ListTagsForResource", arn)?;
    Ok(answer
        .tags
        .unwrap_or_default()
        .into_iter()
        .filter_map(|tag| Some((tag.key?, tag.value?)))
        .collect())
}
