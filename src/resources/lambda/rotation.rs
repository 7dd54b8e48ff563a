//! A rotation by hand: the steps that Secrets Manager's schedule has the migrator take, one after
//! the other. The migrator is called directly rather than through `RotateSecret`, so that its
//! errors are heard, and so that it goes alike where nothing calls it by schedule.

use std::time::Instant;

use rand::distr::{Alphanumeric, SampleString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::invoke::invoke;
use super::{LIVE, once_free};
use crate::aws::Aws;
use crate::error::{Error, Kind, Result};
use crate::events::Events;
use crate::object::Id;
use crate::resources::secretsmanager::logins::Login;

/// As Secrets Manager names them, and what is told meanwhile.
const STEPS: [(&str, &str); 4] = [
    ("createSecret", "a new password to be stored"),
    ("setSecret", "the database to take it"),
    ("testSecret", "a login with it"),
    ("finishSecret", "it to become the current one"),
];
/// A version's name has 32 characters at least.
const VERSION_LENGTH: usize = 32;

/// What a rotation came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotated {
    /// `app` or `admin`.
    pub secret: String,
    pub version: String,
    pub username: String,
    /// Whether an earlier run, or the schedule, had begun it.
    #[serde(default)]
    pub resumed: bool,
}

/// Rotates a login of the database; a rotation that was begun is ended, and none begun beside it.
pub async fn rotate(
    aws: &Aws,
    events: &Events,
    migrator: &str,
    (id, login): (&Id, &Login),
    stopped: impl Fn() -> bool,
) -> Result<Rotated> {
    let begun = login.version("AWSPENDING");
    let version = begun.map_or_else(new_version, str::to_owned);
    let (shown, started) = (id.to_string(), Instant::now());
    events.started(&shown, "rotating");
    let mut answer = Value::Null;
    for (step, what) in STEPS {
        if stopped() {
            let stopped = Error::new(Kind::Interrupted, format!("stopped before {step} of {id}"));
            return Err(left(stopped, id));
        }
        events.waiting(&shown, what);
        let event = json!({
            "Step": step,
            "SecretId": login.secret.arn,
            "ClientRequestToken": version,
        });
        let done = once_free(events, || invoke(aws, migrator, LIVE, &event)).await;
        answer = done.map_err(|error| failed(error, id, step))?;
    }
    let mut rotated: Rotated =
        serde_json::from_value(answer).map_err(|error| too_old().because(error))?;
    rotated.resumed = begun.is_some();
    events.done(&shown, "rotated", started.elapsed());
    Ok(rotated)
}

fn new_version() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), VERSION_LENGTH)
}

fn failed(error: Error, id: &Id, step: &str) -> Error {
    if error.message.contains(" failed: InvalidEvent: ") {
        return too_old().because(error);
    }
    let message = format!("{step} of {id} failed: {}", error.message);
    left(Error { message, ..error }, id)
}

/// What is left behind, and what ends it.
fn left(error: Error, id: &Id) -> Error {
    let state = if id.name == "database-app" {
        "requests go on: the login in use is as it was, and so is its password"
    } else {
        "the migrator goes on to work: it tries the current password, then the pending one"
    };
    let name = if id.name == "database-app" {
        "app"
    } else {
        "admin"
    };
    let error = error.hint(state);
    let refused = error.message.contains("cannot be reached as administrator")
        && error.message.contains("Access denied");
    if refused {
        return error.hint(
            "the administrator's secret and the database differ: put any new password into the \
             secret, and `wmctl up` gives it to the database through RDS",
        );
    }
    error.hint(format!("`wmctl rotate-secrets {name}` goes on from here"))
}

