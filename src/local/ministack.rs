//! The emulator of AWS: a Python program in a private virtual environment.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use serde::Deserialize;
use tokio::time::Instant;

use super::program::{Failure, run};
use super::service::Service;
use super::state::{State, cannot_write, private_dir, write_private};
use crate::error::{Error, Result};
use crate::events::Events;
use crate::process::Process;

/// The versions that the local cloud is known to work with. A copy beside an environment
/// says that it is complete; `scripts/lib.sh` keeps to the same rule.
const REQUIREMENTS: &str = include_str!("requirements.txt");

/// What keeps browsers out of it.
const GUARD: &str = include_str!("guard.py");

/// Names an executable to use instead of the private environment's.
const EXECUTABLE: &str = "WMCTL_MINISTACK";

pub(super) fn named_executable() -> Option<PathBuf> {
    env::var_os(EXECUTABLE)
        .filter(|value| !value.is_empty())
        .map(Into::into)
}

pub(super) struct MiniStack {
    executable: Option<PathBuf>,
    venv: PathBuf,
    root: PathBuf,
    port: u16,
}

impl MiniStack {
    pub fn new(executable: Option<PathBuf>, project: &Path, root: &Path, port: u16) -> Self {
        Self {
            executable,
            venv: project.join(".wmctl/venv/ministack"),
            root: root.join("gateway"),
            port,
        }
    }

    /// Run as a module, since the scripts in an environment name the directory it was made in.
    fn python(&self) -> PathBuf {
        self.venv.join("bin/python")
    }

    /// Complete, for these versions, and still working: a new Python of the system breaks it.
    async fn is_installed(&self) -> bool {
        let done = fs::read_to_string(self.venv.join("requirements.txt"));
        done.is_ok_and(|installed| installed == REQUIREMENTS)
            && run(&self.python(), &["-c", "import ministack, cryptography"])
                .await
                .is_ok()
    }

    async fn install(&self, events: &Events) -> Result<()> {
        let begun = Instant::now();
        let version = REQUIREMENTS
            .lines()
            .next()
            .unwrap_or_default()
            .replace("==", " ");
        events.started("local/python", &format!("installing {version}"));
        let venv = self.venv.to_string_lossy();
        run(Path::new("python3"), &["-m", "venv", "--clear", &venv])
            .await
            .map_err(no_venv)?;
        let requirements = self.venv.join("requirements.new");
        fs::write(&requirements, REQUIREMENTS).map_err(|e| cannot_write(&requirements, e))?;
        let list = requirements.to_string_lossy();
        let pip = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-input",
            "--requirement",
            &list,
        ];
        run(&self.python(), &pip).await.map_err(|failure| {
            Error::environment(format!("pip could not install {version}"))
                .because(failure.output)
                .hint("check the network, or name a mirror in PIP_INDEX_URL")
                .hint("wmctl local start")
        })?;
        let done = self.venv.join("requirements.txt");
        fs::rename(&requirements, &done).map_err(|e| cannot_write(&done, e))?;
        events.done("local/python", "installed", begun.elapsed());
        Ok(())
    }
}

impl Service for MiniStack {
    const ID: &str = "local/gateway";
    const NAME: &str = "MiniStack";
    const PORT_OPTION: &str = "--gateway-port";
    const GRACE: Duration = Duration::from_secs(30);

    fn port(&self) -> u16 {
        self.port
    }

    fn log(&self) -> PathBuf {
        self.root.with_extension("log")
    }

    fn record(state: &mut State) -> &mut Option<Process> {
        &mut state.gateway
    }

    async fn prepare(&self, events: &Events) -> Result<()> {
        // Holds what was unpacked for functions that ended with the last emulator.
        let _ = fs::remove_dir_all(self.root.join("tmp"));
        for dir in ["", "state", "s3", "tmp", "guard"] {
            private_dir(&self.root.join(dir))?;
        }
        // The name under which Python imports it before anything else.
        write_private(&self.root.join("guard/sitecustomize.py"), GUARD.as_bytes())?;
        match &self.executable {
            Some(executable) if !executable.is_file() => Err(Error::environment(format!(
                "{EXECUTABLE} names {}, which is not there",
                executable.display()
            ))
            .hint(format!("unset {EXECUTABLE}; wmctl local start"))),
            None if !self.is_installed().await => self.install(events).await,
            _ => Ok(()),
        }
    }

    async fn command(&self) -> Result<Command> {
        let mut command = match &self.executable {
            Some(executable) => Command::new(executable),
            None => Command::new(self.python()),
        };
        if self.executable.is_none() {
            command.args(["-m", "ministack"]);
        }
        let endpoint = format!("http://127.0.0.1:{}", self.port);
        command
            .current_dir(&self.root)
            // Functions inherit all of it: the operator's credentials, profile and proxies
            // are none of their business.
            .env_clear()
            .envs(env::var_os("PATH").map(|path| ("PATH", path)))
            .env("LANG", "C.UTF-8")
            .env("HOME", &self.root)
            .env("TMPDIR", self.root.join("tmp"))
            .env("PYTHONPATH", self.root.join("guard"))
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", self.port.to_string())
            .env("PERSIST_STATE", "1")
            .env("STATE_DIR", self.root.join("state"))
            .env("S3_PERSIST", "1")
            .env("S3_DATA_DIR", self.root.join("s3"))
            // Else it also listens for MQTT.
            .env("IOT_MTLS_ENABLED", "0")
            // Functions run as plain processes, and a Docker on this machine is left alone.
            .env("LAMBDA_EXECUTOR", "local")
            .env("DOCKER_HOST", "unix:///nonexistent")
            // Not set for native functions otherwise, whose SDK would then call AWS itself.
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        Ok(command)
    }

    async fn answer(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Health {
            version: String,
        }
        let url = format!("http://127.0.0.1:{}/_ministack/health", self.port);
        let ask = move || -> Result<Health, ureq::Error> {
            let agent: ureq::Agent = ureq::Agent::config_builder()
                .proxy(None)
                .timeout_global(Some(Duration::from_secs(5)))
                .build()
                .into();
            agent.get(&url).call()?.body_mut().read_json()
        };
        tokio::task::spawn_blocking(ask)
            .await
            .ok()?
            .ok()
            .map(|health| health.version)
    }
}

fn no_venv(failure: Failure) -> Error {
    let message = if failure.missing {
        "python3 is not installed; the local cloud needs it"
    } else {
        "python3 cannot make a virtual environment"
    };
    Error::environment(message)
        .because(failure.output)
        .hint("install Python 3.10 or later with its venv module (Debian: apt-get install python3-venv)")
        .hint("scripts/quickstart")
}
