//! How quick the engine is where every call takes 50 ms: calls, waves, time, CPU and memory of a
//! first `up`, one with nothing to do, one with one change, and `down`.
//!
//! `cargo bench --bench engine [-- --idle]`, on Linux, after `scripts/test` has installed the
//! emulators; `--idle` leaves out what changes something.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::print_stdout)]
// Of the tests' own modules only some is needed here.
#![allow(dead_code)]

#[path = "../tests/it/emulator.rs"]
mod emulator;
#[path = "../tests/it/project.rs"]
mod project;
#[path = "../tests/support/mod.rs"]
mod support;

use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use emulator::ministack;
use project::{Project, Run, at};
use support::copies::{self, Original, reset};
use support::proxy::{Call, Proxy};
use support::wire;

const DELAY: Duration = Duration::from_millis(50);
/// Long enough that all calls which do not wait for each other begin before any of them ends.
const LONG: Duration = Duration::from_secs(1);
/// Runs of what changes nothing; the median counts.
const RUNS: usize = 7;

/// One command, and the account that it starts from.
struct Scene<'a> {
    name: &'static str,
    arguments: &'static [&'static str],
    start: &'a Original,
    edit: fn(&Project),
}

/// One run of it.
struct Figures {
    calls: Vec<Call>,
    objects: usize,
    wall: Duration,
    cpu: Duration,
    emulator: Duration,
    memory_kb: u64,
}

impl Scene<'_> {
    /// On an account of its own.
    fn run(&self, delay: Duration) -> Figures {
        self.run_on(&self.start.copy(), delay)
    }

    fn run_on(&self, copy: &copies::Copy<'_>, delay: Duration) -> Figures {
        let project = whole();
        (self.edit)(&project);
        let proxy = Proxy::new(copy.port, delay);
        let mut command = project.command(&[self.arguments, &at(&proxy.url)].concat());
        let (before, began) = (cpu(copy.process).unwrap(), Instant::now());
        let (mut started, mut sampler) = (false, None);
        let (mut wall, mut used) = (Duration::ZERO, Duration::ZERO);
        let output = proxy.run(&mut command, |process| {
            if started {
                wall = began.elapsed();
                used = when_ended(process);
            } else {
                started = true;
                sampler = Some(std::thread::spawn(move || peak_memory(process)));
            }
        });
        let run = Run::from(output).ok();
        let steps = run.json()["plan"]["steps"].as_array().map_or(0, Vec::len);
        Figures {
            calls: proxy.take_calls(),
            objects: steps,
            wall,
            cpu: used,
            emulator: cpu(copy.process).unwrap().saturating_sub(before),
            memory_kb: sampler.unwrap().join().unwrap(),
        }
    }
}

fn whole() -> Project {
    let project = Project::new();
    project.share_build();
    project.edit("[alarms]\n", "[alarms]\nemail = \"ops@example.com\"\n");
    project
}

/// Fields of `/proc/PID/stat` from the state on.
fn stat(process: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split(' ').map(str::to_owned).collect())
}

