//! What comes next in a rotation: decided by the state of the account alone.

use crate::config;
use crate::resources::apigateway::versions::{Role, Version, Versions};
use crate::resources::secretsmanager::staging::version_of;

/// What the operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// A new key; or what an earlier run left to do.
    Begin,
    /// What an earlier run left to do, and no new key.
    GoOn,
    /// The overlap over now, or what is disabled deleted now.
    EndOverlap,
    EndGrace,
    /// Back to the old key, before the new one is promoted.
    Abort,
    /// A new key, and the old one gone at once.
    Replace,
    /// The same, where a new key was begun or is there already.
    Emergency,
}

/// One thing to do. Keys are named by their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Create {
        number: u32,
    },
    /// Stores the value as the secret's pending version.
    Store(String),
    /// Gives the function the digests of these, by a space.
    Accept(String),
    Admit(String),
    Probe(String),
    /// Makes the pending version of the secret its current one, in the place of `from`.
    Promote {
        from: String,
        to: String,
    },
    /// Keeps the time of the promotion.
    Note(String),
    Disable(String),
    Expel(String),
    Delete(String),
    /// Takes the pending stage off a version of the secret.
    Forget(String),
}

/// What is waited for before anything else can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Overlap,
    Grace,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    Step(Step),
    /// Until so many seconds after 1970, for the version with this id.
    Wait {
        phase: Phase,
        until: i64,
        id: String,
    },
    Done,
}

/// The next step. `probed` says that the pending version has been probed in this run.
pub fn next(key: &Versions, wish: Wish, rules: &config::ApiKey, probed: bool, now: i64) -> Next {
    if wish == Wish::Abort {
        return abort(key).map_or(Next::Done, Next::Step);
    }
    let Some(current) = key.current() else {
        return Next::Done;
    };
    let pending = key.of(Role::Pending);
    if let Some((new, others)) = pending.split_last() {
        let step = become_current(key, new, others, wish, probed);
        return Next::Step(step);
    }
    if let Some(old) = key.of(Role::Old).first() {
        return overlap(key, current, old, wish, rules, now);
    }
    if let Some(old) = key.of(Role::Retired).first() {
        return grace(key, old, wish, rules, now);
    }
    match wish {
        Wish::Begin | Wish::Replace => Next::Step(Step::Create {
            number: key.next_number(),
        }),
        Wish::Emergency if !probed => Next::Step(Step::Probe(current.id.clone())),
        _ => Next::Done,
    }
}

/// What is wished when the step is done: one new key is made, and one wait cut short. A key that
/// was created may not be listed yet: whatever comes behind it shows that it is.
pub fn after(wish: Wish, step: &Step) -> Wish {
    match (wish, step) {
        (wish, Step::Create { .. }) => wish,
        (Wish::Begin, _) | (Wish::EndOverlap, Step::Disable(_)) => Wish::GoOn,
        (Wish::Replace, _) => Wish::Emergency,
        (wish, _) => wish,
    }
}

/// Where a rotation stands that has begun.
pub fn phase(key: &Versions) -> Option<Phase> {
    if !key.of(Role::Old).is_empty() {
        Some(Phase::Overlap)
    } else if !key.of(Role::Retired).is_empty() {
        Some(Phase::Grace)
    } else {
        None
    }
}

/// Whether a new key is probed before it is promoted.
pub fn probes_first(key: &Versions, wish: Wish) -> bool {
    wish == Wish::Begin && (phase(key).is_none() || !key.of(Role::Pending).is_empty())
}

/// From a version that was created to the current one. Of several, the newest goes on.
fn become_current(
    key: &Versions,
    new: &Version,
    others: &[&Version],
    wish: Wish,
    probed: bool,
) -> Step {
    if let Some(left) = &key.stages.left {
        return Step::Forget(left.clone());
    }
    let id = new.id.clone();
    let useless = others.first().copied().or((!new.enabled).then_some(new));
    if let Some(useless) = useless {
        Step::Delete(useless.id.clone())
    } else if !key.is_stored(new) {
        Step::Store(id)
    } else if !key.stages.accepted.contains(&id) {
        Step::Accept(format!("{} {id}", key.to_accept()))
    } else if !key.admitted.contains(&id) {
        Step::Admit(id)
    } else if !probed && wish != Wish::Emergency {
        Step::Probe(id)
    } else {
        Step::Promote {
            from: key.stages.current.clone().unwrap_or_default(),
            to: version_of(&id),
        }
    }
}

