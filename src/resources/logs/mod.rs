//! Log groups, made before anything writes to them so that they have a retention.

mod finding;
pub mod log_group;
