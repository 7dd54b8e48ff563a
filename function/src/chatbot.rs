//! One request, from the event to the answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use lambda_runtime::{Context, LambdaEvent};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::contract::{Answer, Call, Intent};
use crate::database::{self, Database, Unready};
use crate::deadline::Deadline;
use crate::event::{Event, Response};
use crate::fault::{Fault, Refusal};
use crate::log::{self, Level};
use crate::metrics::{self, Request};
use crate::params::Params;
use crate::secrets::Secrets;
use crate::settings::{Limits, Settings};
use crate::time::Second;
use crate::watch::Silence;
use crate::{fields, health, request};

/// What a sandbox keeps between invocations.
pub struct Chatbot {
    /// Settings that cannot be used are told with every answer, so that a health check can name them.
    state: Result<State, String>,
    /// The one origin whose pages may read answers.
    origin: Option<String>,
}

struct State {
    secrets: Secrets,
    database: Database,
    limits: Limits,
}

/// What became known of a request on its way.
#[derive(Default)]
struct Seen {
    /// The id of the key that it came with.
    key: Option<Arc<str>>,
    intent: Option<&'static str>,
}

/// What an invocation gives, written out once, by the runtime.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Reply {
    Health(Value),
    Response(Response),
}

impl Chatbot {
    pub fn new(settings: Result<Settings, String>) -> Self {
        if let Err(reason) = &settings {
            log::write(
                Level::Error,
                "the settings cannot be used",
                fields! { detail: reason.as_str() },
            );
        }
        Self {
            origin: settings
                .as_ref()
                .ok()
                .and_then(|settings| settings.origin.clone()),
            state: settings.map(|settings| State {
                secrets: Secrets::new(settings.credentials, settings.keys, settings.keys_age),
                database: Database::new(settings.target),
                limits: settings.limits,
            }),
        }
    }

    /// Answers one invocation.
    pub async fn handle(&mut self, event: LambdaEvent<Event>) -> Result<Reply, Infallible> {
        let started = Instant::now();
        let LambdaEvent {
            payload: event,
            context,
        } = event;
        let deadline = Deadline::of(context.deadline);
        log::begin(&context);
        if event.is_health() {
            let health = self.health(&deadline).await;
            log::write(
                Level::Info,
                "health check",
                fields! { ok: health["ok"].clone(), duration_ms: millis(started) },
            );
            return Ok(Reply::Health(health));
        }
        let id = event.request_id();
        let mut seen = Seen::default();
        let outcome = match &mut self.state {
            Ok(state) => state.answer(&event, &deadline, &mut seen).await,
            Err(reason) => Err(Refusal::internal(reason.clone())),
        };
        let response = match &outcome {
            Ok(answer) => Response::success(id, &answer.data),
            Err(refusal) => Response::failure(id, refusal),
        };
        let response = response.readable_by(self.origin.as_deref());
        record(&context, id, &seen, &outcome, started);
        Ok(Reply::Response(response))
    }

    async fn health(&mut self, deadline: &Deadline) -> Value {
        let outcome = match &mut self.state {
            Ok(state) => health::check(&mut state.secrets, &mut state.database, deadline).await,
            Err(reason) => Err(reason.clone()),
        };
        outcome.unwrap_or_else(|reason| json!({ "ok": false, "reason": reason }))
    }
}

impl State {
    /// The order matters: what is cheap and tells nothing comes first,
    /// and only a request with an accepted key has its body read or reaches the database.
    async fn answer(
        &mut self,
        event: &Event,
        deadline: &Deadline,
        seen: &mut Seen,
    ) -> Result<Answer, Refusal> {
        if event.method() != "POST" {
            return Err(Refusal::method_not_allowed());
        }
        let body = event.body(self.limits.payload)?;
        let key = event.header("x-api-key").unwrap_or_default();
        if key.is_empty() {
            return Err(Refusal::unauthorized());
        }
        let accepted = self.secrets.accept(&key, deadline).await;
        let accepted = accepted.map_err(Refusal::no_secrets)?;
        seen.key = Some(accepted.ok_or_else(Refusal::unauthorized)?);
        let (intent, given) = request::read(&body)?;
        seen.intent = Some(intent.name);
        let params = Params::check(intent.params, &given, self.limits).map_err(Refusal::invalid)?;
        self.run(intent, &params, deadline).await
    }

