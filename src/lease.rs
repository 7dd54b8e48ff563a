//! One operator at a time: a lease in the account, so that it holds between machines.
//!
//! It is an empty log group, `/wmctl/{stack}-{environment}/lease`, whose tags say who holds it and
//! until when. Creating one is atomic, and its tags come with it in the same call; it costs
//! nothing, and needs no service that the stack does not use anyway.
//!
//! A lease is renewed while its holder runs. It is taken over where it has run out, or where its
//! holder was a process of this machine that lives no more. Only one can take over a given lease:
//! first a second group is created whose name has that lease's own id.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::Rng;
use rand::distr::Alphanumeric;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::aws::patience::clock::{Instant, sleep};
use crate::aws::{Aws, During, Optional};
use crate::error::{Error, Kind, Result};
use crate::events::Events;
use crate::permissions::{Grant, allow};
use crate::process::{Process, host, machine};
use crate::stack::{Stack, Tags};

/// Who holds the lease.
pub const READS: &[Grant] = &[allow(&["logs:ListTagsForResource"], GROUPS)];

/// To take it, renew it, and give it back.
pub const HOLDS: &[Grant] = &[allow(
    &[
        "logs:CreateLogGroup",
        "logs:DeleteLogGroup",
        "logs:TagResource",
    ],
    GROUPS,
)];

const GROUPS: &[&str] = &["logs:log-group:/wmctl/{stack}/*"];

/// How long a lease holds after it was last renewed: longer than a network is likely to be away.
const TERM: Duration = Duration::from_mins(10);
const RENEWAL: Duration = Duration::from_mins(2);
/// Taking over takes two calls; whoever has not finished by then never will.
const TAKING_OVER: Duration = Duration::from_mins(1);
/// How often a lease that somebody holds is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// How often the group may be there and tell of no holder.
const UNREADABLE: u32 = 20;

const EXISTS: &[&str] = &[
    "ResourceAlreadyExistsException",
    "OperationAbortedException",
];
const GONE: &[&str] = &["ResourceNotFoundException"];
const TAG: &str = "wmctl:lease-";

/// Who holds a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Random: no two leases are alike.
    pub id: String,
    /// The ARN of the caller's identity.
    pub owner: String,
    pub host: String,
    pub command: String,
    /// In seconds since 1970.
    pub since: u64,
    pub until: u64,
    machine: String,
    process: Option<Process>,
}

impl Holder {
    async fn me(aws: &Aws, command: &str) -> Self {
        let id = rand::rng().sample_iter(&Alphanumeric).take(16);
        Self {
            id: id.map(char::from).collect(),
            owner: aws.caller.clone(),
            host: host().await,
            command: command.to_owned(),
            since: now(),
            until: now() + TERM.as_secs(),
            machine: machine().await,
            process: Process::of(std::process::id()).await,
        }
    }

    fn tags(&self) -> Tags {
        let process = self.process.as_ref();
        [
            ("id", self.id.clone()),
            ("owner", self.owner.clone()),
            ("host", self.host.clone()),
            ("command", self.command.clone()),
            ("since", self.since.to_string()),
            ("until", self.until.to_string()),
            ("machine", self.machine.clone()),
            ("pid", process.map_or(0, |p| p.pid).to_string()),
            ("born", process.map_or_else(String::new, |p| p.born.clone())),
        ]
        .into_iter()
        .map(|(name, value)| (format!("{TAG}{name}"), plain(&value)))
        .collect()
    }

    fn of(tags: &Tags) -> Self {
        let text = |name: &str| {
            tags.get(&format!("{TAG}{name}"))
                .cloned()
                .unwrap_or_default()
        };
        let number = |name: &str| text(name).parse().unwrap_or_default();
        let process = text("pid").parse().ok().map(|pid| Process {
            pid,
            born: text("born"),
        });
        Self {
            id: text("id"),
            owner: text("owner"),
            host: text("host"),
            command: text("command"),
            since: number("since"),
            until: number("until"),
            machine: text("machine"),
            process,
        }
    }

