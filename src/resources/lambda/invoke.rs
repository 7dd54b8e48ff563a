//! Calling a function directly, by IAM.

use std::time::Duration;

use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::primitives::Blob;
use serde_json::Value;

use crate::aws::{Aws, During};
use crate::error::{Error, Result};

/// As long as any function may run, and a moment for it to say so.
const LONGEST: Duration = Duration::from_secs(900 + 30);

/// Whether a function says that its role lacks a permission, or that it cannot read its secrets,
/// which comes of that.
pub fn lacks_permission(reason: &str) -> bool {
    reason.contains("AccessDenied")
        || reason.contains("is not authorized to perform")
        || reason.ends_with("cannot be read")
}

/// Invokes one version or alias and returns its answer. Lambda answers 200 when the function
/// failed, too: that is an error here, with the function's own type and message.
pub async fn invoke(aws: &Aws, function: &str, qualifier: &str, event: &Value) -> Result<Value> {
    let patience = TimeoutConfig::builder()
        .operation_attempt_timeout(LONGEST)
        .build();
    let answer = aws
        .lambda
        .invoke()
        .function_name(function)
        .qualifier(qualifier)
        .payload(Blob::new(event.to_string()))
        .customize()
        .config_override(aws_sdk_lambda::Config::builder().timeout_config(patience))
        .send()
        .await
        .during("Invoke", format!("{function}:{qualifier}"))
        .map_err(|error| match error.code() {
            Some("ResourceNotFoundException") => error.hint("run `wmctl up` first"),
            _ => error,
        })?;
    let payload = answer.payload.map(Blob::into_inner).unwrap_or_default();
    let value: Value = serde_json::from_slice(&payload).unwrap_or(Value::Null);
    if answer.function_error.is_some() {
        let text = |field: &str| value[field].as_str().unwrap_or("unknown").to_owned();
        return Err(Error::failed(format!(
            "{function}:{qualifier} failed: {}: {}",
            text("errorType"),
            text("errorMessage")
        ))
        .hint(format!("see the log group /aws/lambda/{function}")));
    }
    Ok(value)
}
