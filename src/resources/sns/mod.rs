//! Where alarms go.
