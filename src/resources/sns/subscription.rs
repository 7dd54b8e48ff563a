//! Who hears of alarms. The topic is the stack's, and so are all who listen to it.

use serde::{Deserialize, Serialize};

use super::topic::NOT_FOUND;
use super::topic_arn;
use crate::aws::{During, Optional, Reader};
use crate::error::Result;
use crate::object::{Attributes, attributes};
use crate::permissions::{ALL, Calls, allow};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};

/// What stands for a subscription's ARN until its address has confirmed it.
const PENDING: &str = "PendingConfirmation";

/// Named by its protocol, so that another address of the same protocol supersedes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subscription {
    pub topic: String,
    pub protocol: String,
    pub endpoint: String,
}

impl Resource for Subscription {
    const KIND: &'static str = "topic-subscription";
    const NEEDS: &'static [&'static str] = &["topic"];
    const CALLS: Calls = Calls {
        find: &[allow(&["sns:ListSubscriptionsByTopic"], &["sns:{stack}"])],
        create: &[allow(&["sns:Subscribe"], &["sns:{stack}"])],
        update: &[],
        delete: &[allow(&["sns:Unsubscribe"], ALL)],
    };
    const INTERRUPTS: Option<&'static str> = Some("alarms' e-mails");
    const SUPERSEDED: bool = true;

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let address = scope.config.alarms.email.as_ref();
        let subscription = address.map(|address| Self {
            topic: "${topic/alarms}".to_owned(),
            protocol: "email".to_owned(),
            endpoint: address.clone(),
        });
        subscription
            .map(|subscription| ("email".to_owned(), subscription))
            .into_iter()
            .collect()
    }

    /// With those that nobody has confirmed yet: that is up to the address, and no drift.
    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let topic = topic_arn(&reader.stack);
        let mut subscriptions = reader
            .aws
            .sns
            .list_subscriptions_by_topic()
            .topic_arn(&topic)
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while let Some(subscription) = subscriptions.next().await {
            let subscription = subscription
                .during("ListSubscriptionsByTopic", &topic)
                .unless(NOT_FOUND)?;
            let Some(subscription) = subscription else {
                break;
            };
            let arn = subscription.subscription_arn.unwrap_or_default();
            let value = Self {
                topic: topic.clone(),
                protocol: subscription.protocol.unwrap_or_default(),
                endpoint: subscription.endpoint.unwrap_or_default(),
            };
            found.push(Found::owned(
                value.protocol.clone(),
                attributes([("id", &arn)]),
                value,
            ));
        }
        Ok(found)
    }

    fn on_change(_field: &str) -> OnChange {
        OnChange::Supersede
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        cx.aws
            .sns
            .subscribe()
            .topic_arn(&self.topic)
            .protocol(&self.protocol)
            .endpoint(&self.endpoint)
            .send()
            .await
            .during("Subscribe", cx.id)?;
        cx.events.note(format!(
            "{}: alarms reach {} once the link in the mail that it gets now is followed",
            cx.id, self.endpoint
        ));
        Ok(attributes([("id", PENDING)]))
    }

    /// Nothing of a subscription changes in place.
    async fn update(&self, _: &Cx<'_>, found: &Found<Self>, _: &[String]) -> Result<Attributes> {
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        if found.aws_id() == PENDING {
            // SNS does not let go of it before, except with the whole topic.
            cx.events.note(format!(
                "{}: {} has not confirmed, and lapses by itself within three days",
                cx.id, found.value.endpoint
            ));
            return Ok(());
        }
        let call = cx.aws.sns.unsubscribe().subscription_arn(found.aws_id());
        call.send()
            .await
            .during("Unsubscribe", cx.id)
            .unless(NOT_FOUND)?;
        Ok(())
    }
}
