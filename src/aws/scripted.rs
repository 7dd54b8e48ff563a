//! An account that answers from a script: for tests of the exact errors that AWS gives.
//!
//! Operations are named as AWS names them, or for REST services by method and path:
//! `CreateSecret`, `POST /2015-03-31/functions`. Each has its own queue of answers; a call that
//! finds its queue empty is answered by an error of the test's own, which no code waits out.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, Sleep};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use serde_json::json;

use super::http::{around, describe};
use super::patience::clock;
use super::{Aws, Calls, Target, retries};
use crate::artifact::Artifacts;
use crate::config::Config;
use crate::events::Events;
use crate::object::{Id, Known};
use crate::resources::{Cx, Options};
use crate::stack::Stack;

#[derive(Debug, Clone)]
enum Answer {
    Body(String, Option<(&'static str, String)>),
    Refusal {
        status: u16,
        code: String,
        message: String,
    },
}

/// What is answered to which operation, and what was asked.
#[derive(Debug, Clone, Default)]
pub struct Script(Arc<Mutex<Play>>);

#[derive(Debug, Default)]
struct Play {
    answers: BTreeMap<String, VecDeque<Answer>>,
    calls: Vec<String>,
    bodies: Vec<String>,
}

impl Script {
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers with this body, JSON or XML as the service has it.
    pub fn answer(self, operation: &str, body: impl Into<String>) -> Self {
        self.push(operation, Answer::Body(body.into(), None))
    }

    /// The same with a header, which some services say more by.
    pub fn answer_with(
        self,
        operation: &str,
        (header, value): (&'static str, &str),
        body: impl Into<String>,
    ) -> Self {
        let header = Some((header, value.to_owned()));
        self.push(operation, Answer::Body(body.into(), header))
    }

    /// Refuses once, in the form that the called service gives its errors.
    pub fn refuse(self, operation: &str, status: u16, code: &str, message: &str) -> Self {
        let refusal = Answer::Refusal {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
        };
        self.push(operation, refusal)
    }

    fn push(self, operation: &str, answer: Answer) -> Self {
        let mut play = self.0.lock().unwrap();
        let queue = play.answers.entry(operation.to_owned()).or_default();
        queue.push_back(answer);
        drop(play);
        self
    }

    /// The operations that were called, in order.
    pub fn calls(&self) -> Vec<String> {
        self.0.lock().unwrap().calls.clone()
    }

    /// The bodies of the calls of one operation, in order.
    pub fn bodies(&self, operation: &str) -> Vec<String> {
        let play = self.0.lock().unwrap();
        let calls = play.calls.iter().zip(&play.bodies);
        calls
            .filter(|(call, _)| *call == operation)
            .map(|(_, body)| body.clone())
            .collect()
    }

    fn play(&self, request: &HttpRequest) -> HttpResponse {
        let name = describe(request);
        let (service, operation) = name.split_once(' ').unwrap_or(("", &name));
        let operation = match request.headers().get("x-amz-target") {
            Some(target) => target.rsplit('.').next().unwrap_or(target),
            None => operation,
        };
        let body = request.body().bytes().unwrap_or_default();
        let mut play = self.0.lock().unwrap();
        play.calls.push(operation.to_owned());
        play.bodies.push(String::from_utf8_lossy(body).into_owned());
        let answer = play
            .answers
            .get_mut(operation)
            .and_then(VecDeque::pop_front);
        let answer = answer.unwrap_or_else(|| Answer::Refusal {
            status: 400,
            code: "NotInTheScript".to_owned(),
            message: format!("no answer is left for {operation}"),
        });
        match answer {
            Answer::Body(body, header) => {
                let mut response = response(200, body, None);
                if let Some((header, value)) = header {
                    response.headers_mut().insert(header, value);
                }
                response
            }
            Answer::Refusal {
                status,
                code,
                message,
            } => refusal(service, request, status, &code, &message),
        }
    }
}

fn refusal(
    service: &str,
    request: &HttpRequest,
    status: u16,
    code: &str,
    message: &str,
) -> HttpResponse {
    let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    if service == "s3" {
        return response(status, error, None);
    }
    if service == "ec2" {
        let body = format!("<Response><Errors>{error}</Errors></Response>");
        return response(status, body, None);
    }
    let form = request.headers().get("content-type");
    if form.is_some_and(|form| form.contains("x-www-form-urlencoded")) {
        let body = format!("<ErrorResponse>{error}</ErrorResponse>");
        return response(status, body, None);
    }
    let body = json!({"__type": code, "message": message}).to_string();
    response(status, body, Some(code))
}

fn response(status: u16, body: String, code: Option<&str>) -> HttpResponse {
    let status = StatusCode::try_from(status).unwrap();
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    let headers = response.headers_mut();
    headers.insert("x-amzn-requestid", "11111111-2222-3333-4444-555555555555");
    if let Some(code) = code {
        headers.insert("x-amzn-errortype", code.to_owned());
    }
    response
}

impl HttpClient for Script {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(Ok(self.play(&request)))
    }
}

/// How long this test has waited, in the time that only waiting moves.
pub fn waited() -> std::time::Duration {
    clock::elapsed()
}

/// The SDK's own pauses take no time either.
#[derive(Debug)]
struct Virtual;

impl AsyncSleep for Virtual {
    fn sleep(&self, duration: std::time::Duration) -> Sleep {
        Sleep::new(clock::sleep(duration))
    }
}

/// An account behind a script, and what a step works with in it.
pub struct Scene {
    pub aws: Aws,
    pub stack: Stack,
    pub script: Script,
    pub events: Events,
    pub known: Known,
    pub options: Options,
    pub artifacts: Artifacts,
    id: Id,
}

impl Scene {
    /// For a step on the object with this logical id, in the stack `chat-prod`.
    pub fn new(id: &str, script: Script) -> Self {
        let config: Config =
            toml::from_str("[stack]\nname = \"chat\"\nregion = \"us-east-1\"").unwrap();
        let calls = Arc::new(Calls::default());
        let events = Events::channel().0;
        let client = SharedHttpClient::new(script.clone());
        let client = around(client, calls.clone(), events.clone(), false);
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys(
                "test", "test", None,
            )))
            .http_client(client)
            .retry_config(retries())
            .sleep_impl(SharedAsyncSleep::new(Virtual))
            .build();
        let account = "111122223333".to_owned();
        let caller = format!("arn:aws:iam::{account}:user/operator");
        Self {
            aws: Aws {
                account,
                caller,
                ..Aws::with(&sdk, Target::Aws, calls)
            },
            stack: Stack::new(&config, "111122223333"),
            script,
            events,
            known: Known::new(),
            options: Options::default(),
            id: Id::parse(id).unwrap(),
            artifacts: Artifacts::default(),
        }
    }

    pub fn cx(&self) -> Cx<'_> {
        Cx {
            aws: &self.aws,
            stack: &self.stack,
            id: &self.id,
            events: &self.events,
            artifacts: &self.artifacts,
            known: &self.known,
            options: &self.options,
            database_server: None,
        }
    }
}
