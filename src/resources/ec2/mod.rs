//! The network: one VPC without a way to the internet, and who may talk to whom in it.

mod acl_entry;
pub mod default_network_acl;
pub mod default_security_group;
mod endpoint_state;
mod existing;
pub mod flow_log;
mod interfaces;
pub mod network_acl;
pub mod route_table;
mod rule;
pub mod security_group;
pub mod security_group_rules;
pub mod subnet;
#[cfg(test)]
mod tests;
pub mod vpc;
pub mod vpc_endpoint;
pub mod zones;

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use aws_sdk_ec2::types::{
    Filter, NetworkAcl, ResourceType, SecurityGroup, Tag, TagSpecification, Vpc,
};
use tokio::sync::OnceCell;

use crate::aws::patience::patiently;
use crate::aws::{During, Reader};
use crate::error::Result;
use crate::object::{Id, attributes};
use crate::permissions::{Grant, When, allow};
use crate::resources::{Cx, Found, Resource};
use crate::stack::{Stack, TAG_ENVIRONMENT, TAG_ID, TAG_STACK, Tags};

/// What carries our tags in EC2.
const TAGGABLE: &[&str] = &[
    "ec2:network-acl/*",
    "ec2:route-table/*",
    "ec2:security-group/*",
    "ec2:subnet/*",
    "ec2:vpc-endpoint/*",
    "ec2:vpc-flow-log/*",
    "ec2:vpc/*",
];

/// The tags that come with an object.
const TAG_NEW: Grant = allow(&["ec2:CreateTags"], TAGGABLE).when(&[
    When::Tagged,
    When::Creating(&[
        "CreateFlowLogs",
        "CreateNetworkAcl",
        "CreateRouteTable",
        "CreateSecurityGroup",
        "CreateSubnet",
        "CreateVpc",
        "CreateVpcEndpoint",
    ]),
]);

/// Other tags for what is ours.
const TAG: Grant = allow(&["ec2:CreateTags"], TAGGABLE).ours();

/// A set of ids: the keys of a map, since references have no order that outlives their being
/// replaced by ids.
pub type IdSet = BTreeMap<String, bool>;

fn id_set(ids: impl IntoIterator<Item = impl Into<String>>) -> IdSet {
    ids.into_iter().map(|id| (id.into(), true)).collect()
}

/// What `ids` has and `others` has not; EC2's calls take no empty list.
fn only_in(ids: &IdSet, others: &IdSet) -> Option<Vec<String>> {
    let ids: Vec<String> = ids
        .keys()
        .filter(|id| !others.contains_key(*id))
        .cloned()
        .collect();
    (!ids.is_empty()).then_some(ids)
}

