//! What is counted in a log: each line that a pattern fits, in a metric that an alarm looks at.

use aws_sdk_cloudwatchlogs::types::{MetricFilter as Described, MetricTransformation};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::log_group::{LogGroup, NOT_FOUND};
use super::{access_group, trail_group};
use crate::aws::{During, Optional, Reader};
use crate::error::{Error, Result};
use crate::object::{Attributes, Id, attributes};
use crate::permissions::{Calls, allow};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};
use crate::stack::Stack;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricFilter {
    pub log_group: String,
    pub pattern: String,
    /// What each line that fits adds to: one metric.
    pub namespace: String,
    pub metric: String,
    pub value: String,
}

/// Logical name and pattern of what is counted in the trail.
///
/// The patterns are those that the CIS benchmark for AWS asks for, so that scanners know them.
const OF_TRAIL: [(&str, &str); 3] = [
    (
        "unauthorised-calls",
        "{($.errorCode = \"*UnauthorizedOperation\") || ($.errorCode = \"AccessDenied*\")}",
    ),
    (
        "key-deletions",
        "{($.eventSource = kms.amazonaws.com) && (($.eventName = DisableKey) || ($.eventName = ScheduleKeyDeletion))}",
    ),
    (
        "trail-changes",
        "{($.eventName = CreateTrail) || ($.eventName = UpdateTrail) || ($.eventName = DeleteTrail) || ($.eventName = StartLogging) || ($.eventName = StopLogging)}",
    ),
];

/// API Gateway counts throttled requests among all that were refused; its access log tells them.
const OF_ACCESS: (&str, &str) = ("api-throttles", "{$.status = \"429\"}");

/// The logical name of the group that a filter reads.
fn group(name: &str) -> &'static str {
    match name {
        "api-throttles" => "api-access",
        _ => "trail",
    }
}

/// The namespace of the stack's own metrics.
pub fn namespace(stack: &Stack) -> String {
    format!("wmctl/{}", stack.prefix())
}

/// The logical names of what infra.toml has counted.
pub fn counted(scope: &Scope) -> Vec<&'static str> {
    let mut names = Vec::new();
    if scope.config.audit.cloudtrail {
        names.extend(OF_TRAIL.map(|(name, _)| name));
    }
    if scope.config.api.access_logs {
        names.push(OF_ACCESS.0);
    }
    names
}

impl Resource for MetricFilter {
    const KIND: &'static str = "metric-filter";
    const NEEDS: &'static [&'static str] = &["log-group"];
    const CALLS: Calls = Calls {
        find: &[allow(&["logs:DescribeMetricFilters"], super::GROUPS)],
        create: &[allow(&["logs:PutMetricFilter"], super::GROUPS)],
        update: &[allow(&["logs:PutMetricFilter"], super::GROUPS)],
        delete: &[allow(&["logs:DeleteMetricFilter"], super::GROUPS)],
    };
    const INTERRUPTS: Option<&'static str> = Some("an alarm's figures");

    /// By its name, which outlives the group.
    fn after(name: &str) -> Vec<Id> {
        vec![Id::new(LogGroup::KIND, group(name))]
    }

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let counted = counted(scope);
        let all = OF_TRAIL.into_iter().chain([OF_ACCESS]);
        all.filter(|(name, _)| counted.contains(name))
            .map(|(name, pattern)| {
                let filter = Self {
                    log_group: match group(name) {
                        "trail" => trail_group(scope.stack),
                        _ => access_group(scope.stack),
                    },
                    pattern: pattern.to_owned(),
                    namespace: namespace(scope.stack),
                    metric: name.to_owned(),
                    value: "1".to_owned(),
                };
                (name.to_owned(), filter)
            })
            .collect()
    }

    /// A filter has no tags: it is ours by its name, in a group of ours.
    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let groups = [trail_group, access_group].map(|group| async move {
            let group = group(&reader.stack);
            let call = reader.aws.logs.describe_metric_filters();
            let call = call.log_group_name(&group);
            let call = call.filter_name_prefix(reader.stack.name(""));
            let pages = call.into_paginator().items().send();
            let filters = pages.collect::<std::result::Result<Vec<_>, _>>().await;
            let filters = filters.during("DescribeMetricFilters", &group);
            let filters = filters.unless(NOT_FOUND)?.unwrap_or_default().into_iter();
            let found = filters.filter_map(|filter| found(&reader.stack, &group, filter));
            Ok::<_, Error>(found.collect::<Vec<_>>())
        });
        Ok(try_join_all(groups).await?.into_iter().flatten().collect())
    }

    /// A name is unique in its group.
    fn on_change(field: &str) -> OnChange {
        match field {
            "log_group" => OnChange::Replace,
            _ => OnChange::InPlace,
        }
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let to = MetricTransformation::builder()
            .metric_namespace(&self.namespace)
            .metric_name(&self.metric)
            .metric_value(&self.value)
            .build()
            .map_err(|error| {
                Error::failed(format!("{}: the metric is incomplete", cx.id)).because(error)
            })?;
        let name = cx.stack.name(&cx.id.name);
        let call = cx.aws.logs.put_metric_filter();
        call.log_group_name(&self.log_group)
            .filter_name(&name)
            .filter_pattern(&self.pattern)
            .metric_transformations(to)
            .send()
            .await
            .during("PutMetricFilter", cx.id)?;
        Ok(attributes([("id", &name)]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        _found: &Found<Self>,
        _changed: &[String],
    ) -> Result<Attributes> {
        self.create(cx).await
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let call = cx.aws.logs.delete_metric_filter();
        let call = call.log_group_name(&found.value.log_group);
        let answer = call.filter_name(found.aws_id()).send().await;
        answer
            .during("DeleteMetricFilter", cx.id)
            .unless(NOT_FOUND)?;
        Ok(())
    }
}

fn found(stack: &Stack, group: &str, filter: Described) -> Option<Found<MetricFilter>> {
    let name = filter.filter_name.unwrap_or_default();
    let logical = stack.logical(&name)?.to_owned();
    let to = filter
        .metric_transformations
        .unwrap_or_default()
        .into_iter()
        .next();
    let (namespace, metric, value) = to
        .map(|to| (to.metric_namespace, to.metric_name, to.metric_value))
        .unwrap_or_default();
    let value = MetricFilter {
        log_group: group.to_owned(),
        pattern: filter.filter_pattern.unwrap_or_default(),
        namespace,
        metric,
        value,
    };
    Some(Found::owned(logical, attributes([("id", &name)]), value))
}
