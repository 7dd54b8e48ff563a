//! `get_performance_metrics`: how fast the answers were, and where they were slow.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::mysql::{MySqlConnection, MySqlRow};

use super::{END, ENDPOINT, LIMIT, START, summary_window};
use crate::contract::{Answer, Call, Intent, Kind, Param};
use crate::fault::Fault;
use crate::figures::{
    Distribution, Exact, Histogram, TIME_BUCKET, float, number, percent, plain, tidy,
};
use crate::params::Params;
use crate::room::Room;
use crate::sql::{self, Query, count, get};
use crate::time::{Second, Window};
use crate::untrusted::Untrusted;

pub static INTENT: Intent = Intent {
    name: "get_performance_metrics",
    about: "Response times of a window, by default of the last 24 hours: percentiles, the endpoints that are \
            slowest on average, and as issues those of which more than 5 % of the answers took longer \
            than threshold_ms.",
    params: &[
        START,
        END,
        Param::optional(
            "endpoint",
            ENDPOINT,
            "Only this exact endpoint.",
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

/// What a call selects.
struct Scope<'a> {
    window: Window,
    params: &'a Params,
    threshold: f64,
    limit: usize,
}

impl Scope<'_> {
    fn restrict(&self, query: &mut Query) {
        sql::within(query, &self.window);
        if let Some(endpoint) = self.params.text("endpoint") {
            query
                .push(" AND endpoint = ")
                .push_bind(endpoint.to_string());
        }
    }
}

async fn run(call: Call<'_>) -> Result<Answer, Fault> {
    let window = summary_window(call.params, call.now);
    let scope = Scope {
        window,
        params: call.params,
        threshold: call.params.number("threshold_ms").unwrap_or(1000.0),
        limit: call.params.limit(call.limits),
    };
    let connection = call.connection;
    let (total_requests, errors, response_time_ms) = overall(&scope, connection).await?;
    let slowest = endpoints(&scope, Order::Slowest, connection).await?;
    let over = endpoints(&scope, Order::OverThreshold, connection).await?;
    let mut histograms = histograms(&scope, slowest.iter().chain(&over), connection).await?;
    // The issues first: they are what is looked for.
    let mut room = Room::new(call.limits, FRAME);
    let issue = |group: &Group| group.issue(&mut histograms, scope.threshold);
    let (issues, all_issues) = room.write_all(over.iter().map(issue))?;
    let timing = |group: &Group| group.endpoint(&mut histograms);
    let (by_endpoint, all_endpoints) = room.write_all(slowest.iter().map(timing))?;
    let seconds = u64::try_from(window.seconds()).unwrap_or(1).max(1);
    let metrics = Metrics {
        window,
        total_requests,
        response_time_ms,
        error_rate: percent(errors, total_requests),
        requests_per_second: tidy(float(total_requests) / float(seconds)),
        issues,
        by_endpoint,
        truncated: !(all_issues && all_endpoints),
        bucket_seconds: window.bucket(BUCKETS),
        series: series(&scope, connection).await?,
    };
    Answer::new(1, &metrics)
}

async fn overall(
    scope: &Scope<'_>,
    connection: &mut MySqlConnection,
) -> Result<(u64, u64, Distribution), Fault> {
    let mut query = Query::new(format!(
        "SELECT COUNT(*) AS requests, CAST(IFNULL(SUM(status_code >= 400), 0) AS UNSIGNED) AS errors, {} \
         FROM access_logs WHERE ",
        Exact::COLUMNS
    ));
    scope.restrict(&mut query);
    let row = query.build().fetch_one(&mut *connection).await?;
    let exact = Exact::read(&row)?;

    let mut query = Query::new(format!(
        "SELECT {TIME_BUCKET} AS value, COUNT(*) AS requests FROM access_logs WHERE "
    ));
    scope.restrict(&mut query);
    query.push(" AND response_time_ms IS NOT NULL GROUP BY value");
    let mut histogram = Histogram::default();
    for row in query.build().fetch_all(connection).await? {
        histogram.add(get(&row, "value")?, count(&row, "requests")?);
    }
    Ok((
        count(&row, "requests")?,
        get(&row, "errors")?,
        histogram.distribution(exact),
    ))
}

enum Order {
    Slowest,
    OverThreshold,
}

/// One endpoint's figures as far as the server sums them up.
struct Group {
    endpoint: Untrusted,
    requests: u64,
    errors: u64,
    slow: u64,
    exact: Exact,
}

impl Group {
    fn read(row: &MySqlRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            endpoint: get(row, "endpoint")?,
            requests: count(row, "requests")?,
            errors: get(row, "errors")?,
            slow: get(row, "slow")?,
            exact: Exact::read(row)?,
        })
    }

    fn endpoint(&self, histograms: &mut Histograms) -> Timing {
        Timing {
            endpoint: self.endpoint.clone(),
            requests: self.requests,
            error_rate: percent(self.errors, self.requests),
            response_time_ms: histograms.distribution(self),
        }
    }

    fn issue(&self, histograms: &mut Histograms, threshold_ms: f64) -> Issue {
        Issue {
            endpoint: self.endpoint(histograms),
            slow_requests: self.slow,
            threshold_ms,
        }
    }
}

