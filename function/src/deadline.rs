//! How long an invocation may still take, and what of it may be spent on waiting.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A caller learns within about this time that something is away.
const PATIENCE: Duration = Duration::from_millis(4500);
/// What is kept back for writing an answer, and for ending a query that goes on too long.
const RESERVE: Duration = Duration::from_secs(2);
/// The gateway gives up after 29 s.
const LONGEST_QUERY: Duration = Duration::from_secs(25);
/// Assumed where the invocation names none that lies ahead.
const DEFAULT: Duration = Duration::from_secs(30);

/// One invocation's time.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    patience: Instant,
    end: Instant,
}

impl Deadline {
    /// From what the invocation says: milliseconds since 1970.
    pub fn of(millis: u64) -> Self {
        Self::after(remaining(millis))
    }

    /// The one that lies `left` ahead.
    pub fn after(left: Duration) -> Self {
        let now = Instant::now();
        Self {
            // A short invocation, too, must end with an answer.
            patience: now + PATIENCE.min(left * 3 / 4),
            end: now + left,
        }
    }

    /// How long to wait for what may not answer at all, at most `most`.
    pub fn patience(&self, most: Duration) -> Duration {
        most.min(self.patience.saturating_duration_since(Instant::now()))
    }

    /// How long the queries of a server that works may take, in whole seconds.
    pub fn query_seconds(&self) -> u64 {
        self.end
            .saturating_duration_since(Instant::now() + RESERVE)
            .clamp(Duration::from_secs(1), LONGEST_QUERY)
            .as_secs()
    }
}

/// What an invocation has left, by its deadline in milliseconds since 1970.
pub fn remaining(millis: u64) -> Duration {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    match Duration::from_millis(millis).saturating_sub(now) {
        Duration::ZERO => DEFAULT,
        left => left,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_ends_before_its_invocation() {
        let seconds = |left: u64| Deadline::after(Duration::from_secs(left)).query_seconds();
        assert_eq!([seconds(900), seconds(30), seconds(0)], [25, 25, 1]);
        // A moment has passed, and whole seconds are what the server is told.
        assert_eq!(seconds(10), 7);
    }

    #[test]
    fn waiting_ends_sooner_than_working() {
        let patience =
            |left: u64| Deadline::after(Duration::from_secs(left)).patience(PATIENCE * 2);
        assert!(patience(30) <= PATIENCE);
        assert!(patience(2) <= Duration::from_millis(1500));
        assert_eq!(
            Deadline::after(Duration::ZERO).patience(PATIENCE),
            Duration::ZERO
        );
    }

    #[test]
    fn a_deadline_that_has_passed_is_none() {
        assert_eq!(Deadline::of(0).query_seconds(), 25);
        let soon = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            + RESERVE * 3;
        let millis = u64::try_from(soon.as_millis()).unwrap_or_default();
        assert_eq!(Deadline::of(millis).query_seconds(), 3);
    }
}
