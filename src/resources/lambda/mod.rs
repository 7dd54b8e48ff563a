//! The two functions, their versions and aliases, and who may invoke them.
//!
//! A function's `$LATEST` is only where versions are made. What callers reach is the alias
//! `live`, which moves to a version after the schema is migrated and the version is healthy.

pub mod alias;
mod finding;
pub mod function;
pub mod invoke;
pub mod permission;
pub mod schema;
pub mod version;

use std::time::Duration;

use aws_sdk_lambda::types::{LastUpdateStatus, State};

use crate::aws::patience::{Look, patiently, wait};
use crate::aws::{Aws, During};
use crate::error::{Error, Result};
use crate::resources::Cx;

/// The functions of the crate, by logical name.
pub const FUNCTIONS: [&str; 2] = ["chatbot", "migrator"];
/// The alias that callers use.
pub const LIVE: &str = "live";

const NOT_FOUND: &[&str] = &["ResourceNotFoundException"];
/// IAM, KMS grants and EC2 network interfaces settle within minutes, not seconds.
const SETTLING: Duration = Duration::from_mins(5);

/// Whether a Lambda call was refused for a reason that passes: something that it refers to is
/// too new to be known everywhere, or another update is still running.
fn passes(error: &Error) -> bool {
    let too_new = |text: &str| error.is("InvalidParameterValueException", text);
    error.code() == Some("ResourceConflictException")
        || too_new("cannot be assumed")
        || too_new("does not have permissions")
        || too_new("createnetworkinterface")
        || too_new("throttled by ec2")
        || too_new("kms key is invalid for creategrant")
        || error.is("KMSAccessDeniedException", "")
        || error.is("InvalidParameterValueException", "creategrant")
}

/// Makes a call and repeats it while it is refused for a reason that passes.
async fn settled<T, F>(cx: &Cx<'_>, what: &str, call: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    patiently(cx.events, cx.id, what, SETTLING, passes, call).await
}

/// Waits until the function (or one version of it) is active and its last update is done:
/// Lambda refuses the next change before that.
async fn ready(cx: &Cx<'_>, function: &str, version: Option<&str>) -> Result<()> {
    wait(
        cx.events,
        cx.id,
        "the function to be active",
        Duration::from_mins(10),
        || async {
            let state = cx
                .aws
                .lambda
                .get_function_configuration()
                .function_name(function)
                .set_qualifier(version.map(str::to_owned))
                .send()
                .await
                .during("GetFunctionConfiguration", cx.id)?;
            if state.state == Some(State::Failed)
                || state.last_update_status == Some(LastUpdateStatus::Failed)
            {
                let reason = state
                    .last_update_status_reason
                    .or(state.state_reason)
                    .unwrap_or_else(|| "no reason given".to_owned());
                return Err(Error::failed(format!("{}: Lambda says: {reason}", cx.id)));
            }
            let active = matches!(state.state, None | Some(State::Active | State::Inactive));
            let updated = matches!(
                state.last_update_status,
                None | Some(LastUpdateStatus::Successful)
            );
            Ok(if active && updated {
                Look::Ready(())
            } else {
                Look::Pending(state.state.map_or_else(
                    || "pending".to_owned(),
                    |state| state.as_str().to_lowercase(),
                ))
            })
        },
    )
    .await
}

/// The tags of a function; Lambda's lists leave them out.
async fn function_tags(aws: &Aws, arn: &str) -> Result<crate::stack::Tags> {
    Ok(aws
        .lambda
        .list_tags()
        .resource(arn)
        .send()
        .await
        .during("ListTags", arn)?
        .tags
        .unwrap_or_default()
        .into_iter()
        .collect())
}
