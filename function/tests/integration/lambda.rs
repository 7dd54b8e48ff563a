//! The Lambda Runtime API, and a function that runs behind it.

use std::collections::HashMap;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::http::{Reply, serve};

/// How long a function may take for an answer before the test gives up.
pub const PATIENCE: Duration = Duration::from_mins(1);
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// What a function answered, or the error that it reported, as it sent it.
pub type Outcome = Result<Vec<u8>, Vec<u8>>;
/// What every invocation is told of its trace.
pub const TRACE: &str =
    "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1";
/// The invocations' own id.
pub const INVOCATION: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";

/// A function's process, fed by a Runtime API of its own; ended when dropped.
pub struct Function {
    process: Child,
    #[allow(dead_code, reason = "for the benchmark of speed")]
    polls: Receiver<Instant>,
    events: Sender<(String, Duration)>,
    answers: Receiver<Outcome>,
    log: Option<JoinHandle<String>>,
}

impl Function {
    pub fn start(binary: &str, environment: &HashMap<String, String>) -> Self {
        let (events, next) = channel::<(String, Duration)>();
        let (answer, answers) = channel();
        let (poll, polls) = channel();
        let (next, answer, poll) = (Mutex::new(next), Mutex::new(answer), Mutex::new(poll));
        let address = serve(move |request| {
            if request.method == "GET" {
                poll.lock().unwrap().send(Instant::now()).ok()?;
                // Blocks as the real one does: until there is something to do, or no one left to ask.
                let (event, time) = next.lock().unwrap().recv().ok()?;
                let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + time;
                let mut reply = Reply::new(200, event);
                reply.headers = vec![
                    ("Lambda-Runtime-Aws-Request-Id".into(), INVOCATION.into()),
                    ("Lambda-Runtime-Trace-Id".into(), TRACE.into()),
                    (
                        "Lambda-Runtime-Deadline-Ms".into(),
                        deadline.as_millis().to_string(),
                    ),
                    (
                        "Lambda-Runtime-Invoked-Function-Arn".into(),
                        "arn:aws:lambda:us-east-1:000000000000:function:test".into(),
                    ),
                ];
                return Some(reply);
            }
            let outcome = if request.path.ends_with("/response") {
                Ok(request.body)
            } else {
                Err(request.body)
            };
            answer.lock().unwrap().send(outcome).ok()?;
            Some(Reply::new(202, "{}"))
        });
        let mut process = Command::new(binary)
            .env_clear()
            .envs(environment)
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "test")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the function starts");
        let output = process.stdout.take().unwrap();
        let log = thread::spawn(move || std::io::read_to_string(output).unwrap_or_default());
        Self {
            process,
            polls,
            events,
            answers,
            log: Some(log),
        }
    }

    /// One invocation: what the function answered, or the error that it reported.
    pub fn invoke(&self, event: &Value) -> Result<Value, Value> {
        self.invoke_text(event.to_string(), TIMEOUT, PATIENCE)
    }

    /// The same with an event of any text, the time that the function is given, and the time
    /// after which whoever called it has gone.
    pub fn invoke_text(
        &self,
        event: String,
        timeout: Duration,
        patience: Duration,
    ) -> Result<Value, Value> {
        let read = |body: Vec<u8>| serde_json::from_slice(&body).unwrap_or(Value::Null);
        self.exchange(event, timeout, patience)
            .map(read)
            .map_err(read)
    }

    /// The same, with what the function sends as it is.
    pub fn exchange(&self, event: String, timeout: Duration, patience: Duration) -> Outcome {
        self.events
            .send((event, timeout))
            .expect("the Runtime API runs");
        self.answers
            .recv_timeout(patience)
            .expect("the function answers while its caller waits")
    }

    /// Waits until the function asks for the next event, which it does once for each; when it did.
    #[allow(dead_code, reason = "for the benchmark of speed")]
    pub fn polled(&self) -> Instant {
        self.polls
            .recv_timeout(PATIENCE)
            .expect("the function asks for an event")
    }

    #[allow(dead_code, reason = "for the benchmark of speed")]
    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// Ends it and returns what it wrote: all of it, for the pipe is read to its end.
    pub fn end(&mut self) -> String {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let log = self.log.take().map(JoinHandle::join);
        log.and_then(Result::ok).unwrap_or_default()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let log = self.end();
        if thread::panicking() {
            let _ = write!(std::io::stderr(), "{log}");
        }
    }
}
