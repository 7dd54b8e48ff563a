//! Calling a function directly, by IAM.

use aws_sdk_lambda::primitives::Blob;
use serde_json::Value;

use crate::aws::{Aws, During};
use crate::error::{Error, Result};

/// Invokes one version or alias and returns its answer. Lambda answers 200 when the function
/// failed, too: that is an error here, with the function's own type and message.
pub async fn invoke(aws: &Aws, function: &str, qualifier: &str, event: &Value) -> Result<Value> {
    let answer = aws
        .lambda
        .invoke()
        .function_name(function)
        .qualifier(qualifier)
        .payload(Blob::new(event.to_string()))
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
