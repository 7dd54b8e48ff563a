//! The database instance and what it stands on.
