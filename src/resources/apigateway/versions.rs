//! The versions of an API key: what stands beside each other while one takes the other's place.
//!
//! All versions of a key are one object to the engine, `api-key/NAME`. Which of them is which
//! follows from what the account shows, so that any machine can go on with a rotation (see
//! [`crate::rotation`]):
//!
//! - a key's AWS name, `{stack}-{environment}-{name}-v{n}`, tells its place in the order;
//! - the secret `api-key-NAME` tells the current version and a pending one: the id of each of its
//!   versions follows from the id of the key that it holds (`secretsmanager::staging`);
//! - a version before the current one is an old one, which stays valid for an overlap, until it is
//!   disabled: then its AWS name ends with `-retired`, and it waits for its deletion.
//!
//! The engine leaves what a rotation has begun exactly as it is, and only rotations move on.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigateway::types;
use futures::future::try_join_all;

use super::reading::{Claim, keys, plan_keys};
use super::sorted;
use crate::aws::Reader;
use crate::error::{Error, Result};
use crate::resources::secretsmanager::staging::{Stages, stages, version_of};
use crate::stack::{Stack, Tags};

/// Which version a key is, in a tag that survives a renaming.
pub const TAG_NUMBER: &str = "wmctl:key-version";
const RETIRED: &str = "-retired";

/// One key of API Gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub id: String,
    pub number: u32,
    pub aws_name: String,
    pub enabled: bool,
    /// Its name says that a rotation has done with it.
    pub retired: bool,
    /// In seconds since 1970.
    pub created: i64,
    pub changed: i64,
    pub tags: Tags,
}

/// What a version is to callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The one that the secret holds.
    Current,
    /// To become it.
    Pending,
    /// Was it, and is valid still.
    Old,
    /// Was it, and is disabled.
    Retired,
}

/// Every version of one key, oldest first, and what else tells their roles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Versions {
    pub name: String,
    pub owned: bool,
    pub all: Vec<Version>,
    pub stages: Stages,
    /// The ids in the usage plan.
    pub admitted: BTreeSet<String>,
}

impl Version {
    fn is_usable(&self) -> bool {
        self.enabled && !self.retired
    }
}

impl Versions {
    /// The one that the secret holds. Where that is none of them, since key or secret were
    /// changed behind our back, the newest that is valid, and a pending one only for want of
    /// another. None where a new one has to be made.
    pub fn current(&self) -> Option<&Version> {
        let newest = |fits: &dyn Fn(&Version) -> bool| self.all.iter().rev().find(|v| fits(v));
        let held = |version: &Version| {
            let holds = self.stages.current.as_deref() == Some(&version_of(&version.id));
            holds && !version.retired
        };
        newest(&held)
            .or_else(|| newest(&|v| v.is_usable() && !self.is_stored(v)))
            .or_else(|| newest(&Version::is_usable))
    }

    /// Whether the secret holds the version as a pending one.
    pub fn is_stored(&self, version: &Version) -> bool {
        self.stages.pending.contains(&version_of(&version.id))
    }

    /// Every version with its role, oldest first.
    pub fn roles(&self) -> Vec<(Role, &Version)> {
        let current = self.current().map(|current| &current.id);
        let at = self.all.iter().position(|v| Some(&v.id) == current);
        let role = |index: usize, version: &Version| match at {
            Some(at) if index == at => Role::Current,
            Some(at) if index > at && !version.retired => Role::Pending,
            _ if version.is_usable() => Role::Old,
            _ => Role::Retired,
        };
        let versions = self.all.iter().enumerate();
        versions.map(|(i, v)| (role(i, v), v)).collect()
    }

    pub fn of(&self, wanted: Role) -> Vec<&Version> {
        let roles = self.roles().into_iter();
        roles
            .filter(|(role, _)| *role == wanted)
            .map(|(_, version)| version)
            .collect()
    }

