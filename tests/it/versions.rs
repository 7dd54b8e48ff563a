//! Migrations and versions on real parts: what callers get while one fails, and the way back.

use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::sync::mpsc::{self, TryRecvError};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::account::connect;
use crate::lifecycle::{changes, runtime};
use crate::local::{Cloud, Endpoint, stored};
use crate::project::{Project, root};

/// A project with migrations of its own: the workspace's, and what a test adds.
fn project() -> Project {
    let project = Project::new();
    let own = project.path().join("migrations");
    std::fs::create_dir(&own).unwrap();
    for file in std::fs::read_dir(root().join("migrations")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), own.join(file.file_name())).unwrap();
    }
    let theirs = format!("dir = \"{}\"", root().join("migrations").display());
    project.edit(&theirs, "dir = \"migrations\"");
    project
}

fn put(cloud: &Cloud, file: &str, sql: &str) {
    let path = cloud.project.path().join("migrations").join(file);
    std::fs::write(path, sql).unwrap();
}

const LOCAL: &[&str] = &["--local", "--yes", "--json"];

fn migrations(cloud: &Cloud, arguments: &[&str]) -> Value {
    let run = cloud.run(&[&["migrate", "--local", "--json"], arguments].concat());
    run.ok().json()["migrations"].clone()
}

/// The number of the version that serves.
fn live(cloud: &Cloud) -> String {
    let status = cloud.run(&["status", "--local", "--json"]).ok().json();
    status["versions"]["chatbot"].as_str().unwrap().to_owned()
}

#[test]
fn no_caller_meets_a_half_migrated_schema_or_a_version_that_fails() {
    let cloud = Cloud::of(project());
    let up = cloud.run(&[&["up"], LOCAL].concat()).ok().json();
    let (endpoint, runtime) = (Endpoint::of(&up), runtime());
    let aws = runtime.block_on(connect(&cloud.url()));
    let caller = Caller {
        endpoint,
        key: stored(&aws, &runtime, "api-key-chatbot", "api_key"),
    };
    assert_eq!(live(&cloud), "1");

    what_breaks_is_refused_beforehand(&cloud);
    a_failed_migration_is_named_and_continued(&cloud, &caller);
    a_snapshot_was_taken(&runtime.block_on(snapshots(&aws)));
    what_was_changed_since_it_was_built_is_not_published(&cloud);
    a_version_that_fails_serves_nobody(&cloud, &caller);
    there_is_a_way_back_and_forward_again(&cloud, &caller);
    only_some_old_versions_stay(&cloud);
}

/// One who calls as the chatbot does.
struct Caller {
    endpoint: Endpoint,
    key: String,
}

impl Caller {
    fn status(&self, limit: u32) -> u16 {
        let params = json!({"limit": limit});
        let body = json!({"intent": "get_access_logs", "params": params}).to_string();
        self.endpoint.post(Some(&self.key), &body).0
    }

    /// Calls again and again while `work` is done: its result, and how many were answered. All
    /// must be.
    fn during<T>(&self, work: impl FnOnce() -> T) -> (T, usize) {
        let (done, ended) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let calls = scope.spawn(move || {
                let mut count = 0;
                // Work that panics drops its end too.
                while ended.try_recv() == Err(TryRecvError::Empty) {
                    assert_eq!(self.status(8), 200);
                    count += 1;
                }
                count
            });
            let result = work();
            drop(done);
            (result, calls.join().unwrap())
        })
    }
}

fn what_breaks_is_refused_beforehand(cloud: &Cloud) {
    put(
        cloud,
        "0005_less.sql",
        "ALTER TABLE access_logs DROP department",
    );
    let plan = cloud.run(&["plan", "--local", "--no-build"]);
    assert_eq!(plan.code, 6, "{}", plan.all());
    for text in [
        "0005_less.sql statement 1 drops the column access_logs.department",
        "--allow-breaking",
        "version: \"0004\" → \"0005\"",
    ] {
        assert!(plan.all().contains(text), "{text}: {}", plan.all());
    }
    let allowed = ["plan", "--local", "--no-build", "--allow-breaking"];
    cloud.run(&allowed).ok();
    let path = cloud.project.path().join("migrations/0005_less.sql");
    std::fs::remove_file(path).unwrap();
}

