//! The endpoint as an attacker meets it: one stack on the local cloud, and scene after scene against
//! it. Whatever is answered and whatever is logged is looked through for what nobody may learn.
//!
//! The local gateway is not AWS's. How bytes become a request, which path counts as which, and how
//! much a gateway takes is its own affair there, so it is asserted what must hold in any gateway:
//! no data without a key in its place. What AWS will do is asserted by what is provisioned there,
//! and what the function does by events that no gateway has made.

mod bodies;
mod direct;
mod identity;
mod keys;
mod pages;
mod routes;
mod wire;

use aws_sdk_lambda::primitives::Blob;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use wmctl::aws::Aws;

use crate::account::connect;
use crate::lifecycle::runtime;
use crate::local::{Cloud, Endpoint, stored};
use crate::project::root;
use wire::{Answers, Wire};

const CHATBOT: &str = "watermark-chatbot-prod-chatbot";
const MIGRATOR: &str = "watermark-chatbot-prod-migrator";
/// In a stored row: whoever sees it has read the database.
const MARKER: &str = "/marker-7f3a91";
/// In what an attacker sends: it must not come to stand in a log.
const CANARY: &str = "canary-51d0";
/// How many of the hidden texts are secrets: they come first.
const SECRETS: usize = 3;
/// What would have been a help to an attacker.
const TELLING: [&str; 16] = [
    "panicked",
    "backtrace",
    "src/",
    ".rs:",
    "SELECT",
    "INSERT",
    "access_logs WHERE",
    "idempotency_keys",
    "schema_migrations",
    "app_user",
    "wmctl_admin",
    "SQL syntax",
    "root:x:0",
    "-----BEGIN",
    "localhost",
    "127.0.0.1",
];

#[test]
fn an_attacker_without_a_key_gets_nothing_and_one_with_a_key_no_more_than_answers() {
    let target = Target::new();
    keys::only_the_header_counts(&target);
    keys::a_header_has_one_name_and_one_value(&target);
    keys::no_framing_hides_a_request(&target);
    keys::the_function_reads_events_as_strictly(&target);
    routes::there_is_one_path(&target);
    routes::there_is_one_method(&target);
    routes::no_way_leads_to_the_migrator(&target);
    direct::only_the_gateway_may_invoke(&target);
    direct::a_forged_event_needs_a_key_as_well(&target);
    pages::no_page_reaches_the_local_cloud(&target);
    bodies::sizes(&target);
    bodies::nothing_sent_breaks_the_function(&target);
    bodies::without_a_database(&target);
    bodies::the_logs_tell_nothing(&target);
}

struct Target {
    endpoint: Endpoint,
    wire: Wire,
    key: String,
    /// What must be in no answer and no log: secrets, addresses, paths of this machine.
    hidden: Vec<String>,
    aws: Aws,
    runtime: Runtime,
    cloud: Cloud,
}

impl Target {
    fn new() -> Self {
        let cloud = Cloud::start();
        let runtime = runtime();
        let up = cloud.run(&["up", "--local", "--yes", "--json"]).ok().json();
        let endpoint = Endpoint::of(&up);
        let aws = runtime.block_on(connect(&cloud.url()));
        let secret = |name: &str, field: &str| stored(&aws, &runtime, name, field);
        let key = secret("api-key-chatbot", "api_key");
        let status = cloud.run(&["local", "status", "--json"]).ok().json();
        let hidden = vec![
            key.clone(),
            secret("database-admin", "password"),
            secret("database-app", "password"),
            format!(":{}", status["database"]["port"]),
            cloud.project.path().display().to_string(),
            root().display().to_string(),
        ];
        let row = [
            "timestamp=2026-01-31 12:00:00",
            "ip_address=192.0.2.1",
            "method=GET",
            &format!("endpoint={MARKER}"),
            "status_code=200",
        ];
        cloud
            .run(&[&["call", "--local", "store_access_log"], &row[..]].concat())
            .ok();
        let target = Self {
            wire: Wire::to(&endpoint),
            endpoint,
            key,
            hidden,
            aws,
            runtime,
            cloud,
        };
        // The requests of all scenes are this one but for what makes each of them an attack.
        target.answered("a right request", &target.request(&target.with_key()));
        target
    }

    /// What a caller with the key asks for, which shows the marked row.
    fn body() -> String {
        json!({"intent": "get_access_logs", "params": {"limit": 5}}).to_string()
    }

