//! How old the database's passwords are.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::try_join_all;

use super::logins::since;
use super::secret::Secret;
use crate::aws::Aws;
use crate::error::Result;
use crate::object::{Id, Object};
use crate::resources::Resource;
use crate::stack::Stack;

const DAY: Duration = Duration::from_hours(24);

/// The attribute of a login that its current value is no older than: seconds since 1970.
pub(super) const SINCE: &str = "since";

/// One login's age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Age {
    pub id: Id,
    pub age: Duration,
}

impl Age {
    fn since(id: Id, since: SystemTime, now: SystemTime) -> Self {
        // Another clock than ours has written it.
        let age = now.duration_since(since).unwrap_or_default();
        Self { id, age }
    }

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
pub async fn ages(aws: &Aws, stack: &Stack, found: &[Object], now: SystemTime) -> Result<Vec<Age>> {
    exactly(aws, stack, at_most(found, now), now).await
}

/// What they are at most, as far as what was found tells: no call is made for it.
fn at_most(found: &[Object], now: SystemTime) -> Vec<Age> {
    let secrets = found.iter().filter(|object| object.id.kind == Secret::KIND);
    secrets
        .filter_map(|object| {
            let since: u64 = object.attributes.get(SINCE)?.parse().ok()?;
            let since = UNIX_EPOCH + Duration::from_secs(since);
            Some(Age::since(object.id.clone(), since, now))
        })
        .collect()
}

/// Asks for the versions that are in use now.
async fn exactly(aws: &Aws, stack: &Stack, ages: Vec<Age>, now: SystemTime) -> Result<Vec<Age>> {
    let asked = ages.into_iter().map(|age| async move {
        let since = since(aws, stack, &age.id.name).await?;
        let since = since.and_then(|since| SystemTime::try_from(since).ok());
        Ok(since.map_or(age.clone(), |since| Age::since(age.id, since, now)))
    });
    try_join_all(asked).await
}

/// What the operator should know of rotations that have not come about.
pub async fn notes(
    aws: &Aws,
    stack: &Stack,
    found: &[Object],
    days: u32,
    now: SystemTime,
) -> Result<Vec<String>> {
    let mut overdue = at_most(found, now);
    overdue.retain(|age| age.is_overdue(days));
    let overdue = exactly(aws, stack, overdue, now).await?.into_iter();
    Ok(overdue
        .filter(|age| age.is_overdue(days))
        .map(|age| {
            format!(
                "{} has had the same password for {} days, and rotates every {days}: \
                 `wmctl rotate-secrets` does it now and says what is in the way",
                age.id,
                age.days()
            )
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::scripted::{Scene, Script};
    use crate::object::attributes;

    fn login(name: &str, since: &str) -> Object {
        Object {
            id: Id::new("secret", name),
            attributes: attributes([(SINCE, since)]),
            value: Value::Null,
            owned: true,
        }
    }

    /// A version of that day, and the one before it.
    fn written(script: Script, day: u64) -> Script {
        let version = |label: &str, day: u64| {
            let seconds = (DAY * u32::try_from(day).unwrap()).as_secs();
            json!({"VersionId": label, "VersionStages": [label], "CreatedDate": seconds})
        };
        let versions = [version("AWSPREVIOUS", 0), version("AWSCURRENT", day)];
        script.answer(
            "ListSecretVersionIds",
            json!({"Versions": versions}).to_string(),
        )
    }

    async fn noted(script: Script, days: u32) -> (Vec<String>, Vec<String>) {
        let found = [login("database-app", "0"), login("database-admin", "86400")];
        let mut other = login("api-keys", "0");
        other.attributes.clear();
        let found = [&found[..], &[other]].concat();
        let scene = Scene::new("secret/database-app", script);
        let now = UNIX_EPOCH + DAY * 31;
        let notes = notes(&scene.aws, &scene.stack, &found, days, now).await;
        (notes.unwrap(), scene.script.calls())
    }

    #[tokio::test]
    async fn overdue_is_what_is_a_day_late() {
        // The administrator's cannot be, so nothing is asked of it.
        let (notes, calls) = noted(written(Script::new(), 0), 30).await;
        assert_eq!(notes.len(), 1);
        assert!(
            notes[0].starts_with("secret/database-app has had the same password for 31 days"),
            "{notes:?}"
        );
        assert_eq!(calls, ["ListSecretVersionIds"]);
    }

    #[tokio::test]
    async fn a_password_that_was_changed_by_hand_is_younger_than_its_secret() {
        let (notes, _) = noted(written(Script::new(), 20), 30).await;
        assert_eq!(notes, [""; 0]);
    }

    #[tokio::test]
    async fn nothing_is_asked_where_nothing_rotates() {
        assert_eq!(noted(Script::new(), 0).await, (vec![], vec![]));
    }

    #[tokio::test]
    async fn ages_are_those_of_the_versions_in_use() {
        let scene = Scene::new("secret/database-app", written(Script::new(), 20));
        let found = [login("database-app", "0")];
        let ages = ages(&scene.aws, &scene.stack, &found, UNIX_EPOCH + DAY * 31).await;
        let days: Vec<u64> = ages.unwrap().iter().map(Age::days).collect();
        assert_eq!(days, [11]);
    }

    #[test]
    fn a_clock_that_runs_behind_makes_nothing_old() {
        let found = [login("database-app", "86400")];
        assert_eq!(at_most(&found, UNIX_EPOCH)[0].age, Duration::ZERO);
    }
}
