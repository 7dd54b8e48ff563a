//! What the migrator does beside migrating: partitions ahead of time, logs past their retention
//! dropped, and roll-ups kept close. One invocation does as much as it has time for.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::invoke::invoke;
use super::{LIVE, once_free, schema};
use crate::aws::Aws;
use crate::aws::patience::clock::sleep;
use crate::error::{Error, Kind, Result};
use crate::events::Events;

/// Fewer rows than this may just be being stored.
const FEW: u64 = 1000;
/// What failed while it was being stored leaves a gap that the migrator passes ten seconds after it
/// saw it first: one wait until it has seen it, and one until it passes.
const SETTLED: Duration = Duration::from_secs(11);
const WAITS: usize = 2;

/// What was done, by one invocation or by several.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Maintenance {
    /// `table.partition`.
    pub partitions_added: Vec<String>,
    pub partitions_dropped: Vec<String>,
    /// Rows that came into the roll-ups, and days whose roll-ups were merged.
    pub rows_folded: u64,
    pub days_merged: u64,
    /// Rows that are not in the roll-ups yet.
    pub rows_left: u64,
    /// Whether all days are merged.
    pub finished: bool,
}

impl Maintenance {
    fn add(&mut self, next: Self) {
        self.partitions_added.extend(next.partitions_added);
        self.partitions_dropped.extend(next.partitions_dropped);
        self.rows_folded += next.rows_folded;
        self.days_merged += next.days_merged;
        self.rows_left = next.rows_left;
        self.finished = next.finished;
    }

    fn is_done(&self) -> bool {
        self.finished && self.rows_left < FEW
    }
}

/// Has the migrator work until nothing is left, or until it gets no further, or until `stopped`.
/// With `rebuild` the roll-ups are made anew.
pub async fn maintain(
    aws: &Aws,
    events: &Events,
    migrator: &str,
    rebuild: bool,
    stopped: impl Fn() -> bool,
) -> Result<Maintenance> {
    let (id, started) = (schema::id().to_string(), Instant::now());
    events.started(&id, "maintaining");
    let action = if rebuild { "rebuild" } else { "maintain" };
    let mut done = call(aws, events, migrator, action).await?;
    let mut waits = 0;
    while !done.is_done() {
        let all = done.rows_folded + done.rows_left;
        let so_far = format!("{} of {all} rows are in the summaries", done.rows_folded);
        if stopped() {
            return Err(Error::new(
                Kind::Interrupted,
                format!("stopped; {so_far}, and what was done stays"),
            )
            .hint("`wmctl maintain` goes on from here"));
        }
        events.waiting(&id, format!("the rest: {so_far}"));
        let next = call(aws, events, migrator, "maintain").await;
        let next = next.map_err(|error| error.hint("`wmctl maintain` goes on from here"))?;
        let moved = next.rows_left < done.rows_left || next.days_merged > 0;
        done.add(next);
        if moved || done.is_done() {
            waits = 0;
        } else if waits == WAITS {
            return Err(stuck(&done, migrator));
        } else {
            waits += 1;
            sleep(SETTLED).await;
        }
    }
    events.done(&id, "maintained", started.elapsed());
    Ok(done)
}

fn stuck(done: &Maintenance, migrator: &str) -> Error {
    let days = if done.finished {
        ""
    } else {
        ", and days are left to merge"
    };
    Error::failed(format!(
        "the migrator gets no further: {} rows are not in the summaries yet{days}",
        done.rows_left
    ))
    .hint(format!("see why in the log group /aws/lambda/{migrator}"))
    .hint(
        "what was done stays, and answers are right meanwhile; `wmctl maintain` goes on from here",
    )
}

/// One invocation.
async fn call(aws: &Aws, events: &Events, migrator: &str, action: &str) -> Result<Maintenance> {
    let event = json!({"action": action});
    let answer = once_free(events, || invoke(aws, migrator, LIVE, &event)).await;
    let answer: Value = match answer {
        Err(error) if error.message.contains(" failed: InvalidEvent: ") => {
            return Err(too_old(action).because(error));
        }
        answer => answer?,
    };
    serde_json::from_value(answer).map_err(|error| too_old(action).because(error))
}