    /// The line of a header that lets its sender in.
    fn with_key(&self) -> String {
        format!("x-api-key: {}\r\n", self.key)
    }

    /// A right request but for these lines in its head.
    fn request(&self, lines: &str) -> Vec<u8> {
        self.wire
            .request("POST", &self.wire.path, lines, &Self::body())
    }

    /// What bytes on a connection get. It is looked through.
    fn send(&self, what: &str, bytes: &[u8]) -> Answers {
        let answers = self.wire.send(bytes);
        self.look_through(what, &answers.text);
        answers
    }

    /// What bytes get that must not be answered with anything of worth.
    fn refused(&self, what: &str, bytes: &[u8]) -> Answers {
        let answers = self.send(what, bytes);
        let (statuses, text) = (answers.statuses(), &answers.text);
        assert!(!statuses.is_empty(), "{what}: no answer");
        assert!(
            statuses
                .iter()
                .all(|status| (400..500).contains(status) || *status == 501),
            "{what}: {text}"
        );
        assert!(!text.contains(MARKER), "{what}: {text}");
        assert!(!text.contains(r#""success":true"#), "{what}: {text}");
        answers
    }

    /// The same, where the answer is the contract's.
    fn refused_as(&self, what: &str, bytes: &[u8], status: u16, code: &str) {
        let answers = self.refused(what, bytes);
        assert_eq!(answers.statuses(), [status], "{what}: {}", answers.text);
        is_refusal(what, &answers.json(), code);
    }

    fn answered(&self, what: &str, bytes: &[u8]) {
        let answers = self.send(what, bytes);
        assert_eq!(answers.statuses(), [200], "{what}: {}", answers.text);
        assert!(answers.text.contains(MARKER), "{what}: {}", answers.text);
    }

    /// Status and JSON of what the key's holder posts.
    fn post(&self, what: &str, body: &str) -> (u16, Value) {
        let (status, answer) = self.endpoint.post(Some(&self.key), body);
        self.look_through(what, &answer.to_string());
        (status, answer)
    }

    /// What the deployed function says to an event that came past the gateway.
    fn invoke(&self, event: &Value) -> Value {
        let invocation = self.aws.lambda.invoke();
        let invocation = invocation
            .function_name(CHATBOT)
            .qualifier("live")
            .payload(Blob::new(event.to_string()));
        let answer = self.runtime.block_on(invocation.send()).unwrap();
        let text = String::from_utf8(answer.payload.unwrap().into_inner()).unwrap();
        assert_eq!(answer.function_error, None, "{event}: {text}");
        self.look_through(&event.to_string(), &text);
        serde_json::from_str(&text).unwrap()
    }

    /// What a function has logged, line by line.
    fn log(&self, function: &str) -> Vec<String> {
        let call = self.aws.logs.filter_log_events();
        let call = call.log_group_name(format!("/aws/lambda/{function}"));
        let page = self.runtime.block_on(call.send()).unwrap();
        assert_eq!(page.next_token, None, "more than a page");
        let events = page.events.unwrap_or_default().into_iter();
        events.filter_map(|event| event.message).collect()
    }

    fn look_through(&self, what: &str, text: &str) {
        let hidden = self.hidden.iter().map(String::as_str).chain(TELLING);
        for (number, secret) in hidden.enumerate() {
            // The message would tell a secret itself.
            assert!(
                !text.contains(secret),
                "{what} tells hidden text {number}; {} bytes",
                text.len()
            );
        }
    }
}

/// A refusal in the contract's shape.
fn is_refusal(what: &str, answer: &Value, code: &str) {
    assert_eq!(answer["success"], false, "{what}: {answer}");
    assert_eq!(answer["code"], code, "{what}: {answer}");
    assert!(answer["error"].is_string(), "{what}: {answer}");
    let id = answer["request_id"].as_str().unwrap_or_default();
    assert_eq!(id.len(), 36, "{what}: {answer}");
}

/// The same for a body that the function read, and refused for what it is.
fn is_bad_request(what: &str, answer: &Value) {
    let code = answer["code"].as_str().unwrap_or_default();
    let codes = [
        "invalid_json",
        "invalid_request",
        "unknown_intent",
        "invalid_parameters",
    ];
    assert!(codes.contains(&code), "{what}: {answer}");
    is_refusal(what, answer, code);
}
