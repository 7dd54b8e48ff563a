//! The main job on real parts: the whole stack on the local cloud, called as the chatbot calls it.

use std::path::Path;

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::{ConnectOptions, Connection};
use wmctl::resources::secretsmanager;

use crate::account::{connect, listing};
use crate::emulator::free_port;
use crate::lifecycle::{EVERYTHING, changes, runtime};
use crate::project::{Project, Run};

/// A local cloud of a test's own, stopped with it.
pub struct Cloud {
    pub project: Project,
    pub gateway_port: u16,
    database_port: u16,
    /// Everything that any run has said.
    said: std::cell::RefCell<String>,
}

impl Cloud {
    pub fn start() -> Self {
        Self::of(Project::new())
    }

    pub fn of(project: Project) -> Self {
        let cloud = Self {
            project,
            gateway_port: free_port(),
            database_port: free_port(),
            said: std::cell::RefCell::default(),
        };
        let (gateway, database) = (
            cloud.gateway_port.to_string(),
            cloud.database_port.to_string(),
        );
        let ports = ["--gateway-port", &gateway, "--database-port", &database];
        cloud.run(&[&["local", "start"], &ports[..]].concat()).ok();
        cloud
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        let run = self.project.wmctl(arguments);
        self.said.borrow_mut().push_str(&run.all());
        run
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.gateway_port)
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.project.wmctl(&["local", "stop"]);
    }
}

/// The endpoint as any HTTP client sees it.
pub struct Endpoint {
    pub url: String,
    pub host: String,
}

impl Endpoint {
    pub fn of(up: &Value) -> Self {
        let text = |field: &str| up[field].as_str().unwrap().to_owned();
        Self {
            url: text("endpoint"),
            host: text("host"),
        }
    }

    /// Status and JSON of a POST.
    pub fn post(&self, key: Option<&str>, body: &str) -> (u16, Value) {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false)
            .build()
            .into();
        let mut request = agent
            .post(&self.url)
            .header("Host", &self.host)
            .header("Content-Type", "application/json");
        if let Some(key) = key {
            request = request.header("x-api-key", key);
        }
        let mut answer = request.send(body).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        let json = serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"));
        (answer.status().as_u16(), json)
    }
}

#[test]
fn the_stack_from_nothing_to_answers_to_nothing() {
    let cloud = Cloud::start();
    let runtime = runtime();
    let aws = runtime.block_on(connect(&cloud.url()));
    let before = runtime.block_on(listing(&aws));

    let up = cloud.run(&["up", "--local", "--yes", "--json"]).ok().json();
    let endpoint = Endpoint::of(&up);
    let key = stored(&aws, &runtime, "api-key-chatbot", "api_key");

    refusals(&endpoint, &key);
    stored_rows_come_back(&cloud, &aws, &runtime);
    stored_rows_are_folded(&cloud);
    nothing_to_do(&cloud);
    new_code_and_settings_reach_callers(&cloud, &endpoint, &key);
    old_logs_are_dropped_once_that_is_named(&cloud);

    let status = cloud.run(&["status", "--local", "--json"]).ok().json();
    assert_eq!(status["health"]["ok"], true, "{status:#}");
    assert_eq!(status["pending_changes"], json!([]), "{status:#}");
    let migrations = cloud.run(&["migrate", "--local", "--json"]).ok().json();
    assert_eq!(
        migrations["migrations"]["pending"],
        json!([]),
        "{migrations:#}"
    );

    no_secret_was_said(&cloud, &aws, &runtime);

    cloud.run(&["down", "--local", "--yes"]).ok();
    let kept = runtime.block_on(listing(&aws));
    assert!(
        kept.iter().any(|line| line.starts_with("database ")),
        "{kept:#?}"
    );
    cloud
        .run(&["down", "--local", "--yes", "--allow-destroy", EVERYTHING])
        .ok();
    let after = runtime.block_on(listing(&aws));
    let strange: Vec<_> = before.symmetric_difference(&after).collect();
    assert!(strange.is_empty(), "left behind or lost: {strange:#?}");
}

fn refusals(endpoint: &Endpoint, key: &str) {
    let summary = json!({"intent": "get_traffic_summary"}).to_string();
    let cases = [
        ("no key", None, summary.as_str(), 403),
        ("a wrong key", Some("wrong"), &summary, 403),
        ("no JSON", Some(key), "{", 400),
        ("no intent", Some(key), "{\"params\": {}}", 400),
        (
            "an unknown intent",
            Some(key),
            "{\"intent\": \"get_trafic\"}",
            400,
        ),
        ("a right call", Some(key), &summary, 200),
    ];
    for (what, key, body, expected) in cases {
        let (status, answer) = endpoint.post(key, body);
        assert_eq!(status, expected, "{what}: {answer}");
        assert_eq!(answer["success"], expected == 200, "{what}: {answer}");
        assert!(answer["request_id"].is_string(), "{what}: {answer}");
        assert!(!answer.to_string().contains("$context"), "{what}: {answer}");
        if expected != 200 {
            assert!(
                answer["error"].is_string() && answer["code"].is_string(),
                "{what}: {answer}"
            );
        }
    }
}

