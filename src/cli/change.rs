//! Changing the account: what `up`, `down` and the commands that call the migrator share.

use std::sync::Mutex;
use std::time::Duration;

use clap::Args;
use tokio::sync::watch;
use tokio::time::timeout;

use super::session::Session;
use super::stop::stoppable;
use super::view::View;
use crate::apply::{Outcome, Site, apply};
use crate::artifact::Artifacts;
use crate::error::{Error, Kind, Result};
use crate::lease::Lease;
use crate::plan::{Plan, moved};
use crate::report::plan_text;

/// How long a run that was told to leave at once may take to give its lease back.
const PARTING: Duration = Duration::from_secs(3);

#[derive(Debug, Args)]
pub struct Changing {
    /// Wait so long for another run on the same stack to end, such as 90s or 30m
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "0s")]
    pub wait: Duration,
}

/// Applies a plan that was confirmed. `again` plans once more when nobody else changes anything
/// any more: where the account has moved meanwhile, a person has to look again, and a run that
/// nobody watches goes on with what there is to do now.
pub async fn carry_out(
    session: &Session,
    plan: Plan,
    artifacts: Artifacts,
    command: &str,
    wait: Duration,
    again: impl Fn(&View) -> Result<Plan>,
) -> Result<(Plan, Outcome)> {
    with_lease(session, command, wait, async |stopped| {
        let view = session.look_again(artifacts).await?;
        let now = again(&view)?;
        let moved = moved(&plan, &now);
        if !moved.is_empty() {
            let moved = moved.join(", ");
            if session.watched {
                return Err(Error::new(
                    Kind::Refused,
                    format!("the account has moved since this plan was made: {moved}"),
                )
                .hint("nothing was changed; run the same command again to see what is left to do"));
            }
            session.events.note(format!(
                "The account has moved since the plan was made ({moved}); this is what is left to do:\n{}",
                plan_text(&now)
            ));
        }
        let site = Site {
            kinds: &session.kinds,
            aws: &session.aws,
            stack: &session.stack,
            artifacts: &view.artifacts,
            options: &session.options,
            events: &session.events,
            gaps: &session.gaps,
            database_server: session.database_server(),
        };
        let outcome = apply(&site, &now, stopped).await;
        Ok((now, outcome))
    })
    .await
}

/// Runs `work` while this run alone may change the stack. `work` is told when to stop: at the
/// first signal, or where the lease is lost. The lease is given back however it ends.
pub async fn with_lease<T>(
    session: &Session,
    command: &str,
    wait: Duration,
    work: impl AsyncFnOnce(&dyn Fn() -> bool) -> Result<T>,
) -> Result<T> {
    let held: Mutex<Option<Lease>> = Mutex::new(None);
    let lease = || {
        held.lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    };
    let done = stoppable(&session.events, |stop| async move {
        let (aws, stack, events) = (&session.aws, &session.stack, &session.events);
        let taken = tokio::select! {
            taken = Lease::take(aws, stack, command, wait, events) => taken?,
            () = told(stop.clone()) => return Err(Error::new(
                Kind::Interrupted,
                "stopped while waiting for another run; nothing was changed",
            )),
        };
        let lost = taken.lost();
        *lease() = Some(taken);
        let stopped = || *stop.borrow() || *lost.borrow();
        work(&stopped).await
    })
    .await;
    let taken = lease().take();
    if let Some(lease) = taken {
        release(session, lease).await;
    }
    done?
}

async fn release(session: &Session, lease: Lease) {
    let released = timeout(PARTING, lease.release()).await;
    let why = match released {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.message,
        Err(_) => "no answer in time".to_owned(),
    };
    session.events.note(format!(
        "The lease could not be given back ({why}); a run on this machine takes it over, others after ten minutes or `wmctl unlock`"
    ));
}

/// Comes to its end when the flag turns true.
async fn told(mut stop: watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// `90s`, `30m`, `2h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no duration; examples: 90s, 30m, 2h");
    let (number, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "s" => Some(number),
        "m" => number.checked_mul(60),
        "h" => number.checked_mul(3600),
        _ => None,
    };
    seconds.map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("30m"), Ok(Duration::from_mins(30)));
        assert_eq!(duration("2h"), Ok(Duration::from_hours(2)));
        for wrong in [
            "",
            "30",
            "m",
            "1d",
            "-1s",
            "1.5h",
            "99999999999999999999h",
            "é",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
