//! How old the database's passwords are.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::secret::Secret;
use crate::object::{Id, Object};
use crate::resources::Resource;

const DAY: Duration = Duration::from_hours(24);

/// The attribute of a login that says since when it has its current value: seconds since 1970.
pub(super) const SINCE: &str = "since";

/// One login's age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Age {
    pub id: Id,
    pub age: Duration,
}

impl Age {
    pub fn days(&self) -> u64 {
        self.age.as_secs() / DAY.as_secs()
    }

    /// Whether a rotation every so many days has not come about. It takes place on any hour of its
    /// day. Nothing is overdue where nothing rotates.
    pub fn is_overdue(&self, days: u32) -> bool {
        days > 0 && self.age >= DAY * days.saturating_add(1)
    }
}

/// The ages of the logins among the found objects.
pub fn ages(found: &[Object], now: SystemTime) -> Vec<Age> {
    let secrets = found.iter().filter(|object| object.id.kind == Secret::KIND);
    secrets
        .filter_map(|object| {
            let since: u64 = object.attributes.get(SINCE)?.parse().ok()?;
            let since = UNIX_EPOCH + Duration::from_secs(since);
            Some(Age {
                id: object.id.clone(),
                // Another clock than ours has written it.
                age: now.duration_since(since).unwrap_or_default(),
            })
        })
        .collect()
}

/// What the operator should know of rotations that have not come about.
pub fn notes(found: &[Object], days: u32, now: SystemTime) -> Vec<String> {
    let overdue = ages(found, now).into_iter();
    overdue
        .filter(|age| age.is_overdue(days))
        .map(|age| {
            format!(
                "{} has had the same password for {} days, and rotates every {days}: \
                 `wmctl rotate-secrets` does it now and says what is in the way",
                age.id,
                age.days()
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::object::attributes;

    fn login(name: &str, since: &str) -> Object {
        Object {
            id: Id::new("secret", name),
            attributes: attributes([(SINCE, since)]),
            value: Value::Null,
            owned: true,
        }
    }

    #[test]
    fn overdue_is_what_is_a_day_late() {
        let found = [login("database-app", "0"), login("database-admin", "86400")];
        let mut other = login("api-keys", "0");
        other.attributes.clear();
        let found = [&found[..], &[other]].concat();
        let now = UNIX_EPOCH + DAY * 31;
        let days: Vec<u64> = ages(&found, now).iter().map(Age::days).collect();
        assert_eq!(days, [31, 30]);
        let notes = notes(&found, 30, now);
        assert_eq!(notes.len(), 1);
        assert!(
            notes[0].starts_with("secret/database-app has had the same password for 31 days"),
            "{notes:?}"
        );
        assert_eq!(super::notes(&found, 0, now), [""; 0]);
    }

    #[test]
    fn a_clock_that_runs_behind_makes_nothing_old() {
        let found = [login("database-app", "86400")];
        assert_eq!(ages(&found, UNIX_EPOCH)[0].age, Duration::ZERO);
    }
}
