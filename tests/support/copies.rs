//! MiniStack accounts that can be copied in a moment, see emulator.py.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde_json::Value;

use super::wire;

/// An account that is brought to a state once.
pub struct Original {
    child: Child,
    lines: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    pub port: u16,
    _dir: tempfile::TempDir,
}

/// A copy of it, until it is dropped.
pub struct Copy<'a> {
    original: &'a Original,
    pub port: u16,
    pub process: u32,
}

impl Original {
    /// `program` is the emulator's own script; the Python beside it has it installed.
    pub fn start(program: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/emulator.py");
        let mut child = Command::new(program.with_file_name("python"))
            .arg(script)
            .current_dir(dir.path())
            .env("STATE_DIR", dir.path())
            .env("S3_DATA_DIR", dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        Self {
            child,
            lines: Mutex::new((input, output)),
            port: line.trim().parse().unwrap(),
            _dir: dir,
        }
    }

    /// Ends serving, so that it can be copied.
    pub fn rest(&self) {
        self.say("rest");
    }

    pub fn copy(&self) -> Copy<'_> {
        let answer = self.say("copy");
        let (port, process) = answer.split_once(' ').unwrap();
        Copy {
            original: self,
            port: port.parse().unwrap(),
            process: process.parse().unwrap(),
        }
    }

    fn say(&self, line: &str) -> String {
        let mut lines = self.lines.lock().unwrap();
        writeln!(lines.0, "{line}").unwrap();
        let mut answer = String::new();
        lines.1.read_line(&mut answer).unwrap();
        answer.trim().to_owned()
    }
}

impl Drop for Original {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Copy<'_> {
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Copy<'_> {
    fn drop(&mut self) {
        self.original.say(&format!("end {}", self.port));
    }
}

/// All that the account behind `port` holds.
pub fn state(port: u16) -> Value {
    let reply = ask(port, "GET /_state");
    let start = reply
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    serde_json::from_slice(&reply[start + 4..]).unwrap()
}

/// Empties the account behind `port`.
pub fn reset(port: u16) {
    ask(port, "POST /_ministack/reset");
}

fn ask(port: u16, what: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request = format!("{what} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    wire::exchange(&mut stream, request.as_bytes()).unwrap()
}
