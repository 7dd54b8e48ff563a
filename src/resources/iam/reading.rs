//! Reads roles with their policies.
//!
//! One call answers for all roles of the account, whole, where asking for each takes five. IAM
//! lets an account have a thousand roles, which is a handful of pages; nothing of another's stays.

use aws_sdk_iam::types::{EntityType, RoleDetail};

use super::policy;
use super::role::{NAMES, Role, tags_of};
use crate::aws::{During, Reader};
use crate::error::Result;
use crate::object::attributes;
use crate::resources::{Found, Resource};
use crate::stack::Stack;

/// As many as a page can have.
const PAGE: i32 = 1000;

/// The stack's roles, and those of others that have the names of ours.
pub async fn roles(reader: &Reader) -> Result<Vec<Found<Role>>> {
    let mut pages = reader
        .aws
        .iam
        .get_account_authorization_details()
        .filter(EntityType::Role)
        .into_paginator()
        .page_size(PAGE)
        .send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.during("GetAccountAuthorizationDetails", "the account")?;
        let roles = page.role_detail_list.unwrap_or_default();
        let ours = roles
            .into_iter()
            .filter_map(|role| observed(&reader.stack, role));
        found.extend(ours);
    }
    Ok(found)
}

fn observed(stack: &Stack, role: RoleDetail) -> Option<Found<Role>> {
    let tags = tags_of(role.tags());
    let aws_name = role.role_name.unwrap_or_default();
    let owned = stack.owned_id(&tags).filter(|id| id.kind == Role::KIND);
    let name = match &owned {
        Some(id) => id.name.clone(),
        None => stack
            .logical(&aws_name)
            .filter(|name| NAMES.contains(name))?
            .to_owned(),
    };
    let policies = role.role_policy_list.unwrap_or_default().into_iter();
    let attached = role.attached_managed_policies.unwrap_or_default();
    let mut attached: Vec<String> = attached
        .into_iter()
        .filter_map(|policy| policy.policy_arn)
        .collect();
    attached.sort();
    Some(Found {
        name,
        attributes: attributes([
            ("id", &aws_name),
            ("arn", &role.arn.unwrap_or_default()),
            ("unique_id", &role.role_id.unwrap_or_default()),
        ]),
        owned: owned.is_some(),
        value: Role {
            path: role.path.unwrap_or_default(),
            trust: policy::parse(&role.assume_role_policy_document.unwrap_or_default()),
            policies: policies
                .filter_map(|policy| {
                    let document = policy::parse(&policy.policy_document?);
                    Some((policy.policy_name?, document))
                })
                .collect(),
            attached,
            boundary: role
                .permissions_boundary
                .and_then(|boundary| boundary.permissions_boundary_arn),
            tags: stack.relevant(tags),
        },
    })
}