    /// The ids that must work, and of the others those that are in `so_far`: a rotation has put
    /// them there, or has yet to take them out.
    fn with(&self, so_far: &BTreeSet<String>) -> String {
        let stays = |role: Role| matches!(role, Role::Current | Role::Old);
        let ids = self.roles().into_iter();
        let ids = ids.filter(|(role, version)| stays(*role) || so_far.contains(&version.id));
        let ids: Vec<&str> = ids.map(|(_, version)| version.id.as_str()).collect();
        ids.join(" ")
    }

    /// The ids whose digests the function is to have, by a space.
    pub fn to_accept(&self) -> String {
        self.with(&self.stages.accepted)
    }

    /// The ids that the usage plan is to have, by a space.
    pub fn to_admit(&self) -> String {
        self.with(&self.admitted)
    }

    /// The number of the version after all these.
    pub fn next_number(&self) -> u32 {
        self.all.iter().map(|v| v.number).max().unwrap_or(0) + 1
    }
}

/// `{stack}-{environment}-{name}-v{number}`.
pub fn aws_name(stack: &Stack, name: &str, number: u32) -> String {
    stack.name(&format!("{name}-v{number}"))
}

/// What a version is called when it is disabled.
pub fn retired_name(version: &Version) -> String {
    format!("{}{RETIRED}", version.aws_name)
}

/// Name, number, and whether it is retired, of an AWS name of ours.
pub fn parse<'a>(stack: &Stack, aws_name: &'a str) -> Option<(&'a str, u32, bool)> {
    let rest = stack.logical(aws_name)?;
    let (rest, retired) = match rest.strip_suffix(RETIRED) {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let (name, number) = rest.rsplit_once("-v")?;
    Some((name, number.parse().ok()?, retired))
}

/// How much to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The secrets and the plan only where there is more than one valid version.
    Enough,
    All,
}

/// The stack's keys by name, read once for all who ask.
pub async fn versions(reader: &Reader) -> Result<&BTreeMap<String, Versions>> {
    let read = || read(reader, Depth::Enough);
    reader.gateway.versions.get_or_try_init(read).await
}

/// The stack's keys by name, as they are now.
pub async fn read(reader: &Reader, depth: Depth) -> Result<BTreeMap<String, Versions>> {
    let mut by_name: BTreeMap<String, Versions> = BTreeMap::new();
    for (id, (claim, key)) in keys(reader).await? {
        let Some(claim) = claim else { continue };
        let versions = by_name.entry(claim.name.clone()).or_default();
        // What is ours stands before what only has our name.
        if claim.owned && !versions.owned {
            versions.all.clear();
            versions.owned = true;
        }
        if claim.owned == versions.owned {
            versions.all.push(version(&reader.stack, id, &claim, key));
        }
    }
    let deep = by_name.iter_mut().filter(|(_, versions)| {
        let alone = versions.all.len() == 1 && versions.all.iter().all(Version::is_usable);
        depth == Depth::All || !alone
    });
    try_join_all(deep.map(async |(name, versions)| {
        let (stages, plans) = tokio::try_join!(stages(reader, name), plan_keys(reader))?;
        versions.stages = stages;
        versions.admitted = plans.values().flatten().cloned().collect();
        Ok::<_, Error>(())
    }))
    .await?;
    for (name, versions) in &mut by_name {
        versions.name.clone_from(name);
        let order = |v: &Version| (v.number, v.created, v.id.clone());
        versions.all.sort_by_key(order);
    }
    Ok(by_name)
}

