//! One request, from the event to the answer.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::contract::{Call, Intent};
use crate::database::{self, Database, Unready};
use crate::event::{Event, Response};
use crate::fault::{Fault, Refusal};
use crate::log::{self, Level};
use crate::params::Params;
use crate::secrets::Secrets;
use crate::settings::{Limits, Settings};
use crate::time::Second;
use crate::{fields, health, request};

/// What a sandbox keeps between invocations.
pub struct Chatbot {
    /// Settings that cannot be used are told with every answer, so that a health check can name them.
    state: Result<State, String>,
}

struct State {
    secrets: Secrets,
    database: Database,
    limits: Limits,
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
            state: settings.map(|settings| State {
                secrets: Secrets::new(settings.credentials, settings.keys),
                database: Database::new(settings.target),
                limits: settings.limits,
            }),
        }
    }

    /// Answers one invocation.
    pub async fn handle(&mut self, event: LambdaEvent<Event>) -> Result<Value, Diagnostic> {
        let started = Instant::now();
        let remaining = remaining(event.context.deadline);
        let event = event.payload;
        if event.is_health() {
            let health = self.health(remaining).await;
            log::write(
                Level::Info,
                "health check",
                fields! { ok: health["ok"].clone(), duration_ms: millis(started) },
            );
            return Ok(health);
        }
        let id = event.request_id();
        let mut intent = None;
        let outcome = match &mut self.state {
            Ok(state) => state.answer(&event, remaining, &mut intent).await,
            Err(reason) => Err(Refusal::internal(reason.clone())),
        };
        let response = match &outcome {
            Ok(data) => Response::success(id, data),
            Err(refusal) => Response::failure(id, refusal),
        };
        record(
            id,
            intent,
            response.status_code,
            outcome.as_ref().err(),
            started,
        );
        serde_json::to_value(&response).map_err(|error| Diagnostic {
            error_type: "Answer".into(),
            error_message: error.to_string(),
        })
    }

    async fn health(&mut self, remaining: Duration) -> Value {
        let outcome = match &mut self.state {
            Ok(state) => health::check(&mut state.secrets, &mut state.database, remaining).await,
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
        remaining: Duration,
        name: &mut Option<&'static str>,
    ) -> Result<String, Refusal> {
        if event.method() != "POST" {
            return Err(Refusal::new(
                405,
                "method_not_allowed",
                "Only POST is answered here.",
            ));
        }
        let body = event.body(self.limits.payload)?;
        let key = event.header("x-api-key").unwrap_or_default();
        if key.is_empty()
            || !self
                .secrets
                .accept(key)
                .await
                .map_err(Refusal::no_secrets)?
        {
            return Err(Refusal::new(
                401,
                "unauthorized",
                "The header x-api-key is missing or wrong.",
            ));
        }
        let (intent, given) = request::read(&body)?;
        *name = Some(intent.name);
        let params = Params::check(intent.params, &given, self.limits).map_err(Refusal::invalid)?;
        self.run(intent, &params, remaining).await
    }

    /// Runs an intent; once more on a new connection where the old one was lost and
    /// a repetition can do no harm.
    async fn run(
        &mut self,
        intent: &Intent,
        params: &Params,
        remaining: Duration,
    ) -> Result<String, Refusal> {
        let repeatable = !intent.writes || params.get("idempotency_key").is_some();
        let started = Instant::now();
        let mut again = repeatable;
        loop {
            let left = remaining.saturating_sub(started.elapsed());
            let connection = self
                .database
                .ready(&mut self.secrets, !repeatable, left)
                .await
                .map_err(unready)?;
            let call = Call {
                params,
                connection,
                limits: self.limits,
                now: Second::now(),
            };
            // The server ends a query by itself a little earlier; this is for a silent network.
            let time = database::query_time(left) + Duration::from_secs(1);
            let fault = match tokio::time::timeout(time, (intent.run)(call)).await {
                Ok(Ok(data)) => return Ok(data),
                Ok(Err(fault)) => fault,
                Err(_) => {
                    self.database.discard();
                    let cause = "no answer in time";
                    return Err(if repeatable {
                        too_slow(cause)
                    } else {
                        lost(cause)
                    });
                }
            };
            match fault {
                Fault::Refused(refusal) => return Err(refusal),
                Fault::Database(error) if database::is_lost(&error) => {
                    self.database.discard();
                    if !repeatable {
                        return Err(lost(&error.to_string()));
                    }
                    if !again {
                        return Err(Refusal::unavailable(error.to_string()));
                    }
                    again = false;
                }
                Fault::Database(error) if database::is_too_slow(&error) => {
                    return Err(too_slow(&error.to_string()));
                }
                // A half-read result must not be the next query's answer.
                other => {
                    self.database.discard();
                    return Err(Refusal::internal(other.to_string()));
                }
            }
        }
    }
}

fn unready(reason: Unready) -> Refusal {
    match reason {
        Unready::Secrets(cause) => Refusal::no_secrets(cause),
        Unready::Database(error) => Refusal::unavailable(error.to_string()),
    }
}

/// The connection broke while a row was being stored that another try might store twice.
fn lost(cause: &str) -> Refusal {
    Refusal {
        error: "The connection to the database broke: the row may or may not be stored. \
                With an idempotency_key a call can be repeated safely."
            .into(),
        ..Refusal::unavailable(cause)
    }
}

fn too_slow(cause: &str) -> Refusal {
    let error = "The query took too long; choose a shorter window or more filters.";
    Refusal::new(503, "query_timeout", error).because(cause)
}

fn record(
    id: Uuid,
    intent: Option<&str>,
    status: u16,
    refusal: Option<&Refusal>,
    started: Instant,
) {
    // The answer's own words stay out: they can repeat a part of the request.
    let (level, message) = match status {
        500.. => (Level::Error, "failed"),
        400..=499 => (Level::Warn, "refused"),
        _ => (Level::Info, "answered"),
    };
    let mut line = fields! { request_id: id.to_string(), intent: intent, status: status, duration_ms: millis(started) };
    if let Some(refusal) = refusal {
        line.insert("code".into(), refusal.code.into());
        if let Some(cause) = &refusal.cause {
            line.insert("detail".into(), cause.as_str().into());
        }
    }
    log::write(level, message, line);
}

fn millis(started: Instant) -> f64 {
    (started.elapsed().as_secs_f64() * 1e6).round() / 1e3
}

/// What an invocation has left, by its deadline in milliseconds since 1970. A deadline that
/// has passed before the work begins is none: then the default of a function applies.
pub fn remaining(deadline: u64) -> Duration {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    match Duration::from_millis(deadline).saturating_sub(now) {
        Duration::ZERO => Duration::from_secs(30),
        left => left,
    }
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
        assert_eq!(answer, json!({"ok": false, "reason": "DB_HOST is not set"}));
    }
}
