//! The database: one `MariaDB` instance that only the function can reach.

mod existing;
pub mod instance;
mod lifecycle;
mod modify;
mod observed;
pub mod parameter_group;
mod parameters;
pub mod snapshot;
pub mod subnet_group;

use std::future::Future;
use std::time::Duration;

use aws_sdk_rds::types::Tag;

use crate::aws::patience::patiently;
use crate::aws::{Aws, During, Optional};
use crate::error::{Error, Result};
use crate::permissions::{Grant, When, allow};
use crate::resources::Cx;
use crate::stack::Tags;

/// What RDS does with the key for whoever makes an instance.
const ENCRYPT: Grant = allow(
    &["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"],
    &["kms:key/*"],
)
.when(&[When::Via("rds")]);

/// Only for RDS's own resources.
pub(super) const GRANT_KEY: Grant =
    allow(&["kms:CreateGrant"], &["kms:key/*"]).when(&[When::Via("rds"), When::ForResource]);

/// Made in an account that has no database yet.
const SERVICE_ROLE: Grant = allow(
    &["iam:CreateServiceLinkedRole"],
    &["iam:role/aws-service-role/rds.amazonaws.com/*"],
)
.when(&[When::LinkedTo("rds.amazonaws.com")]);

/// The database's administrator, whom migrations alone use. Scanners look for `admin` and `root`.
pub const ADMIN: &str = "wmctl_admin";

fn rds_tags(tags: &Tags) -> Vec<Tag> {
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

/// The tags of an object whose description lacks them.
async fn tags(aws: &Aws, arn: &str) -> Result<Tags> {
    let answer = aws
        .rds
        .list_tags_for_resource()
        .resource_name(arn)
        .send()
        .await
        .during("ListTagsForResource", arn)?;
    Ok(tags_of(answer.tag_list.as_deref()))
}

/// Brings an object's tags to what is wanted.
async fn tag(cx: &Cx<'_>, arn: &str, tags: &Tags) -> Result<()> {
    cx.aws
        .rds
        .add_tags_to_resource()
        .resource_name(arn)
        .set_tags(Some(rds_tags(tags)))
        .send()
        .await
        .during("AddTagsToResource", cx.id)?;
    Ok(())
}

/// Deletes what RDS refuses to delete, with one of these codes, as long as an instance uses it.
async fn once_unused<T, F>(cx: &Cx<'_>, codes: &[&str], attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    patiently(
        cx.events,
        cx.id,
        "the instance to let go of it",
        Duration::from_mins(15),
        |error| error.code().is_some_and(|code| codes.contains(&code)),
        attempt,
    )
    .await
}

/// Runs a create call that a fresh account refuses for lack of RDS's service-linked role, until
/// that role, and the one to monitor with, are made and known.
async fn with_service_role<T, F>(cx: &Cx<'_>, mut attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    patiently(
        cx.events,
        cx.id,
        "the roles of RDS",
        Duration::from_mins(5),
        |error| lacks_service_role(error) || role_is_new(error),
        || {
            let attempt = attempt();
            async {
                let result = attempt.await;
                if result.as_ref().err().is_some_and(lacks_service_role) {
                    make_service_role(cx).await?;
                }
                result
            }
        },
    )
    .await
}

/// RDS says this of a role that it is to monitor with, too, while the role is new.
fn role_is_new(error: &Error) -> bool {
    error.is("InvalidParameterValue", "IAM role ARN value is invalid")
        || error.is("InvalidParameterValue", "ENHANCED_MONITORING")
}

/// The subnet group is refused with the first text, the instance with the second.
fn lacks_service_role(error: &Error) -> bool {
    ["missing necessary credentials", "service linked role"]
        .iter()
        .any(|text| error.is("InvalidParameterValue", text))
}

async fn make_service_role(cx: &Cx<'_>) -> Result<()> {
    cx.aws
        .iam
        .create_service_linked_role()
        .aws_service_name("rds.amazonaws.com")
        .send()
        .await
        .during("CreateServiceLinkedRole", cx.id)
        // RDS, or another run, has just made it.
        .unless(&["InvalidInput"])?;
    Ok(())
}

#[cfg(test)]
mod tests;
