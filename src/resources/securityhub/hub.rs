//! Security Hub in the stack's region, with the standards that this stack is built by.
//!
//! An account has one hub in a region. Somebody else's serves as well: what it lacks is turned on,
//! nothing is turned off, it gets no tags of ours, and it outlives the stack.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_sdk_securityhub::types::{
    StandardsStatus, StandardsSubscription, StandardsSubscriptionRequest, StatusReasonCode,
};
use serde::{Deserialize, Serialize};

use super::reading::{enabled_standards, found, is_enabled, is_off, standards};
use crate::aws::patience::{Look, patiently, wait};
use crate::aws::{Aws, During, Reader};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::object::{Attributes, attributes};
use crate::permissions::{Calls, When, allow};
use crate::resources::{Cx, Found, Resource, Scope};
use crate::stack::{Stack, Tags};

const NO_CONFIG: &str = "most controls judge what AWS Config records: where that is off in this region, they have nothing to go by";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecurityHub {
    /// ARNs of the standards.
    pub standards: Vec<String>,
    /// Whether what AWS adds to a standard is checked as well.
    pub auto_enable_controls: bool,
    pub tags: Tags,
}

const HUB: &[&str] = &["securityhub:hub/default"];

impl Resource for SecurityHub {
    const KIND: &'static str = "security-hub";
    const NEEDS: &'static [&'static str] = &[];
    const CALLS: Calls = Calls {
        find: &[allow(
            &[
                "securityhub:DescribeHub",
                "securityhub:GetEnabledStandards",
                "securityhub:ListTagsForResource",
            ],
            HUB,
        )],
        create: &[
            allow(
                &[
                    "securityhub:BatchEnableStandards",
                    "securityhub:EnableSecurityHub",
                    "securityhub:TagResource",
                    "securityhub:UpdateSecurityHubConfiguration",
                ],
                HUB,
            ),
            allow(
                &["iam:CreateServiceLinkedRole"],
                &["iam:role/aws-service-role/securityhub.amazonaws.com/*"],
            )
            .when(&[When::LinkedTo("securityhub.amazonaws.com")]),
        ],
        update: &[allow(
            &[
                "securityhub:BatchEnableStandards",
                "securityhub:TagResource",
                "securityhub:UpdateSecurityHubConfiguration",
            ],
            HUB,
        )],
        delete: &[allow(&["securityhub:DisableSecurityHub"], HUB)],
    };
    const INTERRUPTS: Option<&'static str> = Some("the checks of the account");
    const SHARED: bool = true;

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        if !scope.config.audit.security_hub {
            return Vec::new();
        }
        let hub = Self {
            standards: standards(scope.stack).to_vec(),
            auto_enable_controls: true,
            tags: scope.tags(Self::KIND, "main"),
        };
        vec![("main".to_owned(), hub)]
    }

    /// Whoever asks for a hub has to be let look for one.
    async fn existing(reader: &Reader, config: &Config) -> Result<Vec<(String, Attributes)>> {
        if config.audit.security_hub {
            let found = found(reader).await.map_err(|error| {
                error.hint("or do without: `security_hub = false` in [audit] of infra.toml")
            })?;
            if found.is_none() {
                reader.note(format!("security-hub/main: {NO_CONFIG}"));
            }
        }
        Ok(Vec::new())
    }

    /// Whoever does not ask for one need not be.
    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let found = found(reader).await.ok().and_then(Option::as_ref);
        Ok(found.cloned().into_iter().collect())
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let call = cx.aws.securityhub.enable_security_hub();
        let call = call
            .enable_default_standards(false)
            .set_tags(Some(tag_map(&self.tags)));
        let answer = call.send().await.during("EnableSecurityHub", cx.id);
        answer.map_err(|error| {
            if error.code() == Some("ResourceConflictException") {
                error.hint("somebody else enabled it meanwhile: the same command again uses that")
            } else {
                error
            }
        })?;
        let known = "Security Hub to know everywhere that it is enabled";
        let limit = Duration::from_mins(2);
        patiently(cx.events, cx.id, known, limit, is_off, || self.enable(cx)).await?;
        Ok(hub_attributes(cx.stack))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        changed: &[String],
    ) -> Result<Attributes> {
        let differs = |name: &str| changed.iter().any(|field| field == name);
        if differs("auto_enable_controls") {
            let call = cx.aws.securityhub.update_security_hub_configuration();
            let call = call.auto_enable_controls(self.auto_enable_controls);
            let answer = call.send().await;
            let answer = answer.during("UpdateSecurityHubConfiguration", cx.id);
            if let Err(error) = answer {
                return Err(explained(cx, error).await);
            }
        }
        if differs("standards")
            && let Err(error) = self.enable(cx).await
        {
            return Err(explained(cx, error).await);
        }
        if differs("tags") {
            let call = cx.aws.securityhub.tag_resource();
            let call = call.resource_arn(found.aws_id());
            let answer = call.set_tags(Some(tag_map(&self.tags))).send().await;
            answer.during("TagResource", cx.id)?;
        }
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, _found: &Found<Self>) -> Result<()> {
        let call = cx.aws.securityhub.disable_security_hub();
        match call.send().await.during("DisableSecurityHub", cx.id) {
            Ok(_) => Ok(()),
            Err(error) if is_off(&error) => Ok(()),
            Err(error) => Err(explained(cx, error).await),
        }
    }
}