fn too_old() -> Error {
    Error::usage("the deployed migrator cannot rotate passwords: it is older than this wmctl")
        .hint("nothing was changed; `wmctl up` deploys the migrator that does")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;

    use super::*;
    use crate::aws::scripted::{Scene, Script};

    const INVOKE: &str = "POST /2015-03-31/functions/chat-prod-migrator/invocations";
    const FAILED: (&str, &str) = ("x-amz-function-error", "Unhandled");

    fn login(pending: Option<&str>) -> Login {
        let stages = pending.map(|version| (version.to_owned(), vec!["AWSPENDING".to_owned()]));
        let secret = DescribeSecretOutput::builder()
            .arn("arn:app")
            .set_version_ids_to_stages(Some(stages.into_iter().collect()))
            .build();
        Login { secret }
    }

    fn answer() -> String {
        json!({"secret": "app", "version": "v2", "current": true, "username": "app_user_clone"})
            .to_string()
    }

    async fn run(scene: &Scene, pending: Option<&str>) -> Result<Rotated> {
        let (aws, events) = (&scene.aws, &scene.events);
        let id = Id::new("secret", "database-app");
        let login = login(pending);
        rotate(aws, events, "chat-prod-migrator", (&id, &login), || false).await
    }

    fn asked(scene: &Scene, field: &str) -> Vec<String> {
        let bodies = scene.script.bodies(INVOKE).into_iter();
        let events = bodies.map(|body| serde_json::from_str::<Value>(&body).unwrap());
        events
            .map(|event| event[field].as_str().unwrap().to_owned())
            .collect()
    }

    fn four() -> Script {
        (0..4).fold(Script::new(), |script, _| script.answer(INVOKE, answer()))
    }

    #[tokio::test]
    async fn all_steps_name_one_new_version() {
        let scene = Scene::new("secret/database-app", four());
        let rotated = run(&scene, None).await.unwrap();
        assert_eq!(rotated.username, "app_user_clone");
        assert!(!rotated.resumed);
        let steps = ["createSecret", "setSecret", "testSecret", "finishSecret"];
        assert_eq!(asked(&scene, "Step"), steps);
        assert_eq!(asked(&scene, "SecretId"), ["arn:app"; 4]);
        let mut versions = asked(&scene, "ClientRequestToken");
        versions.dedup();
        assert_eq!(versions.len(), 1);
        assert_eq!(versions[0].len(), 32);
    }

    #[tokio::test]
    async fn what_was_begun_is_ended() {
        let scene = Scene::new("secret/database-app", four());
        let rotated = run(&scene, Some("begun-by-the-schedule")).await.unwrap();
        assert!(rotated.resumed);
        assert_eq!(
            asked(&scene, "ClientRequestToken"),
            ["begun-by-the-schedule"; 4]
        );
    }

    #[tokio::test]
    async fn a_failure_says_what_is_left_and_what_to_run_next() {
        let denied = json!({
            "errorType": "Database",
            "errorMessage": "the database cannot be reached as administrator: error returned from \
                             database: 1045 (28000): Access denied for user 'wmctl_admin'",
        });
        let locked = json!({"errorType": "Locked", "errorMessage": "still running"});
        for (cause, hint) in [
            (locked, "`wmctl rotate-secrets app` goes on from here"),
            (denied, "`wmctl up` gives it to the database through RDS"),
        ] {
            let script = Script::new().answer(INVOKE, answer()).answer_with(
                INVOKE,
                FAILED,
                cause.to_string(),
            );
            let scene = Scene::new("secret/database-app", script);
            let error = run(&scene, None).await.unwrap_err();
            let start = "setSecret of secret/database-app failed: ";
            assert!(error.message.starts_with(start), "{error}");
            let hints = error.hints.join("\n");
            assert!(hints.contains("the login in use is as it was"), "{hints}");
            assert!(hints.contains(hint), "{hints}");
        }
    }

    #[tokio::test]
    async fn an_older_migrator_is_named_with_the_command_that_renews_it() {
        let unknown = json!({"errorType": "InvalidEvent", "errorMessage": "the event must be"});
        let script = Script::new().answer_with(INVOKE, FAILED, unknown.to_string());
        let scene = Scene::new("secret/database-app", script);
        let error = run(&scene, None).await.unwrap_err();
        assert_eq!(error.kind, Kind::Usage);
        assert!(error.hints[0].contains("`wmctl up`"), "{error:?}");
    }

    #[tokio::test]
    async fn whoever_stops_it_is_told_how_to_go_on() {
        let scene = Scene::new("secret/database-app", four());
        let asked = Cell::new(0);
        let stop = || asked.replace(asked.get() + 1) == 2;
        let (id, login) = (Id::new("secret", "database-app"), login(None));
        let (aws, events) = (&scene.aws, &scene.events);
        let error = rotate(aws, events, "chat-prod-migrator", (&id, &login), stop).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind, Kind::Interrupted);
        assert_eq!(
            error.message,
            "stopped before testSecret of secret/database-app"
        );
        assert!(error.hints[1].contains("goes on from here"), "{error:?}");
        assert_eq!(scene.script.bodies(INVOKE).len(), 2);
    }
}
