//! What migrators answer and log, and what becomes of it.

use serde_json::json;

use super::*;
use crate::aws::scripted::{Scene, Script};
use crate::events::{Event, Events};

const INVOKE: &str = "POST /2015-03-31/functions/chat-prod-migrator/invocations";
const FAILED: (&str, &str) = ("x-amz-function-error", "Unhandled");
const LOG: &str = "FilterLogEvents";

fn answer(applied: &[&str], new: &[&str], statement: u64, more: bool) -> String {
    let applied: Vec<Value> = applied.iter().map(|v| json!({"version": v})).collect();
    let dirty = json!([{"version": "0009", "state": "stopped", "statement": statement}]);
    json!({
        "applied": applied, "pending": [], "changed": [], "newly_applied": new, "more": more,
        "dirty": if more { dirty } else { json!([]) },
    })
    .to_string()
}

fn failure(kind: &str, message: &str) -> String {
    json!({"errorType": kind, "errorMessage": message}).to_string()
}

/// So many looks at an empty log.
fn quiet(script: Script, times: usize) -> Script {
    let empty = json!({"events": []}).to_string();
    (0..times).fold(script, |script, _| script.answer(LOG, empty.clone()))
}

async fn run(scene: &Scene, wish: &Wish) -> Result<Value> {
    let migrator = "chat-prod-migrator";
    migrate(&scene.aws, &scene.events, migrator, wish, || false).await
}

#[tokio::test]
async fn what_does_not_fit_in_one_invocation_is_continued_by_the_next() {
    let script = quiet(Script::new(), 3)
        .answer(INVOKE, answer(&["0001"], &["0001"], 2, true))
        .answer(INVOKE, answer(&["0001"], &[], 3, true))
        .answer(INVOKE, answer(&["0001", "0009"], &["0009"], 0, false));
    let scene = Scene::new("schema/main", script);
    let wish = Wish {
        to: Some("0009".to_owned()),
        allow_slow: true,
    };
    let done = run(&scene, &wish).await.unwrap();
    assert_eq!(done["newly_applied"], json!(["0001", "0009"]));
    let bodies = scene.script.bodies(INVOKE);
    assert_eq!(bodies.len(), 3);
    let events = bodies
        .iter()
        .map(|body| serde_json::from_str(body).unwrap());
    let mut runs = BTreeSet::new();
    for event in events.collect::<Vec<Value>>() {
        assert_eq!(
            (&event["to"], &event["allow_slow"]),
            (&json!("0009"), &json!(true))
        );
        runs.insert(event["run"].to_string());
    }
    assert_eq!(runs.len(), 3, "each invocation's log lines are its own");
}

#[tokio::test]
async fn no_progress_is_no_reason_to_go_on_for_ever() {
    let script = quiet(Script::new(), 2)
        .answer(INVOKE, answer(&["0001"], &[], 2, true))
        .answer(INVOKE, answer(&["0001"], &[], 2, true));
    let scene = Scene::new("schema/main", script);
    let error = run(&scene, &Wish::default()).await.unwrap_err();
    assert!(error.message.contains("gets no further"), "{error}");
}

#[tokio::test]
async fn whoever_stops_it_between_two_invocations_is_told_how_to_go_on() {
    let script = quiet(Script::new(), 1).answer(INVOKE, answer(&["0001"], &["0001"], 2, true));
    let scene = Scene::new("schema/main", script);
    let (migrator, wish) = ("chat-prod-migrator", Wish::default());
    let stopped = migrate(&scene.aws, &scene.events, migrator, &wish, || true).await;
    let error = stopped.unwrap_err();
    assert_eq!(error.kind, Kind::Interrupted);
    assert!(
        error.hints[0].contains("`wmctl migrate` goes on"),
        "{error:?}"
    );
}

