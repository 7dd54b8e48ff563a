//! Which keys the plan admits.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::reading::{keys, listed, plans};
use super::{NOT_FOUND, write};
use crate::aws::{During, Optional, Reader};
use crate::error::Result;
use crate::object::{Attributes, Id, attributes};
use crate::resources::{Cx, Found, Resource, Scope};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsagePlanKey {
    pub plan: String,
    pub key: String,
}

impl Resource for UsagePlanKey {
    const KIND: &'static str = "usage-plan-key";
    const NEEDS: &'static [&'static str] = &["usage-plan", "api-key"];
    const INTERRUPTS: Option<&'static str> = Some("every call with this key");
    /// The old key and the new one, where one is taking the other's place.
    const SUPERSEDED: bool = true;

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
        let (keys, plans) = tokio::try_join!(keys(reader), plans(reader))?;
        let names = keys.into_iter().map(|(id, (claim, key))| {
            let name = claim.map(|claim| claim.name).or_else(|| key.name.clone());
            (id, name.filter(|name| !name.is_empty()))
        });
        let names: BTreeMap<&str, Option<String>> = names.collect();
        let plans = plans.into_iter().filter(|(claim, _)| claim.owned);
        let reads =
            plans.filter_map(|(_, plan)| Some(Self::of_plan(reader, plan.id.as_ref()?, &names)));
        Ok(try_join_all(reads).await?.into_iter().flatten().collect())
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let call = cx
            .aws
            .apigateway
            .create_usage_plan_key()
            .usage_plan_id(self.plan_now(cx))
            .key_id(&self.key)
            .key_type("API_KEY");
        let made = write(cx, || async {
            call.clone()
                .send()
                .await
                .during("CreateUsagePlanKey", cx.id)
        })
        .await;
        if let Err(error) = made
            && (error.code() != Some("ConflictException") || !self.is_there(cx).await?)
        {
            return Err(error);
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
    /// The plan's id as it is by now: on an emulator a changed plan is a new one.
    fn plan_now<'a>(&'a self, cx: &'a Cx<'_>) -> &'a str {
        let plan = cx.known.get(&Id::new("usage-plan", "main"));
        plan.and_then(|plan| plan.get("id")).unwrap_or(&self.plan)
    }

    /// A key of another name is one too many. One that is no key any more is passed over. The
    /// answer holds the keys' values: nothing but the id is taken from it.
    async fn of_plan(
        reader: &Reader<'_>,
        plan: &str,
        names: &BTreeMap<&str, Option<String>>,
    ) -> Result<Vec<Found<Self>>> {
        let read = reader
            .aws
            .apigateway
            .get_usage_plan_keys()
            .usage_plan_id(plan)
            .limit(500)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .during("GetUsagePlanKeys", plan);
        Ok(listed(read)?
            .into_iter()
            .filter_map(|entry| {
                let key = entry.id?;
                let name = names.get(key.as_str())?.as_ref().unwrap_or(&key);
                Some(Found::owned(
                    name,
                    attributes([("id", &key)]),
                    Self {
                        plan: plan.to_owned(),
                        key: key.clone(),
                    },
                ))
            })
            .collect())
    }

    /// Whether the plan has the key: a conflict can be that, or that the key is in another plan of
    /// the same stage.
    async fn is_there(&self, cx: &Cx<'_>) -> Result<bool> {
        let call = cx.aws.apigateway.get_usage_plan_key();
        let call = call.usage_plan_id(&self.plan).key_id(&self.key);
        let read = call.send().await.during("GetUsagePlanKey", cx.id);
        Ok(read.unless(&[NOT_FOUND])?.is_some())
    }
}
