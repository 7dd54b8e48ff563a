//! Reads roles with their policies.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use serde_json::Value;

use super::policy;
use super::role::{NAMES, NO_SUCH_ENTITY, Role, attributes_of, path};
use crate::aws::{During, Optional, Reader};
use crate::error::Result;
use crate::resources::{Found, Resource};
use crate::stack::Tags;

/// The names of whatever stands under the stack's path.
pub async fn names_under_path(reader: &Reader<'_>) -> Result<BTreeSet<String>> {
    let roles = reader
        .aws
        .iam
        .list_roles()
        .path_prefix(path(reader.stack))
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("ListRoles", "the account")?;
    Ok(roles.into_iter().map(|role| role.role_name).collect())
}

/// The role with this name, where it is the stack's or has a name that the stack needs.
pub async fn read(reader: &Reader<'_>, name: &str) -> Result<Option<Found<Role>>> {
    let (iam, stack) = (&reader.aws.iam, reader.stack);
    let call = iam.get_role().role_name(name);
    let answer = call.send().await.during("GetRole", name);
    let Some(role) = answer
        .unless(NO_SUCH_ENTITY)?
        .and_then(|answer| answer.role)
    else {
        return Ok(None);
    };
    let tags: Tags = role
        .tags()
        .iter()
        .map(|tag| (tag.key.clone(), tag.value.clone()))
        .collect();
    let owned = stack.owned_id(&tags).filter(|id| id.kind == Role::KIND);
    let Some(logical) = owned
        .as_ref()
        .map(|id| id.name.as_str())
        .or_else(|| stack.logical(name).filter(|name| NAMES.contains(name)))
    else {
        return Ok(None);
    };
    let (policies, attached) = if owned.is_some() {
        tokio::try_join!(
            inline_policies(reader, name),
            attached_policies(reader, name)
        )?
    } else {
        Default::default()
    };
    Ok(Some(Found {
        name: logical.to_owned(),
        attributes: attributes_of(&role),
        owned: owned.is_some(),
        value: Role {
            trust: policy::parse(role.assume_role_policy_document().unwrap_or_default()),
            path: role.path,
            policies,
            attached,
            tags: stack.relevant(tags),
        },
    }))
}

async fn inline_policies(reader: &Reader<'_>, role: &str) -> Result<BTreeMap<String, Value>> {
    let iam = &reader.aws.iam;
    let names = iam
        .list_role_policies()
        .role_name(role)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("ListRolePolicies", role)?;
    let policies = try_join_all(names.into_iter().map(|name| async move {
        let call = iam.get_role_policy().role_name(role).policy_name(&name);
        let answer = call.send().await.during("GetRolePolicy", role);
        let document = answer
            .unless(NO_SUCH_ENTITY)?
            .map(|answer| policy::parse(&answer.policy_document));
        Ok::<_, crate::error::Error>(document.map(|document| (name, document)))
    }))
    .await?;
    Ok(policies.into_iter().flatten().collect())
}

async fn attached_policies(reader: &Reader<'_>, role: &str) -> Result<Vec<String>> {
    let policies = reader
        .aws
        .iam
        .list_attached_role_policies()
        .role_name(role)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("ListAttachedRolePolicies", role)?;
    let mut arns: Vec<String> = policies
        .into_iter()
        .filter_map(|policy| policy.policy_arn)
        .collect();
    arns.sort();
    Ok(arns)
}
