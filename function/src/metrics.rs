//! Figures for CloudWatch, which reads them out of the log: the embedded metric format.
//!
//! Every value of a dimension is a metric of its own and is paid for, so both dimensions hold
//! only names that this crate defines.

use serde::Serialize;

use crate::time::epoch_millis;

/// What stands for the intent where a request was refused before it was known.
const NO_INTENT: &str = "none";

/// What one request was.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub intent: Option<&'static str>,
    /// The id of the key that it came with.
    pub key: Option<&'a str>,
    /// Entries answered or rows stored; see [`crate::contract::Answer`].
    pub rows: usize,
    /// Why it was refused, or failed.
    pub code: Option<&'static str>,
    pub duration_ms: f64,
}

/// The members that make a log line a metric too, as CloudWatch calls them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Members<'a> {
    #[serde(rename = "_aws")]
    aws: Metadata,
    intent: &'static str,
    invocations: u8,
    rows: usize,
    refusals: u8,
    duration: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// No dimension, but written whatever else is: it tells when a key was last used.
    #[serde(rename = "api_key_id", skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    timestamp: u64,
    cloud_watch_metrics: Vec<Directive>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: String,
    dimensions: [&'static [&'static str]; 1],
    metrics: &'static [Metric],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    unit: &'static str,
}

const fn metric(name: &'static str, unit: &'static str) -> Metric {
    Metric { name, unit }
}

const REFUSALS: Metric = metric("Refusals", "Count");
const BY_INTENT: &[Metric] = &[
    metric("Invocations", "Count"),
    metric("Rows", "Count"),
    REFUSALS,
    metric("Duration", "Milliseconds"),
];
const BY_CODE: &[Metric] = &[REFUSALS];

/// What one request adds to the figures. `function` keeps deployments apart.
pub fn embed<'a>(function: &str, request: Request<'a>) -> Members<'a> {
    let directive = |dimensions, metrics| Directive {
        namespace: format!("wmctl/{function}"),
        dimensions: [dimensions],
        metrics,
    };
    let mut directives = vec![directive(&["Intent"], BY_INTENT)];
    if request.code.is_some() {
        directives.push(directive(&["Intent", "Code"], BY_CODE));
    }
    Members {
        aws: Metadata {
            timestamp: epoch_millis(),
            cloud_watch_metrics: directives,
        },
        intent: request.intent.unwrap_or(NO_INTENT),
        invocations: 1,
        rows: request.rows,
        refusals: u8::from(request.code.is_some()),
        duration: request.duration_ms,
        code: request.code,
        key: request.key.filter(|key| !key.is_empty()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
mod tests {
    use serde_json::json;

    use super::*;

    const DONE: Request<'static> = Request {
        intent: Some("get_anomalies"),
        key: Some("k1"),
        rows: 3,
        code: None,
        duration_ms: 1.5,
    };

    #[test]
    fn a_success_has_no_code() {
        let members = json!(embed("chat-prod", DONE));
        let directives = members["_aws"]["CloudWatchMetrics"].as_array().unwrap();
        assert_eq!(directives.len(), 1);
        assert_eq!(directives[0]["Namespace"], "wmctl/chat-prod");
        assert_eq!(
            (&members["Rows"], &members["Refusals"]),
            (&json!(3), &json!(0))
        );
        assert_eq!(members.get("Code"), None);
        assert_eq!(members["api_key_id"], "k1");
    }

    #[test]
    fn a_refusal_is_counted_by_its_code() {
        let refused = Request {
            intent: None,
            key: None,
            code: Some("unauthorized"),
            ..DONE
        };
        let members = json!(embed("chat-prod", refused));
        assert_eq!(members["Intent"], "none");
        assert_eq!(members["Code"], "unauthorized");
        let second = &members["_aws"]["CloudWatchMetrics"][1];
        assert_eq!(second["Dimensions"], json!([["Intent", "Code"]]));
        assert_eq!(second["Metrics"][0]["Name"], "Refusals");
    }
}
