//! One operator at a time: a lease in the account, so that it holds between machines.
//!
//! It is an empty log group, `/wmctl/{stack}-{environment}/lease`, whose tags say who holds it and
//! until when. Creating one is atomic, and its tags come with it in the same call; it costs
//! nothing, and needs no service that the stack does not use anyway.
//!
//! A lease is renewed while its holder runs. It is taken over where it has run out, or where its
//! holder was a process of this machine that lives no more. Only one can take over a given lease:
//! first a second group is created whose name has that lease's own id.

mod group;
mod holder;

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::group::{create, delete, read, tag};
pub use self::holder::Holder;
use self::holder::{TAG, now};
use crate::aws::patience::clock::{Instant, sleep};
use crate::aws::{Aws, Reader};
use crate::error::{Error, Kind, Result};
use crate::events::Events;
use crate::permissions::{Grant, allow};
use crate::resources::logs::finding::is_listed;
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

/// Whether there is a lease, whoever holds it.
pub async fn exists(reader: &Reader) -> Result<bool> {
    is_listed(reader, &name(&reader.stack)).await
}

/// Ends a lease that nobody stands behind any more: whoever changes something would take it over,
/// and whoever has nothing to change leaves none behind.
pub async fn clear(aws: &Aws, stack: &Stack) -> Result<()> {
    if let Some(holder) = holder(aws, stack).await?
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

#[cfg(test)]
mod tests;
