//! `get_traffic_summary`: how much traffic there was, from whom and for what.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{END, START, summary_window};
use crate::contract::{Answer, Call, Intent};
use crate::fault::Fault;
use crate::figures::{number, percent, plain, tidy};
use crate::rollup::view::View;
use crate::rollup::{Addresses, Name, Sums};
use crate::time::{Second, Window};
use crate::untrusted::Untrusted;

pub static INTENT: Intent = Intent {
    name: "get_traffic_summary",
    about: "Sums the traffic of a window up, by default of the last 24 hours: totals, error rate in per cent, \
            busiest endpoints (without query strings, identifiers as {id}) and addresses, and a series over time.",
    params: &[START, END],
    writes: false,
    run: |call| Box::pin(run(call)),
};

const TOP: usize = 10;
/// The contract allows 200; a model reads every one of them.
const BUCKETS: i64 = 50;

#[derive(Serialize)]
struct Summary {
    #[serde(flatten)]
    window: Window,
    total_requests: u64,
    error_count: u64,
    unique_ips: u64,
    total_bytes: u64,
    #[serde(serialize_with = "plain")]
    avg_response_time_ms: Option<f64>,
    #[serde(serialize_with = "number")]
    error_rate: f64,
    status_classes: BTreeMap<String, u64>,
    methods: BTreeMap<Untrusted, u64>,
    top_endpoints: Vec<Endpoint>,
    top_ips: Vec<Address>,
    bucket_seconds: i64,
    series: Vec<Bucket>,
}

#[derive(Serialize)]
struct Endpoint {
    endpoint: Untrusted,
    requests: u64,
}

#[derive(Serialize)]
struct Address {
    ip_address: Untrusted,
    requests: u64,
}

#[derive(Serialize)]
struct Bucket {
    start: Second,
    requests: u64,
    errors: u64,
    bytes: u64,
}

async fn run(call: Call<'_>) -> Result<Answer, Fault> {
    let window = summary_window(call.params, call.now);
    let width = View::width(&window, BUCKETS);
    let (mut sums, mut addresses) = (Sums::by(width), Addresses::default());
    let mut view = View::open(call.connection).await?;
    view.gather(&mut [&mut sums, &mut addresses], &window)
        .await?;
    view.close().await?;

    let totals = sums.totals();
    let mut status_classes: BTreeMap<String, u64> =
        (1..=5).map(|class| (format!("{class}xx"), 0)).collect();
    for (class, requests) in &sums.status_classes {
        status_classes.insert(format!("{class}xx"), *requests);
    }
    let bucket = |(number, start)| {
        let totals = sums.series.get(&number).copied().unwrap_or_default();
        Bucket {
            start,
            requests: totals.requests,
            errors: totals.errors,
            bytes: totals.bytes,
        }
    };
    let summary = Summary {
        window,
        total_requests: totals.requests,
        error_count: totals.errors,
        unique_ips: addresses.distinct(),
        total_bytes: totals.bytes,
        avg_response_time_ms: totals.mean_time().map(tidy),
        error_rate: percent(totals.errors, totals.requests),
        status_classes,
        methods: sums
            .methods
            .iter()
            .map(|(method, requests)| (method.as_str().into(), *requests))
            .collect(),
        top_endpoints: busiest(&sums),
        top_ips: addresses
            .senders
            .busiest(TOP)
            .into_iter()
            .map(|(address, requests)| Address {
                ip_address: Untrusted(address),
                requests,
            })
            .collect(),
        bucket_seconds: width,
        series: window.buckets(width).map(bucket).collect(),
    };
    Answer::new(1, &summary)
}

/// The endpoints with the most requests, the busiest first.
fn busiest(sums: &Sums) -> Vec<Endpoint> {
    let endpoints = sums.endpoints.iter();
    let mut all: Vec<(&Name, u64)> = endpoints
        .map(|(name, endpoint)| (name, endpoint.requests))
        .collect();
    all.sort_by(|(name, a), (other, b)| b.cmp(a).then(name.cmp(other)));
    let top = all.into_iter().take(TOP);
    top.map(|(name, requests)| Endpoint {
        endpoint: name.as_str().into(),
        requests,
    })
    .collect()
}
