//! One request, from the event to the answer.

use std::time::{Duration, Instant};

use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::{Map, Value, json};
use sqlx::Row as _;
use uuid::Uuid;

use crate::contract::{Call, Intent, Params, nearest, summary};
use crate::database::{self, Database, Unready};
use crate::event::{Event, Response};
use crate::fault::{Detail, Fault, Refusal};
use crate::fields;
use crate::intents;
use crate::log::{self, Level};
use crate::secrets::Secrets;
use crate::settings::{Limits, Settings};
use crate::time::Second;

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
            Ok(state) => state.health(remaining).await,
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
        let (intent, given) = request(&body)?;
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
                    return Err(too_slow("no answer in time".into()));
                }
            };
            match fault {
                Fault::Refused(refusal) => return Err(refusal),
                Fault::Database(error) if database::is_lost(&error) => {
                    self.database.discard();
                    if !again {
                        return Err(lost(repeatable, &error));
                    }
                    again = false;
                }
                Fault::Database(error) if database::is_too_slow(&error) => {
                    return Err(too_slow(error.to_string()));
                }
                // A half-read result must not be the next query's answer.
                other => {
                    self.database.discard();
                    return Err(Refusal::internal(other.to_string()));
                }
            }
        }
    }

    /// Secrets, database and schema, in one sentence where something is wrong.
    async fn health(&mut self, remaining: Duration) -> Result<Value, String> {
        let keys = self
            .secrets
            .keys()
            .await
            .map_err(|error| hide("the API keys cannot be read", &error))?
            .len();
        if keys == 0 {
            return Err("no API key is accepted".into());
        }
        let connection = match self
            .database
            .ready(&mut self.secrets, true, remaining)
            .await
        {
            Ok(connection) => connection,
            Err(Unready::Secrets(error)) => {
                return Err(hide("the database's secret cannot be read", &error));
            }
            Err(Unready::Database(error)) if database::is_access_denied(&error) => {
                return Err(hide(
                    "the database refused the function's user",
                    &error.to_string(),
                ));
            }
            Err(Unready::Database(error)) => {
                return Err(hide("the database cannot be reached", &error.to_string()));
            }
        };
        let newest = "SELECT version, state FROM schema_migrations ORDER BY state = 'applied', version DESC LIMIT 1";
        let row = match sqlx::query(newest).fetch_optional(connection).await {
            Ok(row) => row.ok_or("the schema has not been migrated")?,
            Err(error) if database::is_missing(&error) || database::is_forbidden(&error) => {
                return Err("the schema has not been migrated".into());
            }
            Err(error) => {
                self.database.discard();
                return Err(hide(
                    "the schema's version cannot be read",
                    &error.to_string(),
                ));
            }
        };
        let column = |name| {
            row.try_get::<String, _>(name)
                .map_err(|error| hide("the schema's version cannot be read", &error.to_string()))
        };
        let (version, state) = (column("version")?, column("state")?);
        if state != "applied" {
            return Err(format!("migration {version} was not finished"));
        }
        Ok(json!({ "ok": true, "database": "reachable", "schema": version, "keys": keys }))
    }
}

/// The intent that a body names and the parameters it gives.
fn request(body: &[u8]) -> Result<(&'static Intent, Map<String, Value>), Refusal> {
    // The parser's own message could quote the body, and the answer is logged nowhere else.
    let document: Value = serde_json::from_slice(body).map_err(|error| {
        let at = format!("line {}, column {}", error.line(), error.column());
        Refusal::new(
            400,
            "invalid_json",
            format!("The body is not valid JSON ({at})."),
        )
    })?;
    let example = || json!({ "intent": "get_traffic_summary", "params": {} });
    let malformed = |field: &str, expected: String, received: &Value, example: Value| {
        let detail = Detail {
            field: field.into(),
            expected,
            received: summary(received),
            example,
        };
        let error = "The request must be an object with an intent and, where wanted, its params.";
        Refusal {
            details: vec![detail],
            ..Refusal::new(400, "invalid_request", error)
        }
    };
    let Value::Object(mut object) = document else {
        return Err(malformed("body", "an object".into(), &document, example()));
    };
    let name = object.remove("intent").unwrap_or(Value::Null);
    let params = object.remove("params").unwrap_or_else(|| json!({}));
    if let Some((field, value)) = object.iter().next() {
        let field = crate::untrusted::shorten(&crate::untrusted::escape(field), 100);
        return Err(malformed(
            &field,
            "no other field than intent and params".into(),
            value,
            example(),
        ));
    }
    let Value::String(name) = name else {
        let expected = format!("one of {}", intents::names().join(", "));
        return Err(malformed(
            "intent",
            expected,
            &name,
            "get_traffic_summary".into(),
        ));
    };
    let Some(intent) = intents::find(&name) else {
        let near = nearest(&name, &intents::names());
        let hint = near
            .map(|near| format!("; did you mean {near}?"))
            .unwrap_or_default();
        let detail = Detail {
            field: "intent".into(),
            expected: format!("one of {}{hint}", intents::names().join(", ")),
            received: summary(&name.into()),
            example: near.unwrap_or("get_traffic_summary").into(),
        };
        return Err(Refusal {
            details: vec![detail],
            ..Refusal::new(400, "unknown_intent", "There is no such intent.")
        });
    };
    let Value::Object(params) = params else {
        return Err(malformed("params", "an object".into(), &params, json!({})));
    };
    Ok((intent, params))
}