impl SecurityHub {
    /// Enables the standards that are not, and waits until they are.
    async fn enable(&self, cx: &Cx<'_>) -> Result<()> {
        const LIMIT: Duration = Duration::from_mins(15);
        let going = "standards to be disabled, before they are enabled anew";
        let enabled = wait(cx.events, cx.id, going, LIMIT, || async {
            let enabled = self.subscriptions(cx.aws).await?;
            Ok(match in_state(&enabled, &StandardsStatus::Deleting) {
                Some(state) => Look::Pending(state),
                None => Look::Ready(enabled),
            })
        })
        .await?;
        let missing = self.standards.iter().filter(|arn| {
            let there = enabled.get(*arn);
            !there.is_some_and(|one| is_enabled(one.standards_status.as_ref()))
        });
        let missing: Vec<_> = missing
            .map(|arn| {
                let request = StandardsSubscriptionRequest::builder();
                request.standards_arn(arn).build()
            })
            .collect();
        if !missing.is_empty() {
            let call = cx.aws.securityhub.batch_enable_standards();
            let call = call.set_standards_subscription_requests(Some(missing));
            let answer = call.send().await;
            answer.during("BatchEnableStandards", cx.id)?;
        }
        let coming = "Security Hub to enable the standards";
        let enabled = wait(cx.events, cx.id, coming, LIMIT, || async {
            let enabled = self.subscriptions(cx.aws).await?;
            Ok(match in_state(&enabled, &StandardsStatus::Pending) {
                Some(state) => Look::Pending(state),
                None if enabled.len() < self.standards.len() => {
                    Look::Pending("not listed yet".to_owned())
                }
                None => Look::Ready(enabled),
            })
        })
        .await?;
        for note in enabled.values().filter_map(incomplete) {
            cx.events.note(format!("{}: {note}", cx.id));
        }
        Ok(())
    }

    /// Those of our standards that the hub has, in whatever state.
    async fn subscriptions(&self, aws: &Aws) -> Result<BTreeMap<String, StandardsSubscription>> {
        let all = enabled_standards(aws).await?;
        let ours = all.into_iter().filter_map(|one| {
            let arn = one.standards_arn.clone()?;
            self.standards.contains(&arn).then_some((arn, one))
        });
        Ok(ours.collect())
    }
}

fn in_state(
    enabled: &BTreeMap<String, StandardsSubscription>,
    state: &StandardsStatus,
) -> Option<String> {
    let mut states = enabled.values().map(|one| one.standards_status.as_ref());
    let one = states.find(|one| *one == Some(state))?;
    one.map(|state| state.as_str().to_owned())
}

/// What keeps a standard from being enabled as a whole.
fn incomplete(one: &StandardsSubscription) -> Option<String> {
    if one.standards_status != Some(StandardsStatus::Incomplete) {
        return None;
    }
    let reason = one.standards_status_reason.as_ref();
    let code = reason.and_then(|reason| reason.status_reason_code.as_ref());
    if code == Some(&StatusReasonCode::NoAvailableConfigurationRecorder) {
        return Some(NO_CONFIG.to_owned());
    }
    let code = code.map_or("it does not say why", StatusReasonCode::as_str);
    let arn = one.standards_arn.as_deref().unwrap_or_default();
    Some(format!("{arn} is enabled in part: {code}"))
}

fn hub_attributes(stack: &Stack) -> Attributes {
    let arn = stack.arn("securityhub", "hub/default");
    attributes([("id", &arn), ("arn", &arn)])
}

fn tag_map(tags: &Tags) -> HashMap<String, String> {
    tags.clone().into_iter().collect()
}

/// A refusal, and what it means where another account rules this one's hub.
async fn explained(cx: &Cx<'_>, error: Error) -> Error {
    if error.aws.is_none() {
        return error;
    }
    let call = cx.aws.securityhub.get_administrator_account();
    let answer = call.send().await.ok();
    let administrator = answer.and_then(|answer| answer.administrator?.account_id);
    match administrator {
        Some(account) => error
            .hint(format!(
                "this account is a member: account {account} administers its hub"
            ))
            .hint("have it changed there, or leave it to them: `security_hub = false` in [audit] of infra.toml"),
        None => error,
    }
}
