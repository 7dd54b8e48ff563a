//! A rule on a schedule, with all that it invokes: every target of our rule is ours.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::types::{self, RuleState, Tag};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::targets::{self, Target};
use super::{NOT_FOUND, rule_arn, settled};
use crate::aws::{During, Optional, Reader};
use crate::error::{Error, Result};
use crate::object::{Attributes, Id, attributes};
use crate::permissions::{ALL, Calls, allow};
use crate::resources::lambda::permission::SCHEDULE;
use crate::resources::{Cx, Found, Resource, Scope};
use crate::stack::Tags;

/// The rule that has the migrator look after partitions and roll-ups.
pub const MAINTENANCE: &str = "maintenance";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventRule {
    pub description: String,
    pub schedule: String,
    /// Events that set it off beside the schedule: none.
    pub event_pattern: Option<String>,
    pub state: String,
    /// By their ids within the rule.
    pub targets: BTreeMap<String, Target>,
    pub tags: Tags,
}

impl Resource for EventRule {
    const KIND: &'static str = "event-rule";
    const NEEDS: &'static [&'static str] = &["function-alias", "function-permission", "schema"];
    const CALLS: Calls = Calls {
        find: &[
            allow(&["events:ListRules"], ALL),
            allow(
                &["events:ListTagsForResource", "events:ListTargetsByRule"],
                &["events:rule/{stack}-*"],
            ),
        ],
        create: &[allow(
            &["events:PutRule", "events:PutTargets", "events:TagResource"],
            &["events:rule/{stack}-*"],
        )],
        update: &[allow(
            &[
                "events:PutRule",
                "events:PutTargets",
                "events:RemoveTargets",
                "events:TagResource",
            ],
            &["events:rule/{stack}-*"],
        )],
        delete: &[allow(
            &["events:DeleteRule", "events:RemoveTargets"],
            &["events:rule/{stack}-*"],
        )],
    };

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let migrator = Target::of(
            "${function-alias/migrator.arn}",
            &json!({"action": "maintain"}),
        );
        let rule = Self {
            description: "Keeps the logs' partitions and roll-ups up to date".to_owned(),
            schedule: "rate(1 hour)".to_owned(),
            event_pattern: None,
            state: RuleState::Enabled.as_str().to_owned(),
            targets: BTreeMap::from([("migrator".to_owned(), migrator)]),
            tags: scope.tags(Self::KIND, MAINTENANCE),
        };
        vec![(MAINTENANCE.to_owned(), rule)]
    }

    /// So that its first call is let in, and finds the tables.
    fn after(_name: &str) -> Vec<Id> {
        vec![
            Id::new("function-permission", SCHEDULE),
            Id::new("schema", "main"),
        ]
    }

    /// Another stack's prefix may begin with ours, so the tags decide whose a rule is.
    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let mut rules = Vec::new();
        let mut next = None;
        loop {
            let call = reader.aws.events.list_rules();
            let call = call.name_prefix(reader.stack.name("")).set_next_token(next);
            let page = call.send().await.during("ListRules", "the account")?;
            rules.extend(page.rules.unwrap_or_default());
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                break;
            }
        }
        let found = try_join_all(rules.into_iter().map(|rule| read(reader, rule))).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        self.put(cx, Some(self.event_tags()?)).await?;
        targets::put(cx, &self.targets).await?;
        let (name, arn) = (cx.stack.name(&cx.id.name), rule_arn(cx.stack, &cx.id.name));
        Ok(attributes([("id", &name), ("arn", &arn)]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        changed: &[String],
    ) -> Result<Attributes> {
        let beside = ["tags", "targets"];
        if changed
            .iter()
            .any(|field| !beside.contains(&field.as_str()))
        {
            // An existing rule's tags have a call of their own.
            self.put(cx, None).await?;
        }
        if changed.iter().any(|field| field == "targets") {
            targets::put(cx, &self.targets).await?;
            let extra = found.value.targets.keys();
            let extra = extra.filter(|id| !self.targets.contains_key(*id));
            targets::remove(cx, extra).await?;
        }
        if changed.iter().any(|field| field == "tags") {
            let call = cx.aws.events.tag_resource();
            let call = call.resource_arn(found.attribute("arn"));
            let call = call.set_tags(Some(self.event_tags()?));
            settled(cx, || async {
                call.clone().send().await.during("TagResource", cx.id)
            })
            .await?;
        }
        Ok(found.attributes.clone())
    }

    /// EventBridge lets go of a rule only when it has no targets.
    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        targets::remove(cx, found.value.targets.keys()).await?;
        let call = cx.aws.events.delete_rule().name(found.aws_id());
        settled(cx, || async {
            call.clone().send().await.during("DeleteRule", cx.id)
        })
        .await
        .unless(NOT_FOUND)?;
        Ok(())
    }
}

impl EventRule {
    /// Creates the rule, or gives all its settings to the one that has the name.
    async fn put(&self, cx: &Cx<'_>, tags: Option<Vec<Tag>>) -> Result<()> {
        let call = cx
            .aws
            .events
            .put_rule()
            .name(cx.stack.name(&cx.id.name))
            .description(&self.description)
            .schedule_expression(&self.schedule)
            .state(RuleState::from(self.state.as_str()))
            .set_tags(tags);
        settled(cx, || async {
            call.clone().send().await.during("PutRule", cx.id)
        })
        .await?;
        Ok(())
    }

    fn event_tags(&self) -> Result<Vec<Tag>> {
        self.tags
            .iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect::<Result<_, _>>()
            .map_err(|error| Error::failed("an EventBridge tag cannot be built").because(error))
    }
}

/// The rule with its targets and tags; `None` where it has gone since it was listed.
async fn read(reader: &Reader, rule: types::Rule) -> Result<Option<Found<EventRule>>> {
    let name = rule.name.unwrap_or_default();
    let arn = rule.arn.unwrap_or_default();
    let tags = async {
        let call = reader.aws.events.list_tags_for_resource();
        let answer = call.resource_arn(&arn).send().await;
        answer.during("ListTagsForResource", &arn).unless(NOT_FOUND)
    };
    let (tags, targets) = tokio::try_join!(tags, targets::list(reader, &name))?;
    let (Some(tags), Some(targets)) = (tags, targets) else {
        return Ok(None);
    };
    let tags = tags.tags.unwrap_or_default().into_iter();
    let tags: Tags = tags.map(|tag| (tag.key, tag.value)).collect();
    let logical = reader.stack.logical(&name).unwrap_or_default();
    Ok(Some(Found {
        name: logical.to_owned(),
        attributes: attributes([("id", &name), ("arn", &arn)]),
        owned: reader.stack.owns(&tags),
        value: EventRule {
            description: rule.description.unwrap_or_default(),
            schedule: rule.schedule_expression.unwrap_or_default(),
            event_pattern: rule.event_pattern,
            state: rule
                .state
                .map_or_else(String::new, |state| state.as_str().to_owned()),
            targets,
            tags: reader.stack.relevant(tags),
        },
    }))
}