fn unready(reason: Unready) -> Refusal {
    match reason {
        Unready::Secrets(cause) => Refusal::no_secrets(cause),
        Unready::Database(error) => Refusal::unavailable(error.to_string()),
    }
}

/// The connection broke while an intent was at work.
fn lost(repeatable: bool, error: &sqlx::Error) -> Refusal {
    let refusal = Refusal::unavailable(error.to_string());
    if repeatable {
        return refusal;
    }
    let error = "The connection to the database broke: the row may or may not be stored. \
                 With an idempotency_key a call can be repeated safely.";
    Refusal {
        error: error.into(),
        ..refusal
    }
}

fn too_slow(cause: String) -> Refusal {
    Refusal::new(
        503,
        "query_timeout",
        "The query took too long; choose a shorter window or more filters.",
    )
    .because(cause)
}

/// The short form for the caller; the whole for the log.
fn hide(reason: &str, cause: &str) -> String {
    log::write(Level::Error, reason, fields! { detail: cause });
    reason.into()
}

fn record(
    id: Uuid,
    intent: Option<&str>,
    status: u16,
    refusal: Option<&Refusal>,
    started: Instant,
) {
    let level = match status {
        500.. => Level::Error,
        400..=499 => Level::Warn,
        _ => Level::Info,
    };
    let mut line = fields! { request_id: id.to_string(), intent: intent, status: status, duration_ms: millis(started) };
    if let Some(refusal) = refusal {
        line.insert("code".into(), refusal.code.into());
        let fields: Vec<&str> = refusal
            .details
            .iter()
            .map(|detail| detail.field.as_str())
            .collect();
        if !fields.is_empty() {
            line.insert("fields".into(), fields.into());
        }
        if let Some(cause) = &refusal.cause {
            line.insert("detail".into(), cause.as_str().into());
        }
    }
    log::write(
        level,
        refusal.map_or("answered", |refusal| refusal.error.as_str()),
        line,
    );
}

fn millis(started: Instant) -> f64 {
    (started.elapsed().as_secs_f64() * 1e6).round() / 1e3
}

/// What an invocation has left, by its deadline in milliseconds since 1970.
pub fn remaining(deadline: u64) -> Duration {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Duration::from_millis(deadline).saturating_sub(now)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn refused(body: &str) -> Refusal {
        request(body.as_bytes()).err().expect("refused")
    }

    #[test]
    fn reads_a_request() {
        let (intent, params) = request(br#"{"intent":"get_anomalies"}"#).unwrap();
        assert_eq!((intent.name, params.len()), ("get_anomalies", 0));
        let (_, params) = request(br#"{"intent":"get_anomalies","params":{"limit":1}}"#).unwrap();
        assert_eq!(params["limit"], 1);
    }

    #[test]
    fn refuses_everything_else() {
        assert_eq!(refused("").code, "invalid_json");
        assert_eq!(refused("{'intent':1}").code, "invalid_json");
        assert_eq!(refused("[]").code, "invalid_request");
        assert_eq!(refused("{}").details[0].field, "intent");
        assert_eq!(
            refused(r#"{"intent":"get_anomalies","params":null}"#).details[0].field,
            "params"
        );
        assert_eq!(
            refused(r#"{"intent":"get_anomalies","limit":1}"#).details[0].field,
            "limit"
        );
        let unknown = refused(r#"{"intent":"get_anomaly"}"#);
        assert_eq!((unknown.code, unknown.status), ("unknown_intent", 400));
        assert!(
            unknown.details[0]
                .expected
                .ends_with("did you mean get_anomalies?")
        );
        assert_eq!(unknown.details[0].example, "get_anomalies");
    }

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