fn stored_rows_come_back(cloud: &Cloud, aws: &wmctl::aws::Aws, runtime: &tokio::runtime::Runtime) {
    let store = |address: &str, status: &str| {
        cloud
            .run(&[
                "call",
                "--local",
                "store_access_log",
                "timestamp=2026-01-31 12:00:00",
                &format!("ip_address={address}"),
                "method=GET",
                "endpoint=/login",
                &format!("status_code={status}"),
            ])
            .ok()
            .json()
    };
    assert_eq!(store("192.0.2.1", "200")["data"]["stored"], true);
    store("192.0.2.1", "401");
    store("192.0.2.2", "500");

    let rows = cloud.run(&["call", "--local", "get_access_logs", "ip_address=192.0.2.1"]);
    let rows = rows.ok().json();
    assert_eq!(rows["data"]["count"], 2, "{rows:#}");
    assert_eq!(rows["data"]["logs"][0]["status_code"], 401, "{rows:#}");

    let summary = cloud
        .run(&[
            "call",
            "--local",
            "get_traffic_summary",
            "start_time=2026-01-31 00:00:00",
            "end_time=2026-01-31 23:59:59",
        ])
        .ok()
        .json();
    let counted = runtime.block_on(count_by_hand(cloud, aws));
    assert_eq!(counted, 3);
    assert_eq!(summary["data"]["total_requests"], counted, "{summary:#}");
    assert_eq!(summary["data"]["error_count"], 2, "{summary:#}");
}

/// By hand, as the schedule would within the hour; and once more, from the beginning.
fn stored_rows_are_folded(cloud: &Cloud) {
    let folded = |arguments: &[&str]| {
        let run = cloud.run(&[&["maintain", "--local", "--json"], arguments].concat());
        let done = run.ok().json()["maintenance"].clone();
        assert_eq!(done["rows_left"], 0, "{done:#}");
        assert_eq!(done["finished"], true, "{done:#}");
        assert_eq!(done["partitions_dropped"], json!([]), "{done:#}");
        done["rows_folded"].clone()
    };
    assert_eq!(folded(&[]), 3);
    assert_eq!(folded(&[]), 0);
    let asked = cloud.run(&["maintain", "--local", "--rebuild"]);
    assert_eq!(asked.code, 2, "{}", asked.all());
    assert_eq!(folded(&["--rebuild", "--yes"]), 3);
    let told = cloud.run(&["maintain", "--local"]).ok();
    assert!(
        told.stdout.contains("0 rows folded") && told.stdout.contains("0 rows left"),
        "{}",
        told.all()
    );
}

/// A retention deletes evidence, so it takes more than a line in infra.toml.
fn old_logs_are_dropped_once_that_is_named(cloud: &Cloud) {
    let old = "ip_address=198.51.100.7";
    let row = ["timestamp=2001-02-03 04:05:06", old, "method=GET"];
    let row = [&row[..], &["endpoint=/old", "status_code=200"]].concat();
    let store = ["call", "--local", "store_access_log"];
    cloud.run(&[&store[..], &row].concat()).ok();
    let count = || {
        let rows = cloud.run(&["call", "--local", "get_access_logs", old]);
        rows.ok().json()["data"]["count"].clone()
    };
    assert_eq!(count(), 1);

    let days = "[database]\nlog_retention_days = 30\n";
    cloud.project.edit("[database]\n", days);
    let refused = cloud.run(&["up", "--local", "--yes"]);
    assert_eq!(refused.code, 6, "{}", refused.all());
    for text in [
        "drop all stored logs older than 30 days, which are kept for ever so far",
        "--allow-destroy schema/main",
        "environment.LOG_RETENTION_DAYS",
    ] {
        assert!(refused.stderr.contains(text), "{}", refused.all());
    }
    let plan = cloud.run(&["plan", "--local"]);
    assert_eq!(plan.code, 6, "{}", plan.all());
    let named = ["--yes", "--allow-destroy", "schema/main"];
    cloud.run(&[&["up", "--local"], &named[..]].concat()).ok();
    assert_eq!(count(), 1);
    let done = cloud.run(&["maintain", "--local"]).ok();
    assert!(
        done.stdout.contains("dropped  access_logs.p"),
        "{}",
        done.all()
    );
    assert_eq!(count(), 0);

    // To keep logs longer loses nothing.
    cloud.project.edit("days = 30\n", "days = 90\n");
    cloud.run(&["up", "--local", "--yes"]).ok();
}