/// Whoever deployed before there was any maintenance has a migrator that only migrates.
fn too_old(action: &str) -> Error {
    Error::usage(format!(
        "the deployed migrator does not know the action `{action}`: it is older than this wmctl"
    ))
    .hint("nothing was changed; `wmctl up` deploys the migrator that does")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::aws::scripted::{Scene, Script, waited};

    const INVOKE: &str = "POST /2015-03-31/functions/chat-prod-migrator/invocations";
    const FAILED: (&str, &str) = ("x-amz-function-error", "Unhandled");

    /// The migrator's answer, which also tells of the schema.
    fn answer(folded: u64, days: u64, left: u64, finished: bool) -> String {
        json!({
            "applied": [], "pending": [], "newly_applied": [], "app_user": null,
            "partitions_added": ["access_logs.p202602"], "partitions_dropped": [],
            "rows_folded": folded, "days_merged": days, "rows_left": left, "finished": finished,
        })
        .to_string()
    }

    async fn run(scene: &Scene, rebuild: bool) -> Result<Maintenance> {
        let (aws, events) = (&scene.aws, &scene.events);
        maintain(aws, events, "chat-prod-migrator", rebuild, || false).await
    }

    fn actions(scene: &Scene) -> Vec<String> {
        let bodies = scene.script.bodies(INVOKE).into_iter();
        let events = bodies.map(|body| serde_json::from_str::<Value>(&body).unwrap());
        events
            .map(|event| event["action"].as_str().unwrap().to_owned())
            .collect()
    }

    #[tokio::test]
    async fn a_rebuild_begins_once_and_goes_on_until_nothing_is_left() {
        let script = Script::new()
            .answer(INVOKE, answer(4_000_000, 10, 6_000_000, false))
            .answer(INVOKE, answer(6_000_000, 10, 12, false))
            // Rows come meanwhile, and only days are merged.
            .answer(INVOKE, answer(20, 5, 40, false))
            .answer(INVOKE, answer(40, 5, 999, true));
        let scene = Scene::new("schema/main", script);
        let done = run(&scene, true).await.unwrap();
        assert_eq!(
            actions(&scene),
            ["rebuild", "maintain", "maintain", "maintain"]
        );
        assert_eq!((done.rows_folded, done.days_merged), (10_000_060, 30));
        assert_eq!((done.rows_left, done.finished), (999, true));
        assert_eq!(done.partitions_added.len(), 4);
    }

    #[tokio::test]
    async fn nothing_to_do_is_one_call() {
        let scene = Scene::new(
            "schema/main",
            Script::new().answer(INVOKE, answer(0, 0, 0, true)),
        );
        assert!(run(&scene, false).await.unwrap().finished);
        assert_eq!(actions(&scene), ["maintain"]);
    }

    #[tokio::test]
    async fn a_migrator_that_gets_no_further_is_left_alone() {
        for (finished, says) in [(true, "yet"), (false, "yet, and days are left to merge")] {
            let script = Script::new()
                .answer(INVOKE, answer(0, 0, 5000, finished))
                .answer(INVOKE, answer(0, 0, 5000, finished))
                .answer(INVOKE, answer(0, 0, 5000, finished))
                .answer(INVOKE, answer(0, 0, 5000, finished));
            let scene = Scene::new("schema/main", script);
            let error = run(&scene, false).await.unwrap_err();
            assert_eq!(
                error.message,
                format!("the migrator gets no further: 5000 rows are not in the summaries {says}")
            );
            assert!(error.hints[1].contains("`wmctl maintain`"), "{error:?}");
            assert_eq!(actions(&scene).len(), 4);
        }
    }

    #[tokio::test]
    async fn a_gap_that_a_failed_request_left_is_waited_for() {
        let script = Script::new()
            .answer(INVOKE, answer(0, 0, 5000, true))
            .answer(INVOKE, answer(0, 0, 5000, true))
            .answer(INVOKE, answer(5000, 0, 0, true));
        let scene = Scene::new("schema/main", script);
        assert_eq!(run(&scene, false).await.unwrap().rows_folded, 5000);
    }

    #[tokio::test]
    async fn whoever_stops_it_is_told_how_far_it_came() {
        let script = Script::new().answer(INVOKE, answer(300_000, 0, 700_000, false));
        let scene = Scene::new("schema/main", script);
        let asked = Cell::new(0);
        let stop = || asked.replace(asked.get() + 1) == 0;
        let migrator = "chat-prod-migrator";
        let error = maintain(&scene.aws, &scene.events, migrator, true, stop).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind, Kind::Interrupted);
        assert!(error.message.contains("300000 of 1000000 rows"), "{error}");
        assert_eq!(actions(&scene), ["rebuild"]);
    }

    #[tokio::test]
    async fn an_older_migrator_is_named_with_the_command_that_renews_it() {
        let unknown = json!({
            "errorType": "InvalidEvent",
            "errorMessage": r#"the event must be {"action": "status"} or {"action": "migrate"}"#,
        });
        let script = Script::new()
            .answer_with(INVOKE, FAILED, unknown.to_string())
            // One that does something else for any event it gets.
            .answer(INVOKE, json!({"applied": []}).to_string());
        let scene = Scene::new("schema/main", script);
        for action in ["rebuild", "maintain"] {
            let error = run(&scene, action == "rebuild").await.unwrap_err();
            assert_eq!(error.kind, Kind::Usage);
            assert!(
                error
                    .message
                    .contains(&format!("does not know the action `{action}`: it is older")),
                "{error}"
            );
            assert!(error.hints[0].contains("`wmctl up`"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_failure_on_the_way_says_what_to_run_next() {
        let locked = json!({
            "errorType": "Locked",
            "errorMessage": "another migration is still running after 300 s",
        });
        let script = Script::new()
            .answer(INVOKE, answer(10, 0, 5000, false))
            .answer_with(INVOKE, FAILED, locked.to_string());
        let scene = Scene::new("schema/main", script);
        let error = run(&scene, false).await.unwrap_err();
        assert!(
            error.message.contains("Locked: another migration"),
            "{error}"
        );
        let next = "`wmctl maintain` goes on from here";
        assert!(error.hints.iter().any(|hint| hint == next), "{error:?}");
    }

    fn busy(times: usize) -> Script {
        (0..times).fold(Script::new(), |script, _| {
            script.refuse(INVOKE, 429, "TooManyRequestsException", "Rate Exceeded.")
        })
    }

    /// The schedule may have called it just now, and it runs once at a time.
    #[tokio::test]
    async fn a_run_of_the_schedule_is_waited_for() {
        let script = busy(20).answer(INVOKE, answer(1, 1, 0, true));
        let scene = Scene::new("schema/main", script);
        assert_eq!(run(&scene, false).await.unwrap().rows_folded, 1);
    }

    #[tokio::test]
    async fn no_run_is_waited_for_longer_than_any_may_take() {
        let scene = Scene::new("schema/main", busy(2000));
        let error = run(&scene, false).await.unwrap_err();
        assert_eq!(error.code(), Some("TooManyRequestsException"));
        assert!(waited() > Duration::from_mins(15) && waited() < Duration::from_mins(20));
    }
}
