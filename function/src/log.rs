//! One JSON object per line on standard output.
//!
//! Callers pass what may be kept: never a key, a password or a request body.

use std::io::Write as _;
use std::sync::atomic::{AtomicU8, Ordering};

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

/// Writes one line, unless its level is below the one set.
pub fn write(level: Level, message: &str, fields: Map<String, Value>) {
    if level as u8 > LEAST.load(Ordering::Relaxed) {
        return;
    }
    // A full or closed log pipe must not fail the request.
    let _ = writeln!(std::io::stdout().lock(), "{}", line(level, message, fields));
}

fn line(level: Level, message: &str, fields: Map<String, Value>) -> Value {
    let mut all = Map::new();
    all.insert("timestamp".into(), now_millis().into());
    all.insert("level".into(), level.name().into());
    all.insert("message".into(), message.into());
    all.extend(fields);
    Value::Object(all)
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
        let text = line(
            Level::Warn,
            "two\nlines",
            fields! { status: 503, intent: "get_anomalies" },
        )
        .to_string();
        assert!(!text.contains('\n'));
        assert!(text.contains(
            r#""level":"warn","message":"two\nlines","status":503,"intent":"get_anomalies"}"#
        ));
    }

    #[test]
    fn levels_are_read_in_any_case() {
        assert_eq!(Level::parse("WARNING"), Some(Level::Warn));
        assert_eq!(Level::parse("loud"), None);
    }
}
