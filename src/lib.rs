//! `wmctl`: from one `infra.toml` to a security-first chatbot backend on AWS.

pub mod artifact;
pub mod aws;
pub mod config;
pub mod error;
pub mod events;
pub mod local;
pub mod object;
pub mod resources;
pub mod stack;
