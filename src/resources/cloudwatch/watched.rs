//! The alarms there are, by name: what is measured, and from when on it is too much.

use std::collections::BTreeMap;

use super::alarm::Alarm;
use super::metric::{Metric, Query};
use crate::resources::Scope;
use crate::resources::logs::metric_filter::{counted, namespace};
use crate::resources::sns::topic_arn;

/// Alarms look at so many seconds at once.
const PERIOD: i32 = 300;
const MORE: &str = "GreaterThanThreshold";
const LESS: &str = "LessThanThreshold";
/// Of all answers, so many per cent may be errors of the service.
const ERROR_PERCENT: f64 = 5.0;
/// So much of the storage is a reserve.
const STORAGE_RESERVE: f64 = 0.1;

type Named = (&'static str, Alarm);

pub fn alarms(scope: &Scope) -> Vec<Named> {
    [function(scope), api(scope), database(scope), logs(scope)]
        .into_iter()
        .flatten()
        .map(|(name, alarm)| {
            let alarm = Alarm {
                actions: vec![topic_arn(scope.stack)],
                tags: scope.tags("alarm", name),
                ..alarm
            };
            (name, alarm)
        })
        .collect()
}

fn function(scope: &Scope) -> Vec<Named> {
    let limits = &scope.config.alarms;
    let sum = |function: &str, name: &str| {
        let dimensions = [("FunctionName", scope.stack.name(function))];
        metric("AWS/Lambda", name, "Sum", dimensions)
    };
    let failed = sum("chatbot", "Errors");
    let throttled = sum("chatbot", "Throttles");
    let errors = limits.function_errors_5min.into();
    vec![
        (
            "function-errors",
            alarm("The function failed too often", MORE, errors, failed),
        ),
        (
            "function-throttles",
            alarm("The function was throttled", MORE, 0.0, throttled),
        ),
        (
            // What runs by schedule has nobody who waits for its answer.
            "migrator-errors",
            alarm(
                "A migration, a rotation or the maintenance failed",
                MORE,
                0.0,
                sum("migrator", "Errors"),
            ),
        ),
    ]
}

fn api(scope: &Scope) -> Vec<Named> {
    let limits = &scope.config.alarms;
    let measured = |name: &str, statistic: &str| {
        let stage = scope.config.api.stage.clone();
        let dimensions = [("ApiName", scope.stack.prefix()), ("Stage", stage)];
        metric("AWS/ApiGateway", name, statistic, dimensions)
    };
    let refused = measured("4XXError", "Sum");
    let failed = measured("5XXError", "Sum");
    let all = measured("Count", "SampleCount");
    let slowest = measured("Latency", "p99");
    let errors = limits.api_errors_5min.into();
    let latency = limits.latency_p99_ms.into();
    vec![
        (
            "api-4xx",
            alarm("Too many requests were refused", MORE, errors, refused),
        ),
        (
            "api-5xx",
            alarm("Too many requests failed", MORE, errors, failed.clone()),
        ),
        (
            "api-error-rate",
            rate(
                "Too large a share of the requests failed",
                ERROR_PERCENT,
                failed,
                all,
            ),
        ),
        (
            "api-latency",
            alarm(
                "One request in a hundred took too long",
                MORE,
                latency,
                slowest,
            ),
        ),
    ]
}

fn database(scope: &Scope) -> Vec<Named> {
    let limits = &scope.config.alarms;
    let database = &scope.config.database;
    let measured = |name: &str, statistic: &str| {
        let own = || scope.stack.prefix();
        let instance = database.instance.clone().unwrap_or_else(own);
        let dimensions = [("DBInstanceIdentifier", instance)];
        metric("AWS/RDS", name, statistic, dimensions)
    };
    let busy = measured("CPUUtilization", "Average");
    let open = measured("DatabaseConnections", "Maximum");
    let free = measured("FreeStorageSpace", "Minimum");
    let cpu = limits.database_cpu_percent.into();
    let connections = database.parameters.get("max_connections");
    let connections: f64 = connections
        .and_then(|number| number.parse().ok())
        .unwrap_or(100.0);
    let connections = connections * f64::from(limits.database_connections_percent) / 100.0;
    let reserve = f64::from(database.storage_gb) * f64::from(1 << 30) * STORAGE_RESERVE;
    let mut alarms = vec![
        (
            "database-cpu",
            alarm("The database is busy", MORE, cpu, busy),
        ),
        (
            "database-connections",
            alarm(
                "The database runs out of connections",
                MORE,
                connections,
                open,
            ),
        ),
        (
            "database-storage",
            alarm("The database runs out of storage", LESS, reserve, free),
        ),
    ];
    if database.instance.is_some() {
        // How many connections and how much storage there are is for whoever keeps it to know.
        alarms.truncate(1);
    }
    alarms
}

/// On what is counted in logs.
fn logs(scope: &Scope) -> Vec<Named> {
    let errors = scope.config.alarms.api_errors_5min.into();
    counted(scope)
        .into_iter()
        .map(|name| {
            let (description, limit) = match name {
                "api-throttles" => ("Too many requests were throttled", errors),
                "key-deletions" => ("A key is disabled or to be deleted", 0.0),
                "trail-changes" => ("A trail was changed or stopped", 0.0),
                _ => ("A call was refused for lack of permission", 0.0),
            };
            let metric = metric(&namespace(scope.stack), name, "Sum", []);
            (name, alarm(description, MORE, limit, metric))
        })
        .collect()
}

fn metric<const N: usize>(
    namespace: &str,
    name: &str,
    statistic: &str,
    dimensions: [(&str, String); N],
) -> Metric {
    Metric {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        statistic: statistic.to_owned(),
        period: PERIOD,
        dimensions: dimensions
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    }
}

fn alarm(description: &str, comparison: &str, threshold: f64, metric: Metric) -> Alarm {
    Alarm {
        metric: Some(metric),
        ..on(description, comparison, threshold)
    }
}

/// What all alarms have in common, but for what they measure.
fn on(description: &str, comparison: &str, threshold: f64) -> Alarm {
    Alarm {
        description: description.to_owned(),
        metric: None,
        queries: BTreeMap::new(),
        comparison: comparison.to_owned(),
        threshold,
        evaluation_periods: 1,
        // A chatbot that nobody talks to measures nothing, and is well.
        missing_data: "notBreaching".to_owned(),
        actions_enabled: true,
        actions: Vec::new(),
        tags: BTreeMap::new(),
    }
}

/// On the share of `some` in `all`, in per cent.
fn rate(description: &str, threshold: f64, some: Metric, all: Metric) -> Alarm {
    let share = Query {
        expression: Some("100 * some / all".to_owned()),
        label: Some(description.to_owned()),
        result: true,
        ..Query::default()
    };
    let measured = |metric: Metric| Query {
        metric: Some(metric),
        ..Query::default()
    };
    let queries = [
        ("some", measured(some)),
        ("all", measured(all)),
        ("share", share),
    ];
    Alarm {
        queries: queries
            .into_iter()
            .map(|(id, query)| (id.to_owned(), query))
            .collect(),
        ..on(description, MORE, threshold)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::resources::cloudwatch::alarm::Alarm;
    use crate::resources::sample::wanted;

    fn thresholds(more: &str) -> BTreeMap<String, String> {
        wanted::<Alarm>(more, &[])
            .into_iter()
            .map(|(name, alarm)| (name, format!("{} {}", alarm.comparison, alarm.threshold)))
            .collect()
    }

    #[test]
    fn every_control_has_its_alarm() {
        let expected = [
            ("api-4xx", "GreaterThanThreshold 50"),
            ("api-5xx", "GreaterThanThreshold 50"),
            ("api-error-rate", "GreaterThanThreshold 5"),
            ("api-latency", "GreaterThanThreshold 1000"),
            ("api-throttles", "GreaterThanThreshold 50"),
            ("database-connections", "GreaterThanThreshold 80"),
            ("database-cpu", "GreaterThanThreshold 80"),
            ("database-storage", "LessThanThreshold 2147483648"),
            ("function-errors", "GreaterThanThreshold 10"),
            ("function-throttles", "GreaterThanThreshold 0"),
            ("key-deletions", "GreaterThanThreshold 0"),
            ("migrator-errors", "GreaterThanThreshold 0"),
            ("trail-changes", "GreaterThanThreshold 0"),
            ("unauthorised-calls", "GreaterThanThreshold 0"),
        ];
        let found = thresholds("");
        let found: Vec<_> = found
            .iter()
            .map(|(n, t)| (n.as_str(), t.as_str()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_database_alarms_follow_its_size() {
        let found =
            thresholds("[database]\nstorage_gb = 100\nparameters = { max_connections = \"50\" }\n");
        assert_eq!(found["database-connections"], "GreaterThanThreshold 40");
        assert_eq!(found["database-storage"], "LessThanThreshold 10737418240");
    }

    #[test]
    fn one_query_is_the_result_of_a_rate() {
        let alarms: BTreeMap<_, _> = wanted::<Alarm>("", &[]).into_iter().collect();
        let rate = &alarms["api-error-rate"];
        assert_eq!(rate.metric, None);
        let results: Vec<_> = rate.queries.iter().filter(|(_, q)| q.result).collect();
        assert_eq!(results.len(), 1);
        assert_eq!(results[0].1.expression.as_deref(), Some("100 * some / all"));
    }
}
