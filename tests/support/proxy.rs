//! A proxy on loopback between the binary and an emulator: it records every call, may delay each,
//! and harms one of them. HTTP/1.1 on plain threads, one for each connection.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::wire;

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The process is killed before its call arrives.
    KilledBefore,
    /// The process is killed after its call was processed, and before the answer.
    KilledAfter,
    /// HTTP 500, and nothing was processed.
    FailedBefore,
    /// HTTP 500, although the call was processed.
    FailedAfter,
    Throttled,
    /// The connection is reset, and nothing was processed.
    ResetBefore,
    /// The connection is reset after the call was processed.
    ResetAfter,
    /// Ctrl-C while the call is under way: it is answered when the process says that it stops.
    Interrupted,
    /// SIGTERM, likewise.
    Terminated,
    /// Ctrl-C again and again, while the call gets no answer, until the process has ended.
    InterruptedTwice,
}

impl Fault {
    pub const ALL: [Fault; 7] = [
        Fault::KilledBefore,
        Fault::KilledAfter,
        Fault::FailedBefore,
        Fault::FailedAfter,
        Fault::Throttled,
        Fault::ResetBefore,
        Fault::ResetAfter,
    ];

    /// Whether the call never reaches the emulator.
    fn is_lost(self) -> bool {
        use Fault::{FailedBefore, KilledBefore, ResetBefore, Throttled};
        matches!(self, KilledBefore | FailedBefore | Throttled | ResetBefore)
    }
}

/// One call that passed.
#[derive(Debug, Clone)]
pub struct Call {
    /// Service and operation, with `*` for ids that AWS assigns.
    pub name: String,
    /// False for what is no call to AWS: the look at what kind of emulator there is.
    pub signed: bool,
    pub began: Instant,
    pub ended: Instant,
    /// The whole request, to send again.
    pub request: Vec<u8>,
}

/// Which call to harm: the one with this name, after so many with the same name.
#[derive(Debug, Clone)]
pub struct Target {
    pub name: String,
    pub after: usize,
}

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    /// Calls that are on their way.
    open: usize,
    armed: Option<(Target, Fault)>,
    /// The process is dead: what it may still have sent goes nowhere.
    cut: bool,
}

struct Shared {
    upstream: SocketAddr,
    delay: Duration,
    state: Mutex<State>,
    changed: Condvar,
    client: Mutex<Option<Child>>,
    stderr: Mutex<Stderr>,
    heard: Condvar,
}

/// What the client has written there.
#[derive(Default)]
struct Stderr {
    text: Vec<u8>,
    ended: bool,
}

