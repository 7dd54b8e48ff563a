//! Waiting, in one place: for a state, and through errors that time heals.

use std::future::Future;
use std::time::Duration;

use rand::Rng;

use self::clock::{Instant, sleep};
use crate::error::{Error, Result};
use crate::events::Events;
use crate::object::Id;

/// Emulators answer at once, so the first look comes early; AWS is asked ever less often.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);

/// What a look at a state found.
pub enum Look<T> {
    Ready(T),
    /// Not yet, and what AWS calls the state: "pending".
    Pending(String),
}

struct Pace {
    next: Duration,
    deadline: Instant,
}

impl Pace {
    fn new(limit: Duration) -> Self {
        Self {
            next: FIRST,
            deadline: Instant::now() + limit,
        }
    }

    /// Sleeps with jitter; false when the time is up.
    async fn pause(&mut self) -> bool {
        if Instant::now() >= self.deadline {
            return false;
        }
        let jitter = rand::rng().random_range(0.8..1.2);
        sleep(self.next.mul_f64(jitter)).await;
        self.next = (self.next * 2).min(LONGEST);
        true
    }
}

/// Looks until the state is ready. `what` completes "waiting for …".
pub async fn wait<T, F>(
    events: &Events,
    id: &Id,
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> F,
) -> Result<T>
where
    F: Future<Output = Result<Look<T>>>,
{
    let mut pace = Pace::new(limit);
    loop {
        match look().await? {
            Look::Ready(value) => return Ok(value),
            Look::Pending(state) => {
                events.waiting(&id.to_string(), format!("{what} ({state})"));
                if !pace.pause().await {
                    return Err(Error::failed(format!(
                        "{id}: gave up waiting for {what} after {} minutes; last state: {state}",
                        limit.as_secs() / 60
                    ))
                    .hint("it may still get there: run the same command again to resume"));
                }
            }
        }
    }
}

/// Tries again for as long as `heals` says of the error that time mends it. `what` completes
/// "waiting for …".
pub async fn patiently<T, F>(
    events: &Events,
    id: &Id,
    what: &str,
    limit: Duration,
    heals: impl Fn(&Error) -> bool,
    mut attempt: impl FnMut() -> F,
) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut pace = Pace::new(limit);
    loop {
        match attempt().await {
            Err(error) if heals(&error) => {
                events.waiting(&id.to_string(), what.to_owned());
                if !pace.pause().await {
                    return Err(error);
                }
            }
            other => return other,
        }
    }
}

/// The time that waiting is measured by.
#[cfg(not(test))]
pub(crate) mod clock {
    pub use tokio::time::{Instant, sleep};
}

/// In tests only waiting moves the time, so minutes pass at once. Each test has its own: it runs
/// on a thread of its own.
#[cfg(test)]
pub(crate) mod clock {
    use std::cell::Cell;
    use std::ops::Add;
    use std::time::Duration;

    thread_local! {
        static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub struct Instant(Duration);

    impl Instant {
        pub fn now() -> Self {
            Self(elapsed())
        }
    }

    impl Add<Duration> for Instant {
        type Output = Self;

        fn add(self, time: Duration) -> Self {
            Self(self.0 + time)
        }
    }

    pub fn elapsed() -> Duration {
        NOW.with(Cell::get)
    }

    pub async fn sleep(time: Duration) {
        NOW.with(|now| now.set(now.get() + time));
        tokio::task::yield_now().await;
    }
}
