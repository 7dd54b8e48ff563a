use super::{refusal, refusal_of};

/// The surface that the file is to grow into.
const WHOLE_SURFACE: &str = r#"
[stack]
name   = "watermark-chatbot"        # with environment: the prefix of every name and the owner tags
region = "us-east-1"
environment = "prod"
tags   = { owner = "security-team" }

[network]
cidr   = "10.42.0.0/16"
zones  = 2
egress = "endpoints"                 # "endpoints" | "nat" | "none"
flow_logs = true

[database]
engine   = "mariadb"                 # "aurora-mysql" where one instance is outgrown
version  = "10.11"
instance_class = "db.t4g.small"
storage_gb  = 20
multi_az    = false
name        = "chatbot_db"
app_user    = "app_user"             # SELECT and INSERT only; the migrator owns DDL
backup_days = 7
enhanced_monitoring_s = 60
deletion_protection = true
parameters  = { max_connections = "100", slow_query_log = "1", log_bin_trust_function_creators = "1", require_secure_transport = "1" }

[migrations]
dir = "migrations"

[function]
crate  = "function"
architecture = "arm64"               # "x86_64" where arm64 cannot be cross-compiled
memory_mb = 256
timeout_s = 30
reserved_concurrency = 50
log_level = "info"
log_retention_days = 30
tracing = true
secrets = "secrets-manager"          # or "environment": KMS-encrypted variables
max_payload_bytes = 1_048_576
max_query_limit   = 1000
keep_versions     = 3

[api]
path  = "/chatbot"
stage = "prod"
contract = "function/openapi.json"   # the whole API definition; models and validators come from it
throttle = { rate = 100, burst = 200 }
access_logs = true
execution_logs = "info"
allow_from = []
cors_origin = ""                     # one origin, never "*"

[api.usage_plan]
throttle = { rate = 100, burst = 200 }
quota    = { limit = 100_000, period = "month" }

[[api.keys]]
name = "chatbot"
rotate_after_days = 90
overlap = "24h"

[api.cognito]
enabled = false
password_min_length = 12
mfa = "optional"                     # "off" | "optional" | "required"
token_hours = 1

[waf]
enabled = true
managed_rules = ["common", "sqli", "known-bad-inputs", "ip-reputation"]
rate_limit_5min = 2000
block_countries = []

[alarms]
email = "ops@example.com"
function_errors_5min = 10
api_errors_5min = 50
latency_p99_ms = 1000
database_cpu_percent = 80
database_connections_percent = 80

[audit]
cloudtrail = true
retention_days = 90
guardduty = false
security_hub = false

[mcp]
enabled = false
"#;

#[test]
fn of_the_whole_surface_each_later_key_is_refused_and_nothing_else() {
    let said = refusal(WHOLE_SURFACE);
    let titles: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    insta::assert_snapshot!(titles.join("\n"), @r#"
    error: `[api.cognito]` is not built yet in this version; remove it
    error: `[mcp]` is not built yet in this version; remove it
    "#);
}

#[test]
fn later_keys_are_refused_in_every_form() {
    for (lines, says) in [
        (
            "network.egress = \"none\"",
            "`egress = \"none\"` is not built yet",
        ),
        (
            "database.engine = \"aurora-mysql\"",
            "`engine = \"aurora-mysql\"` is not built yet",
        ),
        (
            "function.secrets = \"environment\"",
            "`secrets = \"environment\"` is not built yet",
        ),
        (
            "api.cognito = { enabled = false }",
            "`[api.cognito]` is not built yet",
        ),
        ("mcp.enabled = false", "`[mcp]` is not built yet"),
    ] {
        let said = refusal_of(lines);
        assert!(
            said.contains("has a problem\n") && said.contains(says),
            "{lines}\n{said}"
        );
    }
}
