//! The web ACL: what is blocked before it counts against a key's quota.

use aws_sdk_wafv2::types::{
    self, AllowAction, DefaultAction, Scope as WafScope, Tag, VisibilityConfig,
};
use serde::{Deserialize, Serialize};

use super::association;
use super::rule::Rule;
use super::{NOT_FOUND, settled};
use crate::aws::{During, Optional, Reader};
use crate::error::{Error, Result};
use crate::object::{Attributes, attributes};
use crate::permissions::{ALL, Calls, allow};
use crate::resources::{Cx, Found, Resource, Scope};
use crate::stack::Tags;

/// The answer to a block is the API's own gateway response, `WAF_FILTERED`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebAcl {
    pub name: String,
    /// What no rule stops goes on to the API.
    pub allow: bool,
    pub rules: Vec<Rule>,
    pub metric: String,
    pub metrics: bool,
    pub samples: bool,
    pub tags: Tags,
}

impl Resource for WebAcl {
    const KIND: &'static str = "web-acl";
    const NEEDS: &'static [&'static str] = &[];
    const CALLS: Calls = Calls {
        find: &[
            allow(&["wafv2:ListWebACLs"], ALL),
            allow(
                &["wafv2:GetWebACL", "wafv2:ListTagsForResource"],
                &["wafv2:regional/webacl/{stack}/*"],
            ),
        ],
        create: &[
            allow(
                &["wafv2:CreateWebACL", "wafv2:UpdateWebACL"],
                &[
                    "wafv2:regional/webacl/{stack}/*",
                    "wafv2:regional/managedruleset/*/*",
                ],
            ),
            allow(&["wafv2:TagResource"], &["wafv2:regional/webacl/{stack}/*"]),
        ],
        update: &[
            allow(
                &["wafv2:UpdateWebACL"],
                &[
                    "wafv2:regional/webacl/{stack}/*",
                    "wafv2:regional/managedruleset/*/*",
                ],
            ),
            allow(&["wafv2:TagResource"], &["wafv2:regional/webacl/{stack}/*"]),
        ],
        delete: &[allow(
            &["wafv2:DeleteWebACL"],
            &["wafv2:regional/webacl/{stack}/*"],
        )],
    };
    const SUPERSEDED: bool = true;
    const INTERRUPTS: Option<&'static str> = Some("the firewall's protection");

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let waf = &scope.config.waf;
        if !waf.enabled {
            return Vec::new();
        }
        let name = scope.stack.prefix();
        vec![(
            "main".to_owned(),
            Self {
                metric: name.clone(),
                name,
                allow: true,
                rules: Rule::wanted(waf),
                metrics: true,
                samples: true,
                tags: scope.tags(Self::KIND, "main"),
            },
        )]
    }

    /// Its name is unique in the account and region.
    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let Some(summary) = listed(reader).await? else {
            return Ok(Vec::new());
        };
        let waf = &reader.aws.waf;
        let text = |field: Option<&str>| field.unwrap_or_default().to_owned();
        let (id, arn) = (text(summary.id()), text(summary.arn()));
        let name = text(summary.name());
        // Where it stands in front of a stage, it comes with the answer to what does.
        let acl = async {
            let mut in_front = association::in_front(reader).await?.values();
            if let Some(acl) = in_front.find(|acl| acl.arn == arn) {
                return Ok(Some(acl.clone()));
            }
            let call = waf.get_web_acl().name(&name).scope(WafScope::Regional);
            let answer = call.id(&id).send().await.during("GetWebACL", &name);
            let answer = answer.unless(&[NOT_FOUND])?;
            Ok(answer.and_then(|answer| answer.web_acl))
        };
        let tags = async {
            waf.list_tags_for_resource()
                .resource_arn(&arn)
                .send()
                .await
                .during("ListTagsForResource", &name)
                .unless(&[NOT_FOUND])
        };
        let (acl, tags) = tokio::try_join!(acl, tags)?;
        let Some(acl) = acl else {
            return Ok(Vec::new());
        };
        let tags: Tags = tags
            .and_then(|answer| answer.tag_info_for_resource)
            .and_then(|info| info.tag_list)
            .unwrap_or_default()
            .into_iter()
            .map(|tag| (tag.key, tag.value))
            .collect();
        let owner = reader.stack.owned_id(&tags);
        Ok(vec![Found {
            owned: owner.is_some(),
            name: owner.map_or_else(|| "main".to_owned(), |id| id.name),
            attributes: attributes([("id", &id), ("arn", &arn)]),
            value: Self::read(&acl, reader.stack.relevant(tags)),
        }])
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let call = cx
            .aws
            .waf
            .create_web_acl()
            .name(&self.name)
            .scope(WafScope::Regional)
            .default_action(default_action())
            .set_rules(Some(self.rules(cx)?))
            .visibility_config(self.visibility(cx)?)
            .set_tags(Some(waf_tags(cx, &self.tags)?));
        let made = settled(
            cx,
            "WAF to have its rules everywhere",
            |_| false,
            || async { call.clone().send().await.during("CreateWebACL", cx.id) },
        )
        .await;
        let summary = match made {
            Err(error) if error.code() == Some("WAFDuplicateItemException") => {
                return self.take_up(cx, error).await;
            }
            made => made?.summary,
        };
        let (id, arn) = summary
            .map(|summary| (summary.id, summary.arn))
            .unwrap_or_default();
        Ok(attributes([
            ("id", &id.unwrap_or_default()),
            ("arn", &arn.unwrap_or_default()),
        ]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        changed: &[String],
    ) -> Result<Attributes> {
        if changed.iter().any(|field| field == "tags") {
            let call = cx.aws.waf.tag_resource();
            let call = call
                .resource_arn(found.attribute("arn"))
                .set_tags(Some(waf_tags(cx, &self.tags)?));
            settled(
                cx,
                "WAF to take the tags",
                |_| false,
                || async { call.clone().send().await.during("TagResource", cx.id) },
            )
            .await?;
        }
        if changed.iter().any(|field| field != "tags") {
            let call = cx
                .aws
                .waf
                .update_web_acl()
                .name(&self.name)
                .scope(WafScope::Regional)
                .id(found.aws_id())
                .default_action(default_action())
                .set_rules(Some(self.rules(cx)?))
                .visibility_config(self.visibility(cx)?);
            settled(
                cx,
                "another change of the ACL to end",
                is_outdated,
                || async {
                    let token = lock_token(cx, found).await?;
                    let call = call.clone().set_lock_token(token);
                    call.send().await.during("UpdateWebACL", cx.id)
                },
            )
            .await?;
        }
        Ok(found.attributes.clone())
    }

    /// It goes only once no stage is known to use it.
    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let blocked = |error: &Error| {
            is_outdated(error) || error.code() == Some("WAFAssociatedItemException")
        };
        settled(cx, "the stage to let go of the ACL", blocked, || async {
            let token = lock_token(cx, found).await?;
            let call = cx
                .aws
                .waf
                .delete_web_acl()
                .name(&found.value.name)
                .scope(WafScope::Regional)
                .id(found.aws_id())
                .set_lock_token(token);
            call.send().await.during("DeleteWebACL", cx.id)
        })
        .await
        .unless(&[NOT_FOUND])?;
        Ok(())
    }
}

