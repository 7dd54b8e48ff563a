//! Gathers from the access logs what [`crate::detect`] judges.

use std::collections::{BTreeMap, HashMap};

use futures::TryStreamExt as _;
use sqlx::mysql::MySqlConnection;

use crate::detect::{Kind, Severity, Sightings, Threat, agent, flood, login, payload, probe};
use crate::fault::Fault;
use crate::sql::{self, Query, count, get, second};
use crate::time::{Second, Window};

/// Who sent attacks in the target itself. Rows are classified one by one as they come: only what a cheap `LIKE` lets through leaves the server.
pub async fn payloads(
    window: &Window,
    connection: &mut MySqlConnection,
) -> Result<Vec<Threat>, Fault> {
    let mut query =
        Query::new("SELECT ip_address, endpoint, status_code, timestamp FROM access_logs WHERE ");
    sql::within(&mut query, window);
    query.push(" AND ").push(payload::PREFILTER);
    let mut found: BTreeMap<(Kind, String), (Sightings, bool)> = BTreeMap::new();
    let query = query.build();
    let mut rows = query.fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let endpoint: String = get(&row, "endpoint")?;
        let kinds = payload::classify(&endpoint);
        if kinds.is_empty() {
            continue;
        }
        let at = second(&row, "timestamp")?;
        let answered = (200..300).contains(&get::<u64>(&row, "status_code")?);
        let address: String = get(&row, "ip_address")?;
        for kind in kinds {
            let (seen, any_answered) = found
                .entry((kind, address.clone()))
                .or_insert_with(|| (Sightings::new(at, at), false));
            seen.add(1, at, at, &endpoint);
            *any_answered |= answered;
        }
    }
    Ok(found
        .into_iter()
        .map(|((kind, address), (seen, answered))| {
            let severity = match (kind, answered) {
                (Kind::Xss, false) => Severity::Medium,
                (Kind::Xss, true) | (_, false) => Severity::High,
                (_, true) => Severity::Critical,
            };
            seen.threat(kind, severity, &address)
        })
        .collect())
}

/// Who guessed passwords.
pub async fn guesses(
    window: &Window,
    connection: &mut MySqlConnection,
) -> Result<Vec<Threat>, Fault> {
    let mut attempts: HashMap<String, login::Attempts> = HashMap::new();
    let mut evidence: HashMap<String, String> = HashMap::new();
    let mut query = Query::new(
        "SELECT ip_address, endpoint, timestamp FROM access_logs WHERE status_code IN (401, 403) AND ",
    );
    sql::within(&mut query, window);
    query.push(" AND ").push(login::PREFILTER);
    {
        let query = query.build();
        let mut rows = query.fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            let endpoint: String = get(&row, "endpoint")?;
            if login::is_login(&endpoint) {
                let address: String = get(&row, "ip_address")?;
                evidence.entry(address.clone()).or_insert(endpoint);
                let minute = minute(second(&row, "timestamp")?);
                let attempts = attempts.entry(address).or_default();
                attempts.entry(minute).or_default().failures += 1;
            }
        }
    }
    attempts.retain(|_, attempts| login::judge(attempts).is_some());
    if attempts.is_empty() {
        return Ok(Vec::new());
    }

    let mut query =
        Query::new("SELECT ip_address, endpoint, timestamp FROM access_logs WHERE ip_address IN ");
    sql::list(&mut query, attempts.keys().cloned());
    query.push(" AND ");
    sql::within(&mut query, window);
    query
        .push(" AND status_code BETWEEN 200 AND 399 AND ")
        .push(login::PREFILTER);
    {
        let query = query.build();
        let mut rows = query.fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            let of_address = attempts.get_mut(&get::<String>(&row, "ip_address")?);
            if let Some(of_address) = of_address
                && login::is_login(&get::<String>(&row, "endpoint")?)
            {
                let minute = minute(second(&row, "timestamp")?);
                of_address.entry(minute).or_default().successes += 1;
            }
        }
    }
    let judged = attempts.iter().filter_map(|(address, attempts)| {
        let guessing = login::judge(attempts)?;
        let first = start_of(guessing.first_minute).max(window.start);
        let last = start_of(guessing.last_minute).plus(59).min(window.end);
        let mut seen = Sightings::new(first, last);
        let endpoint = evidence
            .get(address)
            .map(String::as_str)
            .unwrap_or_default();
        let outcome = if guessing.succeeded {
            ", then a success"
        } else {
            ""
        };
        let text = format!(
            "{} refused logins at {endpoint}{outcome}",
            guessing.failures
        );
        seen.add(guessing.failures, first, last, &text);
        let severity = if guessing.succeeded {
            Severity::Critical
        } else {
            Severity::High
        };
        Some(seen.threat(Kind::BruteForce, severity, address))
    });
    Ok(judged.collect())
}

