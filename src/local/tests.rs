//! The local cloud's life, with a real database server and a stand-in for the emulator.
#![allow(clippy::unwrap_used)]

use std::fs::Permissions;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::{Connection as _, Executor as _, Row as _};

use super::*;

/// What `MiniStack` is to this module: something that says on a port which version it is.
const STAND_IN: &str = r#"#!/usr/bin/env python3
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"version": "stand-in"}')
http.server.HTTPServer((os.environ["BIND_HOST"], int(os.environ["GATEWAY_PORT"])), Handler).serve_forever()
"#;

fn open(project: &Path) -> Local {
    let executable = project.join("stand in");
    std::fs::write(&executable, STAND_IN).unwrap();
    std::fs::set_permissions(&executable, Permissions::from_mode(0o755)).unwrap();
    let mut local = Local::open(project).unwrap();
    local.ministack = Some(executable);
    local
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn an_api_is_addressed_on_loopback_by_its_host() {
    let dir = tempfile::tempdir().unwrap();
    let local = Local::open(dir.path()).unwrap();
    assert_eq!(local.endpoint_url(), "http://127.0.0.1:4566");
    assert_eq!(local.database_port(), 13306);
    let expected = (
        "http://127.0.0.1:4566/prod/chatbot".to_owned(),
        "0a1b2c3d.execute-api.localhost:4566".to_owned(),
    );
    for path in ["/chatbot", "chatbot"] {
        assert_eq!(local.execute_api_url("0a1b2c3d", "prod", path), expected);
    }
}

#[tokio::test]
async fn nothing_is_there_before_the_first_start() {
    let dir = tempfile::tempdir().unwrap();
    let local = Local::open(dir.path()).unwrap();
    let (events, _) = Events::channel();
    assert!(!local.status().await.unwrap().running());
    local.stop(&events).await.unwrap();
    assert!(!dir.path().join(".wmctl").exists());
}

#[tokio::test]
async fn both_start_once_move_and_stop() {
    let dir = tempfile::tempdir().unwrap();
    let local = open(dir.path());
    let (events, _) = Events::channel();
    let pids = |status: &Status| (status.gateway.pid.unwrap(), status.database.pid.unwrap());
    let ports = Options {
        gateway_port: Some(free_port()),
        database_port: Some(free_port()),
    };

    let other = open(dir.path());
    let (one, two) = tokio::join!(local.start(&ports, &events), other.start(&ports, &events));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert!(one.running());
    assert_eq!(one.gateway.version.as_deref(), Some("stand-in"));
    assert_eq!(pids(&one), pids(&two));
    assert_eq!(Some(one.database.port), ports.database_port);
    let again = local.start(&Options::default(), &events).await.unwrap();
    assert_eq!(pids(&one), pids(&again));

    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let to_taken = Options {
        gateway_port: Some(taken.local_addr().unwrap().port()),
        database_port: None,
    };
    let error = local.start(&to_taken, &events).await.unwrap_err();
    assert!(error.hints[0].starts_with("wmctl local start --gateway-port "));
    let moved = Options {
        gateway_port: Some(free_port()),
        database_port: None,
    };
    let moved = local.start(&moved, &events).await.unwrap();
    assert!(moved.running());
    assert_ne!(moved.gateway.port, one.gateway.port);
    assert_eq!(moved.database.pid, one.database.pid);
    assert_eq!(
        Local::open(dir.path()).unwrap().endpoint_url(),
        moved.endpoint_url
    );

    for _ in 0..2 {
        local.stop(&events).await.unwrap();
        let status = local.status().await.unwrap();
        assert!(status.gateway.pid.is_none() && status.database.pid.is_none());
    }
}

/// A failed assertion leaves no server behind.
struct Killed(u32);

impl Drop for Killed {
    fn drop(&mut self) {
        let kill = format!("kill -s KILL {} 2>/dev/null", self.0);
        let _ = Command::new("sh").args(["-c", &kill]).status();
    }
}

async fn log_in(port: u16, ca: &Path, user: &str, password: &str) -> sqlx::Result<MySqlConnection> {
    let options = MySqlConnectOptions::new()
        .host("localhost")
        .port(port)
        .username(user)
        .password(password)
        .database("chat_bot")
        .ssl_mode(MySqlSslMode::VerifyIdentity)
        .ssl_ca(ca);
    MySqlConnection::connect_with(&options).await
}

/// A real server: its life, and a master user's as a client over TLS meets it.
#[tokio::test]
async fn a_server_lives_as_rds_would_have_it() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let server = MariaDb::new(dir.path(), port);
    let (events, _) = Events::channel();
    let mut state = State::default();
    let record = |process| {
        state.database = Some(process);
        Ok(())
    };
    service::prepare(&server, &events).await.unwrap();
    service::start(&server, None, record, &events)
        .await
        .unwrap();
    let process = state.database.unwrap();
    let _guard = Killed(process.pid);
    assert!(server.answer().await.unwrap().contains("MariaDB"));

    let mut root = server.connect().await.unwrap();
    for password in ["first", "it's \\ \"second\""] {
        let password = SecretString::from(password);
        database::provision(&mut root, "chat_bot", "admin", &password)
            .await
            .unwrap();
    }
    let ca = tls::ca_file(dir.path());
    assert!(log_in(port, &ca, "admin", "first").await.is_err());
    let mut admin = log_in(port, &ca, "admin", "it's \\ \"second\"")
        .await
        .unwrap();
    for statement in [
        "CREATE TABLE seen (id INT PRIMARY KEY)",
        "CREATE USER app@'%' IDENTIFIED BY 'app' REQUIRE SSL",
        "GRANT SELECT, INSERT ON chat_bot.* TO app@'%'",
        "GRANT SELECT, INSERT ON `chat\\_bot`.* TO app@'%'",
        "SHOW GRANTS FOR app@'%'",
    ] {
        admin.execute(statement).await.unwrap();
    }
    assert!(admin.execute("CREATE DATABASE other").await.is_err());
    let mut app = log_in(port, &ca, "app", "app").await.unwrap();
    app.execute("INSERT INTO seen VALUES (1)").await.unwrap();
    assert!(app.execute("DROP TABLE seen").await.is_err());
    let plain = MySqlConnectOptions::new()
        .host("127.0.0.1")
        .port(port)
        .username("app")
        .password("app")
        .ssl_mode(MySqlSslMode::Disabled);
    assert!(MySqlConnection::connect_with(&plain).await.is_err());

    app.execute("START TRANSACTION").await.unwrap();
    app.execute("INSERT INTO seen VALUES (2)").await.unwrap();
    for _ in 0..2 {
        database::drop(&mut root, "chat_bot", "admin")
            .await
            .unwrap();
    }
    assert!(app.execute("SELECT 1").await.is_err());
    let left = "SELECT COUNT(*) FROM mysql.user WHERE User IN ('app', 'admin', '')";
    let left: i64 = root.fetch_one(left).await.unwrap().get(0);
    assert_eq!(left, 0);

    service::stop::<MariaDb>(&process, &events).await;
    assert!(!process.is_alive().await);
    assert!(server.answer().await.is_none());
    let error = server.connect().await.err().unwrap();
    assert!(error.hints.contains(&"wmctl local start".to_owned()));
}

/// The plan's steps run wherever there is a thread for them.
#[test]
fn every_call_can_move_between_threads() {
    fn is_send(_: &impl Send) {}
    let dir = tempfile::tempdir().unwrap();
    let local = Local::open(dir.path()).unwrap();
    let (events, _) = Events::channel();
    let password = SecretString::from("secret");
    is_send(&local.start(&Options::default(), &events));
    is_send(&local.stop(&events));
    is_send(&local.status());
    is_send(&local.provision_database("name", "admin", &password));
    is_send(&local.drop_database("name", "admin"));
}
