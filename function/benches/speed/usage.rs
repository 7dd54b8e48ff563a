//! What the kernel knows of processes: CPU time, memory, and what else the machine does.

use std::fs::{read_dir, read_to_string};
use std::time::{Duration, Instant};

/// CPU time of a process's threads so far, to the nanosecond. A thread that has ended is
/// forgotten, so it fits processes that keep theirs.
pub fn cpu(process: u32) -> Duration {
    let threads = read_dir(format!("/proc/{process}/task")).expect("the process runs");
    let of_thread = |path: std::path::PathBuf| {
        let text = read_to_string(path.join("schedstat")).unwrap_or_default();
        text.split(' ').next().and_then(|ns| ns.parse::<u64>().ok())
    };
    let nanos = threads
        .flatten()
        .filter_map(|thread| of_thread(thread.path()))
        .sum();
    Duration::from_nanos(nanos)
}

/// The most memory that a process has had so far, in KiB.
pub fn peak_memory(process: u32) -> u64 {
    let text = status(process, "VmHWM");
    let number = text.split(' ').next().and_then(|kib| kib.parse().ok());
    number.expect("a number of KiB")
}

/// One line of what the kernel tells of a process.
pub fn status(process: u32, name: &str) -> String {
    let status = read_to_string(format!("/proc/{process}/status")).expect("the process runs");
    let mut lines = status.lines().filter_map(|line| line.split_once(':'));
    let line = lines.find(|(known, _)| *known == name);
    line.expect("a known name").1.trim().to_string()
}

/// The load averages of the last 1, 5 and 15 minutes.
pub fn load() -> String {
    let text = read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// How busy the machine is with what is not ours, since it was made.
pub struct Others {
    began: Instant,
    machine: Duration,
    own: Duration,
}

impl Others {
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            machine: machine(),
            own: own(),
        }
    }

    /// Their share of all processors, per cent. `more` is the time of children still running.
    pub fn share(&self, more: Duration) -> f64 {
        let machine = machine().saturating_sub(self.machine);
        let own = own().saturating_sub(self.own) + more;
        let processors = std::thread::available_parallelism().map_or(1.0, |n| n.get() as f64);
        let all = self.began.elapsed().as_secs_f64() * processors;
        100.0 * machine.saturating_sub(own).as_secs_f64() / all
    }
}

fn ticks<'a>(fields: impl Iterator<Item = &'a str>) -> Duration {
    let sum = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(sum) * 10
}

/// Time of all processors that was not idle, stolen time included.
fn machine() -> Duration {
    let text = read_to_string("/proc/stat").unwrap_or_default();
    let fields: Vec<&str> = text.split_whitespace().take(9).collect();
    let idle = |at: &usize| !matches!(at, 4 | 5);
    ticks((1..fields.len()).filter(idle).map(|at| fields[at]))
}

/// Time of this process and of its children that have ended.
fn own() -> Duration {
    let text = read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit_once(") ").map_or("", |(_, fields)| fields);
    ticks(fields.split(' ').skip(11).take(4))
}
