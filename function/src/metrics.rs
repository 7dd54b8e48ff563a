//! Figures for CloudWatch, which reads them out of the log: the embedded metric format.
//!
//! Every value of a dimension is a metric of its own and is paid for, so both dimensions hold
//! only names that this crate defines.

use serde_json::{Map, Value, json};

use crate::fields;
use crate::time::epoch_millis;

/// What stands for the intent where a request was refused before it was known.
const NO_INTENT: &str = "none";

/// What one request was.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    pub intent: Option<&'static str>,
    /// Entries answered or rows stored; see [`crate::contract::Answer`].
    pub rows: usize,
    /// Why it was refused, or failed.
    pub code: Option<&'static str>,
    pub duration_ms: f64,
}

/// The members that make a log line a metric too. `function` keeps deployments apart.
pub fn embed(function: &str, request: Request) -> Map<String, Value> {
    let namespace = format!("wmctl/{function}");
    let directive = |dimensions: Value, metrics: Value| json!({ "Namespace": namespace, "Dimensions": dimensions, "Metrics": metrics });
    let mut directives = vec![directive(
        json!([["Intent"]]),
        json!([
            { "Name": "Invocations", "Unit": "Count" },
            { "Name": "Rows", "Unit": "Count" },
            { "Name": "Refusals", "Unit": "Count" },
            { "Name": "Duration", "Unit": "Milliseconds" },
        ]),
    )];
    if request.code.is_some() {
        directives.push(directive(
            json!([["Intent", "Code"]]),
            json!([{ "Name": "Refusals", "Unit": "Count" }]),
        ));
    }
    let mut members = fields! {
        _aws: json!({ "Timestamp": epoch_millis(), "CloudWatchMetrics": directives }),
        Intent: request.intent.unwrap_or(NO_INTENT),
        Invocations: 1,
        Rows: request.rows,
        Refusals: u8::from(request.code.is_some()),
        Duration: request.duration_ms,
    };
    if let Some(code) = request.code {
        members.insert("Code".into(), code.into());
    }
    members
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    const DONE: Request = Request {
        intent: Some("get_anomalies"),
        rows: 3,
        code: None,
        duration_ms: 1.5,
    };

    #[test]
    fn a_success_has_no_code() {
        let members = embed("chat-prod", DONE);
        let directives = members["_aws"]["CloudWatchMetrics"].as_array().unwrap();
        assert_eq!(directives.len(), 1);
        assert_eq!(directives[0]["Namespace"], "wmctl/chat-prod");
        assert_eq!(
            (&members["Rows"], &members["Refusals"]),
            (&json!(3), &json!(0))
        );
        assert!(!members.contains_key("Code"));
    }

    #[test]
    fn a_refusal_is_counted_by_its_code() {
        let refused = Request {
            intent: None,
            code: Some("unauthorized"),
            ..DONE
        };
        let members = embed("chat-prod", refused);
        assert_eq!(members["Intent"], "none");
        assert_eq!(members["Code"], "unauthorized");
        let second = &members["_aws"]["CloudWatchMetrics"][1];
        assert_eq!(second["Dimensions"], json!([["Intent", "Code"]]));
        assert_eq!(second["Metrics"][0]["Name"], "Refusals");
    }
}
