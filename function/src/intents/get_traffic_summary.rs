//! `get_traffic_summary`: how much traffic there was, from whom and for what.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{END, START, summary_window};
use crate::contract::{Answer, Call, Intent};
use crate::fault::Fault;
use crate::figures::{float, number, percent, plain, tidy};
use crate::sql::{self, Query, count, get};
use crate::time::{Second, Window};
use crate::untrusted::Untrusted;

pub static INTENT: Intent = Intent {
    name: "get_traffic_summary",
    about: "Sums the traffic of a window up, by default of the last 24 hours: totals, error rate in per cent, \
            busiest endpoints and addresses, and a series over time.",
    params: &[START, END],
    writes: false,
    run: |call| Box::pin(run(call)),
};

const TOP: u8 = 10;
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
    let mut summary = Summary {
        window,
        total_requests: 0,
        error_count: 0,
        unique_ips: 0,
        total_bytes: 0,
        avg_response_time_ms: None,
        error_rate: 0.0,
        status_classes: (1..=5).map(|class| (format!("{class}xx"), 0)).collect(),
        methods: BTreeMap::new(),
        top_endpoints: Vec::new(),
        top_ips: Vec::new(),
        bucket_seconds: window.bucket(BUCKETS),
        series: Vec::new(),
    };
    totals(&mut summary, call.connection).await?;
    tops(&mut summary, call.connection).await?;
    series(&mut summary, call.connection).await?;
    Answer::new(1, &summary)
}

type Connection = sqlx::mysql::MySqlConnection;

/// One pass gives the totals, the status classes and the methods: their product is small.
async fn totals(summary: &mut Summary, connection: &mut Connection) -> Result<(), Fault> {
    let mut query = Query::new(
        "SELECT method, CAST(status_code DIV 100 AS SIGNED) AS class, COUNT(*) AS requests, \
         CAST(IFNULL(SUM(response_size), 0) AS UNSIGNED) AS bytes, \
         COUNT(response_time_ms) AS timed, IFNULL(SUM(response_time_ms), 0) AS time FROM access_logs WHERE ",
    );
    sql::within(&mut query, &summary.window);
    query.push(" GROUP BY method, class");
    let (mut timed, mut time) = (0, 0.0);
    for row in query.build().fetch_all(connection).await? {
        let requests = count(&row, "requests")?;
        let class: i64 = get(&row, "class")?;
        summary.total_requests += requests;
        summary.total_bytes += get::<u64>(&row, "bytes")?;
        if class >= 4 {
            summary.error_count += requests;
        }
        *summary
            .status_classes
            .entry(format!("{class}xx"))
            .or_default() += requests;
        *summary.methods.entry(get(&row, "method")?).or_default() += requests;
        timed += count(&row, "timed")?;
        time += get::<f64>(&row, "time")?;
    }
    summary.avg_response_time_ms = (timed > 0).then(|| tidy(time / float(timed)));
    summary.error_rate = percent(summary.error_count, summary.total_requests);
    Ok(())
}

async fn tops(summary: &mut Summary, connection: &mut Connection) -> Result<(), Fault> {
    let mut query = Query::new("SELECT endpoint, COUNT(*) AS requests FROM access_logs WHERE ");
    sql::within(&mut query, &summary.window);
    query
        .push(" GROUP BY endpoint ORDER BY requests DESC, endpoint LIMIT ")
        .push(TOP);
    for row in query.build().fetch_all(&mut *connection).await? {
        summary.top_endpoints.push(Endpoint {
            endpoint: get(&row, "endpoint")?,
            requests: count(&row, "requests")?,
        });
    }

    // The number of groups before LIMIT is the number of addresses.
    let mut query = Query::new(
        "SELECT ip_address, COUNT(*) AS requests, COUNT(*) OVER () AS addresses FROM access_logs WHERE ",
    );
    sql::within(&mut query, &summary.window);
    query
        .push(" GROUP BY ip_address ORDER BY requests DESC, ip_address LIMIT ")
        .push(TOP);
    for row in query.build().fetch_all(connection).await? {
        summary.unique_ips = count(&row, "addresses")?;
        summary.top_ips.push(Address {
            ip_address: get(&row, "ip_address")?,
            requests: count(&row, "requests")?,
        });
    }
    Ok(())
}

async fn series(summary: &mut Summary, connection: &mut Connection) -> Result<(), Fault> {
    let width = summary.bucket_seconds;
    let mut query = Query::new(format!(
        "SELECT CAST({} AS SIGNED) AS bucket, COUNT(*) AS requests, \
         CAST(SUM(status_code >= 400) AS UNSIGNED) AS errors, \
         CAST(IFNULL(SUM(response_size), 0) AS UNSIGNED) AS bytes FROM access_logs WHERE ",
        sql::bucket_of(width)
    ));
    sql::within(&mut query, &summary.window);
    query.push(" GROUP BY bucket");
    let mut buckets: BTreeMap<i64, Bucket> = summary
        .window
        .buckets(width)
        .map(|(bucket, start)| {
            (
                bucket,
                Bucket {
                    start,
                    requests: 0,
                    errors: 0,
                    bytes: 0,
                },
            )
        })
        .collect();
    for row in query.build().fetch_all(connection).await? {
        if let Some(bucket) = buckets.get_mut(&get::<i64>(&row, "bucket")?) {
            bucket.requests = count(&row, "requests")?;
            bucket.errors = get(&row, "errors")?;
            bucket.bytes = get(&row, "bytes")?;
        }
    }
    summary.series = buckets.into_values().collect();
    Ok(())
}
