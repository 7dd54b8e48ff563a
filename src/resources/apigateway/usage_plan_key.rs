//! Which keys the plan admits.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::reading::{keys, plan_keys};
use super::versions::versions;
use super::{NOT_FOUND, write};
use crate::aws::{During, Optional, Reader};
use crate::error::Result;
use crate::object::{Attributes, Id, attributes};
use crate::permissions::{Calls, allow};
use crate::resources::{Cx, Found, Resource, Scope};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsagePlanKey {
    pub plan: String,
    /// The ids of all the key's versions that may call, oldest first, by a space.
    pub key: String,
}

impl Resource for UsagePlanKey {
    const KIND: &'static str = "usage-plan-key";
    const NEEDS: &'static [&'static str] = &["usage-plan", "api-key"];
    const CALLS: Calls = Calls {
        find: &[allow(
            &["apigateway:GET"],
            &[
                "apigateway:/usageplans/*/keys",
                "apigateway:/usageplans/*/keys/*",
            ],
        )],
        create: &[allow(&["apigateway:POST"], &["apigateway:/usageplans/*/keys"]).ours()],
        update: &[
            allow(&["apigateway:POST"], &["apigateway:/usageplans/*/keys"]).ours(),
            allow(&["apigateway:DELETE"], &["apigateway:/usageplans/*/keys/*"]).ours(),
        ],
        delete: &[allow(&["apigateway:DELETE"], &["apigateway:/usageplans/*/keys/*"]).ours()],
    };
    const INTERRUPTS: Option<&'static str> = Some("every call with this key");
    /// In the old plan and in the new one, where one is taking the other's place.
    const SUPERSEDED: bool = true;

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let keys = scope.config.api.keys.iter();
        keys.map(|key| {
            let wanted = Self {
                plan: "${usage-plan/main}".to_owned(),
                key: format!("${{api-key/{}.admitted}}", key.name),
            };
            (key.name.clone(), wanted)
        })
        .collect()
    }

    /// A key of another name is one too many. One that is no key any more is passed over.
    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let (keys, versions, plans) =
            tokio::try_join!(keys(reader), versions(reader), plan_keys(reader))?;
        let mut found = Vec::new();
        for (plan, admitted) in plans {
            let mut by_name: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            // In the order of their versions.
            for (name, versions) in versions {
                let ids = versions.all.iter().map(|version| version.id.as_str());
                let ids: Vec<&str> = ids
                    .filter(|id| admitted.iter().any(|other| other == id))
                    .collect();
                if !ids.is_empty() {
                    by_name.insert(name, ids);
                }
            }
            let ours: BTreeSet<&str> = by_name.values().flatten().copied().collect();
            for id in admitted.iter().filter(|id| !ours.contains(id.as_str())) {
                let Some((_, key)) = keys.get(id.as_str()) else {
                    continue;
                };
                let name = key.name.as_deref().filter(|name| !name.is_empty());
                by_name.entry(name.unwrap_or(id)).or_default().push(id);
            }
            for (name, ids) in by_name {
                let key = ids.join(" ");
                let plan = plan.clone();
                let attributes = attributes([("id", &key)]);
                found.push(Found::owned(name, attributes, Self { plan, key }));
            }
        }
        Ok(found)
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        for key in self.keys() {
            admit(cx, self.plan_now(cx), key).await?;
        }
        Ok(attributes([("id", &self.key)]))
    }

    /// New keys are admitted before old ones are shut out.
    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        _changed: &[String],
    ) -> Result<Attributes> {
        let plan = self.plan_now(cx);
        let old = &found.value;
        let stays = |key: &str| plan == old.plan && old.keys().any(|other| other == key);
        for key in self.keys().filter(|key| !stays(key)) {
            admit(cx, plan, key).await?;
        }
        let goes = |key: &str| plan != old.plan || !self.keys().any(|other| other == key);
        for key in old.keys().filter(|key| goes(key)) {
            shut_out(cx, &old.plan, key).await?;
        }
        Ok(attributes([("id", &self.key)]))
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        for key in found.value.keys() {
            shut_out(cx, &found.value.plan, key).await?;
        }
        Ok(())
    }
}

impl UsagePlanKey {
    fn keys(&self) -> impl Iterator<Item = &str> {
        self.key.split(' ').filter(|key| !key.is_empty())
    }

    /// The plan's id as it is by now: on an emulator a changed plan is a new one.
    fn plan_now<'a>(&'a self, cx: &'a Cx<'_>) -> &'a str {
        let plan = cx.known.get(&Id::new("usage-plan", "main"));
        plan.and_then(|plan| plan.get("id")).unwrap_or(&self.plan)
    }
}

/// Lets a key call under a plan; repeatable.
pub async fn admit(cx: &Cx<'_>, plan: &str, key: &str) -> Result<()> {
    let call = cx
        .aws
        .apigateway
        .create_usage_plan_key()
        .usage_plan_id(plan)
        .key_id(key)
        .key_type("API_KEY");
    let made = write(cx, || async {
        call.clone()
            .send()
            .await
            .during("CreateUsagePlanKey", cx.id)
    })
    .await;
    match made {
        Err(error)
            if error.code() == Some("ConflictException") && is_there(cx, plan, key).await? =>
        {
            Ok(())
        }
        other => other.map(drop),
    }
}

/// Whether the plan has the key: a conflict can be that, or that the key is in another plan of
/// the same stage.
async fn is_there(cx: &Cx<'_>, plan: &str, key: &str) -> Result<bool> {
    let call = cx.aws.apigateway.get_usage_plan_key();
    let call = call.usage_plan_id(plan).key_id(key);
    let read = call.send().await.during("GetUsagePlanKey", cx.id);
    Ok(read.unless(&[NOT_FOUND])?.is_some())
}

/// Takes a key out of a plan.
pub async fn shut_out(cx: &Cx<'_>, plan: &str, key: &str) -> Result<()> {
    let call = cx.aws.apigateway.delete_usage_plan_key();
    let call = call.usage_plan_id(plan).key_id(key);
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
