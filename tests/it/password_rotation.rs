//! `wmctl rotate-secrets` on the local cloud: under load, and cut off at any call.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use wmctl::aws::Aws;

use crate::account::connect;
use crate::drift::say;
use crate::lifecycle::runtime;
use crate::local::{Cloud, Endpoint, no_secret_was_said, stored};
use crate::project::Run;
use crate::support::proxy::{Fault, Proxy, Target};

/// As many requests at least.
const REQUESTS: usize = 10_000;
/// As many rotations of each login at least.
const ROTATIONS: usize = 4;
/// How many faults the ordinary run tries.
const SAMPLE: usize = 20;
const USERS: [&str; 2] = ["app_user", "app_user_clone"];

#[test]
fn passwords_rotate_while_requests_go_on_and_wherever_it_is_cut_off() {
    let cloud = Cloud::start();
    let runtime = runtime();
    let up = cloud.run(&["up", "--local", "--yes", "--json"]).ok().json();
    let endpoint = Endpoint::of(&up);
    let aws = runtime.block_on(connect(&cloud.url()));
    let key = stored(&aws, &runtime, "api-key-chatbot", "api_key");

    what_there_is_is_shown(&cloud);
    no_request_fails(&cloud, &endpoint, &key);
    nothing_is_left_to_do(&cloud);
    whatever_call_it_is_cut_off_at_the_next_ends_it(&cloud, &endpoint, &key);
    nothing_is_left_to_do(&cloud);
    a_password_put_by_hand_is_given_to_the_database(&cloud, &runtime, &aws);
    no_secret_was_said(&cloud, &aws, &runtime);
}

fn rotate(cloud: &Cloud, whose: &str) -> Value {
    let run = cloud.run(&["rotate-secrets", whose, "--local", "--yes", "--json"]);
    run.ok().json()
}

fn what_there_is_is_shown(cloud: &Cloud) {
    let shown = cloud.run(&["rotate-secrets", "--status", "--local"]).ok();
    for text in [
        "secret/database-app    user app_user ",
        "secret/database-admin  user wmctl_admin ",
        "age 0 days",
        "rotates by hand only",
    ] {
        assert!(shown.stdout.contains(text), "{}", shown.all());
    }
    let asked = cloud.run(&["rotate-secrets", "--local"]);
    assert_eq!(asked.code, 2, "{}", asked.all());
    let status = cloud.run(&["status", "--local"]).ok();
    let text = "password  secret/database-app: 0 days old";
    assert!(status.stdout.contains(text), "{}", status.all());
}

/// Load from several callers until both logins have rotated several times, with connections cut
/// in between: without that a function would never log in anew.
fn no_request_fails(cloud: &Cloud, endpoint: &Endpoint, key: &str) {
    let (done, rotated) = (AtomicUsize::new(0), AtomicBool::new(false));
    let failed = std::sync::Mutex::new(Vec::new());
    let mut users = Vec::new();
    std::thread::scope(|scope| {
        for caller in 0..4 {
            let (done, rotated, failed) = (&done, &rotated, &failed);
            scope.spawn(move || {
                let agent: ureq::Agent = ureq::Agent::config_builder()
                    .proxy(None)
                    .http_status_as_error(false)
                    .build()
                    .into();
                for number in 0.. {
                    let enough = done.load(Ordering::Relaxed) >= REQUESTS;
                    if enough && rotated.load(Ordering::Relaxed) {
                        return;
                    }
                    let request = agent
                        .post(&endpoint.url)
                        .header("Host", &endpoint.host)
                        .header("x-api-key", key);
                    let answer = request.send_json(body(caller, number));
                    let answer = answer
                        .map_err(|error| error.to_string())
                        .and_then(|mut got| {
                            let text = got.body_mut().read_to_string();
                            let text = text.map_err(|error| error.to_string())?;
                            match got.status().as_u16() {
                                200 => Ok(()),
                                other => Err(format!("{other}: {text}")),
                            }
                        });
                    done.fetch_add(1, Ordering::Relaxed);
                    if let Err(why) = answer {
                        failed.lock().unwrap().push(why);
                    }
                }
            });
        }
        let spread = REQUESTS / (ROTATIONS + 1);
        for number in 1..=ROTATIONS {
            while done.load(Ordering::Relaxed) < number * spread {
                std::thread::yield_now();
            }
            users.push(rotate(cloud, "app")["rotated"][0]["username"].clone());
            rotate(cloud, "admin");
            cut_connections(cloud);
        }
        rotated.store(true, Ordering::Relaxed);
    });
    let (done, failed) = (done.into_inner(), failed.into_inner().unwrap());
    say(&format!(
        "rotation: {done} requests while both logins rotated {ROTATIONS} times, {} failed",
        failed.len()
    ));
    assert!(done >= REQUESTS);
    assert!(
        failed.is_empty(),
        "{} of {done}: {:?}",
        failed.len(),
        &failed[..1]
    );
    assert_eq!(
        users,
        ["app_user_clone", "app_user", "app_user_clone", "app_user"]
    );
}

fn body(caller: usize, number: usize) -> Value {
    if number.is_multiple_of(2) {
        return json!({"intent": "get_access_logs", "params": {"limit": 1}});
    }
    json!({"intent": "store_access_log", "params": {
        "timestamp": "2026-01-31 12:00:00", "ip_address": "192.0.2.1", "method": "GET",
        "endpoint": "/", "status_code": 200, "idempotency_key": format!("{caller}-{number}"),
    }})
}

