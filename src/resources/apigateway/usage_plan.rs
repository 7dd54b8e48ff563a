//! How much each key may ask of the API.

use std::future::Future;
use std::time::Duration;

use aws_sdk_apigateway::types::{
    self, ApiStage, Op, PatchOperation, QuotaPeriodType, QuotaSettings, ThrottleSettings,
};
use serde::{Deserialize, Serialize};

use super::reading::plans;
use super::{Limit, NOT_FOUND, is_busy, patch, replace, sorted, tag, whole};
use crate::aws::patience::patiently;
use crate::aws::{During, Emulator, Optional, Reader};
use crate::config;
use crate::error::{Error, Result};
use crate::object::{Attributes, attributes};
use crate::permissions::{Calls, allow};
use crate::resources::{Cx, Found, Resource, Scope};
use crate::stack::{Stack, Tags};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsagePlan {
    pub name: String,
    pub throttle: Option<Limit>,
    pub quota: Option<Quota>,
    /// `{api}:{stage}`.
    pub stages: Vec<String>,
    pub tags: Tags,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quota {
    pub limit: i32,
    pub period: String,
    /// Requests taken off the first period's limit.
    pub offset: i32,
}

impl Resource for UsagePlan {
    const KIND: &'static str = "usage-plan";
    const NEEDS: &'static [&'static str] = &["rest-api", "stage"];
    const CALLS: Calls = Calls {
        find: &[allow(
            &["apigateway:GET"],
            &["apigateway:/usageplans", "apigateway:/usageplans/*/keys"],
        )],
        create: &[allow(&["apigateway:POST"], &["apigateway:/usageplans"]).tagged()],
        update: &[
            allow(
                &["apigateway:PATCH", "apigateway:DELETE"],
                &["apigateway:/usageplans/*"],
            )
            .ours(),
            allow(&["apigateway:POST"], &["apigateway:/usageplans"]).tagged(),
            allow(&["apigateway:POST"], &["apigateway:/usageplans/*/keys"]).ours(),
            super::TAG,
        ],
        delete: &[allow(
            &["apigateway:DELETE", "apigateway:PATCH"],
            &["apigateway:/usageplans/*"],
        )
        .ours()],
    };
    const INTERRUPTS: Option<&'static str> = Some("every request");

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let plan = &scope.config.api.usage_plan;
        let period = match plan.quota.period {
            config::Period::Day => QuotaPeriodType::Day,
            config::Period::Week => QuotaPeriodType::Week,
            config::Period::Month => QuotaPeriodType::Month,
        };
        vec![(
            "main".to_owned(),
            Self {
                name: scope.stack.prefix(),
                throttle: Some(plan.throttle.into()),
                quota: Some(Quota {
                    limit: whole(plan.quota.limit),
                    period: period.as_str().to_owned(),
                    offset: 0,
                }),
                stages: vec!["${rest-api/main}:${stage/main}".to_owned()],
                tags: scope.tags(Self::KIND, "main"),
            },
        )]
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        Ok(plans(reader)
            .await?
            .into_iter()
            .map(|(claim, plan)| Found {
                name: claim.name,
                owned: claim.owned,
                attributes: attributes([("id", plan.id.as_deref().unwrap_or_default())]),
                value: Self::read(&reader.stack, plan.clone()),
            })
            .collect())
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let stages = self.stages.iter().filter_map(|stage| {
            let (api, stage) = stage.split_once(':')?;
            Some(ApiStage::builder().api_id(api).stage(stage).build())
        });
        let throttle = self.throttle.map(|limit| {
            ThrottleSettings::builder()
                .rate_limit(limit.rate)
                .burst_limit(limit.burst)
                .build()
        });
        let quota = self.quota.as_ref().map(|quota| {
            QuotaSettings::builder()
                .limit(quota.limit)
                .period(QuotaPeriodType::from(quota.period.as_str()))
                .offset(quota.offset)
                .build()
        });
        let call = cx
            .aws
            .apigateway
            .create_usage_plan()
            .name(&self.name)
            .set_api_stages(Some(stages.collect()))
            .set_throttle(throttle)
            .set_quota(quota)
            .set_tags(Some(self.tags.clone().into_iter().collect()));
        let made = staged(cx, || async {
            call.clone().send().await.during("CreateUsagePlan", cx.id)
        })
        .await?;
        Ok(attributes([("id", &made.id.unwrap_or_default())]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        changed: &[String],
    ) -> Result<Attributes> {
        let id = found.aws_id();
        if changed.iter().any(|field| field == "tags") {
            tag(cx, &format!("usageplans/{id}"), &self.tags).await?;
        }
        let patched_badly =
            |field: &String| matches!(field.as_str(), "quota" | "stages" | "throttle");
        if matches!(cx.aws.emulator, Some(Emulator::MiniStack | Emulator::Moto))
            && changed.iter().any(patched_badly)
        {
            return self.remake(cx, found).await;
        }
        let patches = changed
            .iter()
            .flat_map(|field| self.patches(field, &found.value));
        change(cx, id, patches.collect()).await?;
        Ok(found.attributes.clone())
    }

    /// A plan goes only when no stage is in it, which shows a moment after the last is taken out.
    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let id = found.aws_id();
        let detached = found
            .value
            .stages
            .iter()
            .map(|stage| patch(Op::Remove, "/apiStages", stage.clone()));
        change(cx, id, detached.collect())
            .await
            .unless(&[NOT_FOUND])?;
        let call = cx.aws.apigateway.delete_usage_plan().usage_plan_id(id);
        patiently(
            cx.events,
            cx.id,
            "the plan to let go of its stages",
            Duration::from_mins(15),
            |error| is_busy(error) || error.is("BadRequestException", "API Stages associated"),
            || async { call.clone().send().await.during("DeleteUsagePlan", cx.id) },
        )
        .await
        .unless(&[NOT_FOUND])?;
        Ok(())
    }
}