pub struct Proxy {
    pub url: String,
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// In front of `upstream`, a port of this machine; each answer comes `delay` later.
    pub fn new(upstream: u16, delay: Duration) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            upstream: SocketAddr::from(([127, 0, 0, 1], upstream)),
            delay,
            state: Mutex::default(),
            changed: Condvar::new(),
            client: Mutex::new(None),
            stderr: Mutex::default(),
            heard: Condvar::new(),
        });
        let accepting = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if accepting.state.lock().unwrap().cut {
                    return;
                }
                let shared = accepting.clone();
                thread::spawn(move || shared.serve(&stream));
            }
        });
        Self {
            url: format!("http://{address}"),
            address,
            shared,
        }
    }

    /// Harms the call that `target` names, once.
    pub fn arm(&self, target: Target, fault: Fault) {
        self.shared.state.lock().unwrap().armed = Some((target, fault));
    }

    /// Whether the armed fault has happened.
    pub fn struck(&self) -> bool {
        self.shared.state.lock().unwrap().armed.is_none()
    }

    /// The calls since the last time, in the order in which they began.
    pub fn take_calls(&self) -> Vec<Call> {
        let mut calls = std::mem::take(&mut self.shared.state.lock().unwrap().calls);
        calls.sort_by_key(|call| call.began);
        calls
    }

    /// Runs a client, which a fault may kill. `watch` is told its process id when it has started,
    /// and once more when it is ending. Returns when all that it sent is processed.
    pub fn run(&self, command: &mut Command, mut watch: impl FnMut(u32)) -> Output {
        *self.shared.stderr.lock().unwrap() = Stderr::default();
        let (mut stdout, stderr) = {
            let mut client = self.shared.client.lock().unwrap();
            let mut child = command
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let pipes = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
            watch(child.id());
            *client = Some(child);
            pipes
        };
        let shared = self.shared.clone();
        let reader = thread::spawn(move || shared.listen(stderr));
        let mut text = Vec::new();
        let _ = stdout.read_to_end(&mut text);
        reader.join().unwrap();
        let stderr = std::mem::take(&mut self.shared.stderr.lock().unwrap().text);
        let mut client = self.shared.client.lock().unwrap().take().unwrap();
        watch(client.id());
        let status = client.wait().unwrap();
        let state = self.shared.state.lock().unwrap();
        drop(
            self.shared
                .changed
                .wait_while(state, |state| state.open > 0),
        );
        Output {
            status,
            stdout: text,
            stderr,
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.state.lock().unwrap().cut = true;
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    /// One connection of the client, until either end closes it.
    fn serve(&self, client: &TcpStream) {
        let _ = client.set_nodelay(true);
        let mut upstream = None;
        while let Ok(Some(bytes)) = wire::request(client) {
            let name = wire::name(&bytes);
            let fault = {
                let mut state = self.state.lock().unwrap();
                if state.cut {
                    return;
                }
                state.open += 1;
                state.strike(&name)
            };
            let kept = self.pass(client, &mut upstream, bytes, name, fault);
            self.state.lock().unwrap().open -= 1;
            self.changed.notify_all();
            if kept.is_err() {
                return;
            }
        }
    }

    fn pass(
        &self,
        mut client: &TcpStream,
        upstream: &mut Option<TcpStream>,
        bytes: Vec<u8>,
        name: String,
        fault: Option<Fault>,
    ) -> io::Result<()> {
        let began = Instant::now();
        let mut reply = match fault {
            Some(fault) if fault.is_lost() => Vec::new(),
            _ => self.forward(upstream, &bytes)?,
        };
        match fault {
            Some(Fault::KilledBefore | Fault::KilledAfter) => {
                self.kill();
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            // The request's last byte is unread, so closing resets the connection.
            Some(Fault::ResetBefore | Fault::ResetAfter) => {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            Some(Fault::FailedBefore | Fault::FailedAfter) => reply = wire::failure(&bytes),
            Some(Fault::Throttled) => reply = wire::throttling(&bytes),
            Some(Fault::Interrupted) => self.stop("INT"),
            Some(Fault::Terminated) => self.stop("TERM"),
            Some(Fault::InterruptedTwice) => {
                while self.signal("INT") {}
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            None => {}
        }
        if let Some(rest) = self.delay.checked_sub(began.elapsed()) {
            thread::sleep(rest);
        }
        client.read_exact(&mut [0])?;
        self.state.lock().unwrap().calls.push(Call {
            signed: wire::signed(&bytes),
            name,
            began,
            ended: Instant::now(),
            request: bytes,
        });
        client.write_all(&reply)
    }

    /// Asks the emulator, again where it had closed the connection meanwhile.
    fn forward(&self, upstream: &mut Option<TcpStream>, bytes: &[u8]) -> io::Result<Vec<u8>> {
        if let Some(stream) = upstream
            && let Ok(reply) = wire::exchange(stream, bytes)
        {
            return Ok(reply);
        }
        let stream = TcpStream::connect(self.upstream)?;
        stream.set_nodelay(true)?;
        let reply = wire::exchange(upstream.insert(stream), bytes);
        if reply.is_err() {
            *upstream = None;
        }
        reply
    }

    /// Keeps what the client writes to its standard error, until it closes it.
    fn listen(&self, stderr: ChildStderr) {
        let mut reader = BufReader::new(stderr);
        loop {
            let mut line = Vec::new();
            let ended = !matches!(reader.read_until(b'\n', &mut line), Ok(1..));
            let mut stderr = self.stderr.lock().unwrap();
            stderr.text.append(&mut line);
            stderr.ended = ended;
            drop(stderr);
            self.heard.notify_all();
            if ended {
                return;
            }
        }
    }

    /// Sends the signal, and waits for the client to notice.
    fn stop(&self, signal: &str) {
        self.signal(signal);
        let stderr = self.stderr.lock().unwrap();
        let unheard = |stderr: &mut Stderr| {
            let text = String::from_utf8_lossy(&stderr.text);
            !stderr.ended && !text.contains("Stopping")
        };
        drop(self.heard.wait_while(stderr, unheard));
    }

    /// False where the client has ended.
    fn signal(&self, name: &str) -> bool {
        let mut client = self.client.lock().unwrap();
        let Some(client) = client.as_mut() else {
            return false;
        };
        if client.try_wait().unwrap().is_some() {
            return false;
        }
        let kill = ["-s", name, &client.id().to_string()];
        Command::new("kill").args(kill).status().unwrap().success()
    }

    fn kill(&self) {
        self.state.lock().unwrap().cut = true;
        if let Some(client) = self.client.lock().unwrap().as_mut() {
            let _ = client.kill();
        }
    }
}

impl State {
    /// The fault for a call of this name, if it is the one that was aimed at.
    fn strike(&mut self, name: &str) -> Option<Fault> {
        let (target, fault) = self.armed.as_mut()?;
        if target.name != name {
            return None;
        }
        if target.after > 0 {
            target.after -= 1;
            return None;
        }
        let fault = *fault;
        self.armed = None;
        Some(fault)
    }
}
