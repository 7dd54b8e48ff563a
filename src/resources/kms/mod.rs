//! The key that everything at rest is encrypted under.