/// Ends the application's connections, as its server's owner.
fn cut_connections(cloud: &Cloud) {
    let user = std::process::Command::new("id")
        .arg("-un")
        .output()
        .unwrap();
    let user = String::from_utf8(user.stdout).unwrap();
    let socket = cloud.project.path().join(".wmctl/local/database/socket");
    runtime().block_on(async {
        let mut connection = MySqlConnectOptions::new()
            .socket(socket)
            .username(user.trim())
            .ssl_mode(MySqlSslMode::Disabled)
            .connect()
            .await
            .unwrap();
        for user in USERS {
            let kill = AssertSqlSafe(format!("KILL USER {user}"));
            sqlx::raw_sql(kill).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
    });
}

/// A rotation is no drift, and what calls the migrator finds its way in.
fn nothing_is_left_to_do(cloud: &Cloud) {
    let status = cloud.run(&["status", "--local", "--json"]).ok().json();
    assert_eq!(status["pending_changes"], json!([]), "{status:#}");
    assert_eq!(status["health"]["ok"], true, "{status:#}");
    cloud.run(&["migrate", "--local", "--yes"]).ok();
    cloud.run(&["maintain", "--local"]).ok();
}

/// For every call of a rotation of both: disturbed there, and run again. In between and after, the
/// function and the migrator log in; and it ends with as many rotations as were begun.
fn whatever_call_it_is_cut_off_at_the_next_ends_it(cloud: &Cloud, endpoint: &Endpoint, key: &str) {
    let command = ["rotate-secrets", "all", "--yes", "--json", "--endpoint-url"];
    let attempt = |fault: Option<(Target, Fault)>| {
        let proxy = Proxy::new(cloud.gateway_port, Duration::ZERO);
        let armed = fault.is_some();
        if let Some((target, fault)) = fault {
            proxy.arm(target, fault);
        }
        let arguments = [&command[..], &[proxy.url.as_str()]].concat();
        let run = Run::from(proxy.run(&mut cloud.project.command(&arguments), |_| {}));
        assert!(!armed || proxy.struck(), "{}", run.all());
        (run, proxy.take_calls())
    };
    let (run, calls) = attempt(None);
    assert_eq!(run.code, 0, "{}", run.all());
    let names: Vec<String> = calls
        .into_iter()
        .filter(|call| call.signed)
        .map(|call| call.name)
        .collect();
    let mut cases = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let after = names[..index].iter().filter(|other| *other == name).count();
        let name = name.clone();
        cases.extend(Fault::ALL.map(|fault| {
            (
                Target {
                    name: name.clone(),
                    after,
                },
                fault,
            )
        }));
    }
    let all = cases.len();
    let cases = chosen(cases);
    let tried = cases.len();
    for (target, fault) in cases {
        let what = format!("{fault:?} at {} #{}", target.name, target.after);
        let (first, _) = attempt(Some((target, fault)));
        works(cloud, endpoint, key, &what);
        let again = cloud.run(&["rotate-secrets", "all", "--local", "--yes", "--json"]);
        assert_eq!(again.code, 0, "{what}: {}\n{}", first.all(), again.all());
        for secret in again.json()["secrets"].as_array().unwrap() {
            assert_eq!(secret["pending"], json!(null), "{what}: {secret}");
        }
        works(cloud, endpoint, key, &what);
    }
    say(&format!(
        "rotation: cut off at {tried} of {all} places, all ended by the next run"
    ));
}

/// All of them where WMCTL_SWEEP says so, and otherwise some, others each time.
fn chosen<T>(cases: Vec<T>) -> Vec<T> {
    let wish = std::env::var("WMCTL_SWEEP").unwrap_or_default();
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_micros();
    let mut stride = if wish == "all" {
        1
    } else {
        cases.len().div_ceil(SAMPLE)
    };
    stride += usize::from(stride > 1 && stride.is_multiple_of(Fault::ALL.len()));
    let seed = wish.parse().unwrap_or(now as usize) % stride;
    cases.into_iter().skip(seed).step_by(stride).collect()
}

fn works(cloud: &Cloud, endpoint: &Endpoint, key: &str, what: &str) {
    cut_connections(cloud);
    let asked = json!({"intent": "get_access_logs", "params": {"limit": 1}}).to_string();
    let (status, answer) = endpoint.post(Some(key), &asked);
    assert_eq!(status, 200, "{what}: {answer}");
    let migrations = cloud.run(&["migrate", "--status", "--local"]);
    assert_eq!(migrations.code, 0, "{what}: {}", migrations.all());
}

/// What rotation did not bring is brought by RDS, as ever.
fn a_password_put_by_hand_is_given_to_the_database(
    cloud: &Cloud,
    runtime: &tokio::runtime::Runtime,
    aws: &Aws,
) {
    let login = json!({"username": "wmctl_admin", "password": "PutByHandAndLongEnough1234567890"});
    let call = aws
        .secrets
        .put_secret_value()
        .secret_string(login.to_string());
    let call = call.secret_id("watermark-chatbot-prod/database-admin");
    runtime.block_on(call.send()).unwrap();
    let refused = cloud.run(&["rotate-secrets", "admin", "--local", "--yes"]);
    assert_eq!(refused.code, 1, "{}", refused.all());
    assert!(
        refused
            .stderr
            .contains("`wmctl up` gives it to the database through RDS"),
        "{}",
        refused.all()
    );
    let plan = cloud.run(&["plan", "--local", "--json"]).ok().json();
    let steps = plan["plan"]["steps"].as_array().unwrap().iter();
    let changed: BTreeSet<&str> = steps
        .filter(|step| step["action"] != "keep")
        .filter_map(|step| step["id"].as_str())
        .collect();
    assert_eq!(changed, BTreeSet::from(["db-instance/main"]), "{plan:#}");
    cloud.run(&["up", "--local", "--yes"]).ok();
    rotate(cloud, "admin");
    nothing_is_left_to_do(cloud);
}
