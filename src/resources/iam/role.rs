//! The roles. A role's whole set of policies is ours: one more, inline or attached, is drift.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_iam::types::{Role as IamRole, Tag};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{permissions, reading, services};
use crate::aws::patience::patiently;
use crate::aws::{During, Optional, Reader};
use crate::config::ExecutionLogs;
use crate::error::{Error, Kind, Result};
use crate::object::{Attributes, attributes};
use crate::permissions::{ALL, Calls, allow};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};
use crate::stack::{Stack, Tags};

const NO_SUCH_ENTITY: &[&str] = &["NoSuchEntity"];

/// Logical names. IAM knows a name once in an account, whatever its path.
pub(super) const NAMES: [&str; 6] = [
    "function",
    "migrator",
    "apigateway-logs",
    "rds-monitoring",
    "flow-logs",
    "trail",
];

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
    /// ARN of the policy that limits what the others allow.
    pub boundary: Option<String>,
    pub tags: Tags,
}

fn path(stack: &Stack) -> String {
    format!("/wmctl/{}/", stack.prefix())
}

/// The ARN that a role of the stack has, by its logical name.
pub fn arn(stack: &Stack, name: &str) -> String {
    let role = format!("role{}{}", path(stack), stack.name(name));
    format!("arn:{}:iam::{}:{role}", stack.partition(), stack.account)
}

impl Resource for Role {
    const KIND: &'static str = "iam-role";
    const NEEDS: &'static [&'static str] = &["kms-key", "secret", "vpc"];
    const CALLS: Calls = Calls {
        find: &[allow(&["iam:GetAccountAuthorizationDetails"], ALL)],
        create: &[allow(
            &[
                "iam:CreateRole",
                "iam:GetRole",
                "iam:DeleteRolePermissionsBoundary",
                "iam:DeleteRolePolicy",
                "iam:DetachRolePolicy",
                "iam:PutRolePolicy",
                "iam:TagRole",
                "iam:UpdateAssumeRolePolicy",
            ],
            &["iam:role/wmctl/{stack}/*"],
        )],
        update: &[allow(
            &[
                "iam:DeleteRolePermissionsBoundary",
                "iam:DeleteRolePolicy",
                "iam:DetachRolePolicy",
                "iam:PutRolePolicy",
                "iam:TagRole",
                "iam:UpdateAssumeRolePolicy",
            ],
            &["iam:role/wmctl/{stack}/*"],
        )],
        delete: &[allow(
            &[
                "iam:DeleteRole",
                "iam:DeleteRolePolicy",
                "iam:DetachRolePolicy",
            ],
            &["iam:role/wmctl/{stack}/*"],
        )],
    };
    const INTERRUPTS: Option<&'static str> = Some("every request");

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let role = |name: &str, service: &str, policy: Value| {
            let role = Self {
                path: path(scope.stack),
                trust: permissions::trust(scope, service),
                policies: BTreeMap::from([(POLICY.to_owned(), policy)]),
                attached: Vec::new(),
                boundary: None,
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
        let services = services::roles(scope).into_iter();
        roles.extend(services.map(|(name, service, policy)| role(name, service, policy)));
        roles
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        reading::roles(reader).await
    }

    fn on_change(field: &str) -> OnChange {
        match field {
            "path" => OnChange::Replace,
            _ => OnChange::InPlace,
        }
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let created = cx
            .aws
            .iam
            .create_role()
            .role_name(cx.stack.name(&cx.id.name))
            .path(&self.path)
            .assume_role_policy_document(self.trust.to_string())
            .set_permissions_boundary(self.boundary.clone())
            .set_tags(Some(iam_tags(&self.tags)))
            .send()
            .await
            .during("CreateRole", cx.id);
        let attributes = match created {
            Ok(answer) => answer.role.as_ref().map(attributes_of).unwrap_or_default(),
            Err(error) if error.code() == Some("EntityAlreadyExists") => {
                self.take_up(cx, error).await?
            }
            Err(error) => return Err(error),
        };
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
        let differs = |name: &str| changed.iter().any(|field| field == name);
        if differs("trust") {
            self.put_trust(cx, name).await?;
        }
        if differs("boundary") {
            self.put_boundary(cx, name).await?;
        }
        if differs("tags") {
            iam.tag_role()
                .role_name(name)
                .set_tags(Some(iam_tags(&self.tags)))
                .send()
                .await
                .during("TagRole", cx.id)?;
        }
        let policies = found.value.policies.keys();
        let extra: Vec<&String> = policies
            .filter(|name| !self.policies.contains_key(*name))
            .collect();
        remove(cx, name, &extra, &found.value.attached).await?;
        self.put_policies(cx, name, &found.value.policies).await?;
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let name = found.aws_id();
        let policies: Vec<&String> = found.value.policies.keys().collect();
        remove(cx, name, &policies, &found.value.attached).await?;
        let call = cx.aws.iam.delete_role().role_name(name);
        patiently(
            cx.events,
            cx.id,
            "the role's policies to be gone everywhere",
            Duration::from_mins(2),
            |error| error.code() == Some("DeleteConflict"),
            || async { call.clone().send().await.during("DeleteRole", cx.id) },
        )
        .await
        .unless(NO_SUCH_ENTITY)?;
        Ok(())
    }
}

impl Role {
    /// The role that has the name, where it is ours: made by a run that ended before its answer,
    /// and not listed everywhere yet.
    async fn take_up(&self, cx: &Cx<'_>, refused: Error) -> Result<Attributes> {
        let name = cx.stack.name(&cx.id.name);
        let call = cx.aws.iam.get_role().role_name(&name);
        let answer = call.send().await.during("GetRole", cx.id)?;
        let ours = answer
            .role
            .filter(|role| cx.stack.owned_id(&tags_of(role.tags())).as_ref() == Some(cx.id));
        let Some(role) = ours else {
            return Err(Error::new(
                Kind::Refused,
                format!("the role `{name}` exists already and does not carry this stack's tags"),
            )
            .hint(format!("to take it over: `wmctl up --adopt {}`", cx.id))
            .because(refused));
        };
        self.put_trust(cx, &name).await?;
        Ok(attributes_of(&role))
    }

    async fn put_trust(&self, cx: &Cx<'_>, role: &str) -> Result<()> {
        cx.aws
            .iam
            .update_assume_role_policy()
            .role_name(role)
            .policy_document(self.trust.to_string())
            .send()
            .await
            .during("UpdateAssumeRolePolicy", cx.id)?;
        Ok(())
    }

    async fn put_boundary(&self, cx: &Cx<'_>, role: &str) -> Result<()> {
        let iam = &cx.aws.iam;
        if let Some(arn) = &self.boundary {
            let call = iam.put_role_permissions_boundary().role_name(role);
            call.permissions_boundary(arn)
                .send()
                .await
                .during("PutRolePermissionsBoundary", cx.id)?;
        } else {
            let call = iam.delete_role_permissions_boundary().role_name(role);
            call.send()
                .await
                .during("DeleteRolePermissionsBoundary", cx.id)
                .unless(NO_SUCH_ENTITY)?;
        }
        Ok(())
    }

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

async fn remove(cx: &Cx<'_>, role: &str, policies: &[&String], attached: &[String]) -> Result<()> {
    let iam = &cx.aws.iam;
    for name in policies {
        let call = iam.delete_role_policy().role_name(role).policy_name(*name);
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

fn attributes_of(role: &IamRole) -> Attributes {
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

pub(super) fn tags_of(tags: &[Tag]) -> Tags {
    tags.iter()
        .map(|tag| (tag.key.clone(), tag.value.clone()))
        .collect()
}