    /// Why nobody stands behind the lease any more, if so.
    async fn over(&self) -> Option<&'static str> {
        if self.until < now() {
            return Some("ran out");
        }
        let process = self.process.as_ref()?;
        let here = self.machine == plain(&machine().await);
        (here && !process.is_alive().await).then_some("was held by a process that has ended")
    }

    /// `arn:aws:iam::…:user/ada on build-7 (wmctl up), for 3 min, until 14:05:10 UTC unless renewed`.
    pub fn describe(&self) -> String {
        format!(
            "{} on {} (wmctl {}), for {}; it runs out in {} unless it is renewed",
            self.owner,
            self.host,
            self.command,
            minutes(now().saturating_sub(self.since)),
            minutes(self.until.saturating_sub(now())),
        )
    }
}

/// A lease that is held, and renewed until it is released.
pub struct Lease {
    aws: Aws,
    name: String,
    lost: watch::Receiver<bool>,
    renewing: JoinHandle<()>,
}

impl Lease {
    /// Takes the lease, waiting for up to `patience` while somebody else holds it.
    pub async fn take(
        aws: &Aws,
        stack: &Stack,
        command: &str,
        patience: Duration,
        events: &Events,
    ) -> Result<Self> {
        let deadline = Instant::now() + patience;
        let mut unreadable = 0;
        let me = Holder::me(aws, command).await;
        loop {
            if create(aws, &name(stack), &me.tags()).await? {
                return Ok(Self::renewed(aws, name(stack), me, events));
            }
            let Some(other) = holder(aws, stack).await? else {
                // Released in this moment, or a log group of somebody else's.
                unreadable += 1;
                if unreadable > UNREADABLE {
                    return Err(Error::new(
                        Kind::Refused,
                        format!("the log group {} is there and is no lease", name(stack)),
                    )
                    .hint("nothing was changed; delete that group if nothing uses it"));
                }
                sleep(LOOK / 4).await;
                continue;
            };
            if let Some(why) = other.over().await {
                events.note(format!(
                    "taking over a lease that {why}: {}",
                    other.describe()
                ));
                if replace(aws, stack, &other, Some(&me)).await? {
                    return Ok(Self::renewed(aws, name(stack), me, events));
                }
            } else if Instant::now() >= deadline {
                return Err(held(stack, &other));
            }
            events.waiting("lease", format!("{} to end", other.describe()));
            sleep(LOOK).await;
        }
    }

    fn renewed(aws: &Aws, name: String, me: Holder, events: &Events) -> Self {
        let (losing, lost) = watch::channel(false);
        let renewing = tokio::spawn(renew(aws.clone(), name.clone(), me, events.clone(), losing));
        Self {
            aws: aws.clone(),
            name,
            lost,
            renewing,
        }
    }

    /// Turns true when somebody else has taken the lease.
    pub fn lost(&self) -> watch::Receiver<bool> {
        self.lost.clone()
    }

    /// Gives the lease back, unless it is lost.
    pub async fn release(self) -> Result<()> {
        self.renewing.abort();
        if *self.lost.borrow() {
            return Ok(());
        }
        delete(&self.aws, &self.name).await
    }
}

/// Keeps the lease from running out. One failed renewal is no loss: the next comes in time.
async fn renew(
    aws: Aws,
    name: String,
    mut me: Holder,
    events: Events,
    losing: watch::Sender<bool>,
) {
    loop {
        sleep(RENEWAL).await;
        match read(&aws, &name).await {
            Ok(Some(holder)) if holder.id == me.id => {
                me.until = now() + TERM.as_secs();
                let _ = tag(&aws, &name, &me.tags()).await;
            }
            Ok(other) => {
                let by = other.map_or_else(|| "nobody".to_owned(), |other| other.describe());
                events.note(format!(
                    "The lease is lost; it is now held by {by}. Stopping: what runs is finished, nothing new starts."
                ));
                let _ = losing.send(true);
                return;
            }
            Err(_) => {}
        }
    }
}

/// Who holds the stack's lease.
pub async fn holder(aws: &Aws, stack: &Stack) -> Result<Option<Holder>> {
    read(aws, &name(stack)).await
}

/// Ends this very lease, whoever holds it; false where it has ended by itself meanwhile.
pub async fn unlock(aws: &Aws, stack: &Stack, holder: &Holder) -> Result<bool> {
    replace(aws, stack, holder, None).await
}