#[tokio::test]
async fn each_failure_says_what_to_do() {
    for (kind, message, command) in [
        (
            "FailedMigration",
            "0005_x.sql failed at statement 3 of 4: no",
            "--repair done",
        ),
        (
            "CutOff",
            "statement 3 of 0005_x.sql was under way",
            "--repair again",
        ),
        (
            "TooLong",
            "statement 3 of 0005_x.sql seems to take 90 minutes",
            "--allow-slow",
        ),
        (
            "Locks",
            "statement 1 of 0006_x.sql keeps everybody from writing",
            "--dry-run",
        ),
        ("InvalidEvent", "the event must be", "`wmctl up` renews it"),
        (
            "UnknownMigration",
            "there is no migration 0042",
            "`wmctl up` deploys",
        ),
    ] {
        let body = failure(kind, message);
        let script = quiet(Script::new(), 1).answer_with(INVOKE, FAILED, body);
        let scene = Scene::new("schema/main", script);
        let error = run(&scene, &Wish::default()).await.unwrap_err();
        assert_eq!(error.message, format!("the migration failed: {message}"));
        let hints = error.hints.join("\n");
        assert!(hints.contains(command), "{kind}: {hints}");
    }
}

/// A statement that outlives its function holds the lock for a quarter of an hour at most.
#[tokio::test]
async fn a_lock_is_waited_for_longer_than_any_statement_may_take() {
    let locked = failure(
        "Locked",
        "another migration is still running after 450 s: connection 7",
    );
    let script = quiet(Script::new(), 3)
        .answer_with(INVOKE, FAILED, locked.clone())
        .answer_with(INVOKE, FAILED, locked.clone())
        .answer(INVOKE, answer(&["0001"], &["0001"], 0, false));
    let scene = Scene::new("schema/main", script);
    run(&scene, &Wish::default()).await.unwrap();
    let script = (0..3).fold(quiet(Script::new(), 3), |script, _| {
        script.answer_with(INVOKE, FAILED, locked.clone())
    });
    let scene = Scene::new("schema/main", script);
    let error = run(&scene, &Wish::default()).await.unwrap_err();
    assert!(error.message.contains("connection 7"), "{error}");
}

#[tokio::test]
async fn what_the_migrator_logs_is_shown_once_and_ends_the_waiting() {
    let (events, mut said) = Events::channel();
    let mut log = Log::new("chat-prod-migrator", "0123".to_owned());
    let line = |id: &str, mut line: Value| {
        if line["run"].is_null() {
            line["run"] = json!("0123");
        }
        json!({"eventId": id, "message": line.to_string()})
    };
    let statement = json!({
        "message": "statement started", "file": "0005_x.sql", "statement": 1, "of": 2,
        "sql": "ALTER TABLE logs ADD a INT",
    });
    let mut done = statement.clone();
    done["message"] = json!("statement done");
    done["duration_ms"] = json!(61_500);
    let other = json!({"run": "4567", "message": "answered"});
    let warning = json!({
        "message": "writing has to wait", "file": "0005_x.sql", "statement": 1, "table": "logs",
        "rows": 1_000_000,
    });
    let first = json!({"events": [
        line("0", warning), line("1", statement.clone()), line("2", other),
    ]});
    let second = json!({"events": [line("1", statement), line("3", done)]});
    let third = json!({"events": [line("4", json!({"message": "answered"}))]});
    let script = [&first, &second, &third]
        .iter()
        .fold(Script::new(), |script, page| {
            script.answer(LOG, page.to_string())
        });
    let scene = Scene::new("schema/main", script);
    for ended in [false, false, true] {
        log.look(&scene.aws, &events).await;
        assert_eq!(log.ended, ended);
    }
    assert!(scene.script.bodies(LOG)[0].contains(r#""filterPattern":"\"0123\"""#));
    drop(events);
    let mut shown = Vec::new();
    while let Some(event) = said.recv().await {
        match event {
            Event::Waiting { reason, .. } => shown.push(reason),
            Event::Note(text) => shown.push(text),
            _ => {}
        }
    }
    assert_eq!(
        shown,
        [
            "  ! 0005_x.sql statement 1: writing to logs (1000000 rows) may have to wait until it is done",
            "0005_x.sql 1/2: ALTER TABLE logs ADD a INT",
            "  ✓ 0005_x.sql 1/2: ALTER TABLE logs ADD a INT (61.5s)"
        ]
    );
}

#[tokio::test]
async fn whoever_may_not_read_the_log_migrates_all_the_same() {
    let denied = "User is not authorized to perform: logs:FilterLogEvents";
    let script = Script::new()
        .refuse(LOG, 400, "AccessDeniedException", denied)
        .answer(INVOKE, answer(&["0001"], &["0001"], 0, false));
    let scene = Scene::new("schema/main", script);
    run(&scene, &Wish::default()).await.unwrap();
}