async fn endpoints(
    scope: &Scope<'_>,
    order: Order,
    connection: &mut MySqlConnection,
) -> Result<Vec<Group>, Fault> {
    let mut query =
        Query::new("SELECT endpoint, COUNT(*) AS requests, CAST(IFNULL(SUM(response_time_ms > ");
    query.push_bind(scope.threshold).push(format!(
        "), 0) AS UNSIGNED) AS slow, COUNT(response_time_ms) AS timed, \
         CAST(SUM(status_code >= 400) AS UNSIGNED) AS errors, {} FROM access_logs WHERE ",
        Exact::COLUMNS
    ));
    scope.restrict(&mut query);
    query.push(" GROUP BY endpoint");
    query.push(match order {
        Order::Slowest => " ORDER BY avg_ms DESC, endpoint",
        // More than 5 % slow is the same as a 95th percentile over the threshold.
        Order::OverThreshold => " HAVING slow > FLOOR(timed * 0.05) ORDER BY slow DESC, endpoint",
    });
    query.push(" LIMIT ").push(scope.limit);
    let rows = query.build().fetch_all(connection).await?;
    Ok(rows.iter().map(Group::read).collect::<Result<_, _>>()?)
}

/// The distributions of the endpoints that are answered, each computed once.
struct Histograms {
    open: HashMap<Untrusted, Histogram>,
    done: HashMap<Untrusted, Distribution>,
}

impl Histograms {
    fn distribution(&mut self, group: &Group) -> Distribution {
        if let Some(histogram) = self.open.remove(&group.endpoint) {
            self.done
                .insert(group.endpoint.clone(), histogram.distribution(group.exact));
        }
        self.done.get(&group.endpoint).cloned().unwrap_or_default()
    }
}

async fn histograms<'a>(
    scope: &Scope<'_>,
    groups: impl Iterator<Item = &'a Group>,
    connection: &mut MySqlConnection,
) -> Result<Histograms, Fault> {
    let mut open: HashMap<Untrusted, Histogram> = groups
        .map(|group| (group.endpoint.clone(), Histogram::default()))
        .collect();
    if !open.is_empty() {
        let mut query = Query::new(format!(
            "SELECT endpoint, {TIME_BUCKET} AS value, COUNT(*) AS requests FROM access_logs WHERE "
        ));
        sql::within(&mut query, &scope.window);
        query.push(" AND response_time_ms IS NOT NULL AND endpoint IN ");
        sql::list(
            &mut query,
            open.keys().map(|endpoint| endpoint.raw().to_string()),
        );
        query.push(" GROUP BY endpoint, value");
        for row in query.build().fetch_all(connection).await? {
            if let Some(histogram) = open.get_mut(&get::<Untrusted>(&row, "endpoint")?) {
                histogram.add(get(&row, "value")?, count(&row, "requests")?);
            }
        }
    }
    Ok(Histograms {
        open,
        done: HashMap::new(),
    })
}

async fn series(scope: &Scope<'_>, connection: &mut MySqlConnection) -> Result<Vec<Bucket>, Fault> {
    let width = scope.window.bucket(BUCKETS);
    let mut query = Query::new(format!(
        "SELECT CAST({} AS SIGNED) AS bucket, COUNT(*) AS requests, \
         CAST(SUM(status_code >= 400) AS UNSIGNED) AS errors, {} FROM access_logs WHERE ",
        sql::bucket_of(width),
        Exact::COLUMNS
    ));
    scope.restrict(&mut query);
    query.push(" GROUP BY bucket");
    let empty = |start| Bucket {
        start,
        requests: 0,
        errors: 0,
        avg_response_time_ms: None,
        max_response_time_ms: None,
    };
    let mut buckets: BTreeMap<i64, Bucket> = scope
        .window
        .buckets(width)
        .map(|(bucket, start)| (bucket, empty(start)))
        .collect();
    for row in query.build().fetch_all(connection).await? {
        if let Some(bucket) = buckets.get_mut(&get::<i64>(&row, "bucket")?) {
            let exact = Exact::read(&row)?;
            bucket.requests = count(&row, "requests")?;
            bucket.errors = get(&row, "errors")?;
            bucket.avg_response_time_ms = exact.avg.map(tidy);
            bucket.max_response_time_ms = exact.max.map(tidy);
        }
    }
    Ok(buckets.into_values().collect())
}