    /// Runs an intent; once more on a new connection where the first attempt came to nothing and
    /// a repetition can do no harm.
    async fn run(
        &mut self,
        intent: &Intent,
        params: &Params,
        deadline: &Deadline,
    ) -> Result<Answer, Refusal> {
        let repeatable = !intent.writes || params.get("idempotency_key").is_some();
        let mut again = true;
        loop {
            let (connection, watch) = self
                .database
                .ready(&mut self.secrets, !repeatable, deadline)
                .await
                .map_err(unready)?;
            let call = Call {
                params,
                connection,
                limits: self.limits,
                now: Second::now(),
            };
            let outcome = watch.wait(&mut self.secrets, deadline, (intent.run)(call));
            let failure = match outcome.await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(Fault::Refused(refusal))) => return Err(refusal),
                Ok(Err(fault)) => Failure::of(fault),
                Err(silence) => silence.into(),
            };
            // A half-read result must not be the next query's answer.
            self.database.discard();
            match failure {
                Failure::Undone(_) if again => again = false,
                Failure::Lost(_) if again && repeatable => again = false,
                Failure::Lost(cause) | Failure::Away(cause) if !repeatable => {
                    return Err(lost(cause));
                }
                Failure::Undone(cause) | Failure::Lost(cause) | Failure::Away(cause) => {
                    return Err(Refusal::unavailable(cause));
                }
                // A store that the server stopped has left nothing; one that was given up may have.
                Failure::Late(cause) if !repeatable => return Err(lost(cause)),
                Failure::Late(cause) | Failure::Stopped(cause) => {
                    return Err(Refusal::query_timeout(intent.writes).because(cause));
                }
                Failure::Internal(cause) => return Err(Refusal::internal(cause)),
            }
        }
    }
}

/// What an intent's failure means for another attempt; each with its cause, for the log.
enum Failure {
    /// The connection broke: what was sent may have been done.
    Lost(String),
    /// The same, and the server does not answer.
    Away(String),
    /// Nothing was done, for a reason that passes.
    Undone(String),
    /// The server stopped the query: nothing was done.
    Stopped(String),
    /// The query was given up.
    Late(String),
    Internal(String),
}

impl Failure {
    fn of(fault: Fault) -> Self {
        let Fault::Database(error) = fault else {
            return Self::Internal(fault.to_string());
        };
        let cause = database::cause(&error);
        if database::is_lost(&error) {
            Self::Lost(cause)
        } else if database::is_undone(&error) {
            Self::Undone(cause)
        } else if database::is_too_slow(&error) {
            Self::Stopped(cause)
        } else {
            Self::Internal(cause)
        }
    }
}

impl From<Silence> for Failure {
    fn from(silence: Silence) -> Self {
        match silence {
            Silence::Dead => Self::Lost("the connection was dead".into()),
            Silence::Away(error) => Self::Away(database::cause(&error)),
            Silence::Late => Self::Late("no answer in time".into()),
        }
    }
}

fn unready(reason: Unready) -> Refusal {
    match reason {
        Unready::Secrets(cause) => Refusal::no_secrets(cause),
        Unready::Database(error) => Refusal::unavailable(database::cause(&error)),
    }
}

/// The connection broke while a row was being stored that another try might store twice.
fn lost(cause: String) -> Refusal {
    Refusal {
        error: "The connection to the database broke: the row may or may not be stored. \
                With an idempotency_key a call can be repeated safely."
            .into(),
        ..Refusal::unavailable(cause)
    }
}

/// What is logged of a request.
#[derive(Serialize)]
struct Line<'a> {
    request_id: Uuid,
    intent: Option<&'static str>,
    status: u16,
    duration_ms: f64,
    rows: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

/// Writes the request's line, which is its metric too.
fn record(
    context: &Context,
    id: Uuid,
    seen: &Seen,
    outcome: &Result<Answer, Refusal>,
    started: Instant,
) {
    let refusal = outcome.as_ref().err();
    let status = refusal.map_or(200, |refusal| refusal.status);
    // The answer's own words stay out: they can repeat a part of the request.
    let (level, message) = match status {
        500.. => (Level::Error, "failed"),
        400..=499 => (Level::Warn, "refused"),
        _ => (Level::Info, "answered"),
    };
    let request = Request {
        intent: seen.intent,
        key: seen.key.as_deref(),
        rows: outcome.as_ref().map_or(0, |answer| answer.rows),
        code: refusal.map(|refusal| refusal.code),
        duration_ms: millis(started),
    };
    let line = Line {
        request_id: id,
        intent: seen.intent,
        status,
        duration_ms: request.duration_ms,
        rows: request.rows,
        code: request.code,
        detail: refusal.and_then(|refusal| refusal.cause.as_deref()),
    };
    let metrics = metrics::embed(&context.env_config.function_name, request);
    log::write_measured(level, message, &line, &metrics);
}

fn millis(started: Instant) -> f64 {
    (started.elapsed().as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn unusable_settings_are_told() {
        let mut chatbot = Chatbot::new(Err("DB_HOST is not set".into()));
        let event = serde_json::from_value(json!({"wmctl": "health"})).unwrap();
        let answer = chatbot
            .handle(LambdaEvent::new(event, lambda_runtime::Context::default()))
            .await
            .unwrap();
        assert_eq!(
            serde_json::to_value(answer).unwrap(),
            json!({"ok": false, "reason": "DB_HOST is not set"})
        );
    }
}