/// Ends a lease that nobody stands behind any more: whoever changes something would take it over,
/// and whoever has nothing to change leaves none behind.
pub async fn clear(aws: &Aws, stack: &Stack, holder: Option<Holder>) -> Result<()> {
    if let Some(holder) = holder
        && holder.over().await.is_some()
    {
        unlock(aws, stack, &holder).await?;
    }
    Ok(())
}

/// Puts `new` in the place of `old`. False where another run is doing the same, or `old` has gone.
async fn replace(aws: &Aws, stack: &Stack, old: &Holder, new: Option<&Holder>) -> Result<bool> {
    let guard = format!("{}-over-{}", name(stack), old.id);
    let until = now() + TAKING_OVER.as_secs();
    let tags = Tags::from([(format!("{TAG}until"), until.to_string())]);
    if !create(aws, &guard, &tags).await? {
        let given_up = read(aws, &guard)
            .await?
            .is_some_and(|guard| guard.until < now());
        if given_up {
            delete(aws, &guard).await?;
        }
        return Ok(false);
    }
    let replaced = async {
        if read(aws, &name(stack))
            .await?
            .is_none_or(|now| now.id != old.id)
        {
            return Ok(false);
        }
        delete(aws, &name(stack)).await?;
        match new {
            Some(new) => create(aws, &name(stack), &new.tags()).await,
            None => Ok(true),
        }
    }
    .await;
    delete(aws, &guard).await?;
    replaced
}

fn held(stack: &Stack, holder: &Holder) -> Error {
    Error::new(
        Kind::Refused,
        format!(
            "{} is being changed by {}",
            stack.prefix(),
            holder.describe()
        ),
    )
    .hint("nothing was changed; wait for that run, or let this one wait: --wait 30m")
    .hint("if that run has died: `wmctl unlock` shows its lease and ends it")
}

fn name(stack: &Stack) -> String {
    format!("/wmctl/{}/lease", stack.prefix())
}

/// False where the group is there already.
async fn create(aws: &Aws, name: &str, tags: &Tags) -> Result<bool> {
    let made = aws
        .logs
        .create_log_group()
        .log_group_name(name)
        .set_tags(Some(tags.clone().into_iter().collect()))
        .send()
        .await
        .during("CreateLogGroup", name);
    match made {
        // Whose it is shows in its tags.
        Err(error) if error.uncertain => {
            let id = format!("{TAG}id");
            let there = read(aws, name).await?;
            match there {
                Some(there) if tags.get(&id) == Some(&there.id) => Ok(true),
                _ => Err(error),
            }
        }
        other => Ok(other.unless(EXISTS)?.is_some()),
    }
}

async fn delete(aws: &Aws, name: &str) -> Result<()> {
    let call = aws.logs.delete_log_group().log_group_name(name);
    call.send()
        .await
        .during("DeleteLogGroup", name)
        .unless(GONE)?;
    Ok(())
}

async fn read(aws: &Aws, name: &str) -> Result<Option<Holder>> {
    let call = aws.logs.list_tags_for_resource();
    let answer = call
        .resource_arn(arn(aws, name))
        .send()
        .await
        .during("ListTagsForResource", name)
        .unless(GONE)?;
    let tags = answer.and_then(|answer| answer.tags).unwrap_or_default();
    Ok((!tags.is_empty()).then(|| Holder::of(&tags.into_iter().collect())))
}

async fn tag(aws: &Aws, name: &str, tags: &Tags) -> Result<()> {
    let call = aws.logs.tag_resource().resource_arn(arn(aws, name));
    call.set_tags(Some(tags.clone().into_iter().collect()))
        .send()
        .await
        .during("TagResource", name)?;
    Ok(())
}

fn arn(aws: &Aws, name: &str) -> String {
    let region = aws
        .logs
        .config()
        .region()
        .map_or("", |region| region.as_ref());
    let partition = crate::stack::partition(region);
    format!(
        "arn:{partition}:logs:{region}:{}:log-group:{name}",
        aws.account
    )
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}

fn minutes(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        _ => format!("{} min", seconds / 60),
    }
}

