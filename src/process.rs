//! Processes that outlive the command which started them, or that another run of it was: who
//! they are, whether they live, and how to end them.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::process::Command;
use tokio::time::{Instant, sleep};

/// How often a process that is starting or ending is looked at.
pub const POLL: Duration = Duration::from_millis(20);

/// A process, and when it was born: the system reuses process ids, but not both together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    pub pid: u32,
    pub born: String,
}

impl Process {
    /// The process that has this id now; none when there is none, or when it has ended and
    /// only its parent has not noticed yet.
    pub async fn of(pid: u32) -> Option<Self> {
        let born = if Path::new("/proc/self/stat").exists() {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
            format!("{} {}", boot.trim(), born_in_stat(&stat)?)
        } else {
            let ps = ["-o", "stat=,lstart=", "-p", &pid.to_string()];
            let output = Command::new("ps").env("LC_ALL", "C").args(ps).output();
            born_in_ps(&String::from_utf8_lossy(&output.await.ok()?.stdout))?
        };
        Some(Self { pid, born })
    }

    pub async fn is_alive(&self) -> bool {
        Self::of(self.pid).await.as_ref() == Some(self)
    }

    /// Asks the process to end, waits, and kills it if it has not ended within `grace`.
    /// Then does the same for what is left of its process group, which is what it started itself.
    pub async fn end(&self, grace: Duration) {
        if self.is_alive().await {
            signal("TERM", &self.pid.to_string()).await;
            if !gone(grace, || async { !self.is_alive().await }).await {
                signal("KILL", &self.pid.to_string()).await;
                gone(grace, || async { !self.is_alive().await }).await;
            }
        }
        let group = format!("-{}", self.pid);
        if signal("TERM", &group).await
            && !gone(Duration::from_secs(2), || async {
                !signal("0", &group).await
            })
            .await
        {
            signal("KILL", &group).await;
        }
    }
}

/// This machine's name, for people.
pub async fn host() -> String {
    if let Ok(name) = std::fs::read_to_string("/proc/sys/kernel/hostname") {
        return name.trim().to_owned();
    }
    let output = Command::new("hostname").output().await;
    output.map_or_else(
        |_| "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

/// What tells whether a process id recorded elsewhere means anything here: the name, and on Linux
/// the namespace that ids are counted in.
pub async fn machine() -> String {
    let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let digits = |c: &char| c.is_ascii_digit();
    let namespace: String = namespace.to_string_lossy().chars().filter(digits).collect();
    format!("{} {namespace}", host().await).trim().to_owned()
}

/// Sends a signal with the shell's own `kill`, since not every system has it as a program.
/// Whether there was anything to send it to.
async fn signal(name: &str, target: &str) -> bool {
    Command::new("sh")
        .args([
            "-c",
            "kill -s \"$1\" -- \"$2\" 2>/dev/null",
            "sh",
            name,
            target,
        ])
        .status()
        .await
        .is_ok_and(|status| status.success())
}

async fn gone<F: Future<Output = bool>>(within: Duration, is_gone: impl Fn() -> F) -> bool {
    let deadline = Instant::now() + within;
    while !is_gone().await {
        if Instant::now() > deadline {
            return false;
        }
        sleep(POLL).await;
    }
    true
}

/// The start time in a line of `/proc/<pid>/stat`. The program's name comes before it
/// in parentheses and may hold spaces and parentheses itself.
fn born_in_stat(stat: &str) -> Option<&str> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    (!matches!(state, "Z" | "X")).then_some(())?;
    fields.nth(18)
}

/// The start time in the answer of `ps -o stat=,lstart=`.
fn born_in_ps(line: &str) -> Option<String> {
    let (state, born) = line.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| born.trim().to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn start_time_is_read_past_a_hostile_program_name() {
        let line = "812 (a) Z 1 (b) S 1 812 812 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1 2";
        assert_eq!(born_in_stat(line), Some("98765"));
    }

    #[test]
    fn an_ended_process_is_not_alive() {
        let line = "812 (x) Z 1 812 812 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1 2";
        assert_eq!(born_in_stat(line), None);
        assert_eq!(born_in_ps("Z+   Mon Jan  5 10:00:00 2026\n"), None);
        assert_eq!(born_in_stat("garbage"), None);
    }

    #[test]
    fn ps_answers_are_read() {
        let born = born_in_ps("Ss   Mon Jan  5 10:00:00 2026\n");
        assert_eq!(born.as_deref(), Some("Mon Jan  5 10:00:00 2026"));
        assert_eq!(born_in_ps(""), None);
    }

    #[tokio::test]
    async fn a_reused_process_id_is_not_ours() {
        let me = Process::of(std::process::id()).await.unwrap();
        assert!(me.is_alive().await);
        let other = Process {
            born: "before".to_owned(),
            ..me
        };
        assert!(!other.is_alive().await);
    }

    #[tokio::test]
    async fn ending_takes_what_the_process_started_along() {
        use std::os::unix::process::CommandExt as _;
        let mut child = std::process::Command::new("sh")
            .args([
                "-c",
                "trap 'exit 0' TERM; sleep 600 & echo $!; while :; do wait; done",
            ])
            .stdout(std::process::Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut output, &mut line).unwrap();
        let grandchild = Process::of(line.trim().parse().unwrap()).await.unwrap();
        let process = Process::of(child.id()).await.unwrap();
        process.end(Duration::from_secs(10)).await;
        assert!(!process.is_alive().await);
        assert!(!grandchild.is_alive().await);
        process.end(Duration::from_secs(1)).await;
        child.wait().unwrap();
    }
}
