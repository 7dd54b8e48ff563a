//! Where the processes run.

use std::process::{Command, Stdio};

use crate::usage::status;

/// The processors that this process may run on, as the kernel lists them: `0-3,6`.
pub fn allowed() -> String {
    status(std::process::id(), "Cpus_allowed_list")
}

/// The first of some.
pub fn first(processors: &str) -> &str {
    let end = processors.find(|character: char| !character.is_ascii_digit());
    &processors[..end.unwrap_or(processors.len())]
}

/// Keeps this process, another one, and all that this one will start on some processors.
pub fn keep_on(processors: &str, other: u32) {
    for process in [std::process::id(), other] {
        let status = Command::new("taskset")
            .args(["--all-tasks", "--cpu-list", "--pid", processors])
            .arg(process.to_string())
            .stdout(Stdio::null())
            .status();
        assert!(status.expect("taskset runs").success(), "taskset");
    }
}
