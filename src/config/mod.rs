//! infra.toml, typed. Every key has a secure default: `[stack]` with a name and a region is enough.

mod types;

pub use types::{
    Alarms, Api, ApiKey, Architecture, Config, Database, Egress, ExecutionLogs, Function,
    LogLevel, ManagedRules, Migrations, Network, Period, Quota, Secrets, StackSettings, Throttle,
    UsagePlan, Waf,
};
