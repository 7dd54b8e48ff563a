//! What must not be sent twice blindly. A call that creates something may have been carried out
//! although its answer was lost; sent again, it would make a second one. The SDK leaves such a
//! call alone, and whoever applies the plan looks before it is made again.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};
use aws_smithy_types::retry::ErrorKind;
use tokio::time::timeout;

/// Below the SDK's own limit, which it would answer by sending the call again.
const LONGEST: Duration = Duration::from_mins(1);

/// Marks an answer to a create call that tells of a fault within AWS: by the time it is
/// classified, the SDK no longer knows the call.
const MARK: &str = "x-wmctl-uncertain";

/// Sends a create call. What could be retried comes back as what is not.
pub async fn send(
    connector: SharedHttpConnector,
    request: HttpRequest,
) -> Result<HttpResponse, ConnectorError> {
    match timeout(LONGEST, connector.call(request)).await {
        Ok(Ok(mut response)) => {
            if response.status().is_server_error() {
                response.headers_mut().insert(MARK, "true");
            }
            Ok(response)
        }
        Ok(Err(error)) => Err(ConnectorError::other(error.into(), None)),
        Err(elapsed) => Err(ConnectorError::other(elapsed.into(), None)),
    }
}

/// Forbids the SDK to repeat a marked call, but for one that was turned away at the door.
#[derive(Debug)]
pub struct Once;

impl ClassifyRetry for Once {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        self.classify_retry_v2(context, &RetryAction::NoActionIndicated)
    }

    fn classify_retry_v2(
        &self,
        context: &InterceptorContext,
        previous: &RetryAction,
    ) -> RetryAction {
        let marked = context
            .response()
            .is_some_and(|response| response.headers().get(MARK).is_some());
        let turned_away = *previous == RetryAction::retryable_error(ErrorKind::ThrottlingError);
        if marked && !turned_away {
            RetryAction::RetryForbidden
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "create calls once"
    }

    /// Behind all others, so that it sees what they say.
    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// Whether the operation, as [`super::http::describe`] names it, makes a new object with each call.
pub fn creates(name: &str) -> bool {
    let (service, operation) = name.split_once(' ').unwrap_or(("", name));
    let operation = operation.rsplit('.').next().unwrap_or(operation);
    match service {
        // REST: new objects are posted, and so are a function's invocations, which make none and
        // may take as long as the function may.
        "apigateway" | "lambda" => {
            operation.starts_with("POST ") && !operation.ends_with("/invocations")
        }
        "guardduty" => operation == "POST /detector",
        "securityhub" => operation == "POST /accounts",
        _ => operation.starts_with("Create") || operation == "AssociateRouteTable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::During;
    use crate::aws::scripted::{Scene, Script};

    #[test]
    fn calls_that_create_are_told_from_others() {
        for name in [
            "ec2 CreateVpc",
            "ec2 AssociateRouteTable",
            "kms TrentService.CreateKey",
            "apigateway POST /restapis",
            "lambda POST /2015-03-31/functions/x/versions",
            "guardduty POST /detector",
            "securityhub POST /accounts",
        ] {
            assert!(creates(name), "{name}");
        }
        for name in [
            "ec2 DeleteVpc",
            "kms TrentService.TagResource",
            "apigateway PATCH /usageplans/abc",
            "lambda PUT /2015-03-31/functions/x/code",
            "lambda POST /2015-03-31/functions/x/invocations",
            "guardduty POST /detector/12abc",
            "securityhub POST /standards/register",
        ] {
            assert!(!creates(name), "{name}");
        }
    }

    fn scene(script: Script) -> Scene {
        Scene::new("vpc/main", script)
    }

    async fn create(scene: &Scene) -> crate::error::Result<()> {
        let call = scene.aws.ec2.create_vpc().cidr_block("10.0.0.0/16");
        let answer = call.send().await.during("CreateVpc", "vpc/main");
        answer.map(drop)
    }

    #[tokio::test]
    async fn a_creation_with_an_uncertain_end_is_not_repeated() {
        let fault = "An internal error has occurred";
        let scene = scene(Script::new().refuse("CreateVpc", 500, "InternalError", fault));
        let error = create(&scene).await.unwrap_err();
        assert!(error.uncertain, "{error:?}");
        assert_eq!(scene.script.calls(), ["CreateVpc"]);
    }

    #[tokio::test]
    async fn a_creation_that_was_turned_away_is_repeated() {
        let script = Script::new()
            .refuse(
                "CreateVpc",
                503,
                "RequestLimitExceeded",
                "Request limit exceeded.",
            )
            .answer("CreateVpc", "<CreateVpcResponse/>");
        let scene = scene(script);
        create(&scene).await.unwrap();
        assert_eq!(scene.script.calls().len(), 2);
    }

    #[tokio::test]
    async fn a_read_that_met_a_fault_is_repeated() {
        let script = Script::new()
            .refuse(
                "DescribeVpcs",
                500,
                "InternalError",
                "An internal error has occurred",
            )
            .answer("DescribeVpcs", "<DescribeVpcsResponse/>");
        let scene = scene(script);
        let answer = scene.aws.ec2.describe_vpcs().send().await;
        answer.during("DescribeVpcs", "the account").unwrap();
        assert_eq!(scene.script.calls().len(), 2);
    }
}
