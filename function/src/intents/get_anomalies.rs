//! `get_anomalies`: errors that are not as they used to be.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::mysql::MySqlConnection;

use super::{END, LIMIT, SEVERITY, START, summary_window};
use crate::contract::{Answer, Call, Intent, Param};
use crate::detect::unusual::{self, Buckets, Finding, Frame, Kind, Tally};
use crate::fault::Fault;
use crate::figures::number;
use crate::room::Room;
use crate::sql::{self, Query, count, get};
use crate::time::{Second, Window};
use crate::untrusted::Untrusted;

pub static INTENT: Intent = Intent {
    name: "get_anomalies",
    about: "Error codes that behave unusually in a window, by default of the last 24 hours, compared with the \
            seven days before it: spikes, codes never seen before, and rising severity; the highest score first.",
    params: &[
        START,
        END,
        Param::optional(
            "min_severity",
            SEVERITY,
            "The least score of an anomaly, from 0 to 10.",
            "5",
        ),
        LIMIT,
    ],
    writes: false,
    run: |call| Box::pin(run(call)),
};

const HISTORY: i64 = 7 * 86_400;

/// Room for everything in an answer that is not an anomaly.
const FRAME: usize = 200;

#[derive(Serialize)]
struct Found {
    #[serde(flatten)]
    window: Window,
    anomalies: Vec<Box<RawValue>>,
    count: usize,
    truncated: bool,
}

#[derive(Serialize)]
struct Anomaly {
    #[serde(rename = "type")]
    kind: Kind,
    error_code: Untrusted,
    first_seen: Second,
    #[serde(serialize_with = "number")]
    observed: f64,
    #[serde(serialize_with = "number")]
    expected: f64,
    #[serde(serialize_with = "number")]
    score: f64,
    explanation: String,
}

async fn run(call: Call<'_>) -> Result<Answer, Fault> {
    let window = summary_window(call.params, call.now);
    // Hours, unless the window is too short to hold some.
    let width = if window.seconds() >= 6 * 3600 {
        3600
    } else {
        300
    };
    let bucket = |at: Second| at.epoch().div_euclid(width);
    let (codes, known_from) = tallies(&window, width, call.connection).await?;
    let frame = Frame {
        known_from,
        first: bucket(window.start),
        last: bucket(window.end),
        a_day: 86_400 / width,
    };
    let young = codes
        .iter()
        .filter(|(_, buckets)| buckets.range(..frame.first).next().is_none());
    let young: Vec<&str> = young.map(|(code, _)| code.raw()).collect();
    let old = seen_before(&young, window.start.plus(-HISTORY), call.connection).await?;
    let least = call.params.number("min_severity").unwrap_or(0.0);
    let mut anomalies: Vec<Anomaly> = Vec::new();
    for (error_code, buckets) in codes {
        for finding in unusual::judge(&buckets, frame, old.contains(&error_code))
            .into_iter()
            .filter(|finding| finding.score >= least)
        {
            anomalies.push(Anomaly {
                kind: finding.kind,
                error_code: error_code.clone(),
                first_seen: first_seen(
                    &error_code,
                    finding.bucket,
                    width,
                    &window,
                    call.connection,
                )
                .await?,
                observed: finding.observed,
                expected: finding.expected,
                score: finding.score,
                explanation: explain(finding, width),
            });
        }
    }
    anomalies.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then_with(|| a.error_code.cmp(&b.error_code))
    });
    let limit = call.params.limit(call.limits);
    let cut = anomalies.len() > limit;
    anomalies.truncate(limit);
    let (anomalies, fits) = Room::new(call.limits, FRAME).write_all(anomalies)?;
    let count = anomalies.len();
    Answer::new(
        count,
        &Found {
            window,
            count,
            anomalies,
            truncated: cut || !fits,
        },
    )
}

/// Every code's errors in the window and the days before it, and the first bucket with any.
async fn tallies(
    window: &Window,
    width: i64,
    connection: &mut MySqlConnection,
) -> Result<(BTreeMap<Untrusted, Buckets>, i64), Fault> {
    let mut query = Query::new(format!(
        "SELECT error_code, {} AS bucket, COUNT(*) AS errors, COUNT(severity_score) AS scored, \
         IFNULL(SUM(severity_score), 0) AS severity FROM error_logs WHERE ",
        sql::bucket_of(width)
    ));
    sql::within(
        &mut query,
        &Window {
            start: window.start.plus(-HISTORY),
            end: window.end,
        },
    );
    query.push(" GROUP BY error_code, bucket ORDER BY NULL");
    let mut codes: BTreeMap<Untrusted, Buckets> = BTreeMap::new();
    let mut known_from = window.end.epoch().div_euclid(width);
    for row in query.build().fetch_all(connection).await? {
        let bucket: i64 = get(&row, "bucket")?;
        known_from = known_from.min(bucket);
        let tally = Tally {
            errors: count(&row, "errors")?,
            scored: count(&row, "scored")?,
            severity: get(&row, "severity")?,
        };
        codes
            .entry(get(&row, "error_code")?)
            .or_default()
            .insert(bucket, tally);
    }
    Ok((codes, known_from))
}

/// Those of the codes that occurred before a time: codes that are rare rather than new.
async fn seen_before(
    codes: &[&str],
    time: Second,
    connection: &mut MySqlConnection,
) -> Result<BTreeSet<Untrusted>, Fault> {
    if codes.is_empty() {
        return Ok(BTreeSet::new());
    }
    let mut query = Query::new("SELECT DISTINCT error_code FROM error_logs WHERE error_code IN ");
    sql::list(&mut query, codes.iter().map(ToString::to_string));
    query.push(" AND timestamp < ").push_bind(time.sql());
    let rows = query.build().fetch_all(connection).await?;
    Ok(rows
        .iter()
        .map(|row| get(row, "error_code"))
        .collect::<Result<_, _>>()?)
}

/// The first error of the bucket in which it began.
async fn first_seen(
    error_code: &Untrusted,
    bucket: i64,
    width: i64,
    window: &Window,
    connection: &mut MySqlConnection,
) -> Result<Second, Fault> {
    let start = Second::from_epoch(bucket * width).max(window.start);
    let mut query =
        Query::new("SELECT MIN(timestamp) AS first FROM error_logs WHERE error_code = ");
    query.push_bind(error_code.raw().to_string()).push(" AND ");
    sql::within(
        &mut query,
        &Window {
            start,
            end: window.end,
        },
    );
    let row = query.build().fetch_one(connection).await?;
    Ok(get::<Option<_>>(&row, "first")?.map_or(start, Second::new))
}

fn explain(finding: Finding, width: i64) -> String {
    let Finding {
        kind,
        observed,
        expected,
        ..
    } = finding;
    let span = if width == 3600 {
        "an hour"
    } else {
        "five minutes"
    };
    match kind {
        Kind::ErrorSpike => {
            format!("{observed} errors within {span}, where about {expected} are usual.")
        }
        Kind::NewErrorCode => {
            format!("{observed} errors with a code that never occurred before.")
        }
        Kind::SeveritySurge => {
            format!("The mean severity rose to {observed}, where {expected} is usual.")
        }
    }
}
