//! What the integration tests and the benchmark share.

// Each of them leaves something of it to the other.
#![allow(dead_code)]

pub mod copies;
pub mod proxy;
pub mod wire;