/// What a tag's value may hold.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_alphanumeric() || " _.:/=+-@".contains(c) {
                c
            } else {
                '-'
            }
        })
        .take(256)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::scripted::{Scene, Script};

    const MADE: &str = "{}";

    fn held_by(id: &str, until: u64) -> String {
        let tags: Vec<(&str, String)> = vec![
            ("id", id.to_owned()),
            ("owner", "arn:aws:iam::1:user/ada".to_owned()),
            ("host", "build-7".to_owned()),
            ("command", "up".to_owned()),
            ("since", "1".to_owned()),
            ("until", until.to_string()),
        ];
        let tags: Tags = tags
            .into_iter()
            .map(|(name, value)| (format!("{TAG}{name}"), value))
            .collect();
        json!({"tags": tags}).to_string()
    }

    fn exists(script: Script) -> Script {
        let message = "The specified log group already exists";
        script.refuse(
            "CreateLogGroup",
            400,
            "ResourceAlreadyExistsException",
            message,
        )
    }

    async fn take(scene: &Scene) -> Result<Lease> {
        let (aws, stack) = (&scene.aws, &scene.stack);
        Lease::take(aws, stack, "up", Duration::ZERO, &scene.events).await
    }

    fn scene(script: Script) -> Scene {
        Scene::new("vpc/main", script)
    }

    #[tokio::test]
    async fn a_live_lease_is_refused_with_who_holds_it() {
        let script = exists(Script::new());
        let scene = scene(script.answer("ListTagsForResource", held_by("theirs", now() + 300)));
        let error = take(&scene).await.err().unwrap();
        assert_eq!(error.kind, Kind::Refused);
        for part in ["user/ada", "build-7", "wmctl up", "runs out in"] {
            assert!(error.message.contains(part), "{}", error.message);
        }
    }

    /// Whoever takes over holds the guard from before the look until after its own lease is there.
    #[tokio::test]
    async fn a_lease_that_ran_out_is_taken_over_under_a_guard() {
        let script = exists(Script::new())
            .answer("ListTagsForResource", held_by("theirs", 2))
            .answer("CreateLogGroup", MADE)
            .answer("ListTagsForResource", held_by("theirs", 2))
            .answer("DeleteLogGroup", MADE)
            .answer("CreateLogGroup", MADE)
            .answer("DeleteLogGroup", MADE);
        let scene = scene(script);
        take(&scene).await.unwrap().renewing.abort();
        let names = |operation: &str| -> Vec<String> {
            let bodies = scene.script.bodies(operation).into_iter();
            bodies
                .map(|body| {
                    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
                    body["logGroupName"].as_str().unwrap().to_owned()
                })
                .collect()
        };
        let (lease, guard) = (
            "/wmctl/chat-prod/lease",
            "/wmctl/chat-prod/lease-over-theirs",
        );
        assert_eq!(names("CreateLogGroup"), [lease, guard, lease]);
        assert_eq!(names("DeleteLogGroup"), [lease, guard]);
    }

    /// Two see the same lease that ran out; the other was quicker.
    #[tokio::test]
    async fn a_lease_that_has_passed_on_meanwhile_is_left_alone() {
        let script = exists(Script::new())
            .answer("ListTagsForResource", held_by("theirs", 2))
            .answer("CreateLogGroup", MADE)
            .answer("ListTagsForResource", held_by("another", now() + 300))
            .answer("DeleteLogGroup", MADE);
        let scene =
            scene(exists(script).answer("ListTagsForResource", held_by("another", now() + 300)));
        let error = take(&scene).await.err().unwrap();
        assert_eq!(error.kind, Kind::Refused, "{error:?}");
        // The guard alone.
        assert_eq!(scene.script.bodies("DeleteLogGroup").len(), 1);
    }

    #[tokio::test]
    async fn who_loses_the_lease_is_told_and_does_not_delete_what_is_another_s() {
        let script = Script::new()
            .answer("CreateLogGroup", MADE)
            .answer("ListTagsForResource", held_by("theirs", now() + 300));
        let scene = scene(script);
        let lease = take(&scene).await.unwrap();
        lease.lost().wait_for(|lost| *lost).await.unwrap();
        lease.release().await.unwrap();
        assert_eq!(
            scene.script.calls(),
            ["CreateLogGroup", "ListTagsForResource"]
        );
    }
}