fn minute(at: Second) -> u32 {
    u32::try_from(at.epoch().div_euclid(60)).unwrap_or(0)
}

fn start_of(minute: u32) -> Second {
    Second::from_epoch(i64::from(minute) * 60)
}

const MISSES: &str = "status_code IN (400, 401, 403, 404, 405, 410)";
/// An injected query string makes many endpoints of one path.
const PATH: &str = "SUBSTRING_INDEX(endpoint, '?', 1)";

/// Who swept the site for paths.
pub async fn sweeps(
    window: &Window,
    connection: &mut MySqlConnection,
) -> Result<Vec<Threat>, Fault> {
    let mut query = Query::new(format!(
        "SELECT ip_address, COUNT(DISTINCT {PATH}) AS paths, COUNT(*) AS misses, \
         MIN(timestamp) AS first, MAX(timestamp) AS last FROM access_logs WHERE {MISSES} AND "
    ));
    sql::within(&mut query, window);
    query
        .push(" GROUP BY ip_address HAVING paths >= ")
        .push_bind(probe::LEAST_PATHS);
    query.push(" ORDER BY paths DESC LIMIT 1000");
    let mut threats = Vec::new();
    for row in query.build().fetch_all(&mut *connection).await? {
        let address: String = get(&row, "ip_address")?;
        let mut seen = Sightings::new(second(&row, "first")?, second(&row, "last")?);
        let (first, last) = (seen.first, seen.last);

        let mut query = Query::new(format!(
            "SELECT DISTINCT {PATH} AS path FROM access_logs WHERE {MISSES} AND ip_address = "
        ));
        query.push_bind(address.clone()).push(" AND ");
        sql::within(&mut query, window);
        query.push(" LIMIT 500");
        let mut sensitive_paths = 0;
        for path in query.build().fetch_all(&mut *connection).await? {
            let path: String = get(&path, "path")?;
            sensitive_paths += u64::from(probe::is_sensitive(&path));
            seen.add(0, first, last, &path);
        }

        let mut query =
            Query::new("SELECT COUNT(*) AS requests FROM access_logs WHERE ip_address = ");
        query.push_bind(address.clone()).push(" AND ");
        sql::within(&mut query, window);
        let all = query.build().fetch_one(&mut *connection).await?;
        let sweep = probe::Sweep {
            missing_paths: count(&row, "paths")?,
            misses: count(&row, "misses")?,
            requests: count(&all, "requests")?,
            sensitive_paths,
        };
        if sweep.is_scan() {
            seen.count = sweep.misses;
            let severity = if sweep.missing_paths >= 50 {
                Severity::High
            } else {
                Severity::Medium
            };
            threats.push(seen.threat(Kind::Scanner, severity, &address));
        }
    }
    Ok(threats)
}

/// How far back the usual is looked for.
const HISTORY: i64 = 7 * 86_400;

