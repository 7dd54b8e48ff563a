//! The real binaries behind a real Lambda Runtime API, with a real MariaDB server over TLS.
//!
//! Needs `mariadbd` and `mariadb-install-db` (Debian's mariadb-server). One binary for all tests:
//! they share a server, each in a schema of its own.
#![allow(
    clippy::doc_markdown,
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on must fail"
)]

mod conformance;
mod document;
mod figures;
mod fuzz;
mod hostile;
mod http;
mod lambda;
mod large_tables;
mod lists;
mod logs;
mod memory;
mod migrating;
mod migrations;
mod outages;
mod plans;
mod proxy;
mod refusals;
mod rollups;
mod rotation;
mod server;
mod stack;
mod threats;
mod vault;