fn overlap(
    key: &Versions,
    current: &Version,
    old: &Version,
    wish: Wish,
    rules: &config::ApiKey,
    now: i64,
) -> Next {
    let promoted = key.stages.promoted.as_ref();
    let Some((_, since)) = promoted.filter(|(id, _)| *id == current.id) else {
        return Next::Step(Step::Note(current.id.clone()));
    };
    if let Some(left) = &key.stages.left {
        return Next::Step(Step::Forget(left.clone()));
    }
    let until = since.saturating_add(seconds(rules.overlap));
    if now >= until || matches!(wish, Wish::EndOverlap | Wish::Emergency) {
        return Next::Step(Step::Disable(old.id.clone()));
    }
    Next::Wait {
        phase: Phase::Overlap,
        until,
        id: old.id.clone(),
    }
}

fn grace(key: &Versions, old: &Version, wish: Wish, rules: &config::ApiKey, now: i64) -> Next {
    let id = old.id.clone();
    if key.stages.accepted.contains(&id) {
        return Next::Step(Step::Accept(without(key, &id)));
    }
    if key.admitted.contains(&id) {
        return Next::Step(Step::Expel(id));
    }
    let until = old.changed.saturating_add(seconds(rules.grace));
    if now >= until || matches!(wish, Wish::EndGrace | Wish::Emergency) {
        return Next::Step(Step::Delete(id));
    }
    Next::Wait {
        phase: Phase::Grace,
        until,
        id,
    }
}

/// The function and the secret forget the pending version before it is deleted, so that an abort
/// that is stopped half-way is found and finished.
fn abort(key: &Versions) -> Option<Step> {
    let pending = key.of(Role::Pending);
    for version in &pending {
        if key.stages.accepted.contains(&version.id) {
            return Some(Step::Accept(without(key, &version.id)));
        }
    }
    let stages = &key.stages;
    if let Some(stored) = stages.left.as_ref().or(stages.pending.first()) {
        return Some(Step::Forget(stored.clone()));
    }
    pending
        .first()
        .map(|version| Step::Delete(version.id.clone()))
}

/// What the function accepts but for one.
fn without(key: &Versions, id: &str) -> String {
    let ids: Vec<String> = key
        .to_accept()
        .split(' ')
        .filter(|other| *other != id)
        .map(str::to_owned)
        .collect();
    ids.join(" ")
}

