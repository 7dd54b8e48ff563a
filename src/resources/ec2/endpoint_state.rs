//! Waiting for interface endpoints.

use std::time::Duration;

use aws_sdk_ec2::types::VpcEndpoint as Ec2Endpoint;

use super::filter;
use crate::aws::patience::{Look, wait};
use crate::aws::{During, Optional};
use crate::error::{Error, Result};
use crate::resources::Cx;

pub const NOT_FOUND: &[&str] = &[
    "InvalidVpcEndpointId.NotFound",
    "InvalidVpcEndpoint.NotFound",
];

pub const AVAILABLE: &str = "available";

/// EC2 takes some minutes to make an endpoint's interfaces, and as many to remove them.
const PATIENCE: Duration = Duration::from_mins(15);

/// An endpoint's state in lower case: EC2 has used both spellings.
pub fn state(endpoint: &Ec2Endpoint) -> String {
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
                AVAILABLE => Ok(Look::Ready(())),
                "failed" | "rejected" | "expired" => Err(Error::failed(format!(
                    "{}: endpoint {id} is {}: {}",
                    cx.id,
                    state(&endpoint),
                    endpoint
                        .last_error
                        .and_then(|error| error.message)
                        .unwrap_or_else(|| "no reason given".to_owned()),
                ))
                .hint(format!(
                    "delete it: aws ec2 delete-vpc-endpoints --vpc-endpoint-ids {id}"
                ))
                .hint("then run the same command again")),
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

/// Waits for the VPC's endpoints of this service that are on their way out, which refused
/// another; the refusal stands where it was one that stays.
pub async fn others_gone(cx: &Cx<'_>, vpc: &str, service: &str, refusal: Error) -> Result<()> {
    let answer = cx
        .aws
        .ec2
        .describe_vpc_endpoints()
        .filters(filter("vpc-id", vpc))
        .filters(filter("service-name", service))
        .send()
        .await
        .during("DescribeVpcEndpoints", cx.id)?;
    for endpoint in answer.vpc_endpoints.unwrap_or_default() {
        let id = endpoint.vpc_endpoint_id.as_deref().unwrap_or_default();
        if !is_going(&endpoint) {
            return Err(refusal
                .hint(format!(
                    "{id} of {vpc} answers to {service} already, and is not this stack's"
                ))
                .hint("delete it or turn off its private DNS, or choose another VPC"));
        }
        gone(cx, id).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::scripted::{Scene, Script, waited};
    use crate::resources::Resource;
    use crate::resources::ec2::vpc_endpoint::VpcEndpoint;
    use crate::resources::sample;

    const TAKEN: &str = "private-dns-enabled cannot be set because there is already a conflicting \
                         DNS domain for secretsmanager.us-east-1.amazonaws.com in the VPC vpc-1";

    fn described(id: &str, state: &str) -> String {
        format!(
            "<DescribeVpcEndpointsResponse><vpcEndpointSet><item>\
             <vpcEndpointId>{id}</vpcEndpointId><state>{state}</state>\
             <lastError><message>no address is free</message></lastError>\
             </item></vpcEndpointSet></DescribeVpcEndpointsResponse>"
        )
    }

    fn scene(script: Script) -> Scene {
        Scene::new("vpc-endpoint/secretsmanager", script)
    }

    async fn create(scene: &Scene) -> Result<()> {
        let zones = ["us-east-1a", "us-east-1b"];
        let (_, endpoint) = sample::wanted::<VpcEndpoint>("", &zones).remove(0);
        endpoint.create(&scene.cx()).await.map(drop)
    }

    #[tokio::test]
    async fn a_new_endpoint_waits_for_the_old_one_s_name() {
        let look = "DescribeVpcEndpoints";
        let made = "<CreateVpcEndpointResponse><vpcEndpoint><vpcEndpointId>vpce-2</vpcEndpointId>\
                    </vpcEndpoint></CreateVpcEndpointResponse>";
        let script = Script::new()
            .refuse("CreateVpcEndpoint", 400, "InvalidParameter", TAKEN)
            .answer(look, described("vpce-1", "deleting"))
            .answer(look, described("vpce-1", "Deleting"))
            .refuse(
                look,
                400,
                "InvalidVpcEndpointId.NotFound",
                "vpce-1 does not exist",
            )
            .refuse("CreateVpcEndpoint", 400, "InvalidParameter", TAKEN)
            .answer("CreateVpcEndpoint", made)
            .answer(look, described("vpce-2", "pending"))
            .answer(look, described("vpce-2", "available"));
        let scene = scene(script);
        create(&scene).await.unwrap();
        let call = "CreateVpcEndpoint";
        assert_eq!(
            scene.script.calls(),
            [call, look, look, look, call, call, look, look]
        );
    }

    #[tokio::test]
    async fn somebody_else_s_endpoint_is_named_at_once() {
        let script = Script::new()
            .refuse("CreateVpcEndpoint", 400, "InvalidParameter", TAKEN)
            .answer("DescribeVpcEndpoints", described("vpce-9", "available"));
        let error = create(&scene(script)).await.unwrap_err();
        assert!(error.message.contains("conflicting DNS domain"), "{error}");
        assert!(error.hints[0].contains("vpce-9"), "{:?}", error.hints);
        assert!(waited() < Duration::from_secs(1));
    }

    #[tokio::test]
    async fn an_endpoint_that_failed_is_not_waited_for() {
        let script = Script::new().answer("DescribeVpcEndpoints", described("vpce-1", "failed"));
        let scene = scene(script);
        let error = available(&scene.cx(), "vpce-1").await.unwrap_err();
        assert!(error.message.contains("no address is free"), "{error}");
        assert!(error.hints[0].contains("vpce-1"), "{:?}", error.hints);
        assert!(waited() < Duration::from_secs(1));
    }

    #[tokio::test]
    async fn interfaces_of_an_endpoint_may_take_minutes_to_go() {
        let mut script = Script::new();
        for _ in 0..300 {
            script = script.answer("DescribeVpcEndpoints", described("vpce-1", "deleting"));
        }
        let scene = scene(script);
        let error = gone(&scene.cx(), "vpce-1").await.unwrap_err();
        assert!(
            error
                .message
                .ends_with("after 15 minutes; last state: deleting"),
            "{error}"
        );
        assert!(waited() >= PATIENCE);
    }
}