fn a_failed_migration_is_named_and_continued(cloud: &Cloud, caller: &Caller) {
    let begins = "ALTER TABLE access_logs ADD region VARCHAR(32) NULL;\n";
    let wrong = "ALTER TABLE access_logs ADD KEY access_logs_region (regino);\n";
    put(cloud, "0005_region.sql", &format!("{begins}{wrong}"));
    let state = migrations(cloud, &["--status"]);
    assert_eq!(state["not_deployed"], json!(["0005_region.sql"]));

    let (failed, answered) = caller.during(|| cloud.run(&["up", "--local", "--yes"]));
    assert_eq!(failed.code, 1, "{}", failed.all());
    for text in [
        "0005_region.sql failed at statement 2 of 2",
        "--repair done",
        "✓ 0005_region.sql 1/2: ALTER TABLE access_logs ADD region VARCHAR(32) NULL",
    ] {
        assert!(failed.stderr.contains(text), "{text}: {}", failed.all());
    }
    assert!(answered > 0);
    assert_eq!(live(cloud), "1");
    let shown = cloud.run(&["migrate", "--local", "--status"]).ok().stdout;
    for text in [
        "begun    0005  region: statement 2 failed, and the server took it back",
        "ADD KEY access_logs_region (regino)",
    ] {
        assert!(shown.contains(text), "{shown}");
    }

    // The name is mended, and the rest goes on from there.
    put(
        cloud,
        "0005_region.sql",
        &format!("{begins}{}", wrong.replace("regino", "region")),
    );
    let up = cloud.run(&["up", "--local", "--yes", "--snapshot"]).ok();
    assert!(up.stderr.contains("before it is migrated"), "{}", up.all());
    let state = migrations(cloud, &["--status"]);
    assert_eq!(
        (&state["dirty"], &state["pending"]),
        (&json!([]), &json!([]))
    );
    let nothing = cloud.run(&["migrate", "--local", "--yes", "--repair", "done"]);
    assert_eq!(nothing.code, 2, "{}", nothing.all());
    let status = cloud.run(&["status", "--local", "--json"]).ok().json();
    assert_eq!(status["health"]["schema"], "0005", "{status:#}");
}

async fn snapshots(aws: &wmctl::aws::Aws) -> Vec<(String, String)> {
    let found = aws.rds.describe_db_snapshots().send().await.unwrap();
    let found = found.db_snapshots.unwrap_or_default().into_iter();
    let text = |text: Option<String>| text.unwrap_or_default();
    found
        .map(|snapshot| (text(snapshot.db_snapshot_identifier), text(snapshot.status)))
        .collect()
}

fn a_snapshot_was_taken(snapshots: &[(String, String)]) {
    let [(name, status)] = snapshots else {
        panic!("{snapshots:?}");
    };
    assert!(
        name.starts_with("watermark-chatbot-prod-before-migration-20"),
        "{name}"
    );
    assert_eq!(status, "available");
}

/// Where the last build is kept.
fn store(cloud: &Cloud) -> PathBuf {
    let builds = cloud.project.path().join(".wmctl/build");
    let mut targets = std::fs::read_dir(builds).unwrap();
    targets.next().unwrap().unwrap().path()
}

/// Makes this zip the chatbot that was built last; gives the one before.
fn rebuilt(cloud: &Cloud, zip: &[u8]) -> Vec<u8> {
    let (zip_file, built_file) = (
        store(cloud).join("chatbot.zip"),
        store(cloud).join("built.json"),
    );
    let mut built: Value = serde_json::from_slice(&std::fs::read(&built_file).unwrap()).unwrap();
    built["code_sha256"]["chatbot"] = json!(STANDARD.encode(Sha256::digest(zip)));
    std::fs::write(built_file, built.to_string()).unwrap();
    let before = std::fs::read(&zip_file).unwrap();
    std::fs::write(zip_file, zip).unwrap();
    before
}

