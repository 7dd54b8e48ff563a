//! The endpoint: one REST API with its definition, stage, plan and keys.
