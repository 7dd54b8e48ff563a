//! The roles. A role's whole set of policies is ours: one more, inline or attached, is drift.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_iam::types::{Role as IamRole, Tag};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::permissions;
use super::reading::{names_under_path, read};
use crate::aws::patience::patiently;
use crate::aws::{During, Optional, Reader};
use crate::config::ExecutionLogs;
use crate::error::Result;
use crate::object::{Attributes, attributes};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};
use crate::stack::{Stack, Tags};

pub(super) const NO_SUCH_ENTITY: &[&str] = &["NoSuchEntity"];

/// Logical names. IAM knows a name once in an account, whatever its path.
pub(super) const NAMES: [&str; 3] = ["function", "migrator", "apigateway-logs"];

/// The name of the inline policy.
const POLICY: &str = "permissions";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Role {
    pub path: String,
    pub trust: Value,
    /// Inline policies by name.
    pub policies: BTreeMap<String, Value>,
    /// ARNs of attached policies.
    pub attached: Vec<String>,
    pub tags: Tags,
}

pub(super) fn path(stack: &Stack) -> String {
    format!("/wmctl/{}/", stack.prefix())
}

impl Resource for Role {
    const KIND: &'static str = "iam-role";
    const NEEDS: &'static [&'static str] = &["kms-key", "log-group", "secret", "vpc"];

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let role = |name: &str, service: &str, policy: Value| {
            let role = Self {
                path: path(scope.stack),
                trust: permissions::trust(scope, service),
                policies: BTreeMap::from([(POLICY.to_owned(), policy)]),
                attached: Vec::new(),
                tags: scope.tags(Self::KIND, name),
            };
            (name.to_owned(), role)
        };
        let function = |name: &str, secrets: &[&str]| permissions::function(scope, name, secrets);
        let mut roles = vec![
            role(
                "function",
                "lambda.amazonaws.com",
                function("chatbot", &["api-keys", "database-app"]),
            ),
            role(
                "migrator",
                "lambda.amazonaws.com",
                function("migrator", &["database-admin", "database-app"]),
            ),
        ];
        let api = &scope.config.api;
        if api.access_logs || api.execution_logs != ExecutionLogs::Off {
            roles.push(role(
                "apigateway-logs",
                "apigateway.amazonaws.com",
                permissions::gateway_logs(scope),
            ));
        }
        roles
    }

    /// Our names, whoever has them, and whatever else stands under our path.
    async fn find(reader: &Reader<'_>) -> Result<Vec<Found<Self>>> {
        let ours: BTreeSet<String> = NAMES.map(|name| reader.stack.name(name)).into();
        let (named, listed) = tokio::try_join!(
            try_join_all(ours.iter().map(|name| read(reader, name))),
            names_under_path(reader)
        )?;
        let extra: Vec<&String> = listed.difference(&ours).collect();
        let extra = try_join_all(extra.into_iter().map(|name| read(reader, name))).await?;
        Ok(named.into_iter().chain(extra).flatten().collect())
    }

    fn on_change(field: &str) -> OnChange {
        match field {
            "path" => OnChange::Replace,
            _ => OnChange::InPlace,
        }
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let role = cx
            .aws
            .iam
            .create_role()
            .role_name(cx.stack.name(&cx.id.name))
            .path(&self.path)
            .assume_role_policy_document(self.trust.to_string())
            .set_tags(Some(iam_tags(&self.tags)))
            .send()
            .await
            .during("CreateRole", cx.id)?
            .role;
        let attributes = role.as_ref().map(attributes_of).unwrap_or_default();
        let name = attributes.get("id").map_or("", String::as_str);
        self.put_policies(cx, name, &BTreeMap::new()).await?;
        Ok(attributes)
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        changed: &[String],
    ) -> Result<Attributes> {
        let (name, iam) = (found.aws_id(), &cx.aws.iam);
        if changed.iter().any(|field| field == "trust") {
            iam.update_assume_role_policy()
                .role_name(name)
                .policy_document(self.trust.to_string())
                .send()
                .await
                .during("UpdateAssumeRolePolicy", cx.id)?;
        }
        if changed.iter().any(|field| field == "tags") {
            iam.tag_role()
                .role_name(name)
                .set_tags(Some(iam_tags(&self.tags)))
                .send()
                .await
                .during("TagRole", cx.id)?;
        }
        let extra = |kept: &BTreeMap<String, Value>| -> Vec<String> {
            let names = found.value.policies.keys();
            names
                .filter(|name| !kept.contains_key(*name))
                .cloned()
                .collect()
        };
        remove(cx, name, &extra(&self.policies), &found.value.attached).await?;
        self.put_policies(cx, name, &found.value.policies).await?;
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let name = found.aws_id();
        let policies: Vec<String> = found.value.policies.keys().cloned().collect();
        remove(cx, name, &policies, &found.value.attached).await?;
        let call = cx.aws.iam.delete_role().role_name(name);
        call.send()
            .await
            .during("DeleteRole", cx.id)
            .unless(NO_SUCH_ENTITY)?;
        Ok(())
    }
}

impl Role {
    /// Writes the inline policies that `found` has not.
    async fn put_policies(
        &self,
        cx: &Cx<'_>,
        role: &str,
        found: &BTreeMap<String, Value>,
    ) -> Result<()> {
        for (name, document) in &self.policies {
            if found.get(name) == Some(document) {
                continue;
            }
            let call = cx
                .aws
                .iam
                .put_role_policy()
                .role_name(role)
                .policy_name(name)
                .policy_document(document.to_string());
            patiently(
                cx.events,
                cx.id,
                "the new role to be known everywhere",
                Duration::from_mins(2),
                |error| error.code() == Some("NoSuchEntity"),
                || async { call.clone().send().await.during("PutRolePolicy", cx.id) },
            )
            .await?;
        }
        Ok(())
    }
}

async fn remove(cx: &Cx<'_>, role: &str, policies: &[String], attached: &[String]) -> Result<()> {
    let iam = &cx.aws.iam;
    for name in policies {
        let call = iam.delete_role_policy().role_name(role).policy_name(name);
        call.send()
            .await
            .during("DeleteRolePolicy", cx.id)
            .unless(NO_SUCH_ENTITY)?;
    }
    for arn in attached {
        let call = iam.detach_role_policy().role_name(role).policy_arn(arn);
        call.send()
            .await
            .during("DetachRolePolicy", cx.id)
            .unless(NO_SUCH_ENTITY)?;
    }
    Ok(())
}

pub(super) fn attributes_of(role: &IamRole) -> Attributes {
    attributes([
        ("id", &role.role_name),
        ("arn", &role.arn),
        ("unique_id", &role.role_id),
    ])
}

fn iam_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok())
        .collect()
}
