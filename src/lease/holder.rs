//! Who holds a lease, as the tags of its log group tell.

use std::time::{SystemTime, UNIX_EPOCH};

use rand::Rng;
use rand::distr::Alphanumeric;

use super::TERM;
use crate::aws::Aws;
use crate::process::{Process, host, machine};
use crate::stack::Tags;

pub(super) const TAG: &str = "wmctl:lease-";

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
    pub(super) async fn me(aws: &Aws, command: &str) -> Self {
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

    pub(super) fn tags(&self) -> Tags {
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

    pub(super) fn of(tags: &Tags) -> Self {
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
    pub(super) async fn over(&self) -> Option<&'static str> {
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

pub(super) fn now() -> u64 {
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
