//! What an operator sees when something is wrong: one clear error and the next command.

use crate::emulator::{Emulator, free_port};
use crate::project::Project;

#[test]
fn an_emulator_that_is_not_there() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let run = Project::new().wmctl(&["plan", "--no-build", "--endpoint-url", &url]);
    assert_eq!(run.code, 5, "{}", run.all());
    assert!(
        run.stderr
            .starts_with(&format!("error: nothing answers at {url}")),
        "{}",
        run.all()
    );
    assert!(run.stderr.contains("wmctl local start"), "{}", run.all());
}

#[test]
fn a_local_cloud_that_was_not_started() {
    let project = Project::new();
    let port = free_port();
    std::fs::create_dir_all(project.path().join(".wmctl/local")).unwrap();
    let run = project.wmctl(&["local", "status", "--json"]).ok();
    assert_eq!(run.json()["gateway"]["running"], false, "{}", run.all());
    // Another program may hold the default port, so the test names one that is free.
    let url = format!("http://127.0.0.1:{port}");
    let run = project.wmctl(&["status", "--endpoint-url", &url]);
    assert!(run.stderr.contains("`wmctl local start`"), "{}", run.all());
}

#[test]
fn no_credentials() {
    let run = Project::new().wmctl(&["plan", "--no-build"]);
    assert_eq!(run.code, 5, "{}", run.all());
    assert!(run.stderr.contains("no AWS credentials"), "{}", run.all());
    assert!(run.stderr.contains("aws configure"), "{}", run.all());
}

#[test]
fn a_region_that_does_not_exist_is_refused_before_any_call() {
    let project = Project::new();
    project.edit("\"us-east-1\"", "\"us-esat-1\"");
    let run = project.wmctl(&["plan", "--no-build"]);
    assert_eq!(run.code, 3, "{}", run.all());
    assert!(
        run.stderr.contains("us-esat-1") && run.stderr.contains("us-east-1"),
        "{}",
        run.all()
    );
}

#[test]
fn an_unknown_key_shows_file_line_and_suggestion() {
    let project = Project::new();
    project.edit("memory_mb            = 256", "memory_bm            = 256");
    let run = project.wmctl(&["plan"]);
    assert_eq!(run.code, 3, "{}", run.all());
    assert!(run.stderr.contains("infra.toml:"), "{}", run.all());
    assert!(run.stderr.contains("memory_mb"), "{}", run.all());
}

#[test]
fn nothing_is_changed_without_a_yes() {
    let emulator = Emulator::moto();
    let run = Project::new().wmctl(&[
        "up",
        "--endpoint-url",
        &emulator.url,
        "--skip",
        "migrate,health",
    ]);
    assert_eq!(run.code, 2, "{}", run.all());
    assert!(run.stderr.contains("nothing was changed"), "{}", run.all());
    assert!(run.stderr.contains("--yes"), "{}", run.all());
}

#[test]
fn json_errors_are_documents() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let run = Project::new().wmctl(&["plan", "--no-build", "--json", "--endpoint-url", &url]);
    assert_eq!(run.json()["error"]["kind"], "access", "{}", run.all());
}
