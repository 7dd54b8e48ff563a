//! What is measured: a schema with as many rows as asked for, and the chatbot's variables for it.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::json;

use crate::binaries::Binaries;
use crate::server::Server;
use crate::stack::{KEY, PASSWORD, Stack};

/// A server with room to keep what is asked for in memory, as a rented one has. It takes plain
/// connections: what is measured is the function, not the cipher.
pub fn server() -> Arc<Server> {
    Arc::new(Server::with(&[
        "--require-secure-transport=OFF",
        "--innodb-buffer-pool-size=1G",
        "--innodb-log-file-size=512M",
    ]))
}

/// A migrated schema, and a chatbot's variables for it: no secrets to fetch, no TLS.
pub fn deploy(binaries: &Binaries, server: &Arc<Server>) -> (Stack, HashMap<String, String>) {
    let stack = Stack::new(Arc::clone(server));
    let migrated = binaries
        .migrator(&stack.environment(&[]))
        .invoke(&json!({ "action": "migrate" }));
    migrated.expect("migrated");
    stack.execute(&format!("ALTER USER {} REQUIRE NONE", stack.user));
    let environment = stack.environment(&[
        ("DB_SECRET_ARN", ""),
        ("API_KEYS_SECRET_ARN", ""),
        ("DB_USER", &stack.user),
        ("DB_PASSWORD", PASSWORD),
        ("DB_TLS", "disabled"),
        ("API_KEYS", KEY),
    ]);
    (stack, environment)
}