impl UsagePlan {
    /// Emulators store a patched number or stage as text, and can then no longer list their plans.
    /// So there the plan is made anew, with our keys in it. Wherever that is cut short, the next run
    /// finds a plan that differs, or none, and keys that are missing.
    async fn remake(&self, cx: &Cx<'_>, found: &Found<Self>) -> Result<Attributes> {
        let gateway = &cx.aws.apigateway;
        let keys = gateway
            .get_usage_plan_keys()
            .usage_plan_id(found.aws_id())
            .send()
            .await
            .during("GetUsagePlanKeys", cx.id)?;
        Self::delete(cx, found).await?;
        let attributes = self.create(cx).await?;
        let ours = |key: &&types::UsagePlanKey| {
            let name = key.name.as_deref().unwrap_or_default();
            cx.stack.logical(name).is_some()
        };
        for key in keys.items().iter().filter(ours) {
            gateway
                .create_usage_plan_key()
                .set_usage_plan_id(attributes.get("id").cloned())
                .set_key_id(key.id.clone())
                .key_type("API_KEY")
                .send()
                .await
                .during("CreateUsagePlanKey", cx.id)
                // Emulators list what is no key any more.
                .unless(&[NOT_FOUND])?;
        }
        Ok(attributes)
    }

    fn read(stack: &Stack, plan: types::UsagePlan) -> Self {
        let mut stages: Vec<String> = plan
            .api_stages
            .unwrap_or_default()
            .into_iter()
            .filter_map(|stage| Some(format!("{}:{}", stage.api_id?, stage.stage?)))
            .collect();
        stages.sort();
        Self {
            name: plan.name.unwrap_or_default(),
            throttle: plan.throttle.map(|throttle| Limit {
                rate: throttle.rate_limit,
                burst: throttle.burst_limit,
            }),
            quota: plan.quota.map(|quota| Quota {
                limit: quota.limit,
                period: quota
                    .period
                    .map_or_else(String::new, |period| period.as_str().to_owned()),
                offset: quota.offset,
            }),
            stages,
            tags: stack.relevant(sorted(plan.tags)),
        }
    }

    fn patches(&self, field: &str, found: &Self) -> Vec<PatchOperation> {
        // What is not there yet is added, what is there replaced.
        let set = |there: bool, path: &str, value: String| {
            patch(if there { Op::Replace } else { Op::Add }, path, value)
        };
        match (field, self.throttle, &self.quota) {
            ("name", ..) => vec![replace("/name", &self.name)],
            ("throttle", Some(limit), _) => vec![
                set(
                    found.throttle.is_some(),
                    "/throttle/rateLimit",
                    limit.rate.to_string(),
                ),
                set(
                    found.throttle.is_some(),
                    "/throttle/burstLimit",
                    limit.burst.to_string(),
                ),
            ],
            ("quota", _, Some(quota)) => vec![
                set(
                    found.quota.is_some(),
                    "/quota/limit",
                    quota.limit.to_string(),
                ),
                set(found.quota.is_some(), "/quota/period", quota.period.clone()),
                set(
                    found.quota.is_some(),
                    "/quota/offset",
                    quota.offset.to_string(),
                ),
            ],
            ("stages", ..) => {
                let gone = found
                    .stages
                    .iter()
                    .filter(|stage| !self.stages.contains(stage));
                let new = self
                    .stages
                    .iter()
                    .filter(|stage| !found.stages.contains(stage));
                gone.map(|stage| patch(Op::Remove, "/apiStages", stage.clone()))
                    .chain(new.map(|stage| patch(Op::Add, "/apiStages", stage.clone())))
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Makes a call that names stages: a new one is not known everywhere at once.
async fn staged<T, F>(cx: &Cx<'_>, attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let unknown = |error: &Error| {
        error.is("BadRequestException", "Invalid API Stage")
            || error.is(NOT_FOUND, "API Stage not found")
    };
    patiently(
        cx.events,
        cx.id,
        "usage plans to know the stage",
        Duration::from_mins(15),
        |error| is_busy(error) || unknown(error),
        attempt,
    )
    .await
}

/// In one call: there may be one in twenty seconds.
async fn change(cx: &Cx<'_>, id: &str, patches: Vec<PatchOperation>) -> Result<()> {
    if patches.is_empty() {
        return Ok(());
    }
    let call = cx
        .aws
        .apigateway
        .update_usage_plan()
        .usage_plan_id(id)
        .set_patch_operations(Some(patches));
    staged(cx, || async {
        call.clone().send().await.during("UpdateUsagePlan", cx.id)
    })
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::shown;
    use super::*;

    fn plan(stage: &str) -> UsagePlan {
        UsagePlan {
            name: "demo-prod".to_owned(),
            throttle: Some(Limit {
                rate: 100.0,
                burst: 200,
            }),
            quota: None,
            stages: vec![format!("api:{stage}")],
            tags: Tags::new(),
        }
    }

    fn patches(field: &str, found: &UsagePlan) -> Vec<String> {
        plan("prod")
            .patches(field, found)
            .into_iter()
            .map(shown)
            .collect()
    }

    #[test]
    fn a_stage_is_exchanged_in_one_change() {
        assert_eq!(
            patches("stages", &plan("old")),
            ["remove /apiStages api:old", "add /apiStages api:prod"]
        );
    }

    #[test]
    fn whole_rates_are_written_without_a_fraction() {
        let mut found = plan("prod");
        found.throttle = None;
        assert_eq!(
            patches("throttle", &found),
            [
                "add /throttle/rateLimit 100",
                "add /throttle/burstLimit 200"
            ]
        );
    }
}
