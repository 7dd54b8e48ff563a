//! One JSON object per line on standard output.
//!
//! Callers pass what may be kept: never a key, a password or a request body.

use std::io::Write as _;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

use lambda_runtime::Context;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::time::now_millis;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

impl Level {
    /// Reads `LOG_LEVEL`, in any case.
    pub fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "error" | "critical" => Some(Self::Error),
            "warn" | "warning" => Some(Self::Warn),
            "info" => Some(Self::Info),
            "debug" | "trace" => Some(Self::Debug),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

static LEAST: AtomicU8 = AtomicU8::new(Level::Info as u8);

/// Sets the least level that is written.
pub fn set_level(level: Level) {
    LEAST.store(level as u8, Ordering::Relaxed);
}

/// What every line of an invocation carries.
#[derive(Serialize)]
struct Invocation {
    invocation_id: String,
    trace_id: Option<String>,
}

/// The present one; a sandbox has one at a time.
static INVOCATION: Mutex<Option<Invocation>> = Mutex::new(None);

/// Begins an invocation: every line from now on names it and its X-Ray trace.
pub fn begin(context: &Context) {
    *INVOCATION.lock().unwrap_or_else(PoisonError::into_inner) = Some(Invocation {
        invocation_id: context.request_id.clone(),
        trace_id: context.xray_trace_id.clone(),
    });
}

/// One line: the fields of the event, of the invocation, and of a metric.
#[derive(Serialize)]
struct Line<'a, F, M> {
    timestamp: String,
    level: &'static str,
    message: &'a str,
    #[serde(flatten)]
    fields: &'a F,
    #[serde(flatten)]
    invocation: Option<&'a Invocation>,
    #[serde(flatten)]
    metrics: Option<&'a M>,
}

impl<'a, F, M> Line<'a, F, M> {
    fn new(level: Level, message: &'a str, fields: &'a F) -> Self {
        Self {
            timestamp: now_millis(),
            level: level.name(),
            message,
            fields,
            invocation: None,
            metrics: None,
        }
    }
}

/// Writes one line, unless its level is below the one set.
#[allow(
    clippy::needless_pass_by_value,
    reason = "every caller has just made them"
)]
pub fn write(level: Level, message: &str, fields: Map<String, Value>) {
    if is_written(level) {
        let invocation = INVOCATION.lock().unwrap_or_else(PoisonError::into_inner);
        print(&Line::<_, ()> {
            invocation: invocation.as_ref(),
            ..Line::new(level, message, &fields)
        });
    }
}

/// Writes one line that is a metric as well. Below the level set the metric goes out alone:
/// figures must not depend on how much is logged.
pub fn write_measured(
    level: Level,
    message: &str,
    fields: &impl Serialize,
    metrics: &impl Serialize,
) {
    if !is_written(level) {
        return print(metrics);
    }
    let invocation = INVOCATION.lock().unwrap_or_else(PoisonError::into_inner);
    print(&Line {
        invocation: invocation.as_ref(),
        metrics: Some(metrics),
        ..Line::new(level, message, fields)
    });
}

fn is_written(level: Level) -> bool {
    level as u8 <= LEAST.load(Ordering::Relaxed)
}

/// Bytes that a line seldom exceeds.
const USUAL: usize = 1024;

fn print(line: &impl Serialize) {
    let mut text = Vec::with_capacity(USUAL);
    // Strings, numbers and maps of them: this cannot fail.
    let _ = serde_json::to_writer(&mut text, line);
    text.push(b'\n');
    // In one piece. A full or closed log pipe must not fail the request.
    let _ = std::io::stdout().lock().write_all(&text);
}

/// Collects the fields of a line.
#[macro_export]
macro_rules! fields {
    ($($name:ident: $value:expr),* $(,)?) => {{
        #[allow(unused_mut)]
        let mut map = ::serde_json::Map::new();
        $(map.insert(stringify!($name).to_string(), ::serde_json::Value::from($value));)*
        map
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_json_object() {
        let fields = fields! { status: 503, intent: "get_anomalies" };
        let line = Line::<_, ()>::new(Level::Warn, "two\nlines", &fields);
        let text = serde_json::to_string(&line).unwrap_or_default();
        assert!(!text.contains('\n'));
        assert!(text.contains(
            r#""level":"warn","message":"two\nlines","status":503,"intent":"get_anomalies""#
        ));
    }

    #[test]
    fn levels_are_read_in_any_case() {
        assert_eq!(Level::parse("WARNING"), Some(Level::Warn));
        assert_eq!(Level::parse("loud"), None);
    }
}
