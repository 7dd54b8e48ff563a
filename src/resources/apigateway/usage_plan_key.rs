//! Which keys the plan admits.

use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::{NOT_FOUND, listed, plans, write};
use crate::aws::{During, Optional, Reader};
use crate::error::{Error, Result};
use crate::object::{Attributes, attributes};
use crate::resources::{Cx, Found, Resource, Scope};
use crate::stack::Stack;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsagePlanKey {
    pub plan: String,
    pub key: String,
}

impl Resource for UsagePlanKey {
    const KIND: &'static str = "usage-plan-key";
    const NEEDS: &'static [&'static str] = &["usage-plan", "api-key"];
    /// The old key and the new one, where one is taking the other's place.
    const SUPERSEDED: Option<usize> = Some(0);

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let keys = scope.config.api.keys.iter();
        keys.map(|key| {
            let wanted = Self {
                plan: "${usage-plan/main}".to_owned(),
                key: format!("${{api-key/{}}}", key.name),
            };
            (key.name.clone(), wanted)
        })
        .collect()
    }

    async fn find(reader: &Reader<'_>) -> Result<Vec<Found<Self>>> {
        let ids = plans(reader)
            .await?
            .into_iter()
            .filter_map(|(_, plan)| plan.id);
        let found = try_join_all(ids.map(|plan| Self::of_plan(reader, plan))).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let call = cx
            .aws
            .apigateway
            .create_usage_plan_key()
            .usage_plan_id(&self.plan)
            .key_id(&self.key)
            .key_type("API_KEY");
        let made = write(cx, || async {
            call.clone()
                .send()
                .await
                .during("CreateUsagePlanKey", cx.id)
        })
        .await;
        match made {
            // It is in the plan already: a creation whose answer was lost.
            Err(error) if is_there(&error) => {}
            other => drop(other?),
        }
        Ok(attributes([("id", &self.key)]))
    }

    /// The new key is admitted before the old one is shut out.
    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        _changed: &[String],
    ) -> Result<Attributes> {
        let attributes = self.create(cx).await?;
        Self::delete(cx, found).await?;
        Ok(attributes)
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let call = cx
            .aws
            .apigateway
            .delete_usage_plan_key()
            .usage_plan_id(&found.value.plan)
            .key_id(&found.value.key);
        write(cx, || async {
            call.clone()
                .send()
                .await
                .during("DeleteUsagePlanKey", cx.id)
        })
        .await
        .unless(&[NOT_FOUND])?;
        Ok(())
    }
}

impl UsagePlanKey {
    /// The answer holds the keys' values: nothing but id and name is taken from it.
    async fn of_plan(reader: &Reader<'_>, plan: String) -> Result<Vec<Found<Self>>> {
        let read = reader
            .aws
            .apigateway
            .get_usage_plan_keys()
            .usage_plan_id(&plan)
            .limit(500)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .during("GetUsagePlanKeys", &plan);
        Ok(listed(read)?
            .into_iter()
            .filter_map(|entry| {
                let key = entry.id?;
                let name = key_name(reader.stack, entry.name.as_deref().unwrap_or_default());
                Some(Found::owned(
                    name.unwrap_or(&key),
                    attributes([("id", &key)]),
                    Self {
                        plan: plan.clone(),
                        key: key.clone(),
                    },
                ))
            })
            .collect())
    }
}

fn is_there(error: &Error) -> bool {
    error.is("ConflictException", "already")
}

/// The logical name in a key's name, `{prefix}-{name}-v{version}`; none where the key is not ours.
fn key_name<'a>(stack: &Stack, name: &'a str) -> Option<&'a str> {
    let (name, version) = stack.logical(name)?.rsplit_once("-v")?;
    version.parse::<u32>().is_ok().then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::Tags;

    #[test]
    fn keys_are_known_by_their_versioned_names() {
        let stack = Stack {
            name: "demo".to_owned(),
            environment: "prod".to_owned(),
            region: "us-east-1".to_owned(),
            account: "123456789012".to_owned(),
            tags: Tags::new(),
        };
        assert_eq!(key_name(&stack, "demo-prod-chatbot-v1"), Some("chatbot"));
        assert_eq!(
            key_name(&stack, "demo-prod-mobile-v2-v12"),
            Some("mobile-v2")
        );
        assert_eq!(key_name(&stack, "demo-prod-chatbot"), None);
        assert_eq!(key_name(&stack, "other-v1"), None);
    }
}
