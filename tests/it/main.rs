//! The real binary against real emulators and a real database. One test binary: each links the
//! whole AWS SDK.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod account;
mod commands;
mod cost;
mod drift;
mod emulator;
mod errors;
mod existing;
mod existing_database;
mod lifecycle;
mod local;
mod network;
mod operators;
mod project;
mod rotation;
#[path = "../support/mod.rs"]
mod support;
mod sweep;
mod versions;
