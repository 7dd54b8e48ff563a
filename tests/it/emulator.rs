//! Emulators of AWS as child processes on loopback, ended with the test.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::project::root;

/// A running emulator with an account of its own.
pub struct Emulator {
    child: Child,
    pub url: String,
    _state: tempfile::TempDir,
}

impl Emulator {
    pub fn ministack() -> Self {
        Self::ministack_with(&[])
    }

    /// One that asks who calls and whether they may. Whose keys are both `test` may do everything.
    pub fn guarded() -> Self {
        Self::ministack_with(&[
            ("AUTH", "true"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ])
    }

    fn ministack_with(variables: &[(&str, &str)]) -> Self {
        let port = free_port();
        let state = tempfile::tempdir().unwrap();
        let mut command = Command::new(ministack());
        command
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("IOT_MTLS_ENABLED", "0")
            .env("STATE_DIR", state.path())
            .env("S3_DATA_DIR", state.path())
            .envs(variables.iter().copied());
        Self::start(command, port, state)
    }

    pub fn moto() -> Self {
        let port = free_port();
        let mut command = Command::new(program("WMCTL_MOTO_SERVER", "moto/bin/moto_server"));
        command
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true");
        let emulator = Self::start(command, port, tempfile::tempdir().unwrap());
        // Functions that are called by a secret's rotation need no Docker then.
        let config = serde_json::json!({"lambda": {"use_docker": false}});
        ureq::post(format!("{}/moto-api/config", emulator.url))
            .send_json(config)
            .unwrap();
        emulator
    }

    fn start(mut command: Command, port: u16, state: tempfile::TempDir) -> Self {
        let child = command
            .current_dir(state.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{command:?}: {error}; run scripts/test, which installs it")
            });
        let emulator = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
            _state: state,
        };
        wait_for(port);
        emulator
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program that scripts/test installed, or WMCTL_MINISTACK names.
pub fn ministack() -> PathBuf {
    program("WMCTL_MINISTACK", "ministack/bin/ministack")
}

/// The server that scripts/test installed.
fn program(variable: &str, path: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| root().join(".wmctl/venv").join(path), PathBuf::from)
}

/// A port that nothing listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn wait_for(port: u16) {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let deadline = Instant::now() + Duration::from_mins(1);
    while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
        assert!(Instant::now() < deadline, "nothing listens on {address}");
        std::thread::yield_now();
    }
}
