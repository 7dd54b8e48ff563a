//! That the ACL's decisions are logged, without the key that a caller sent.

use aws_sdk_wafv2::types::{FieldToMatch, LoggingConfiguration, SingleHeader};
use serde::{Deserialize, Serialize};

use super::{NOT_FOUND, settled, web_acl};
use crate::aws::{During, Optional, Reader};
use crate::error::{Error, Result};
use crate::object::{Attributes, attributes};
use crate::permissions::{ALL, Calls, Grant, When, allow};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};

/// The header that a caller's key comes in.
const KEY_HEADER: &str = "x-api-key";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebAclLogging {
    pub web_acl: String,
    /// ARNs of the log groups.
    pub destinations: Vec<String>,
    /// Headers whose values are left out; what else is redacted, in WAF's words.
    pub redacted: Vec<String>,
    /// All requests are logged, and not only some.
    pub filtered: bool,
}

/// AWS takes the setting for whoever may have logs delivered, too.
const WRITES: &[Grant] = &[
    allow(
        &["wafv2:PutLoggingConfiguration"],
        &["wafv2:regional/webacl/{stack}/*"],
    ),
    allow(
        &[
            "logs:CreateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:DescribeResourcePolicies",
            "logs:PutResourcePolicy",
        ],
        ALL,
    ),
    allow(
        &["iam:CreateServiceLinkedRole"],
        &["iam:role/aws-service-role/wafv2.amazonaws.com/*"],
    )
    .when(&[When::LinkedTo("wafv2.amazonaws.com")]),
];

impl Resource for WebAclLogging {
    const KIND: &'static str = "web-acl-logging";
    const NEEDS: &'static [&'static str] = &["web-acl", "log-group"];
    const CALLS: Calls = Calls {
        find: &[allow(
            &["wafv2:GetLoggingConfiguration"],
            &["wafv2:regional/webacl/{stack}/*"],
        )],
        create: WRITES,
        update: WRITES,
        delete: &[
            allow(
                &["wafv2:DeleteLoggingConfiguration"],
                &["wafv2:regional/webacl/{stack}/*"],
            ),
            allow(&["logs:DeleteLogDelivery"], ALL),
        ],
    };
    const INTERRUPTS: Option<&'static str> = Some("the firewall's log");
    const SUPERSEDED: bool = true;

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        if !scope.config.waf.enabled {
            return Vec::new();
        }
        let logging = Self {
            web_acl: "${web-acl/main.arn}".to_owned(),
            destinations: vec!["${log-group/waf.arn}".to_owned()],
            redacted: vec![KEY_HEADER.to_owned()],
            filtered: false,
        };
        vec![("main".to_owned(), logging)]
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let Some(acl) = web_acl::listed(reader).await?.and_then(|acl| acl.arn()) else {
            return Ok(Vec::new());
        };
        let call = reader.aws.waf.get_logging_configuration();
        let answer = call.resource_arn(acl).send().await;
        let answer = answer.during("GetLoggingConfiguration", acl);
        let found = answer.unless(&[NOT_FOUND])?;
        let found = found.and_then(|answer| answer.logging_configuration);
        Ok(found
            .map(|logging| observed(acl, logging))
            .into_iter()
            .collect())
    }

    /// One of another ACL goes with that.
    fn on_change(field: &str) -> OnChange {
        match field {
            "web_acl" => OnChange::Supersede,
            _ => OnChange::InPlace,
        }
    }

    /// Takes the place of whatever the ACL logs so far.
    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let redacted = self.redacted.iter().map(|name| {
            let header = SingleHeader::builder().name(name).build();
            header.map(|header| FieldToMatch::builder().single_header(header).build())
        });
        let logging = redacted
            .collect::<std::result::Result<_, _>>()
            .and_then(|redacted| {
                LoggingConfiguration::builder()
                    .resource_arn(&self.web_acl)
                    .set_log_destination_configs(Some(self.destinations.clone()))
                    .set_redacted_fields(Some(redacted))
                    .build()
            })
            .map_err(|error| {
                Error::failed(format!("{}: the setting is incomplete", cx.id)).because(error)
            })?;
        let call = cx.aws.waf.put_logging_configuration();
        let call = call.logging_configuration(logging);
        let what = "WAF to know the ACL and to be let into the log group";
        settled(cx, what, time_heals, || async {
            let answer = call.clone().send().await;
            answer.during("PutLoggingConfiguration", cx.id)
        })
        .await?;
        Ok(attributes([("id", &self.web_acl)]))
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
        let call = cx.aws.waf.delete_logging_configuration();
        let call = call.resource_arn(&found.value.web_acl);
        let what = "another change of the ACL to end";
        settled(
            cx,
            what,
            |_| false,
            || async {
                let answer = call.clone().send().await;
                answer.during("DeleteLoggingConfiguration", cx.id)
            },
        )
        .await
        .unless(&[NOT_FOUND])?;
        Ok(())
    }
}

fn observed(acl: &str, logging: LoggingConfiguration) -> Found<WebAclLogging> {
    let mut redacted: Vec<String> = logging.redacted_fields().iter().map(shown).collect();
    redacted.sort();
    let mut destinations = logging.log_destination_configs;
    // Some answer with the suffix for all streams.
    for destination in &mut destinations {
        *destination = destination.trim_end_matches(":*").to_owned();
    }
    destinations.sort();
    let value = WebAclLogging {
        web_acl: acl.to_owned(),
        destinations,
        redacted,
        filtered: logging.logging_filter.is_some(),
    };
    Found::owned("main", attributes([("id", acl)]), value)
}

fn shown(field: &FieldToMatch) -> String {
    let header = field.single_header.as_ref();
    header.map_or_else(|| format!("{field:?}"), |header| header.name.clone())
}

/// The first log of an account makes a role for WAF, and every log a policy for its group.
fn time_heals(error: &Error) -> bool {
    matches!(
        error.code(),
        Some(
            NOT_FOUND
                | "WAFLogDestinationPermissionIssueException"
                | "WAFServiceLinkedRoleErrorException"
                | "WAFOptimisticLockException"
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::scripted::{Scene, Script};
    use crate::resources::sample;

    #[tokio::test]
    async fn the_key_is_left_out_and_a_new_role_is_waited_for() {
        let put = "PutLoggingConfiguration";
        let role = "WAFServiceLinkedRoleErrorException";
        let script = Script::new()
            .refuse(put, 400, "WAFNonexistentItemException", "no such ACL")
            .refuse(put, 400, role, "AWS WAF is not able to access the role")
            .answer(put, "{}");
        let scene = Scene::new("web-acl-logging/main", script);
        let wanted = sample::wanted::<WebAclLogging>("", &[]).remove(0).1;
        wanted.create(&scene.cx()).await.unwrap();
        let sent = scene.script.bodies(put).pop().unwrap();
        assert!(
            sent.contains(r#""RedactedFields":[{"SingleHeader":{"Name":"x-api-key"}}]"#),
            "{sent}"
        );
    }

    #[test]
    fn without_a_firewall_nothing_is_logged() {
        assert!(sample::wanted::<WebAclLogging>("[waf]\nenabled = false", &[]).is_empty());
    }
}
