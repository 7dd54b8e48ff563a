//! `wmctl`: from one `infra.toml` to a security-first chatbot backend on AWS.

pub mod apply;
pub mod artifact;
pub mod audit;
pub mod aws;
pub mod checks;
pub mod cli;
pub mod config;
pub mod cost;
pub mod diff;
pub mod endpoint;
pub mod error;
pub mod events;
pub mod gaps;
pub mod lease;
pub mod local;
pub mod migrations;
pub mod object;
pub mod observe;
pub mod permissions;
pub mod plan;
pub mod process;
pub mod report;
pub mod resources;
pub mod rotation;
pub mod stack;
