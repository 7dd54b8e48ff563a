//! A rotation on the local cloud while callers call: no request may fail.

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::account::connect;
use crate::drift::say;
use crate::lifecycle::{changes, runtime};
use crate::local::{Cloud, Endpoint, stored};

const CALLERS: usize = 6;
const REQUESTS: usize = 10_000;
/// How many come before the rotation begins, and how many at least when it is over.
const AROUND: usize = 1000;
/// A caller reads its secret again when it has had the key for so long: less than the overlap.
const FRESH: Duration = Duration::from_secs(5);

/// What the callers and the rotation have to tell.
enum Told {
    /// The key that was called with, and how the answer was wrong, if so.
    Answer(String, Option<String>),
    Rotated,
}

/// Calls as a chatbot does, with the key that its secret holds, until told to stop.
fn call(cloud_url: &str, endpoint: &Endpoint, stop: &AtomicBool, told: &Sender<Told>) {
    let runtime = runtime();
    let aws = runtime.block_on(connect(cloud_url));
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .proxy(None)
        .http_status_as_error(false)
        .build()
        .into();
    let body = json!({"intent": "get_access_logs", "params": {"limit": 1}}).to_string();
    let mut kept: Option<(String, Instant)> = None;
    while !stop.load(Ordering::Relaxed) {
        let key = match kept.take() {
            Some((key, read)) if read.elapsed() < FRESH => (key, read),
            _ => (
                stored(&aws, &runtime, "api-key-chatbot", "api_key"),
                Instant::now(),
            ),
        };
        let request = agent
            .post(&endpoint.url)
            .header("Host", &endpoint.host)
            .header("Content-Type", "application/json")
            .header("x-api-key", &key.0);
        let wrong = match request.send(&body) {
            Ok(mut answer) => {
                let text = answer.body_mut().read_to_string().unwrap_or_default();
                let right = answer.status() == 200 && text.contains("\"success\":true");
                (!right).then(|| format!("{} {text}", answer.status()))
            }
            Err(error) => Some(error.to_string()),
        };
        if told.send(Told::Answer(key.0.clone(), wrong)).is_err() {
            return;
        }
        kept = Some(key);
    }
}

/// What callers met with while a command ran.
struct Load {
    rotated: Output,
    by_key: BTreeMap<String, usize>,
    wrong: Vec<String>,
    count: usize,
}

/// Calls from before the command begins until after its end.
fn call_while(url: &str, endpoint: &Endpoint, rotation: Command) -> Load {
    let (stop, mut rotation) = (AtomicBool::new(false), Some(rotation));
    let (sender, told) = channel();
    let (mut by_key, mut wrong) = (BTreeMap::<String, usize>::new(), Vec::new());
    let (mut count, mut after) = (0, None);
    let rotated = std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            let (sender, stop) = (sender.clone(), &stop);
            scope.spawn(move || call(url, endpoint, stop, &sender));
        }
        let mut rotating = None;
        for told in &told {
            match told {
                Told::Answer(key, failure) => {
                    count += 1;
                    *by_key.entry(key).or_default() += 1;
                    wrong.extend(failure);
                }
                Told::Rotated => after = Some(count),
            }
            if count == AROUND
                && let Some(mut rotation) = rotation.take()
            {
                let sender = sender.clone();
                rotating = Some(scope.spawn(move || {
                    let output = rotation.output().unwrap();
                    let _ = sender.send(Told::Rotated);
                    output
                }));
            }
            if count >= REQUESTS && after.is_some_and(|after| count >= after + AROUND) {
                break;
            }
        }
        stop.store(true, Ordering::Relaxed);
        rotating.unwrap().join().unwrap()
    });

    Load {
        rotated,
        by_key,
        wrong,
        count,
    }
}

#[test]
fn ten_thousand_requests_through_a_rotation_and_none_fails() {
    let cloud = Cloud::start();
    let edits = [
        (
            "{ rate = 100, burst = 200 }",
            "{ rate = 10_000, burst = 5000 }",
        ),
        ("limit = 100_000", "limit = 1_000_000"),
        (
            "name = \"chatbot\"\n",
            "name = \"chatbot\"\noverlap = \"30s\"\ngrace = \"0s\"\n",
        ),
    ];
    for (from, to) in edits {
        cloud.project.edit(from, to);
    }
    let up = cloud.run(&["up", "--local", "--yes", "--json"]).ok().json();
    let (endpoint, url) = (Endpoint::of(&up), cloud.url());
    let rotate = ["rotate-keys", "--local", "--yes", "--wait"];
    let Load {
        rotated,
        mut by_key,
        wrong,
        count,
    } = call_while(&url, &endpoint, cloud.project.command(&rotate));

    let said = String::from_utf8_lossy(&rotated.stderr).into_owned();
    assert!(rotated.status.success(), "{said}");
    assert_eq!(
        by_key.len(),
        2,
        "one key and then the other was called with"
    );
    assert!(
        wrong.is_empty(),
        "{} of {count} failed: {:?}",
        wrong.len(),
        &wrong[..wrong.len().min(5)]
    );
    let [old, new]: [usize; 2] = {
        let aws = runtime().block_on(connect(&url));
        let current = stored(&aws, &runtime(), "api-key-chatbot", "api_key");
        let new = by_key.remove(&current).unwrap();
        let (old_key, old) = by_key.pop_first().unwrap();
        // And now the old one is worth nothing.
        let body = json!({"intent": "get_traffic_summary"}).to_string();
        assert_eq!(endpoint.post(Some(&old_key), &body).0, 403);
        assert_eq!(endpoint.post(Some(&current), &body).0, 200);
        for key in [&old_key, &current] {
            assert!(!said.contains(key.as_str()), "a key was printed");
        }
        [old, new]
    };
    say(&format!(
        "rotation under load: {count} requests, {old} with the old key and {new} with the new one, none failed"
    ));
    // The function's log told that the old key had been in use.
    assert!(
        said.contains("The old key of chatbot was last used less than"),
        "{said}"
    );
    let status = cloud
        .run(&["rotate-keys", "--local", "--status", "--json"])
        .ok()
        .json();
    let versions = status["api_keys"][0]["versions"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(versions.len(), 1, "{status:#}");
    assert_eq!(
        (&versions[0]["version"], &versions[0]["stage"]),
        (&json!(2), &json!("current"))
    );
    assert_eq!(versions[0]["last_use"], "less than a minute ago");
    let plan = cloud.run(&["plan", "--local", "--json"]).ok();
    assert_eq!(changes(&plan), 0, "{}", plan.all());
}
