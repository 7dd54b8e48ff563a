//! The real binary against real emulators and a real database. One test binary: each links the
//! whole AWS SDK.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod account;
mod attack;
mod audit;
mod commands;
mod cost;
mod detectors;
mod drift;
mod emulator;
mod errors;
mod existing;
mod existing_database;
mod key_rotation;
mod key_rotation_under_load;
mod lifecycle;
mod linters;
mod local;
mod network;
mod operators;
mod password_rotation;
mod policy;
mod project;
#[path = "../support/mod.rs"]
mod support;
mod sweep;
mod versions;
