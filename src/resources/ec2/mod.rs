//! The network: one VPC without a way to the internet, and who may talk to whom in it.

pub mod vpc;

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};

use crate::aws::During;
use crate::error::Result;
use crate::resources::Cx;
use crate::stack::{Stack, TAG_ENVIRONMENT, TAG_STACK, Tags};

/// Restricts a describe call to what carries the stack's tags.
fn owned_by(stack: &Stack) -> Vec<Filter> {
    [
        (TAG_STACK, stack.name.as_str()),
        (TAG_ENVIRONMENT, stack.environment.as_str()),
    ]
    .into_iter()
    .map(|(key, value)| {
        Filter::builder()
            .name(format!("tag:{key}"))
            .values(value)
            .build()
    })
    .collect()
}

/// Tags for a create call. EC2 shows `Name` in its lists, so every object has one.
fn specification(kind: ResourceType, tags: &Tags) -> TagSpecification {
    TagSpecification::builder()
        .resource_type(kind)
        .set_tags(Some(ec2_tags(tags)))
        .build()
}

fn ec2_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter()
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

/// Brings an object's tags to what is wanted.
async fn tag(cx: &Cx<'_>, aws_id: &str, tags: &Tags) -> Result<()> {
    cx.aws
        .ec2
        .create_tags()
        .resources(aws_id)
        .set_tags(Some(ec2_tags(tags)))
        .send()
        .await
        .during("CreateTags", cx.id)?;
    Ok(())
}
