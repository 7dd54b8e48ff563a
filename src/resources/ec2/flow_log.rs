//! The record of who talked to whom in the VPC, and of who was refused.

use std::time::Duration;

use aws_sdk_ec2::types::{
    FlowLog as Ec2FlowLog, FlowLogsResourceType, LogDestinationType, ResourceType, TrafficType,
    UnsuccessfulItem,
};
use serde::{Deserialize, Serialize};

use super::{existing, owned, owned_by, specification, tag};
use crate::aws::patience::patiently;
use crate::aws::{During, Failure, Reader};
use crate::error::{Error, Result};
use crate::object::{Attributes, Id, attributes};
use crate::permissions::{ALL, Calls, When, allow};
use crate::resources::iam::role::{self, Role};
use crate::resources::logs::flow_group;
use crate::resources::logs::log_group::LogGroup;
use crate::resources::{Cx, Found, OnChange, Resource, Scope};
use crate::stack::Tags;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlowLog {
    pub vpc: String,
    /// `ALL`: what was let through, and what was not.
    pub traffic: String,
    pub log_group: String,
    /// ARN of the role that writes to the group.
    pub role: String,
    /// What is told together at most, in seconds.
    pub interval_s: i32,
    pub tags: Tags,
}

impl Resource for FlowLog {
    const KIND: &'static str = "flow-log";
    const NEEDS: &'static [&'static str] = &["vpc", "log-group", "iam-role"];
    const CALLS: Calls = Calls {
        find: &[allow(&["ec2:DescribeFlowLogs"], ALL)],
        create: &[
            allow(&["ec2:CreateFlowLogs"], &["ec2:vpc-flow-log/*"]).tagged(),
            allow(&["ec2:CreateFlowLogs"], &["ec2:vpc/*"]).ours(),
            super::TAG_NEW,
            allow(
                &["iam:PassRole"],
                &["iam:role/wmctl/{stack}/{stack}-flow-logs"],
            )
            .when(&[When::PassedTo("vpc-flow-logs.amazonaws.com")]),
        ],
        update: &[super::TAG],
        delete: &[allow(&["ec2:DeleteFlowLogs"], &["ec2:vpc-flow-log/*"]).ours()],
    };
    const SUPERSEDED: bool = true;

    /// By names that outlive them.
    fn after(_name: &str) -> Vec<Id> {
        vec![
            Id::new(LogGroup::KIND, "flow-logs"),
            Id::new(Role::KIND, "flow-logs"),
        ]
    }

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        if !scope.config.network.flow_logs {
            return Vec::new();
        }
        let own = Self {
            vpc: "${vpc/main}".to_owned(),
            traffic: TrafficType::All.as_str().to_owned(),
            log_group: flow_group(scope.stack),
            role: role::arn(scope.stack, "flow-logs"),
            interval_s: 600,
            tags: scope.tags(Self::KIND, "main"),
        };
        existing::own(scope, vec![("main".to_owned(), own)])
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let call = reader.aws.ec2.describe_flow_logs();
        let call = call.set_filter(Some(owned_by(&reader.stack)));
        let pages = call.into_paginator().items().send();
        let logs = pages.collect::<Result<Vec<_>, _>>().await;
        let logs = logs.during("DescribeFlowLogs", "the account")?.into_iter();
        Ok(logs.filter_map(|log| found(reader, log)).collect())
    }

    /// EC2 never changes one, and refuses a second that differs from the first in little.
    fn on_change(field: &str) -> OnChange {
        match field {
            "tags" => OnChange::InPlace,
            "vpc" | "log_group" => OnChange::Supersede,
            _ => OnChange::Replace,
        }
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let mut call = cx
            .aws
            .ec2
            .create_flow_logs()
            .resource_type(FlowLogsResourceType::Vpc)
            .resource_ids(&self.vpc)
            .traffic_type(TrafficType::from(self.traffic.as_str()))
            .log_destination_type(LogDestinationType::CloudWatchLogs)
            .log_group_name(&self.log_group)
            .deliver_logs_permission_arn(&self.role)
            .max_aggregation_interval(self.interval_s)
            .tag_specifications(specification(ResourceType::VpcFlowLog, &self.tags));
        if cx.aws.emulator.is_some() {
            // Not all of them know this type by EC2's name for it. Tagged by a call of its own, one
            // that a run was stopped at would be nobody's.
            let theirs = ResourceType::from("flow-log");
            call = call.tag_specifications(specification(theirs, &self.tags));
        }
        let made = patiently(
            cx.events,
            cx.id,
            "the new role to be known everywhere",
            Duration::from_mins(3),
            time_heals,
            || async {
                let answer = call.clone().send().await.during("CreateFlowLogs", cx.id)?;
                refused(cx, "CreateFlowLogs", answer.unsuccessful)?;
                Ok(answer.flow_log_ids.unwrap_or_default().pop())
            },
        )
        .await?;
        Ok(attributes([("id", &made.unwrap_or_default())]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        _changed: &[String],
    ) -> Result<Attributes> {
        tag(cx, found.aws_id(), &self.tags).await?;
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let call = cx.aws.ec2.delete_flow_logs();
        let answer = call.flow_log_ids(found.aws_id()).send().await;
        let answer = answer.during("DeleteFlowLogs", cx.id);
        let answer = answer.and_then(|answer| refused(cx, "DeleteFlowLogs", answer.unsuccessful));
        match answer {
            Err(error) if error.code() == Some("InvalidFlowLogId.NotFound") => Ok(()),
            other => other,
        }
    }
}

fn found(reader: &Reader, log: Ec2FlowLog) -> Option<Found<FlowLog>> {
    let traffic = log.traffic_type.as_ref();
    let (id, tags) = (log.flow_log_id.as_deref(), log.tags.as_deref());
    owned(reader, id, tags, |tags| FlowLog {
        vpc: log.resource_id.unwrap_or_default(),
        traffic: traffic.map_or_else(String::new, |traffic| traffic.as_str().to_owned()),
        log_group: log.log_group_name.unwrap_or_default(),
        role: log.deliver_logs_permission_arn.unwrap_or_default(),
        interval_s: log.max_aggregation_interval.unwrap_or_default(),
        tags,
    })
}

/// EC2 answers these calls with success, and tells in it what it did not do.
fn refused(cx: &Cx<'_>, operation: &str, items: Option<Vec<UnsuccessfulItem>>) -> Result<()> {
    let item = items.unwrap_or_default().pop();
    let Some(error) = item.and_then(|item| item.error) else {
        return Ok(());
    };
    let code = error.code.unwrap_or_default();
    let message = error.message.unwrap_or_default();
    let mut refusal = Error::failed(format!(
        "{operation} refused for {}: {code}: {message}",
        cx.id
    ));
    refusal.aws = Some(Box::new(Failure {
        operation: operation.to_owned(),
        code,
        message,
        request_id: None,
    }));
    Err(refusal)
}

/// A new role is unknown to the service for some seconds.
fn time_heals(error: &Error) -> bool {
    let of_role = ["unable to assume given iam role", "access denied"];
    of_role.iter().any(|text| {
        error
            .aws
            .as_ref()
            .is_some_and(|failure| failure.message.to_lowercase().contains(text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::scripted::{Scene, Script};
    use crate::resources::sample;

    const ROLE: &str = "Unable to assume given IAM role";

    fn wanted() -> FlowLog {
        sample::wanted::<FlowLog>("", &[]).remove(0).1
    }

    fn made(unsuccessful: &str) -> String {
        format!(
            "<CreateFlowLogsResponse><flowLogIdSet><item>fl-1</item></flowLogIdSet>\
             <unsuccessful>{unsuccessful}</unsuccessful></CreateFlowLogsResponse>"
        )
    }

    fn item(code: &str, message: &str) -> String {
        format!(
            "<item><resourceId>vpc-1</resourceId><error><code>{code}</code>\
             <message>{message}</message></error></item>"
        )
    }

    #[tokio::test]
    async fn a_role_that_is_not_known_yet_is_waited_for() {
        let script = Script::new()
            .refuse("CreateFlowLogs", 400, "InvalidParameter", ROLE)
            .answer(
                "CreateFlowLogs",
                made(&item("400", "Access Denied for LogDestination")),
            )
            .answer("CreateFlowLogs", made(""));
        let scene = Scene::new("flow-log/main", script);
        let attributes = wanted().create(&scene.cx()).await.unwrap();
        assert_eq!(attributes["id"], "fl-1");
        assert_eq!(scene.script.calls(), ["CreateFlowLogs"; 3]);
    }

    #[tokio::test]
    async fn what_a_success_tells_in_small_print_is_an_error() {
        let says = item("FlowLogAlreadyExists", "There is an existing Flow Log");
        let script = Script::new().answer("CreateFlowLogs", made(&says));
        let scene = Scene::new("flow-log/main", script);
        let error = wanted().create(&scene.cx()).await.unwrap_err();
        assert!(
            error
                .message
                .contains("refused for flow-log/main: FlowLogAlreadyExists"),
            "{}",
            error.message
        );
    }

    #[tokio::test]
    async fn one_that_is_gone_already_is_deleted() {
        let gone = item("InvalidFlowLogId.NotFound", "fl-1 does not exist");
        let body = format!(
            "<DeleteFlowLogsResponse><unsuccessful>{gone}</unsuccessful></DeleteFlowLogsResponse>"
        );
        let scene = Scene::new(
            "flow-log/main",
            Script::new().answer("DeleteFlowLogs", body),
        );
        let found = Found::owned("main", attributes([("id", "fl-1")]), wanted());
        FlowLog::delete(&scene.cx(), &found).await.unwrap();
    }

    #[test]
    fn it_can_be_left_out_and_is_not_put_on_anothers_vpc() {
        assert!(sample::wanted::<FlowLog>("[network]\nflow_logs = false", &[]).is_empty());
        let theirs = "[network]\nvpc_id = \"vpc-0a1b2c3d\"\nsubnet_ids = [\"subnet-0a1b2c3d\", \"subnet-0a1b2c3e\"]";
        assert!(sample::wanted::<FlowLog>(theirs, &[]).is_empty());
    }
}
