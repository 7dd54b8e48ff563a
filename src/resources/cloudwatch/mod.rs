//! Alarms.
