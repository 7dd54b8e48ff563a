//! Log groups, made before anything writes to them so that they have a retention.

pub mod log_group;
