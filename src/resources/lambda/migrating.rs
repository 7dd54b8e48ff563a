//! Having the migrator migrate: as many invocations as it takes, with what it logs shown meanwhile.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::FutureExt;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::invoke::invoke;
use super::{LIVE, once_free, schema};
use crate::aws::{Aws, During};
use crate::error::{Error, Kind, Result};
use crate::events::Events;

/// CloudWatch is asked no more often: an account may ask a few times a second.
const EVERY: Duration = Duration::from_secs(3);
/// When the log tells of the end, the answer is there, or got lost on the way.
const GRACE: Duration = Duration::from_secs(30);
/// So often another run's lock is waited for: longer together than any statement may take.
const LOCKS: usize = 3;

/// What the operator wants of a run.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// The last version to apply; all of them where it is left out.
    pub to: Option<String>,
    /// Try even what seems to take longer than an invocation may.
    pub allow_slow: bool,
}

/// Applies what is pending and returns the migrator's account of it. One invocation lasts a
/// quarter of an hour at most; what is left then is done by the next, unless `stopped`.
pub async fn migrate(
    aws: &Aws,
    events: &Events,
    migrator: &str,
    wish: &Wish,
    stopped: impl Fn() -> bool,
) -> Result<Value> {
    let mut versions = Vec::new();
    let (mut locks, mut last) = (0, None);
    loop {
        let outcome = once_free(events, || invocation(aws, events, migrator, wish)).await;
        let mut answer = match outcome {
            Err(error) if is(&error, "Locked") && locks + 1 < LOCKS && !stopped() => {
                locks += 1;
                events.waiting(&schema::id().to_string(), told(&error));
                continue;
            }
            outcome => outcome.map_err(|error| explained(error, migrator))?,
        };
        versions.extend(list(&answer, "newly_applied"));
        if answer["more"] != true {
            answer["newly_applied"] = versions.into();
            return Ok(answer);
        }
        let place = (answer["applied"].clone(), answer["dirty"].clone());
        if last.as_ref() == Some(&place) {
            return Err(Error::failed("the migrator gets no further")
                .hint(format!("see why in the log group /aws/lambda/{migrator}")));
        }
        last = Some(place);
        if stopped() {
            return Err(Error::new(
                Kind::Interrupted,
                "stopped between two statements; what was applied stays",
            )
            .hint("`wmctl migrate` goes on from here"));
        }
        events.note("  An invocation's time is up; the next goes on with the rest");
    }
}

fn list(answer: &Value, name: &str) -> Vec<Value> {
    answer[name].as_array().cloned().unwrap_or_default()
}

/// One invocation, with the migrator's log beside it.
async fn invocation(aws: &Aws, events: &Events, migrator: &str, wish: &Wish) -> Result<Value> {
    let run = format!("{:016x}", rand::random::<u64>());
    let mut event = json!({"action": "migrate", "run": run});
    if let Some(to) = &wish.to {
        event["to"] = json!(to);
    }
    if wish.allow_slow {
        event["allow_slow"] = json!(true);
    }
    let mut log = Log::new(migrator, run);
    let call = invoke(aws, migrator, LIVE, &event).fuse();
    tokio::pin!(call);
    let answer = tokio::select! {
        answer = &mut call => answer,
        () = log.follow(aws, events) => timeout(GRACE, call).await.unwrap_or_else(|_| {
            // What stands between here and AWS forgets connections that are quiet for minutes.
            // The next invocation tells how this one ended.
            Ok(json!({"more": true}))
        }),
    };
    // What was logged since the last look: all of it, where a cloud keeps logs only afterwards.
    log.look(aws, events).await;
    answer
}

/// The migrator's log of one run.
struct Log {
    group: String,
    run: String,
    since: i64,
    seen: BTreeSet<String>,
    readable: bool,
    ended: bool,
}