/// A program in the chatbot's place that starts and ends.
fn broken() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    zip.start_file("bootstrap", options).unwrap();
    zip.write_all(b"#!/bin/sh\nexit 1\n").unwrap();
    zip.finish().unwrap().into_inner()
}

fn what_was_changed_since_it_was_built_is_not_published(cloud: &Cloud) {
    let before = live(cloud);
    let good = rebuilt(cloud, &broken());
    std::fs::write(store(cloud).join("chatbot.zip"), "something else").unwrap();
    let refused = cloud.run(&["up", "--local", "--yes"]);
    assert_eq!(refused.code, 1, "{}", refused.all());
    let text = "chatbot.zip is not what was built; it is not published";
    assert!(refused.stderr.contains(text), "{}", refused.all());
    assert_eq!(live(cloud), before);
    rebuilt(cloud, &good);
}

fn a_version_that_fails_serves_nobody(cloud: &Cloud, caller: &Caller) {
    let before = live(cloud);
    let good = rebuilt(cloud, &broken());
    let (failed, answered) = caller.during(|| cloud.run(&["up", "--local", "--yes"]));
    assert_eq!(failed.code, 1, "{}", failed.all());
    for text in ["failed its health check", "`live` stays where it was"] {
        assert!(failed.stderr.contains(text), "{text}: {}", failed.all());
    }
    assert!(answered > 10, "{answered}");
    assert_eq!(live(cloud), before);
    rebuilt(cloud, &good);
    cloud.run(&[&["up"], LOCAL].concat()).ok();
    assert_eq!(live(cloud), before);
}

fn there_is_a_way_back_and_forward_again(cloud: &Cloud, caller: &Caller) {
    let old = live(cloud);
    cloud
        .project
        .edit("log_level            = \"info\"", "max_query_limit = 7");
    cloud.run(&[&["up"], LOCAL].concat()).ok();
    let new = live(cloud);
    assert_ne!(new, old);
    assert_eq!((caller.status(7), caller.status(8)), (200, 400));

    let unknown = cloud.run(&["rollback", "99", "--local", "--yes"]);
    assert_eq!(unknown.code, 2, "{}", unknown.all());
    let line = format!("{new:>5}  published ");
    assert!(unknown.stderr.contains(&line), "{}", unknown.all());
    let asked = cloud.run(&["rollback", "--local", &old]);
    assert_eq!(asked.code, 2, "{}", asked.all());
    assert_eq!(live(cloud), new);

    let back = cloud
        .run(&[&["rollback", &old], LOCAL].concat())
        .ok()
        .json();
    let told = &back["rollback"];
    assert_eq!(told["from"].to_string(), new, "{back:#}");
    assert_eq!(told["to"].to_string(), old, "{back:#}");
    assert_eq!(live(cloud), old);
    assert_eq!(caller.status(8), 200);

    let plan = cloud.run(&["plan", "--local"]).ok();
    let remark =
        format!("`live` of the chatbot is at version {old}, rolled back from version {new}");
    assert!(plan.stderr.contains(&remark), "{}", plan.all());
    let step = format!("version: \"{old}\" → \"{new}\"");
    assert!(plan.stdout.contains(&step), "{}", plan.all());
    cloud.run(&[&["up"], LOCAL].concat()).ok();
    assert_eq!(live(cloud), new);
    assert_eq!(caller.status(8), 400);
    let plan = cloud.run(&["plan", "--local", "--json"]).ok();
    assert_eq!(changes(&plan), 0, "{}", plan.all());
}

fn only_some_old_versions_stay(cloud: &Cloud) {
    let count = || {
        let list = cloud.run(&["rollback", "--list", "--local", "--json"]);
        list.ok().json()["versions"].as_array().unwrap().len()
    };
    assert!(count() > 2);
    cloud.project.edit(
        "max_query_limit = 7",
        "max_query_limit = 7\nkeep_versions = 1",
    );
    cloud.run(&[&["up"], LOCAL].concat()).ok();
    assert_eq!(count(), 2);
}
