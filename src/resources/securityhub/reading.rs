//! The account's hub in the region, as far as it matters here.

use aws_sdk_securityhub::types::{StandardsStatus, StandardsSubscription};

use super::hub::SecurityHub;
use crate::aws::{Aws, During, Reader};
use crate::error::{Error, Result};
use crate::object::attributes;
use crate::resources::Found;
use crate::stack::{Stack, Tags};

/// Other refusals are called so, too.
const INVALID_ACCESS: &str = "InvalidAccessException";
const NOT_FOUND: &str = "ResourceNotFoundException";

pub async fn found(reader: &Reader) -> Result<&Option<Found<SecurityHub>>> {
    reader.hub.get_or_try_init(|| look(reader)).await
}

async fn look(reader: &Reader) -> Result<Option<Found<SecurityHub>>> {
    let (client, stack) = (&reader.aws.securityhub, &reader.stack);
    let Some((arn, auto_enable_controls)) = described(&reader.aws).await? else {
        return Ok(None);
    };
    let (tags, all) = tokio::try_join!(
        async {
            let call = client.list_tags_for_resource().resource_arn(&arn);
            call.send().await.during("ListTagsForResource", &arn)
        },
        enabled_standards(&reader.aws),
    )?;
    let tags: Tags = tags.tags.unwrap_or_default().into_iter().collect();
    let ours = standards(stack);
    let enabled = all
        .iter()
        .filter(|one| is_enabled(one.standards_status.as_ref()))
        .filter_map(|one| one.standards_arn.clone())
        .filter(|arn| ours.contains(arn));
    let mut standards: Vec<String> = enabled.collect();
    standards.sort();
    Ok(Some(Found {
        name: "main".to_owned(),
        attributes: attributes([("id", &arn), ("arn", &arn)]),
        owned: stack.owns(&tags),
        value: SecurityHub {
            standards,
            auto_enable_controls,
            tags: stack.relevant(tags),
        },
    }))
}

/// ARN of the account's hub in the region, and whether new controls come by themselves.
pub async fn described(aws: &Aws) -> Result<Option<(String, bool)>> {
    let call = aws.securityhub.describe_hub();
    let answer = call.send().await.during("DescribeHub", "the account");
    let hub = match answer {
        Err(error) if is_off(&error) => return Ok(None),
        other => other?,
    };
    let controls = hub.auto_enable_controls.unwrap_or_default();
    Ok(hub.hub_arn.map(|arn| (arn, controls)))
}

pub fn is_off(error: &Error) -> bool {
    error.code() == Some(NOT_FOUND) || error.is(INVALID_ACCESS, "not subscribed")
}

/// AWS's own best practices, and the benchmark that this stack's controls are numbered by.
pub fn standards(stack: &Stack) -> [String; 2] {
    let (partition, region) = (stack.partition(), &stack.region);
    [
        "aws-foundational-security-best-practices/v/1.0.0",
        "cis-aws-foundations-benchmark/v/3.0.0",
    ]
    .map(|name| format!("arn:{partition}:securityhub:{region}::standards/{name}"))
}

/// Also while it comes, or controls are added to it.
pub fn is_enabled(status: Option<&StandardsStatus>) -> bool {
    matches!(
        status,
        Some(StandardsStatus::Ready | StandardsStatus::Pending | StandardsStatus::Incomplete)
    )
}

/// Every standard of the hub.
pub async fn enabled_standards(aws: &Aws) -> Result<Vec<StandardsSubscription>> {
    let call = aws.securityhub.get_enabled_standards();
    let pages = call.into_paginator().items().send();
    let all = pages.collect::<std::result::Result<Vec<_>, _>>().await;
    all.during("GetEnabledStandards", "the account")
}
