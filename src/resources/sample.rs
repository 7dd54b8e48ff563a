//! What a small infra.toml wants, for tests.

use serde_json::Value;

use super::{Resource, Scope};
use crate::artifact::Artifacts;
use crate::config::Config;
use crate::stack::Stack;

/// The objects of one kind that `[stack]` and `more` ask for, with references unresolved.
pub fn wanted<R: Resource>(more: &str, zones: &[&str]) -> Vec<(String, R)> {
    let text = format!("[stack]\nname = \"chat\"\nregion = \"us-east-1\"\n{more}");
    let config: Config = toml::from_str(&text).unwrap();
    let stack = Stack::new(&config, "111122223333");
    let zones: Vec<String> = zones.iter().map(ToString::to_string).collect();
    R::wanted(&Scope {
        config: &config,
        stack: &stack,
        artifacts: &Artifacts::default(),
        contract: &Value::Null,
        zones: &zones,
    })
}

/// The stack `chat-prod`.
pub fn stack() -> Stack {
    Stack {
        name: "chat".to_owned(),
        environment: "prod".to_owned(),
        region: "us-east-1".to_owned(),
        account: "111122223333".to_owned(),
        tags: crate::stack::Tags::new(),
    }
}