fn seconds(span: config::Span) -> i64 {
    i64::try_from(span.duration().as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ApiKey;
    use crate::resources::apigateway::versions::tests::key;

    const NOW: i64 = 1_000_000_000;
    const DAY: i64 = 86_400;

    /// Does the step in the state as AWS would.
    fn carry_out(key: &mut Versions, step: &Step) {
        match step {
            Step::Create { number } => {
                let number = i32::try_from(*number).unwrap();
                key.all.extend(tests_key(&[number]));
            }
            Step::Store(id) => drop(key.stages.pending.insert(version_of(id))),
            Step::Accept(ids) => key.stages.accepted = ids.split(' ').map(str::to_owned).collect(),
            Step::Admit(id) => drop(key.admitted.insert(id.clone())),
            Step::Probe(_) => {}
            Step::Promote { from, to } => {
                assert_eq!(key.stages.current.as_ref(), Some(from));
                key.stages.pending.remove(to);
                key.stages.left = Some(to.clone());
                key.stages.current = Some(to.clone());
            }
            Step::Note(id) => key.stages.promoted = Some((id.clone(), NOW)),
            Step::Disable(id) => {
                let version = key.all.iter_mut().find(|v| v.id == *id).unwrap();
                (version.enabled, version.retired, version.changed) = (false, true, NOW);
            }
            Step::Expel(id) => drop(key.admitted.remove(id)),
            Step::Delete(id) => {
                key.all.retain(|version| version.id != *id);
                key.admitted.remove(id);
            }
            Step::Forget(version) => {
                key.stages.pending.remove(version);
                key.stages.left = None;
            }
        }
    }

    fn tests_key(numbers: &[i32]) -> Vec<Version> {
        key(numbers, 0, &[]).all
    }

    fn settled(numbers: &[i32], current: u32) -> Versions {
        let mut key = key(numbers, current, &[]);
        let valid = key.all.iter().filter(|version| version.enabled);
        let ids: Vec<String> = valid.map(|version| version.id.clone()).collect();
        key.stages.accepted = ids.iter().cloned().collect();
        key.admitted = ids.into_iter().collect();
        key
    }

    /// The steps until there is nothing to do, and what is waited for then. After each, at least
    /// one version is valid everywhere, and it is the one that the secret holds.
    fn steps(key: &mut Versions, mut wish: Wish, now: i64) -> (Vec<String>, Next) {
        let (mut done, mut probed) = (Vec::new(), false);
        loop {
            let next = next(key, wish, &ApiKey::named("web"), probed, now);
            let Next::Step(step) = next else {
                return (done, next);
            };
            carry_out(key, &step);
            let current = key.current().unwrap();
            assert_eq!(
                key.stages.current,
                Some(version_of(&current.id)),
                "{step:?}"
            );
            assert!(current.enabled, "{step:?}");
            assert!(key.stages.accepted.contains(&current.id), "{step:?}");
            assert!(key.admitted.contains(&current.id), "{step:?}");
            probed |= matches!(step, Step::Probe(_));
            wish = after(wish, &step);
            let text = format!("{step:?}").replace('"', "");
            let text = text.replace(&version_of("id2"), "2");
            done.push(text.split(" {").next().unwrap().to_owned());
            assert!(done.len() < 30, "{done:?}");
        }
    }

    #[test]
    fn a_rotation_from_beginning_to_end() {
        let mut key = settled(&[1], 1);
        let (done, next) = steps(&mut key, Wish::Begin, NOW);
        assert_eq!(
            done,
            [
                "Create",
                "Store(id2)",
                "Accept(id1 id2)",
                "Admit(id2)",
                "Probe(id2)",
                "Promote",
                "Note(id2)",
                "Forget(2)"
            ]
        );
        let wait = |phase, until| Next::Wait {
            phase,
            until,
            id: "id1".to_owned(),
        };
        assert_eq!(next, wait(Phase::Overlap, NOW + DAY));
        let (done, next) = steps(&mut key, Wish::Begin, NOW + DAY);
        assert_eq!(done, ["Disable(id1)", "Accept(id2)", "Expel(id1)"]);
        assert_eq!(next, wait(Phase::Grace, NOW + 7 * DAY));
        let (done, next) = steps(&mut key, Wish::GoOn, NOW + 7 * DAY);
        assert_eq!((done, next), (vec!["Delete(id1)".to_owned()], Next::Done));
        assert_eq!(key.all.len(), 1);
    }

    #[test]
    fn the_overlap_ends_early_where_that_is_wished() {
        let mut key = settled(&[1, 2], 2);
        let (done, next) = steps(&mut key, Wish::EndOverlap, NOW);
        assert_eq!(
            done,
            ["Note(id2)", "Disable(id1)", "Accept(id2)", "Expel(id1)"]
        );
        assert!(matches!(
            next,
            Next::Wait {
                phase: Phase::Grace,
                ..
            }
        ));
        let (done, _) = steps(&mut key, Wish::EndGrace, NOW);
        assert_eq!(done, ["Delete(id1)"]);
    }

    #[test]
    fn an_abort_leaves_the_old_key_alone() {
        let mut key = settled(&[1, 2], 1);
        key.stages.pending.insert(version_of("id2"));
        let (done, next) = steps(&mut key, Wish::Abort, NOW);
        assert_eq!(done, ["Accept(id1)", "Forget(2)", "Delete(id2)"]);
        assert_eq!(next, Next::Done);
        assert_eq!(key.current().unwrap().id, "id1");
    }

    #[test]
    fn an_emergency_has_no_overlap() {
        let mut key = settled(&[1], 1);
        let (done, next) = steps(&mut key, Wish::Replace, NOW);
        assert_eq!(
            done,
            [
                "Create",
                "Store(id2)",
                "Accept(id1 id2)",
                "Admit(id2)",
                "Promote",
                "Note(id2)",
                "Forget(2)",
                "Disable(id1)",
                "Accept(id2)",
                "Expel(id1)",
                "Delete(id1)",
                "Probe(id2)"
            ]
        );
        assert_eq!(next, Next::Done);
    }

    #[test]
    fn what_two_lost_answers_left_is_one_new_key() {
        let mut key = settled(&[1], 1);
        key.all.extend(tests_key(&[2, 3]));
        let (done, _) = steps(&mut key, Wish::GoOn, NOW);
        assert_eq!(done[..2], ["Delete(id2)", "Store(id3)"]);
        // Disabled behind our back.
        let mut key = settled(&[1], 1);
        key.all.extend(tests_key(&[-2]));
        let (done, next) = steps(&mut key, Wish::GoOn, NOW);
        assert_eq!((done, next), (vec!["Delete(id2)".to_owned()], Next::Done));
    }
}
