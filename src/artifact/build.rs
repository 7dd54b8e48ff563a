//! Runs cargo on the function crate.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{ChildStderr, ChildStdout, Command};

use super::Request;
use crate::config::Architecture;
use crate::error::{Error, Result};
use crate::events::Events;

/// The profile that is small, quick to start, and aborts on panic.
const PROFILE: &str = "function";

/// Builds the crate's binaries; their paths by name.
pub async fn compile(request: &Request<'_>, events: &Events) -> Result<BTreeMap<String, PathBuf>> {
    let mut command = command(request);
    command
        .env("MIGRATIONS_DIR", absolute(request.migrations_dir()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| {
        Error::environment("cannot run cargo")
            .hint(
                "install Rust from your package manager or rustup, then run the same command again",
            )
            .because(error)
    })?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (binaries, log) = tokio::join!(binaries(stdout, events), diagnostics(stderr));
    let status = child
        .wait()
        .await
        .map_err(|error| Error::failed("cargo did not end").because(error))?;
    if status.success() {
        return Ok(binaries);
    }
    Err(explain(request, &log))
}

fn command(request: &Request<'_>) -> Command {
    let mut command = Command::new("cargo");
    if request.native {
        command.arg("build");
    } else {
        command
            .args(["zigbuild", "--target"])
            .arg(format!("{}.2.34", target(request.architecture())));
    }
    command
        .args([
            "--profile",
            PROFILE,
            "--locked",
            "--bins",
            "--message-format=json",
        ])
        .arg("--manifest-path")
        .arg(request.crate_dir().join("Cargo.toml"));
    command
}

fn target(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Arm64 => "aarch64-unknown-linux-gnu",
        Architecture::X86_64 => "x86_64-unknown-linux-gnu",
    }
}

fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

/// The part of cargo's messages that names what was built.
#[derive(Deserialize)]
struct Message {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

async fn binaries(stdout: Option<ChildStdout>, events: &Events) -> BTreeMap<String, PathBuf> {
    let mut binaries = BTreeMap::new();
    let Some(stdout) = stdout else {
        return binaries;
    };
    let mut lines = BufReader::new(stdout).lines();
    let mut crates = 0;
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(message) = serde_json::from_str::<Message>(&line) else {
            continue;
        };
        let Some(target) = message.target else {
            continue;
        };
        crates += 1;
        events.waiting(
            "build",
            format!("cargo: {crates} crates, last {}", target.name),
        );
        if let Some(executable) = message.executable {
            binaries.insert(target.name, executable);
        }
    }
    binaries
}

async fn diagnostics(stderr: Option<ChildStderr>) -> String {
    let mut text = String::new();
    if let Some(mut stderr) = stderr {
        let mut bytes = Vec::new();
        let _ = stderr.read_to_end(&mut bytes).await;
        text = String::from_utf8_lossy(&bytes).into_owned();
    }
    text
}

/// Cargo's own words, and what to install where the cross build lacks something.
fn explain(request: &Request<'_>, log: &str) -> Error {
    let error = Error::failed("the function did not build; nothing was changed");
    if !request.native
        && (log.contains("no such command: `zigbuild`") || log.contains("no such subcommand"))
    {
        return Error::environment(
            "cargo-zigbuild is missing; it links the function for Lambda's C library",
        )
        .hint("`pip install cargo-zigbuild ziglang`, or `cargo install cargo-zigbuild` and zig from your package manager");
    }
    if !request.native && log.to_lowercase().contains("failed to find zig") {
        return Error::environment("zig is missing; cargo-zigbuild links with it")
            .hint("`pip install ziglang`, or zig from your package manager");
    }
    if log.contains("can't find crate for `core`") || log.contains("can't find crate for `std`") {
        let target = target(request.architecture());
        return Error::environment(format!("Rust's standard library for {target} is missing"))
            .hint(format!("`rustup target add {target}`"))
            .hint("or set [function] architecture to this machine's own");
    }
    let tail: Vec<&str> = log.lines().rev().take(30).collect();
    let tail: Vec<&str> = tail.into_iter().rev().collect();
    error.because(tail.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::path::Path;

    fn explained(log: &str) -> Error {
        let config: Config = toml::from_str("[stack]\nname = 'a'\nregion = 'us-east-1'").unwrap();
        let request = Request {
            base: Path::new("."),
            config: &config,
            native: false,
            database_ca: Vec::new(),
        };
        explain(&request, log)
    }

    #[test]
    fn what_is_missing_for_a_cross_build_is_named_with_its_command() {
        let error = explained("error: no such command: `zigbuild`");
        assert!(error.message.contains("cargo-zigbuild is missing"));
        let error = explained("error[E0463]: can't find crate for `core`");
        assert_eq!(
            error.hints[0],
            "`rustup target add aarch64-unknown-linux-gnu`"
        );
        let error = explained("Error: Failed to find zig");
        assert!(error.hints[0].contains("ziglang"));
    }

    #[test]
    fn a_compiler_error_is_shown_as_cargo_gave_it() {
        assert_eq!(
            explained("error[E0308]: mismatched types").causes(),
            ["error[E0308]: mismatched types"]
        );
    }
}
