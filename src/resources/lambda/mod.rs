//! The two functions, their versions and aliases, and who may invoke them.
//!
//! A function's `$LATEST` is only where versions are made. What callers reach is the alias
//! `live`, which moves to a version after the schema is migrated and the version is healthy.

pub mod alias;
mod finding;
pub mod function;
pub mod invoke;
pub mod maintenance;
pub mod migrating;
pub mod permission;
pub mod rollback;
pub mod rotation;
pub mod schema;
mod settings;
mod url;
pub mod version;

use std::time::Duration;

use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_lambda::types::{LastUpdateStatus, State};

use crate::aws::During;
use crate::aws::patience::{Look, patiently, wait};
use crate::error::{Error, Result};
use crate::events::Events;
use crate::permissions::{Grant, When, allow};
use crate::resources::Cx;

/// Lambda shows a function's variables to whoever may decrypt them.
const SEE_VARIABLES: Grant = allow(&["kms:Decrypt"], &["kms:key/*"]).when(&[When::Via("lambda")]);

/// What Lambda does with the key for whoever gives it to a function.
const USE_KEY: Grant = allow(
    &[
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:Encrypt",
        "kms:GenerateDataKey",
    ],
    &["kms:key/*"],
)
.when(&[When::Via("lambda")]);

/// The migrator at work.
pub(crate) const MIGRATE: Grant = allow(&["lambda:InvokeFunction"], &["lambda:function:{stack}-*"]);

/// What it writes meanwhile.
pub(crate) const FOLLOW: Grant = allow(
    &["logs:FilterLogEvents"],
    &["logs:log-group:/aws/lambda/{stack}-*"],
);

/// The functions of the crate, by logical name.
pub const FUNCTIONS: [&str; 2] = ["chatbot", "migrator"];
/// The alias that callers use.
pub const LIVE: &str = "live";

const NOT_FOUND: &[&str] = &["ResourceNotFoundException"];
/// IAM, KMS grants and EC2 network interfaces settle within minutes, not seconds.
const SETTLING: Duration = Duration::from_mins(5);
/// As long as any function may run.
const RUNNING: Duration = Duration::from_mins(16);

/// Whether a call was refused since what it makes is there already.
fn exists(error: &Error) -> bool {
    error.is("ResourceConflictException", "already exist")
}

/// Whether a call was refused since another change of the function is still under way, or too
/// many calls are.
fn busy(error: &Error) -> bool {
    match error.code() {
        Some("ResourceConflictException") => !exists(error),
        Some("TooManyRequestsException" | "ResourceInUseException") => true,
        _ => false,
    }
}

/// Whether a call was refused for a reason that passes: the function is busy, or something that
/// it refers to is too new to be known everywhere.
fn passes(error: &Error) -> bool {
    let too_new = |text: &str| error.is("InvalidParameterValueException", text);
    busy(error)
        || too_new("cannot be assumed")
        || too_new("does not have permissions")
        || too_new("throttled by ec2")
        || too_new("invalid for creategrant")
        || matches!(
            error.code(),
            Some("KMSAccessDeniedException" | "EC2ThrottledException")
        )
}

/// Makes a call and repeats it while it is refused for a reason that passes.
async fn settled<T, F>(cx: &Cx<'_>, what: &str, call: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    patiently(cx.events, cx.id, what, SETTLING, passes, call).await
}

/// Makes a call and repeats it while the function is busy.
async fn once_idle<T, F>(cx: &Cx<'_>, call: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let what = "the last update to end";
    patiently(cx.events, cx.id, what, SETTLING, busy, call).await
}

/// Calls the migrator, which runs once at a time: its schedule may have called it just now.
async fn once_free<T, F>(events: &Events, call: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let busy = |error: &Error| error.code() == Some("TooManyRequestsException");
    let what = "the migrator's last run to end";
    patiently(events, &schema::id(), what, RUNNING, busy, call).await
}

/// Waits until the function (or one version of it) is active and its last update is done:
/// Lambda refuses the next change before that.
async fn ready(cx: &Cx<'_>, function: &str, version: Option<&str>) -> Result<()> {
    let state = idle(cx, function, version).await?;
    let failed = failure(
        (state.state(), state.state_reason()),
        (
            state.last_update_status(),
            state.last_update_status_reason(),
        ),
    );
    match failed {
        Some(reason) => Err(Error::failed(format!("{}: Lambda says: {reason}", cx.id))
            .hint("mend the cause, then run the same command again: it tries the update again")),
        None => Ok(()),
    }
}

/// The same, and an update that failed has ended, too: the next may mend it.
async fn idle(
    cx: &Cx<'_>,
    function: &str,
    version: Option<&str>,
) -> Result<GetFunctionConfigurationOutput> {
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
            let pending = match (&state.state, &state.last_update_status) {
                (Some(State::Pending), _) => Some("pending"),
                (_, Some(LastUpdateStatus::InProgress)) => Some("an update is in progress"),
                _ => None,
            };
            Ok(match pending {
                Some(what) => Look::Pending(what.to_owned()),
                None => Look::Ready(state),
            })
        },
    )
    .await
}

/// Why Lambda could not make the function, or not bring it to its settings; each state comes
/// with its reason.
fn failure(
    (state, state_reason): (Option<&State>, Option<&str>),
    (update, update_reason): (Option<&LastUpdateStatus>, Option<&str>),
) -> Option<String> {
    let reason = if update == Some(&LastUpdateStatus::Failed) {
        update_reason
    } else if state == Some(&State::Failed) {
        state_reason
    } else {
        return None;
    };
    Some(reason.unwrap_or("no reason given").to_owned())
}

#[cfg(test)]
mod tests;