/// Rows in MariaDB, over TLS, as the administrator.
async fn count_by_hand(cloud: &Cloud, aws: &wmctl::aws::Aws) -> i64 {
    let login = secretsmanager::value(aws, "watermark-chatbot-prod/database-admin")
        .await
        .unwrap();
    let login: Value = serde_json::from_str(login.expose_secret()).unwrap();
    let status = cloud.run(&["local", "status", "--json"]).ok().json();
    let mut connection = MySqlConnectOptions::new()
        .host("localhost")
        .port(cloud.database_port)
        .username(login["username"].as_str().unwrap())
        .password(login["password"].as_str().unwrap())
        .database("chatbot_db")
        .ssl_mode(MySqlSslMode::VerifyIdentity)
        .ssl_ca(status["ca_file"].as_str().unwrap())
        .connect()
        .await
        .unwrap();
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM access_logs")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    count
}

/// A second run finds nothing to do, and writes nothing.
fn nothing_to_do(cloud: &Cloud) {
    let again = cloud.run(&["up", "--local", "--yes", "-v"]).ok();
    assert!(again.stderr.contains("No changes"), "{}", again.all());
    assert!(!again.stderr.contains("compiling"), "{}", again.all());
    let calls: Vec<&str> = again
        .stderr
        .lines()
        .filter(|line| line.contains(" → "))
        .collect();
    assert!(calls.len() > 20, "{}", again.all());
    let writes: Vec<&&str> = calls
        .iter()
        .filter(|line| {
            let operation = line.split_whitespace().nth(1).unwrap_or_default();
            let operation = operation.rsplit('.').next().unwrap_or_default();
            !["Describe", "Get", "List", "GET"]
                .iter()
                .any(|read| operation.starts_with(read))
        })
        .collect();
    assert!(writes.is_empty(), "{writes:#?}");
    let plan = cloud
        .run(&["plan", "--local", "--detailed-exitcode", "--json"])
        .ok();
    assert_eq!(changes(&plan), 0, "{}", plan.all());
}

/// A changed setting makes a new version, which callers reach through the same endpoint.
fn new_code_and_settings_reach_callers(cloud: &Cloud, endpoint: &Endpoint, key: &str) {
    let live =
        || cloud.run(&["status", "--local", "--json"]).ok().json()["versions"]["chatbot"].clone();
    let before = live();
    cloud
        .project
        .edit("log_level            = \"info\"", "max_query_limit = 7");
    cloud.project.edit(
        "quota    = { limit = 100_000",
        "quota    = { limit = 90_000",
    );
    let plan = cloud.run(&["plan", "--local", "--detailed-exitcode"]);
    assert_eq!(plan.code, 2, "{}", plan.all());
    assert!(
        plan.stdout
            .contains("environment.MAX_QUERY_LIMIT: \"1000\" → \"7\""),
        "{}",
        plan.all()
    );
    cloud.run(&["up", "--local", "--yes"]).ok();
    assert_ne!(live(), before);
    let body = json!({"intent": "get_access_logs", "params": {"limit": 8}}).to_string();
    let (status, answer) = endpoint.post(Some(key), &body);
    assert_eq!(status, 400, "{answer:#}");
    assert_eq!(answer["details"][0]["field"], "limit", "{answer:#}");
}

pub fn stored(
    aws: &wmctl::aws::Aws,
    runtime: &tokio::runtime::Runtime,
    secret: &str,
    field: &str,
) -> String {
    let name = format!("watermark-chatbot-prod/{secret}");
    let value = runtime.block_on(secretsmanager::value(aws, &name)).unwrap();
    let value: Value = serde_json::from_str(value.expose_secret()).unwrap();
    value[field].as_str().unwrap().to_owned()
}

/// Neither what was said nor any file outside the private data directory holds a password or key.
pub fn no_secret_was_said(cloud: &Cloud, aws: &wmctl::aws::Aws, runtime: &tokio::runtime::Runtime) {
    let secrets = [
        stored(aws, runtime, "database-admin", "password"),
        stored(aws, runtime, "database-app", "password"),
        stored(aws, runtime, "api-key-chatbot", "api_key"),
    ];
    let said = cloud.said.borrow().clone();
    let private = cloud.project.path().join(".wmctl/local");
    let mut files = Vec::new();
    files_below(cloud.project.path(), &private, &mut files);
    assert!(files.len() > 2, "{files:?}");
    for secret in &secrets {
        assert!(secret.len() >= 20);
        assert!(!said.contains(secret.as_str()), "a secret was printed");
        for file in &files {
            let content = std::fs::read(file).unwrap();
            let found = content
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!found, "a secret lies in {}", file.display());
        }
    }
    for log in ["gateway", "database"] {
        let status = cloud.run(&["local", "status", "--json"]).ok().json();
        let log = std::fs::read_to_string(status[log]["log"].as_str().unwrap()).unwrap_or_default();
        assert!(
            secrets.iter().all(|secret| !log.contains(secret.as_str())),
            "a secret was logged"
        );
    }
}

fn files_below(dir: &Path, except: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path == except {
            continue;
        }
        if path.is_dir() {
            files_below(&path, except, files);
        } else if path.is_file() {
            files.push(path);
        }
    }
}