impl WebAcl {
    fn read(acl: &types::WebAcl, tags: Tags) -> Self {
        let mut rules: Vec<Rule> = acl.rules().iter().map(Rule::from_aws).collect();
        rules.sort_by_key(|rule| rule.priority);
        let visibility = acl.visibility_config();
        Self {
            name: acl.name().to_owned(),
            allow: acl
                .default_action()
                .is_some_and(|action| action.allow().is_some()),
            rules,
            metric: visibility.map_or_else(String::new, |v| v.metric_name().to_owned()),
            metrics: visibility.is_some_and(VisibilityConfig::cloud_watch_metrics_enabled),
            samples: visibility.is_some_and(VisibilityConfig::sampled_requests_enabled),
            tags,
        }
    }

    /// Goes on with the ACL that a creation left whose answer was lost. `error` stands where it is
    /// not ours.
    async fn take_up(&self, cx: &Cx<'_>, error: Error) -> Result<Attributes> {
        let found = Self::find(&Reader::new(cx.aws, cx.stack)).await?;
        let Some(ours) = found.into_iter().find(|acl| acl.owned) else {
            return Err(error);
        };
        let all = ["rules", "tags"].map(str::to_owned);
        self.update(cx, &ours, &all).await
    }

    fn rules(&self, cx: &Cx<'_>) -> Result<Vec<types::Rule>> {
        let rules: std::result::Result<Vec<_>, _> = self.rules.iter().map(Rule::to_aws).collect();
        rules.map_err(|error| incomplete(cx, error))
    }

    fn visibility(&self, cx: &Cx<'_>) -> Result<VisibilityConfig> {
        VisibilityConfig::builder()
            .sampled_requests_enabled(self.samples)
            .cloud_watch_metrics_enabled(self.metrics)
            .metric_name(&self.metric)
            .build()
            .map_err(|error| incomplete(cx, error))
    }
}

fn incomplete(cx: &Cx<'_>, error: aws_sdk_wafv2::error::BuildError) -> Error {
    Error::failed(format!("{}: a rule is incomplete", cx.id)).because(error)
}

fn default_action() -> DefaultAction {
    DefaultAction::builder()
        .allow(AllowAction::builder().build())
        .build()
}

fn waf_tags(cx: &Cx<'_>, tags: &Tags) -> Result<Vec<Tag>> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect::<std::result::Result<_, _>>()
        .map_err(|error| incomplete(cx, error))
}

/// The ACL with our name. WAF names a next page even behind the last one.
pub(super) async fn listed(reader: &Reader) -> Result<Option<&types::WebAclSummary>> {
    let listed = reader.web_acl.get_or_try_init(|| list(reader)).await?;
    Ok(listed.as_ref())
}

async fn list(reader: &Reader) -> Result<Option<types::WebAclSummary>> {
    let mut marker = None;
    loop {
        let page = reader
            .aws
            .waf
            .list_web_acls()
            .scope(WafScope::Regional)
            .limit(100)
            .set_next_marker(marker.take())
            .send()
            .await
            .during("ListWebACLs", "the account")?;
        let acls = page.web_acls.unwrap_or_default();
        let last = acls.is_empty();
        let ours = acls
            .into_iter()
            .find(|acl| acl.name.as_deref() == Some(&reader.stack.prefix()));
        marker = page.next_marker.filter(|marker| !marker.is_empty());
        if ours.is_some() || last || marker.is_none() {
            return Ok(ours);
        }
    }
}

/// A change names the state that it changes; it is asked for anew each time.
async fn lock_token(cx: &Cx<'_>, found: &Found<WebAcl>) -> Result<Option<String>> {
    let acl = cx
        .aws
        .waf
        .get_web_acl()
        .name(&found.value.name)
        .scope(WafScope::Regional)
        .id(found.aws_id())
        .send()
        .await
        .during("GetWebACL", cx.id)?;
    Ok(acl.lock_token)
}

fn is_outdated(error: &Error) -> bool {
    error.code() == Some("WAFOptimisticLockException")
}