impl Log {
    fn new(migrator: &str, run: String) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        // The two clocks may differ.
        let now = now
            .unwrap_or_default()
            .saturating_sub(Duration::from_mins(5));
        Self {
            group: format!("/aws/lambda/{migrator}"),
            run,
            since: i64::try_from(now.as_millis()).unwrap_or_default(),
            seen: BTreeSet::new(),
            readable: true,
            ended: false,
        }
    }

    /// Shows what is logged until the run has ended; for ever where nobody may read it.
    async fn follow(&mut self, aws: &Aws, events: &Events) {
        while !self.ended {
            sleep(EVERY).await;
            self.look(aws, events).await;
        }
    }

    async fn look(&mut self, aws: &Aws, events: &Events) {
        if !self.readable {
            return;
        }
        let call = aws.logs.filter_log_events();
        let pages = call
            .log_group_name(&self.group)
            .start_time(self.since)
            .filter_pattern(format!("\"{}\"", self.run))
            .into_paginator()
            .send();
        let found = pages.collect::<Result<Vec<_>, _>>().await;
        match found.during("FilterLogEvents", &self.group) {
            Ok(pages) => {
                for line in pages
                    .into_iter()
                    .flat_map(|page| page.events.unwrap_or_default())
                {
                    let text = line.message.unwrap_or_default();
                    let id = line.event_id.unwrap_or_else(|| text.clone());
                    if self.seen.insert(id) {
                        self.line(&text, events);
                    }
                }
            }
            Err(error) => {
                self.readable = false;
                events.note(format!(
                    "  The migrator's progress cannot be shown: {error}"
                ));
            }
        }
    }

    /// One line of JSON, as the function crate writes it.
    fn line(&mut self, text: &str, events: &Events) {
        let line: Value = serde_json::from_str(text).unwrap_or_default();
        if line["run"] != self.run {
            return;
        }
        let id = schema::id().to_string();
        let statement = || {
            let (number, of) = (&line["statement"], &line["of"]);
            let (file, sql) = (shown(&line["file"]), shown(&line["sql"]));
            format!("{file} {number}/{of}: {sql}")
        };
        match line["message"].as_str().unwrap_or_default() {
            "statement started" => events.waiting(&id, statement()),
            "statement done" => {
                let elapsed = line["duration_ms"].as_u64().unwrap_or_default();
                let elapsed = Duration::from_millis(elapsed).as_secs_f64();
                events.note(format!("  ✓ {} ({elapsed:.1}s)", statement()));
            }
            "statement failed" => events.note(format!("  ✗ {}", statement())),
            "writing has to wait" => {
                let (file, table) = (shown(&line["file"]), shown(&line["table"]));
                events.note(format!(
                    "  ! {file} statement {}: writing to {table} ({} rows) may have to wait until it is done",
                    line["statement"], line["rows"]
                ));
            }
            "waiting for another migration" => {
                let holder = shown(&line["holder"]);
                events.waiting(&id, format!("another migration: {holder}"));
            }
            "answered" => self.ended = true,
            _ if line["level"] == "error" => self.ended = true,
            _ => {}
        }
    }
}

fn shown(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Whether the migrator failed for this reason.
pub fn is(error: &Error, reason: &str) -> bool {
    error.message.contains(&format!(" failed: {reason}: "))
}

/// What the migrator itself says of its failure.
fn told(error: &Error) -> String {
    let (_, told) = error.message.split_once(" failed: ").unwrap_or_default();
    told.split_once(": ").unwrap_or_default().1.to_owned()
}

/// The failure in the migrator's words, with what to do about it.
fn explained(error: Error, migrator: &str) -> Error {
    const LOOK: &str = "`wmctl migrate --status` shows the statement: see in the database whether \
                        what it does is there";
    const DONE: &str = "`wmctl migrate --repair done` takes the statement as done";
    const AGAIN: &str = "`wmctl migrate --repair again` has it executed once more";
    let reasons: [(&str, &[&str]); 8] = [
        (
            "FailedMigration",
            &[
                "the server took this statement back: mend it or the schema and run the same \
                 command again, which goes on with this statement",
                "or do by hand what it does; `wmctl migrate --repair done` then takes it as done",
            ],
        ),
        ("CutOff", &[LOOK, DONE, AGAIN]),
        (
            "TooLong",
            &[
                "split it into statements that each do a part",
                "`wmctl migrate --allow-slow` tries all the same, and the server takes back what \
                 is not done in time",
                "what was tried and taken back can be done by hand, from within the network; \
                 `wmctl migrate --repair done` then takes it as done",
            ],
        ),
        (
            "Locks",
            &[
                "`wmctl migrate --dry-run` shows what each pending statement does",
                "choose a statement that the server executes beside writers, or an hour without \
                 any: --allow-slow executes it all the same",
            ],
        ),
        (
            "Locked",
            &["run the same command again when that is done; KILL ends it in the database"],
        ),
        ("ChangedMigration", &[]),
        (
            "UnknownMigration",
            &["`wmctl up` deploys the migrator with the files of the folder"],
        ),
        (
            "InvalidEvent",
            &["the deployed migrator is older than this wmctl; `wmctl up` renews it"],
        ),
    ];
    for (reason, hints) in reasons {
        if is(&error, reason) {
            let text = told(&error);
            let error = Error {
                message: format!("the migration failed: {text}"),
                hints: Vec::new(),
                ..error
            };
            let error = hints.iter().fold(error, |error, hint| error.hint(*hint));
            return error.hint(format!("the log group /aws/lambda/{migrator} has it all"));
        }
    }
    Error {
        message: format!("the migration failed: {}", error.message),
        ..error
    }
    .hint("`wmctl migrate` shows what is applied and what is pending, and tries again")
}

/// What is applied and what is pending.
pub async fn status(aws: &Aws, events: &Events, migrator: &str) -> Result<Value> {
    ask(aws, events, migrator, &json!({"action": "status"})).await
}

/// The same, with the pending statements and what each does to the tables that are there.
pub async fn plan(aws: &Aws, events: &Events, migrator: &str, to: Option<&str>) -> Result<Value> {
    let event = match to {
        Some(to) => json!({"action": "plan", "to": to}),
        None => json!({"action": "plan"}),
    };
    ask(aws, events, migrator, &event).await
}

/// Takes the operator's word for the statement that failed or was cut off: `done` or `again`.
pub async fn repair(aws: &Aws, events: &Events, migrator: &str, finding: &str) -> Result<Value> {
    let event = json!({"action": "repair", "statement": finding});
    ask(aws, events, migrator, &event).await
}

async fn ask(aws: &Aws, events: &Events, migrator: &str, event: &Value) -> Result<Value> {
    let answer = once_free(events, || invoke(aws, migrator, LIVE, event)).await;
    answer.map_err(|error| explained(error, migrator))
}

#[cfg(test)]
mod tests;
