//! What an operator sees when something is wrong: one clear error and the next command.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use crate::emulator::{Emulator, free_port};
use crate::project::Project;

/// A server that answers every request alike, until the test ends, but hangs up on the first one for
/// the path `lost`. Its URL.
fn answering(mut lost: Option<&'static str>, status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head = BufReader::new(&stream).lines().map_while(Result::ok);
            let head: Vec<String> = head.take_while(|line| !line.is_empty()).collect();
            let path = head.first().and_then(|line| line.split(' ').nth(1));
            if path.is_some() && path == lost {
                lost = None;
                continue;
            }
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Type: text/xml\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    url
}

fn refused_with(code: &'static str) -> String {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>No.</Message></Error><RequestId>r-1</RequestId></ErrorResponse>"
    );
    let url = answering(None, "403 Forbidden", body.leak());
    let run = Project::new().wmctl(&["plan", "--no-build", "--endpoint-url", &url]);
    assert_eq!(run.code, 5, "{}", run.all());
    assert!(run.stderr.contains(code), "{}", run.all());
    assert!(run.stderr.contains("GetCallerIdentity"), "{}", run.all());
    run.stderr
}

#[test]
fn an_expired_token() {
    assert!(refused_with("ExpiredToken").contains("aws sso login"));
}

#[test]
fn credentials_that_aws_does_not_know() {
    assert!(refused_with("InvalidClientTokenId").contains("--profile"));
}

#[test]
fn no_network() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let variables = [
        ("AWS_ENDPOINT_URL", url.as_str()),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ];
    let run = Project::new().wmctl_with(&["plan", "--no-build"], &variables);
    assert_eq!(run.code, 5, "{}", run.all());
    assert!(
        run.stderr.starts_with("error: cannot connect"),
        "{}",
        run.all()
    );
    assert!(run.stderr.contains("check the network"), "{}", run.all());
}

#[test]
fn a_port_that_is_taken() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (project, other) = (Project::new(), free_port().to_string());
    let ports = ["--gateway-port", &port, "--database-port", &other];
    let run = project.wmctl(&[&["local", "start"], &ports[..]].concat());
    assert_eq!(run.code, 4, "{}", run.all());
    assert!(run.stderr.contains(&port), "{}", run.all());
    assert!(
        run.stderr.contains("wmctl local start --gateway-port"),
        "{}",
        run.all()
    );
    let status = project.wmctl(&["local", "status", "--json"]).ok().json();
    assert_eq!(status["database"]["running"], false, "{status:#}");
}

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

/// As an emulator does whose machine is busy: the first question is lost.
#[test]
fn an_emulator_that_answers_only_when_asked_again() {
    let url = answering(Some("/_ministack/health"), "403 Forbidden", "No.");
    let run = Project::new().wmctl(&["plan", "--no-build", "--endpoint-url", &url]);
    assert!(!run.stderr.contains("nothing answers"), "{}", run.all());
    assert!(run.stderr.contains("GetCallerIdentity"), "{}", run.all());
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
