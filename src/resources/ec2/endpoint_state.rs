//! Waiting for interface endpoints.

use std::time::Duration;

use aws_sdk_ec2::types::VpcEndpoint as Ec2Endpoint;

use crate::aws::patience::{Look, wait};
use crate::aws::{During, Optional};
use crate::error::{Error, Result};
use crate::resources::Cx;

pub const NOT_FOUND: &[&str] = &[
    "InvalidVpcEndpointId.NotFound",
    "InvalidVpcEndpoint.NotFound",
];

/// EC2 takes some minutes to make an endpoint's interfaces, and as many to remove them.
const PATIENCE: Duration = Duration::from_mins(15);

/// An endpoint's state in lower case: EC2 has used both spellings.
fn state(endpoint: &Ec2Endpoint) -> String {
    let state = endpoint
        .state
        .as_ref()
        .map_or("unknown", |state| state.as_str());
    state.to_lowercase()
}

pub fn is_going(endpoint: &Ec2Endpoint) -> bool {
    matches!(state(endpoint).as_str(), "deleting" | "deleted")
}

async fn describe(cx: &Cx<'_>, id: &str) -> Result<Option<Ec2Endpoint>> {
    let answer = cx
        .aws
        .ec2
        .describe_vpc_endpoints()
        .vpc_endpoint_ids(id)
        .send()
        .await
        .during("DescribeVpcEndpoints", cx.id)
        .unless(NOT_FOUND)?;
    Ok(answer.and_then(|answer| answer.vpc_endpoints.unwrap_or_default().pop()))
}

pub async fn available(cx: &Cx<'_>, id: &str) -> Result<()> {
    wait(
        cx.events,
        cx.id,
        "the endpoint to be available",
        PATIENCE,
        || async {
            let Some(endpoint) = describe(cx, id).await? else {
                return Ok(Look::Pending("not listed yet".to_owned()));
            };
            match state(&endpoint).as_str() {
                "available" => Ok(Look::Ready(())),
                "failed" | "rejected" | "expired" => Err(Error::failed(format!(
                    "{}: endpoint {id} is {}: {}",
                    cx.id,
                    state(&endpoint),
                    endpoint
                        .last_error
                        .and_then(|error| error.message)
                        .unwrap_or_else(|| "no reason given".to_owned()),
                ))),
                other => Ok(Look::Pending(other.to_owned())),
            }
        },
    )
    .await
}

pub async fn gone(cx: &Cx<'_>, id: &str) -> Result<()> {
    wait(
        cx.events,
        cx.id,
        "the endpoint's interfaces to go",
        PATIENCE,
        || async {
            Ok(match describe(cx, id).await? {
                Some(endpoint) if state(&endpoint) != "deleted" => Look::Pending(state(&endpoint)),
                _ => Look::Ready(()),
            })
        },
    )
    .await
}
