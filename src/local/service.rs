//! Starting a daemon that outlives this command, and waiting until it really answers.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::program::tail;
use super::state::{State, cannot_write};
use crate::error::{Error, Result};
use crate::events::Events;
use crate::process::{POLL, Process};

/// Generous, since it only matters when something is wrong: a loaded machine is slow, not broken.
const READY_WITHIN: Duration = Duration::from_mins(2);

/// One of the two daemons.
pub(super) trait Service: Send + Sync {
    /// In events: `local/gateway`.
    const ID: &str;
    /// To the operator: `MiniStack`.
    const NAME: &str;
    /// The option of `wmctl local start` that moves it.
    const PORT_OPTION: &str;
    /// How long it may take to end; it saves its state in that time.
    const GRACE: Duration;

    fn port(&self) -> u16;
    fn log(&self) -> PathBuf;
    fn record(state: &mut State) -> &mut Option<Process>;
    /// Whatever must be there before it can run: installed programs, directories, certificates.
    fn prepare(&self, events: &Events) -> impl Future<Output = Result<()>> + Send;
    fn command(&self) -> impl Future<Output = Result<Command>> + Send;
    /// Its version, if it answers.
    fn answer(&self) -> impl Future<Output = Option<String>> + Send;
}

/// Sees to all that a daemon which is to be started needs.
pub(super) async fn prepare<S: Service>(service: &S, events: &Events) -> Result<()> {
    port_is_free(service)?;
    service.prepare(events).await
}

/// Starts the daemon unless it runs. `record` is called as soon as there is a process,
/// so that an interrupted start leaves nothing that `stop` does not know.
pub(super) async fn start<S: Service>(
    service: &S,
    running: Option<Process>,
    record: impl FnOnce(Process) -> Result<()>,
    events: &Events,
) -> Result<()> {
    let begun = Instant::now();
    if let Some(process) = running {
        return wait_for_answer(service, &process, events).await;
    }
    events.started(S::ID, "starting");
    let process = launch(service).await?;
    record(process.clone())?;
    wait_for_answer(service, &process, events).await?;
    events.done(S::ID, "started", begun.elapsed());
    Ok(())
}

pub(super) async fn stop<S: Service>(process: &Process, events: &Events) {
    let begun = Instant::now();
    events.started(S::ID, "stopping");
    process.end(S::GRACE).await;
    events.done(S::ID, "stopped", begun.elapsed());
}

async fn launch<S: Service>(service: &S) -> Result<Process> {
    let path = service.log();
    let _ = fs::rename(&path, path.with_added_extension("old"));
    let log = File::create(&path).map_err(|error| cannot_write(&path, error))?;
    let also = log
        .try_clone()
        .map_err(|error| cannot_write(&path, error))?;
    let mut command = service.command().await?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(also)
        // A group of its own: Ctrl-C at this terminal is not meant for the daemon.
        .process_group(0)
        .spawn()
        .map_err(|error| {
            Error::environment(format!("{} cannot be run", command.get_program().display()))
                .because(error)
                .hint("scripts/quickstart")
        })?;
    match Process::of(child.id()).await {
        Some(process) => {
            // Takes note of the child's end should this command still be there by then;
            // a thread of its own, since nobody waits for those.
            std::thread::spawn(move || child.wait());
            Ok(process)
        }
        None => Err(died(service)),
    }
}

async fn wait_for_answer<S: Service>(
    service: &S,
    process: &Process,
    events: &Events,
) -> Result<()> {
    let begun = Instant::now();
    let mut told = false;
    while service.answer().await.is_none() {
        if !process.is_alive().await {
            return Err(died(service));
        }
        if begun.elapsed() > READY_WITHIN {
            return Err(Error::environment(format!(
                "{} runs (process {}) but has not answered on port {} for {} s",
                S::NAME,
                process.pid,
                service.port(),
                READY_WITHIN.as_secs()
            ))
            .hint(format!("its log is {}", service.log().display()))
            .hint("wmctl local stop; wmctl local start"));
        }
        if begun.elapsed() > Duration::from_secs(2) && !std::mem::replace(&mut told, true) {
            events.waiting(S::ID, format!("{} to answer", S::NAME));
        }
        sleep(POLL).await;
    }
    Ok(())
}

fn died<S: Service>(service: &S) -> Error {
    let log = service.log();
    let mut error = Error::environment(format!("{} ended as soon as it was started", S::NAME));
    if let Some(lines) = last_lines(&log) {
        error = error.because(lines);
    }
    error
        .hint(format!("its log is {}", log.display()))
        .hint("wmctl local start")
}

/// The end of a log, short enough to show.
fn last_lines(log: &Path) -> Option<String> {
    let text = String::from_utf8_lossy(&fs::read(log).ok()?).into_owned();
    tail(&text)
}

/// A daemon that cannot bind its port may say so in many ways, or run on without it.
fn port_is_free<S: Service>(service: &S) -> Result<()> {
    let port = service.port();
    let Err(error) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) else {
        return Ok(());
    };
    let message = if error.kind() == ErrorKind::AddrInUse {
        format!(
            "port {port} is taken by another program, so {} cannot listen there",
            S::NAME
        )
    } else {
        format!("{} cannot listen on port {port}", S::NAME)
    };
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_or_else(|_| "PORT".to_owned(), |address| address.port().to_string());
    Err(Error::environment(message)
        .because(error)
        .hint(format!("wmctl local start {} {free}", S::PORT_OPTION)))
}
