//! A project directory of a test's own, and the binary run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// An infra.toml in a directory that goes with the test. The function crate and the migrations
/// are the workspace's own, so all tests share one build of them.
pub struct Project {
    dir: tempfile::TempDir,
}

/// What one run of the binary left behind.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// Both streams, for messages of failed assertions.
    pub fn all(&self) -> String {
        format!(
            "exit {}\n--- stdout\n{}\n--- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.all()))
    }

    /// The run, which must have succeeded.
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.all());
        self
    }
}

impl Project {
    /// The default infra.toml, pointed at the workspace's crate, contract and migrations.
    pub fn new() -> Self {
        let text = std::fs::read_to_string(root().join("infra.toml")).unwrap();
        let at = |path: &str| format!("\"{}\"", root().join(path).display());
        let text = text
            .replace(
                "crate                = \"function\"",
                &format!("crate = {}", at("function")),
            )
            .replace(
                "dir = \"migrations\"",
                &format!("dir = {}", at("migrations")),
            )
            .replace(
                "path     = \"/chatbot\"",
                &format!(
                    "path = \"/chatbot\"\ncontract = {}",
                    at("function/openapi.json")
                ),
            );
        let project = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        project.write(&text);
        project
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn config(&self) -> String {
        std::fs::read_to_string(self.path().join("infra.toml")).unwrap()
    }

    pub fn write(&self, config: &str) {
        std::fs::write(self.path().join("infra.toml"), config).unwrap();
    }

    /// Replaces text in infra.toml that must be there.
    pub fn edit(&self, from: &str, to: &str) {
        let config = self.config();
        assert!(config.contains(from), "infra.toml has no {from:?}");
        self.write(&config.replace(from, to));
    }

    pub fn wmctl(&self, arguments: &[&str]) -> Run {
        self.wmctl_with(arguments, &[])
    }

    /// The same with environment variables. Nothing of the caller's AWS settings gets through.
    pub fn wmctl_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        run(command)
    }

    /// The binary with these arguments, for who runs it in a way of their own.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wmctl"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env("NO_COLOR", "1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("HOME", self.path())
            .env("CARGO_HOME", cargo_home())
            .env("RUSTUP_HOME", rustup_home())
            .stdin(std::process::Stdio::null());
        for name in [
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_PROFILE",
        ] {
            command.env_remove(name);
        }
        command
    }

    /// Keeps what is built of the function where the next run finds it. For tests that run one
    /// after the other: two that build at once would disturb each other.
    pub fn share_build(&self) {
        let build = Path::new(env!("CARGO_TARGET_TMPDIR")).join("build");
        std::fs::create_dir_all(&build).unwrap();
        std::fs::create_dir_all(self.path().join(".wmctl")).unwrap();
        std::os::unix::fs::symlink(build, self.path().join(".wmctl/build")).unwrap();
    }
}

/// What makes a run one on an endpoint without a data plane, by a script.
pub fn at(url: &str) -> [&str; 6] {
    [
        "--endpoint-url",
        url,
        "--skip",
        "migrate,health",
        "--json",
        "--yes",
    ]
}

pub fn run(mut command: Command) -> Run {
    command.output().unwrap().into()
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// The workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn home() -> PathBuf {
    PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/".into()))
}

fn cargo_home() -> PathBuf {
    std::env::var_os("CARGO_HOME").map_or_else(|| home().join(".cargo"), PathBuf::from)
}

fn rustup_home() -> PathBuf {
    std::env::var_os("RUSTUP_HOME").map_or_else(|| home().join(".rustup"), PathBuf::from)
}
