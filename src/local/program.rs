//! Programs of this machine that the local cloud calls for help.

use std::env;
use std::path::{Path, PathBuf};

/// Where servers and their tools are when they are not on the `PATH`: often not for plain users.
const DIRECTORIES: [&str; 8] = [
    "/usr/sbin",
    "/usr/local/sbin",
    "/usr/bin",
    "/usr/local/bin",
    "/usr/libexec",
    "/opt/homebrew/bin",
    "/opt/homebrew/opt/mariadb/bin",
    "/usr/local/opt/mariadb/bin",
];

/// Why a helper program did not do its work.
pub(super) struct Failure {
    pub missing: bool,
    pub output: String,
}

/// Runs a helper program to its end.
pub(super) async fn run(program: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let output = tokio::process::Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| Failure {
            missing: error.kind() == std::io::ErrorKind::NotFound,
            output: error.to_string(),
        })?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let all = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
    Err(Failure {
        missing: false,
        output: tail(&all).unwrap_or_else(|| output.status.to_string()),
    })
}

/// The first program of these names, looked for in `first`, on the `PATH`, then where servers are.
pub(super) fn find(names: &[&str], first: Option<&Path>) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories: Vec<PathBuf> = first
        .map(Path::to_owned)
        .into_iter()
        .chain(env::split_paths(&path))
        .chain(DIRECTORIES.map(PathBuf::from))
        .collect();
    let mut candidates = names.iter().flat_map(|name| {
        directories
            .iter()
            .map(move |directory| directory.join(name))
    });
    candidates.find(|candidate| candidate.is_file())
}

/// The last lines of a program's output, short enough to show in an error.
pub(super) fn tail(text: &str) -> Option<String> {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let last = &lines[lines.len().saturating_sub(8)..];
    (!last.is_empty()).then(|| last.join("\n"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_short_and_without_empty_lines() {
        let text: String = (1..20)
            .flat_map(|n| [format!("line {n}\n"), "\n".to_owned()])
            .collect();
        assert_eq!(tail(&text).unwrap().lines().count(), 8);
        assert!(tail(&text).unwrap().ends_with("line 19"));
        assert_eq!(tail(" \n"), None);
    }

    #[test]
    fn programs_are_found_and_missing_ones_are_not() {
        assert!(find(&["no-such-program", "sh"], None).is_some());
        assert!(find(&["no-such-program"], Some(Path::new("/"))).is_none());
    }

    #[tokio::test]
    async fn a_failure_carries_the_output() {
        let failure = run(Path::new("sh"), &["-c", "echo why >&2; exit 3"])
            .await
            .err()
            .unwrap();
        assert!(!failure.missing);
        assert_eq!(failure.output, "why");
        assert!(
            run(Path::new("no-such-program"), &[])
                .await
                .err()
                .unwrap()
                .missing
        );
    }
}