/// Restricts a describe call to what carries the stack's tags.
fn owned_by(stack: &Stack) -> Vec<Filter> {
    [
        (TAG_STACK, stack.name.as_str()),
        (TAG_ENVIRONMENT, stack.environment.as_str()),
    ]
    .into_iter()
    .map(|(key, value)| filter(&format!("tag:{key}"), value))
    .collect()
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

/// Tags for a create call.
fn specification(kind: ResourceType, tags: &Tags) -> TagSpecification {
    TagSpecification::builder()
        .resource_type(kind)
        .set_tags(Some(ec2_tags(tags)))
        .build()
}

/// EC2 shows `Name` in its lists, so every object gets one; it is for reading only, and whoever
/// changes it may.
fn ec2_tags(tags: &Tags) -> Vec<Tag> {
    let mut all = tags.clone();
    if let (Some(stack), Some(environment), Some(id)) = (
        tags.get(TAG_STACK),
        tags.get(TAG_ENVIRONMENT),
        tags.get(TAG_ID).and_then(|id| Id::parse(id)),
    ) {
        all.entry("Name".to_owned())
            .or_insert_with(|| format!("{stack}-{environment}-{}", id.name));
    }
    all.into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

/// A described object's tags.
fn tags_of(tags: Option<&[Tag]>) -> Tags {
    tags.unwrap_or_default()
        .iter()
        .filter_map(|tag| Some((tag.key.clone()?, tag.value.clone().unwrap_or_default())))
        .collect()
}

/// The logical name of a described object, where it is this stack's and of this kind.
fn owned_name(stack: &Stack, tags: &Tags, kind: &str) -> Option<String> {
    stack
        .owned_id(tags)
        .filter(|id| id.kind == kind)
        .map(|id| id.name)
}

/// A described object, where it is this stack's and of this kind; `value` gets the tags that count.
fn owned<R: Resource>(
    reader: &Reader,
    aws_id: Option<&str>,
    tags: Option<&[Tag]>,
    value: impl FnOnce(Tags) -> R,
) -> Option<Found<R>> {
    let tags = tags_of(tags);
    let name = owned_name(&reader.stack, &tags, R::KIND)?;
    let attributes = attributes([("id", aws_id.unwrap_or_default())]);
    Some(Found::owned(
        name,
        attributes,
        value(reader.stack.relevant(tags)),
    ))
}

/// Brings an object's tags to what is wanted.
async fn tag(cx: &Cx<'_>, aws_id: &str, tags: &Tags) -> Result<()> {
    let call = cx
        .aws
        .ec2
        .create_tags()
        .resources(aws_id)
        .set_tags(Some(ec2_tags(tags)));
    settled(cx, || {
        let call = call.clone();
        async { call.send().await.during("CreateTags", cx.id) }
    })
    .await?;
    Ok(())
}

/// Tries again while parts of EC2 do not know yet what has just been made.
async fn settled<T, F>(cx: &Cx<'_>, attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    patiently(
        cx.events,
        cx.id,
        "new objects to be known everywhere",
        Duration::from_mins(2),
        |error| error.code().is_some_and(|code| code.ends_with(".NotFound")),
        attempt,
    )
    .await
}

/// What several kinds read, each once in an observation.
#[derive(Debug, Default)]
pub struct Shared {
    acls: OnceCell<Vec<NetworkAcl>>,
    vpcs: OnceCell<Vec<Vpc>>,
    groups: OnceCell<Vec<SecurityGroup>>,
}

/// The stack's VPCs: more than one while a new one takes over.
async fn vpcs(reader: &Reader) -> Result<&[Vpc]> {
    let vpcs = reader.network.vpcs.get_or_try_init(|| async {
        let call = reader.aws.ec2.describe_vpcs();
        let call = call.set_filters(Some(owned_by(&reader.stack)));
        let pages = call.into_paginator().items().send();
        let vpcs = pages.collect::<Result<Vec<_>, _>>().await;
        vpcs.during("DescribeVpcs", "the account")
    });
    Ok(vpcs.await?)
}

/// The stack's network ACLs.
async fn network_acls(reader: &Reader) -> Result<&[NetworkAcl]> {
    let acls = reader.network.acls.get_or_try_init(|| async {
        let call = reader.aws.ec2.describe_network_acls();
        let call = call.set_filters(Some(owned_by(&reader.stack)));
        let pages = call.into_paginator().items().send();
        let acls = pages.collect::<Result<Vec<_>, _>>().await;
        acls.during("DescribeNetworkAcls", "the account")
    });
    Ok(acls.await?)
}

/// The security groups with the names that ours have, whosever they are, and all default groups.
async fn security_groups(reader: &Reader) -> Result<&[SecurityGroup]> {
    let groups = reader.network.groups.get_or_try_init(|| async {
        let names = security_group::NAMES.map(|name| reader.stack.name(name));
        let names = Filter::builder()
            .name("group-name")
            .set_values(Some(names.into_iter().collect()))
            .values(default_security_group::NAME);
        let call = reader.aws.ec2.describe_security_groups();
        let pages = call.filters(names.build()).into_paginator().items().send();
        let groups = pages.collect::<Result<Vec<_>, _>>().await;
        groups.during("DescribeSecurityGroups", "the account")
    });
    Ok(groups.await?)
}
