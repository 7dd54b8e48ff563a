//! What an instance is doing, and waiting for it to be done.

use std::time::{Duration, SystemTime};

use aws_sdk_rds::types::{DbInstance, PendingModifiedValues};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use crate::aws::patience::{Look, patiently, wait};
use crate::aws::{Aws, During, Optional};
use crate::error::{Error, Result};
use crate::resources::Cx;

pub const NOT_FOUND: &[&str] = &["DBInstanceNotFound", "DBInstanceNotFoundFault"];

/// The instance with this identifier, whoever owns it.
pub async fn describe(aws: &Aws, identifier: &str) -> Result<Option<DbInstance>> {
    let answer = aws
        .rds
        .describe_db_instances()
        .db_instance_identifier(identifier)
        .send()
        .await
        .during("DescribeDBInstances", identifier)
        .unless(NOT_FOUND)?;
    Ok(answer
        .and_then(|answer| answer.db_instances)
        .and_then(|instances| instances.into_iter().next()))
}

/// Waits until the instance serves, and has nothing left to change.
pub async fn ready(cx: &Cx<'_>, identifier: &str) -> Result<DbInstance> {
    wait(
        cx.events,
        cx.id,
        "the instance",
        Duration::from_mins(40),
        || async {
            let Some(instance) = describe(cx.aws, identifier).await? else {
                return Ok(Look::Pending("not there yet".to_owned()));
            };
            Ok(match state(&instance) {
                State::Ready => Look::Ready(instance),
                State::Pending(what) => Look::Pending(what),
                State::Stuck(what) => return Err(stuck(&what)),
            })
        },
    )
    .await
}

/// Waits until the instance is gone, its last snapshot taken.
pub async fn gone(cx: &Cx<'_>, identifier: &str) -> Result<()> {
    wait(
        cx.events,
        cx.id,
        "the instance to be gone",
        Duration::from_hours(1),
        || async {
            Ok(match describe(cx.aws, identifier).await? {
                None => Look::Ready(()),
                Some(instance) => Look::Pending(status(&instance).to_owned()),
            })
        },
    )
    .await
}

/// Repeats a call that RDS refuses while the instance is busy with something else.
pub async fn once_idle<T, F>(cx: &Cx<'_>, attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    patiently(
        cx.events,
        cx.id,
        "the instance to finish what it is doing",
        Duration::from_mins(40),
        |error| {
            matches!(
                error.code(),
                Some("InvalidDBInstanceState" | "InvalidDBInstanceStateFault")
            )
        },
        attempt,
    )
    .await
}

pub fn status(instance: &DbInstance) -> &str {
    instance.db_instance_status.as_deref().unwrap_or("unknown")
}

/// `chatbot-prod-final-20260131143000`, in UTC.
pub fn snapshot_name(instance: &str, occasion: &str, now: SystemTime) -> String {
    let time = DateTime::from(now)
        .fmt(Format::DateTime)
        .unwrap_or_default();
    let digits: String = time.chars().filter(char::is_ascii_digit).take(14).collect();
    format!("{instance}-{occasion}-{digits}")
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Ready,
    Pending(String),
    /// Nothing that only takes time.
    Stuck(String),
}

fn state(instance: &DbInstance) -> State {
    let status = status(instance);
    match status {
        // After a modification the status still says so for a moment. Storage that is being
        // optimised serves as usual, for hours.
        "available" | "storage-optimization" if changes_nothing(instance) => State::Ready,
        "available" | "storage-optimization" => State::Pending("changes pending".to_owned()),
        "failed"
        | "stopped"
        | "storage-full"
        | "restore-error"
        | "inaccessible-encryption-credentials"
        | "inaccessible-encryption-credentials-recoverable"
        | "insufficient-capacity" => State::Stuck(status.to_owned()),
        _ if status.starts_with("incompatible-") => State::Stuck(status.to_owned()),
        _ => State::Pending(status.to_owned()),
    }
}

fn changes_nothing(instance: &DbInstance) -> bool {
    let nothing = PendingModifiedValues::builder().build();
    instance
        .pending_modified_values
        .as_ref()
        .is_none_or(|pending| *pending == nothing)
}

fn stuck(status: &str) -> Error {
    Error::failed(format!("the database instance is {status}")).hint(match status {
        "stopped" => "start it in the RDS console, then run the same command again",
        _ => "the instance's events in the RDS console say why; then run the same command again",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(status: &str, pending: PendingModifiedValues) -> DbInstance {
        DbInstance::builder()
            .db_instance_status(status)
            .pending_modified_values(pending)
            .build()
    }

    #[test]
    fn an_instance_with_pending_changes_is_not_ready() {
        let none = PendingModifiedValues::builder().build();
        let class = PendingModifiedValues::builder()
            .db_instance_class("db.t4g.medium")
            .build();
        assert_eq!(state(&instance("available", none.clone())), State::Ready);
        assert_eq!(
            state(&instance("storage-optimization", none.clone())),
            State::Ready
        );
        assert!(matches!(
            state(&instance("available", class)),
            State::Pending(_)
        ));
        assert!(matches!(
            state(&instance("creating", none)),
            State::Pending(_)
        ));
    }

    #[test]
    fn waiting_ends_at_once_where_time_does_not_help() {
        let none = PendingModifiedValues::builder().build();
        for status in ["stopped", "failed", "incompatible-parameters"] {
            let state = state(&instance(status, none.clone()));
            assert_eq!(state, State::Stuck(status.to_owned()));
        }
    }

    #[test]
    fn the_last_snapshot_is_named_by_the_time() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_769_870_096);
        assert_eq!(
            snapshot_name("chatbot-prod", "final", time),
            "chatbot-prod-final-20260131143456"
        );
    }
}
