//! `get_performance_metrics`: how fast the answers were, and where they were slow.

use serde::Serialize;
use serde_json::value::RawValue;

use super::{END, ENDPOINT, LIMIT, START, summary_window};
use crate::contract::{Answer, Call, Intent, Kind, Param};
use crate::fault::Fault;
use crate::figures::{Distribution, float, number, percent, plain, tidy};
use crate::rollup::sums::Endpoint;
use crate::rollup::view::View;
use crate::rollup::{OfEndpoint, Sums, template};
use crate::room::Room;
use crate::time::{Second, Window};
use crate::untrusted::Untrusted;

pub static INTENT: Intent = Intent {
    name: "get_performance_metrics",
    about: "Response times of a window, by default of the last 24 hours: percentiles, the endpoints that are \
            slowest on average (without query strings, identifiers as {id}), and as issues those of which more than 5 % of the answers took longer \
            than threshold_ms.",
    params: &[
        START,
        END,
        Param::optional(
            "endpoint",
            ENDPOINT,
            "Only this endpoint: as by_endpoint names it, or one request's target with its query string.",
            r#""/api/users""#,
        ),
        Param::optional(
            "threshold_ms",
            Kind::Number {
                min: 0.0,
                max: 4_294_967_295.0,
            },
            "What counts as slow, in milliseconds; 1000 where left out.",
            "1000",
        ),
        LIMIT,
    ],
    writes: false,
    run: |call| Box::pin(run(call)),
};

/// The contract allows 200; a model reads every one of them.
const BUCKETS: i64 = 50;
/// Room for the series and everything else that is not an endpoint.
const FRAME: usize = 32_000;

#[derive(Serialize)]
struct Metrics {
    #[serde(flatten)]
    window: Window,
    total_requests: u64,
    response_time_ms: Distribution,
    #[serde(serialize_with = "number")]
    error_rate: f64,
    #[serde(serialize_with = "number")]
    requests_per_second: f64,
    by_endpoint: Vec<Box<RawValue>>,
    issues: Vec<Box<RawValue>>,
    /// Endpoints were left out for the answer's size.
    truncated: bool,
    bucket_seconds: i64,
    series: Vec<Bucket>,
}

#[derive(Serialize)]
struct Timing {
    endpoint: Untrusted,
    requests: u64,
    #[serde(serialize_with = "number")]
    error_rate: f64,
    response_time_ms: Distribution,
}

#[derive(Serialize)]
struct Issue {
    #[serde(flatten)]
    endpoint: Timing,
    slow_requests: u64,
    #[serde(serialize_with = "number")]
    threshold_ms: f64,
}

#[derive(Serialize)]
struct Bucket {
    start: Second,
    requests: u64,
    errors: u64,
    #[serde(serialize_with = "plain")]
    avg_response_time_ms: Option<f64>,
    #[serde(serialize_with = "plain")]
    max_response_time_ms: Option<f64>,
}

async fn run(call: Call<'_>) -> Result<Answer, Fault> {
    let window = summary_window(call.params, call.now);
    let threshold = call.params.number("threshold_ms").unwrap_or(1000.0);
    let limit = call.params.limit(call.limits);
    let width = View::width(&window, BUCKETS);
    let mut view = View::open(call.connection).await?;
    let sums = match call.params.text("endpoint") {
        None => {
            let mut sums = Sums::by(width);
            view.gather(&mut [&mut sums], &window).await?;
            sums
        }
        Some(endpoint) => of_endpoint(endpoint, &window, width, &mut view).await?,
    };
    view.close().await?;

    let (totals, latency) = (sums.totals(), sums.latency());
    let endpoints = sums.endpoints.iter();
    let mut all: Vec<(&str, &Endpoint, f64)> = endpoints
        .map(|(name, endpoint)| {
            let mean = endpoint.latency.mean().unwrap_or(-1.0);
            (name.as_str(), endpoint, mean)
        })
        .collect();
    all.sort_by(|(name, _, a), (other, _, b)| b.total_cmp(a).then(name.cmp(other)));
    let mut over: Vec<(&str, &Endpoint, u64)> = all
        .iter()
        .map(|(name, endpoint, _)| (*name, *endpoint, endpoint.latency.above(threshold)))
        // More than 5 % slow is the same as a 95th percentile over the threshold.
        .filter(|(_, endpoint, slow)| *slow > endpoint.latency.count() / 20)
        .collect();
    over.sort_by(|(name, _, a), (other, _, b)| b.cmp(a).then(name.cmp(other)));

    // The issues first: they are what is looked for.
    let mut room = Room::new(call.limits, FRAME);
    let issues = over.into_iter().take(limit);
    let (issues, all_issues) = room.write_all(issues.map(|(name, endpoint, slow)| Issue {
        endpoint: Timing::new(name, endpoint),
        slow_requests: slow,
        threshold_ms: threshold,
    }))?;
    let slowest = all.into_iter().take(limit);
    let (by_endpoint, all_endpoints) =
        room.write_all(slowest.map(|(name, endpoint, _)| Timing::new(name, endpoint)))?;
    let seconds = u64::try_from(window.seconds()).unwrap_or(1).max(1);
    let bucket = |(number, start)| {
        let totals = sums.series.get(&number).copied().unwrap_or_default();
        Bucket {
            start,
            requests: totals.requests,
            errors: totals.errors,
            avg_response_time_ms: totals.mean_time().map(tidy),
            max_response_time_ms: totals.slowest.map(tidy),
        }
    };
    let metrics = Metrics {
        window,
        total_requests: totals.requests,
        response_time_ms: latency.distribution(),
        error_rate: percent(totals.errors, totals.requests),
        requests_per_second: tidy(float(totals.requests) / float(seconds)),
        issues,
        by_endpoint,
        truncated: !(all_issues && all_endpoints),
        bucket_seconds: width,
        series: window.buckets(width).map(bucket).collect(),
    };
    Answer::new(1, &metrics)
}

/// One endpoint's sums: of all requests that `by_endpoint` calls so, or of one request's target
/// with its identifiers and its query string.
async fn of_endpoint(
    name: &str,
    window: &Window,
    width: i64,
    view: &mut View<'_>,
) -> Result<Sums, Fault> {
    if template(name) == name {
        let mut part = OfEndpoint::new(name, width);
        view.gather(&mut [&mut part], window).await?;
        return Ok(part.sums);
    }
    let mut sums = Sums::by(width);
    view.endpoint(&mut sums, window, name).await?;
    // It was asked for by this name.
    sums.endpoints = sums
        .endpoints
        .into_values()
        .map(|endpoint| (name.into(), endpoint))
        .collect();
    Ok(sums)
}

impl Timing {
    fn new(name: &str, endpoint: &Endpoint) -> Self {
        Self {
            endpoint: name.into(),
            requests: endpoint.requests,
            error_rate: percent(endpoint.errors, endpoint.requests),
            response_time_ms: endpoint.latency.distribution(),
        }
    }
}
