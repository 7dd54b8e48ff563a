//! `wmctl`: from one `infra.toml` to a security-first chatbot backend on AWS.

pub mod config;
pub mod error;
pub mod events;
pub mod local;
