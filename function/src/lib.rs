//! The chatbot's backend: what runs behind the gateway, and what migrates its database.
//!
//! A request's way through the crate: [`event`] reads what the gateway sends, [`chatbot`] checks
//! size and key, [`request`] and [`params`] check the body against the [`contract`], and
//! [`intents`] answers from the [`database`], which [`watch`] tells from one that hangs.
//! [`detect`] knows attacks and anomalies and nothing of databases. [`migrate`] is the other
//! binary's part.

pub mod chatbot;
pub mod contract;
pub mod cursor;
pub mod database;
pub mod deadline;
pub mod detect;
pub mod event;
pub mod fault;
pub mod figures;
pub mod health;
pub mod intents;
pub mod json;
pub mod keys;
pub mod list;
pub mod log;
pub mod memory;
pub mod metrics;
pub mod migrate;
pub mod openapi;
pub mod params;
pub mod request;
pub mod rollup;
pub mod room;
pub mod secrets;
pub mod settings;
pub mod sorted;
pub mod sql;
pub mod stages;
pub mod store;
pub mod threats;
pub mod time;
pub mod untrusted;
pub mod watch;
