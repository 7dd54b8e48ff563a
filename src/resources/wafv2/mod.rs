//! The web ACL in front of the API.

pub mod association;
pub mod logging;
#[cfg(test)]
mod refusals;
mod rule;
pub mod web_acl;

use std::future::Future;
use std::time::Duration;

use crate::aws::patience::patiently;
use crate::error::{Error, Result};
use crate::resources::Cx;

const NOT_FOUND: &str = "WAFNonexistentItemException";

/// Makes a call until WAF knows everywhere what it was told: a new ACL, or a new stage, can be
/// unknown to it for longer than five minutes.
async fn settled<T, F>(
    cx: &Cx<'_>,
    what: &str,
    heals: impl Fn(&Error) -> bool,
    attempt: impl FnMut() -> F,
) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    patiently(
        cx.events,
        cx.id,
        what,
        Duration::from_mins(15),
        |error| is_spreading(error) || heals(error),
        attempt,
    )
    .await
}

fn is_spreading(error: &Error) -> bool {
    matches!(
        error.code(),
        Some(
            "WAFUnavailableEntityException"
                | "WAFInternalErrorException"
                | "WAFTagOperationException"
                | "WAFTagOperationInternalErrorException"
        )
    )
}
