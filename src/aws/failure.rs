//! AWS's errors as ours: operation, object, code and request id, and what to do about them.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::error::{Error, Kind, Result};
use crate::permissions::action;

/// What AWS answered to a refused call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub operation: String,
    pub code: String,
    pub message: String,
    pub request_id: Option<String>,
}

/// Turns an SDK result into ours: `client.create_vpc().send().await.during("CreateVpc", id)`.
pub trait During<T> {
    /// Names the operation, in AWS's spelling, and the object that it was for.
    fn during(self, operation: &str, object: impl std::fmt::Display) -> Result<T>;
}

impl<T, E> During<T> for std::result::Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    fn during(self, operation: &str, object: impl std::fmt::Display) -> Result<T> {
        let object = object.to_string();
        self.map_err(|error| match convert(error, operation, &object) {
            error if error.code().is_some_and(forbids) => lacks(error, action::of::<E>(operation)),
            error => error,
        })
    }
}

/// Makes "it is not there" an answer: `None` for the given error codes.
pub trait Optional<T> {
    fn unless(self, codes: &[&str]) -> Result<Option<T>>;
}

impl<T> Optional<T> for Result<T> {
    fn unless(self, codes: &[&str]) -> Result<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.code().is_some_and(|code| codes.contains(&code)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Error {
    /// AWS's error code, where AWS answered.
    pub fn code(&self) -> Option<&str> {
        self.aws.as_ref().map(|failure| failure.code.as_str())
    }

    /// Whether AWS answered with this code and a message that contains `text`.
    pub fn is(&self, code: &str, text: &str) -> bool {
        self.aws.as_ref().is_some_and(|failure| {
            failure.code == code
                && failure
                    .message
                    .to_lowercase()
                    .contains(&text.to_lowercase())
        })
    }
}

fn convert<E>(error: SdkError<E, HttpResponse>, operation: &str, object: &str) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match &error {
        SdkError::ServiceError(service) => {
            let metadata = service.err().meta();
            let failure = Failure {
                operation: operation.to_owned(),
                code: metadata.code().unwrap_or("Unknown").to_owned(),
                message: metadata.message().unwrap_or("no message").to_owned(),
                request_id: request_id(service.raw()),
            };
            refused(failure, service.raw().status().as_u16(), object)
        }
        SdkError::TimeoutError(_) => {
            unreachable_service(operation, object, "no answer in time", error)
        }
        SdkError::DispatchFailure(dispatch) if dispatch.is_user() || no_credentials(&error) => {
            Error::new(
                Kind::Access,
                format!("no AWS credentials for {operation} ({object})"),
            )
            .hint("run `aws configure` or `aws sso login`, or set AWS_PROFILE or --profile")
            .hint("without an account: `wmctl up --local`")
            .because(error)
        }
        SdkError::DispatchFailure(_) => {
            unreachable_service(operation, object, "cannot connect", error)
        }
        _ => Error {
            uncertain: true,
            ..Error::failed(format!("{operation} failed for {object}")).because(error)
        },
    }
}

fn no_credentials(error: &dyn std::error::Error) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string().to_lowercase();
        if text.contains("credential") || text.contains("profile") {
            return true;
        }
        next = error.source();
    }
    false
}

fn unreachable_service(
    operation: &str,
    object: &str,
    what: &str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    let error = Error::new(Kind::Access, format!("{what}: {operation} for {object}"))
        .hint("check the network, any proxy settings, and `region` in infra.toml")
        .hint("with --local: `wmctl local status`, then `wmctl local start`")
        .because(error);
    Error {
        uncertain: true,
        ..error
    }
}

fn refused(failure: Failure, status: u16, object: &str) -> Error {
    let (kind, hint) = match failure.code.as_str() {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired" => (
            Kind::Access,
            Some("the credentials have expired: run `aws sso login`, or renew them"),
        ),
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "AuthFailure"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "InvalidSignatureException" => (
            Kind::Access,
            Some(
                "AWS does not know these credentials in this region: check --profile, and that the region is enabled for the account",
            ),
        ),
        code if forbids(code) => (Kind::Access, None),
        _ => (Kind::Failed, None),
    };
    let id = failure
        .request_id
        .as_ref()
        .map_or_else(String::new, |id| format!(", request {id}"));
    let mut error = Error::new(
        kind,
        format!(
            "{} refused for {object}: {}: {} (HTTP {status}{id})",
            failure.operation, failure.code, failure.message
        ),
    );
    error.aws = Some(Box::new(failure));
    error.uncertain = status >= 500;
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// Whether this code says that the caller may not do what it asked for.
fn forbids(code: &str) -> bool {
    matches!(
        code,
        "AccessDenied" | "AccessDeniedException" | "AuthorizationError" | "UnauthorizedOperation"
    )
}

/// Names the permission, which not every service's message does.
fn lacks(error: Error, action: Option<String>) -> Error {
    let hint = action.map_or_else(
        || "the caller's IAM policy lacks this permission".to_owned(),
        |action| {
            format!("the caller lacks the permission {action}; `wmctl policy` prints what it takes")
        },
    );
    error.hint(hint)
}

fn request_id(response: &HttpResponse) -> Option<String> {
    ["x-amzn-requestid", "x-amz-request-id"]
        .into_iter()
        .find_map(|name| response.headers().get(name))
        .map(str::to_owned)
}
