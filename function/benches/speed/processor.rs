//! Where the processes run.

use std::process::Command;

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

/// A server's threads come and go, and one that goes while they are moved ends the attempt.
const ATTEMPTS: usize = 20;

/// Keeps this process, another one, and all that this one will start on some processors.
pub fn keep_on(processors: &str, other: u32) {
    for process in [std::process::id(), other] {
        let moved = || {
            let moved = Command::new("taskset")
                .args(["--all-tasks", "--cpu-list", "--pid", processors])
                .arg(process.to_string())
                .output()
                .expect("taskset runs");
            moved.status.success()
        };
        assert!((0..ATTEMPTS).any(|_| moved()), "{process} is not moved");
    }
}