/// User and system time so far.
fn cpu(process: u32) -> Option<Duration> {
    let fields = stat(process)?;
    let ticks = fields[11].parse::<u64>().ok()? + fields[12].parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

/// CPU time of a process that is ending and not yet waited for.
fn when_ended(process: u32) -> Duration {
    while stat(process).is_some_and(|fields| fields[0] != "Z") {
        std::thread::yield_now();
    }
    cpu(process).unwrap()
}

/// The peak, in KB, as far as it was seen: the kernel forgets it when the process ends.
fn peak_memory(process: u32) -> u64 {
    let mut peak = 0;
    loop {
        let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let Some(line) = text.lines().find(|line| line.starts_with("VmHWM")) else {
            return peak;
        };
        peak = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The wave of each call: one more than the highest of those that ended before it began.
fn waves(calls: &[Call]) -> Vec<usize> {
    let mut waves: Vec<usize> = Vec::new();
    for call in calls {
        let before = calls
            .iter()
            .zip(&waves)
            .filter(|(other, _)| other.ended <= call.began);
        waves.push(before.map(|(_, wave)| wave + 1).max().unwrap_or(0));
    }
    waves
}

/// The same requests in the same waves, from a client that does nothing else: how long it takes.
fn floor(calls: &[Call], port: u16) -> Duration {
    let waves = waves(calls);
    let proxy = Proxy::new(port, DELAY);
    let address = proxy.url.strip_prefix("http://").unwrap().to_owned();
    let connections: Mutex<Vec<TcpStream>> = Mutex::default();
    let began = Instant::now();
    for wave in 0..=*waves.iter().max().unwrap() {
        let requests: Vec<&Call> = calls
            .iter()
            .zip(&waves)
            .filter(|(_, of)| **of == wave)
            .map(|(call, _)| call)
            .collect();
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in &requests {
                scope.spawn(|| {
                    let kept = connections.lock().unwrap().pop();
                    let mut stream = kept.unwrap_or_else(|| {
                        let stream = TcpStream::connect(&address).unwrap();
                        stream.set_nodelay(true).unwrap();
                        stream
                    });
                    let call = requests[next.fetch_add(1, Ordering::Relaxed)];
                    wire::exchange(&mut stream, &call.request).unwrap();
                    connections.lock().unwrap().push(stream);
                });
            }
        });
    }
    began.elapsed()
}

fn median<T: Ord + Copy>(values: impl Iterator<Item = T>) -> T {
    let mut values: Vec<T> = values.collect();
    values.sort();
    values[values.len() / 2]
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

fn main() {
    let (empty, built) = (Original::start(&ministack()), Original::start(&ministack()));
    for original in [&empty, &built] {
        let url = format!("http://127.0.0.1:{}", original.port);
        whole().wmctl(&[&["up"], &at(&url)[..]].concat()).ok();
    }
    reset(empty.port);
    empty.rest();
    built.rest();

    let scene = |name, arguments, start, edit| Scene {
        name,
        arguments,
        start,
        edit,
    };
    let down = &["down", "--allow-destroy", "db-instance/main"];
    let same: fn(&Project) = |_| {};
    let idle = scene("nothing to do", &["up"], &built, same);
    let others = [
        scene("create", &["up"], &empty, same),
        scene("one field", &["up"], &built, |project| {
            project.edit("memory_mb            = 256", "memory_mb            = 512");
        }),
        scene("destroy", down, &built, same),
    ];

    println!("\n{DELAY:?} for each call");
    println!(
        "{:14} {:>6} {:>8} {:>6} {:>8} {:>8} {:>7} {:>9}",
        "", "calls", "objects", "waves", "wall", "own CPU", "memory", "emulator"
    );
    let row = |scene: &Scene<'_>, runs: &[Figures]| {
        let waves = waves(&scene.run(LONG).calls).into_iter().max().unwrap() + 1;
        println!(
            "{:14} {:>6} {:>8} {waves:>6} {:>8} {:>8} {:>4} MB {:>9}",
            scene.name,
            runs[0].calls.len(),
            runs[0].objects,
            seconds(median(runs.iter().map(|run| run.wall))),
            seconds(median(runs.iter().map(|run| run.cpu))),
            median(runs.iter().map(|run| run.memory_kb)) / 1024,
            seconds(median(runs.iter().map(|run| run.emulator))),
        );
        waves
    };
    // The same account for these and for the client below: an emulator is slow to answer at first.
    let copy = built.copy();
    let runs: Vec<Figures> = (0..RUNS).map(|_| idle.run_on(&copy, DELAY)).collect();
    row(&idle, &runs);
    let only_idle = std::env::args().any(|argument| argument == "--idle");
    for scene in others.iter().filter(|_| !only_idle) {
        // Where no call is delayed, what is not our own CPU is the emulator: at work, or letting a
        // function be pending for a while, as AWS does.
        let prompt = scene.run(Duration::ZERO);
        let emulator = prompt.wall.saturating_sub(prompt.cpu);
        let run = scene.run(DELAY);
        let wall = run.wall.saturating_sub(emulator);
        let waves = row(scene, &[run]);
        let chain = DELAY * u32::try_from(waves).unwrap();
        println!(
            "{:14} {:.2} times its longest chain of {waves} calls, without the emulator's own {}",
            "",
            wall.as_secs_f64() / chain.as_secs_f64(),
            seconds(emulator)
        );
    }

    let recorded = idle.run(LONG).calls;
    let floor = median((0..RUNS).map(|_| floor(&recorded, copy.port)));
    let wall = median(runs.iter().map(|run| run.wall));
    println!(
        "\nnothing to do: {} where a client that only sends the same requests takes {}: {:.2} times that",
        seconds(wall),
        seconds(floor),
        wall.as_secs_f64() / floor.as_secs_f64()
    );
    println!("The reads, by wave:");
    for (call, wave) in recorded.iter().zip(waves(&recorded)) {
        println!("  {} {}", wave + 1, call.name);
    }
}