fn version(stack: &Stack, id: &str, claim: &Claim, key: &types::ApiKey) -> Version {
    let tags = sorted(key.tags.clone());
    let aws_name = key.name.clone().unwrap_or_default();
    let parsed = parse(stack, &aws_name).filter(|(name, ..)| *name == claim.name);
    let (_, named, retired) = parsed.unwrap_or_default();
    let tagged = tags.get(TAG_NUMBER).and_then(|number| number.parse().ok());
    let seconds = |time: Option<&aws_smithy_types::DateTime>| {
        time.map_or(0, aws_smithy_types::DateTime::secs)
    };
    Version {
        id: id.to_owned(),
        number: tagged.unwrap_or(named.max(1)),
        retired,
        aws_name,
        enabled: key.enabled,
        created: seconds(key.created_date.as_ref()),
        changed: seconds(key.last_updated_date.as_ref()),
        tags,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::resources::sample::stack;

    /// `1` is version 1 with the id `id1`; `-1` is disabled, and 0 of another's making.
    pub(crate) fn key(numbers: &[i32], current: u32, pending: &[u32]) -> Versions {
        let id = |number: u32| format!("id{number}");
        let version = |number: &i32| Version {
            id: id(number.unsigned_abs()),
            number: number.unsigned_abs(),
            aws_name: aws_name(&stack(), "web", number.unsigned_abs()),
            enabled: *number > 0,
            retired: false,
            created: 0,
            changed: 0,
            tags: Tags::new(),
        };
        Versions {
            name: "web".to_owned(),
            owned: true,
            all: numbers.iter().map(version).collect(),
            stages: Stages {
                current: Some(version_of(&id(current))),
                pending: pending
                    .iter()
                    .map(|number| version_of(&id(*number)))
                    .collect(),
                ..Stages::default()
            },
            admitted: BTreeSet::new(),
        }
    }

    fn shown(versions: &Versions) -> String {
        let roles = versions.roles().into_iter();
        let roles = roles.map(|(role, version)| format!("{} {role:?}", version.number));
        roles.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn names_tell_versions() {
        let stack = stack();
        let parse = |name| parse(&stack, name);
        assert_eq!(parse("chat-prod-web-v1"), Some(("web", 1, false)));
        assert_eq!(parse("chat-prod-web-v2-v12"), Some(("web-v2", 12, false)));
        assert_eq!(parse("chat-prod-web-v3-retired"), Some(("web", 3, true)));
        assert_eq!(parse("chat-prod-web"), None);
        assert_eq!(parse("other-v1"), None);
    }

    #[test]
    fn the_secret_tells_which_is_current() {
        assert_eq!(shown(&key(&[1], 1, &[])), "1 Current");
        assert_eq!(shown(&key(&[1, 2], 1, &[])), "1 Current, 2 Pending");
        assert_eq!(shown(&key(&[1, 2], 1, &[2])), "1 Current, 2 Pending");
        assert_eq!(shown(&key(&[1, 2], 2, &[2])), "1 Old, 2 Current");
        assert_eq!(shown(&key(&[-1, 2], 2, &[])), "1 Retired, 2 Current");
        // Disabled behind our back.
        assert_eq!(shown(&key(&[-1], 1, &[])), "1 Current");
    }

    #[test]
    fn where_the_secret_holds_none_of_them_the_newest_valid_one_is_current() {
        assert_eq!(shown(&key(&[1, 2], 9, &[2])), "1 Current, 2 Pending");
        assert_eq!(shown(&key(&[1, 2], 9, &[])), "1 Old, 2 Current");
        assert_eq!(shown(&key(&[2], 9, &[2])), "2 Current");
        // The current one was deleted in its overlap, or after it.
        assert_eq!(shown(&key(&[1], 2, &[])), "1 Current");
        assert_eq!(shown(&key(&[-1], 2, &[])), "1 Retired");
        assert_eq!(key(&[-1], 2, &[]).next_number(), 2);
    }

    #[test]
    fn what_a_rotation_has_begun_stays_as_it_is() {
        let mut pending = key(&[1, 2], 1, &[2]);
        assert_eq!(pending.to_accept(), "id1");
        pending.stages.accepted = ["id1", "id2"].map(str::to_owned).into();
        assert_eq!(
            (&*pending.to_accept(), &*pending.to_admit()),
            ("id1 id2", "id1")
        );
        let overlap = key(&[1, 2], 2, &[]);
        assert_eq!(overlap.to_accept(), "id1 id2");
        let mut retired = key(&[-1, 2], 2, &[]);
        retired.stages.accepted = ["id1", "id2"].map(str::to_owned).into();
        assert_eq!(
            (&*retired.to_accept(), &*retired.to_admit()),
            ("id1 id2", "id2")
        );
    }
}
