//! The local cloud.