/// Who flooded the site.
pub async fn floods(
    window: &Window,
    connection: &mut MySqlConnection,
) -> Result<Vec<Threat>, Fault> {
    let mut query = Query::new("SELECT ip_address, COUNT(*) AS requests FROM access_logs WHERE ");
    sql::within(&mut query, window);
    query
        .push(" GROUP BY ip_address HAVING requests >= ")
        .push_bind(flood::LEAST_REQUESTS);
    query.push(" ORDER BY requests DESC LIMIT 100");
    let mut minutes: HashMap<String, flood::Visits> = HashMap::new();
    for row in query.build().fetch_all(&mut *connection).await? {
        minutes.insert(get(&row, "ip_address")?, flood::Visits::default());
    }
    if minutes.is_empty() {
        return Ok(Vec::new());
    }

    let mut query = Query::new(format!(
        "SELECT ip_address, CAST({} AS UNSIGNED) AS minute, COUNT(*) AS requests FROM access_logs WHERE ip_address IN ",
        sql::bucket_of(60)
    ));
    sql::list(&mut query, minutes.keys().cloned());
    query.push(" AND ");
    sql::within(
        &mut query,
        &Window {
            start: window.start.plus(-HISTORY),
            end: window.end,
        },
    );
    query.push(" GROUP BY ip_address, minute");
    {
        let query = query.build();
        let mut rows = query.fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            if let Some(of_address) = minutes.get_mut(&get::<String>(&row, "ip_address")?) {
                let requests = u32::try_from(count(&row, "requests")?).unwrap_or(u32::MAX);
                of_address.add(get(&row, "minute")?, requests);
            }
        }
    }
    let site = flood::Site::new(minutes.values());
    let judged = minutes.iter().filter_map(|(address, of_address)| {
        let burst = flood::judge(of_address, minute(window.start), &site)?;
        let first = start_of(burst.first_minute).max(window.start);
        let last = start_of(burst.last_minute).plus(59).min(window.end);
        let mut seen = Sightings::new(first, last);
        seen.add(
            burst.requests,
            first,
            last,
            &format!("{} requests in the busiest minute", burst.peak),
        );
        let severity = if burst.peak >= 1000 {
            Severity::High
        } else {
            Severity::Medium
        };
        Some(seen.threat(Kind::RequestFlood, severity, address))
    });
    Ok(judged.collect())
}

/// Who came with an attack tool.
pub async fn tools(
    window: &Window,
    connection: &mut MySqlConnection,
) -> Result<Vec<Threat>, Fault> {
    // There are far fewer different agents than requests.
    let mut query =
        Query::new("SELECT DISTINCT user_agent FROM access_logs WHERE user_agent <> '' AND ");
    sql::within(&mut query, window);
    let mut agents: Vec<String> = Vec::new();
    {
        let query = query.build();
        let mut rows = query.fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            let name: String = get(&row, "user_agent")?;
            if agent::tool(&name).is_some() {
                agents.push(name);
            }
        }
    }
    if agents.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Query::new(
        "SELECT ip_address, user_agent, COUNT(*) AS requests, MIN(timestamp) AS first, MAX(timestamp) AS last \
         FROM access_logs WHERE user_agent IN ",
    );
    sql::list(&mut query, agents);
    query.push(" AND ");
    sql::within(&mut query, window);
    query.push(" GROUP BY ip_address, user_agent");
    let mut found: BTreeMap<String, Sightings> = BTreeMap::new();
    for row in query.build().fetch_all(connection).await? {
        let (first, last) = (second(&row, "first")?, second(&row, "last")?);
        let seen = found
            .entry(get(&row, "ip_address")?)
            .or_insert_with(|| Sightings::new(first, last));
        seen.add(
            count(&row, "requests")?,
            first,
            last,
            &get::<String>(&row, "user_agent")?,
        );
    }
    let threats = found.into_iter().map(|(address, seen)| {
        let severity = if seen.count >= 100 {
            Severity::High
        } else {
            Severity::Medium
        };
        seen.threat(Kind::AttackTool, severity, &address)
    });
    Ok(threats.collect())
}
