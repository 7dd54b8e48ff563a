//! One deployment: a schema, its secrets, and the two functions.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::conformance;
use crate::lambda::Function;
use crate::server::{ADMINISTRATOR, ADMINISTRATOR_PASSWORD, Server};
use crate::vault::Vault;

pub const KEY: &str = "the-one-and-only-api-key";
pub const PASSWORD: &str = "application's \\ \"secret\"";

/// Everything that one test needs.
pub struct Stack {
    pub server: Arc<Server>,
    pub schema: String,
    pub user: String,
    pub vault: Vault,
    environment: HashMap<String, String>,
}

/// What the gateway hands back, taken apart.
pub struct Answer {
    pub status: u64,
    pub response: Value,
    pub body: Value,
}

impl Answer {
    /// Every answer to every test keeps to the contract's document.
    pub fn of(outcome: Result<Value, Value>) -> Self {
        let response = outcome.expect("no function error");
        let body = serde_json::from_str(response["body"].as_str().expect("a body")).expect("JSON");
        let status = response["statusCode"].as_u64().expect("a status");
        conformance::check(status, &body);
        Self {
            status,
            response,
            body,
        }
    }

    /// The data of a success.
    pub fn data(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        assert_eq!(self.body["success"], true);
        self.body["data"].clone()
    }
}

impl Stack {
    /// Nothing is migrated yet.
    pub fn new(server: Arc<Server>) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let (schema, user) = (format!("chat_bot_{number}"), format!("app_user_{number}"));
        let vault = Vault::new();
        let variables = [
            ("AWS_ENDPOINT_URL", format!("http://{}", vault.address)),
            ("AWS_REGION", "us-east-1".into()),
            ("AWS_ACCESS_KEY_ID", "test".into()),
            ("AWS_SECRET_ACCESS_KEY", "test".into()),
            ("DB_HOST", "127.0.0.1".into()),
            ("DB_PORT", server.port().to_string()),
            ("DB_NAME", schema.clone()),
            ("DB_CA_FILE", server.ca_file().display().to_string()),
            ("DB_SECRET_ARN", "arn:app".into()),
            ("API_KEYS_SECRET_ARN", "arn:keys".into()),
            ("ADMIN_SECRET_ARN", "arn:admin".into()),
        ];
        let environment = variables
            .into_iter()
            .map(|(name, value)| (name.to_string(), value))
            .collect();
        let stack = Self {
            server,
            schema,
            user,
            vault,
            environment,
        };
        stack.secret(
            "arn:admin",
            json!({ "username": ADMINISTRATOR, "password": ADMINISTRATOR_PASSWORD }),
        );
        stack.secret(
            "arn:app",
            json!({ "username": stack.user, "password": PASSWORD }),
        );
        stack.accept(&[KEY]);
        stack
    }

    /// A migrated schema on the shared server, and its chatbot.
    pub fn ready() -> (Self, Function) {
        Self::ready_on(Server::shared())
    }

    /// A migrated schema, and its chatbot.
    pub fn ready_on(server: Arc<Server>) -> (Self, Function) {
        let stack = Self::new(server);
        stack.migrate().expect("migrated");
        let chatbot = stack.chatbot(&[]);
        (stack, chatbot)
    }

    pub fn secret(&self, arn: &str, value: Value) {
        self.vault.put(arn, value);
    }

    /// Leaves whoever asks for this secret without an answer, until it is set to none.
    pub fn silence(&self, arn: Option<&str>) {
        self.vault.silence(arn);
    }

    /// Takes a secret away.
    pub fn forget(&self, arn: &str) {
        self.vault.forget(arn);
    }

    /// How often a secret was read.
    pub fn reads(&self, arn: &str) -> usize {
        self.vault.reads(arn)
    }

    /// Makes these the accepted keys.
    pub fn accept(&self, keys: &[&str]) {
        let entries: Vec<Value> = keys
            .iter()
            .map(|key| json!({ "name": "test", "sha256": sha256(key) }))
            .collect();
        self.secret("arn:keys", json!({ "keys": entries }));
    }

    pub fn chatbot(&self, changes: &[(&str, &str)]) -> Function {
        Function::start(env!("CARGO_BIN_EXE_chatbot"), &self.environment(changes))
    }

    pub fn migrator(&self, changes: &[(&str, &str)]) -> Function {
        Function::start(env!("CARGO_BIN_EXE_migrator"), &self.environment(changes))
    }

    pub fn migrate(&self) -> Result<Value, Value> {
        self.migrator(&[]).invoke(&json!({ "action": "migrate" }))
    }

    /// Partitions and roll-ups, as the schedule does it.
    pub fn maintain(&self) -> Value {
        self.migrator(&[])
            .invoke(&json!({ "action": "maintain" }))
            .expect("maintained")
    }

    pub fn status(&self) -> Result<Value, Value> {
        self.migrator(&[]).invoke(&json!({ "action": "status" }))
    }

    /// Any statement in this stack's schema, as root.
    pub fn execute(&self, statement: &str) {
        self.server
            .execute(&format!("USE {}; {statement}", self.schema));
    }

    /// What a function is started with; an empty variable counts as unset.
    pub fn environment(&self, changes: &[(&str, &str)]) -> HashMap<String, String> {
        let mut environment = self.environment.clone();
        for (name, value) in changes {
            environment.insert((*name).into(), (*value).into());
        }
        environment
    }
}

/// An event as the gateway makes it, with the accepted key.
pub fn event(body: &str) -> Value {
    json!({
        "resource": "/chatbot",
        "path": "/chatbot",
        "httpMethod": "POST",
        "headers": { "Content-Type": "application/json", "X-Api-Key": KEY },
        "multiValueHeaders": { "X-Api-Key": [KEY] },
        "queryStringParameters": null,
        "requestContext": { "requestId": "3f0d5f5c-2d0c-4ac1-a6a5-0a2a52f0f3a1", "stage": "prod" },
        "body": body,
        "isBase64Encoded": false,
    })
}

/// Sends an event through the gateway's eyes.
pub fn send(chatbot: &Function, event: &Value) -> Answer {
    Answer::of(chatbot.invoke(event))
}

/// Sends an event for a caller that has gone after five seconds.
pub fn send_promptly(chatbot: &Function, event: &Value) -> Answer {
    let (timeout, patience) = (Duration::from_secs(30), Duration::from_secs(5));
    Answer::of(chatbot.invoke_text(event.to_string(), timeout, patience))
}

/// Asks for an intent, and waits no longer than five seconds.
pub fn ask_promptly(chatbot: &Function, intent: &str, params: Value) -> Answer {
    send_promptly(chatbot, &asking(intent, params))
}

/// The event that asks for an intent.
pub fn asking(intent: &str, params: Value) -> Value {
    event(&json!({ "intent": intent, "params": params }).to_string())
}

/// Asks for an intent.
pub fn ask(chatbot: &Function, intent: &str, params: Value) -> Answer {
    send(chatbot, &asking(intent, params))
}

pub fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        })
}
