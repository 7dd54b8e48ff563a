//! Every key, with values it must not take.

use super::super::check::ranges::RANGES;
use super::super::document::Place;
use super::super::example::EXAMPLE;
use super::{read, refusal_of, with_stack};

/// A key with a value it may not have, and what must be said of it.
const REFUSED: &[(&str, &str, &str)] = &[
    ("api.allow_from", "[\"office\"]", "is neither a CIDR nor"),
    ("api.allow_from", "[\"0.0.0.0/0\"]", "lets everybody in"),
    (
        "api.allow_from",
        "[\"203.0.113.7/24\"]",
        "write `\"203.0.113.0/24\"`",
    ),
    (
        "api.allow_from",
        "[\"203.0.113.7\"]",
        "write `\"203.0.113.7/32\"`",
    ),
    ("api.allow_from", "[\"*\"]", "is a pattern"),
    (
        "api.allow_from",
        "[\"arn:aws:iam::111122223333:role/chat*\"]",
        "is a pattern",
    ),
    (
        "api.allow_from",
        "[\"arn:aws:sts::111122223333:assumed-role/chatbot/session\"]",
        "write its role's, `\"arn:aws:iam::111122223333:role/chatbot\"`",
    ),
    (
        "api.allow_from",
        "[\"arn:aws:iam::111122223333:root\"]",
        "is a whole account",
    ),
    ("api.allow_from", "[\"111122223333\"]", "is a whole account"),
    (
        "api.allow_from",
        "[\"lambda.amazonaws.com\"]",
        "is a service of AWS",
    ),
    (
        "api.allow_from",
        "[\"arn:aws-cn:iam::111122223333:role/chatbot\"]",
        "write `\"arn:aws:iam::111122223333:role/chatbot\"`",
    ),
    (
        "api.allow_from",
        "[\"arn:aws:iam::111122223333:group/chatbots\"]",
        "is a group",
    ),
    (
        "api.allow_from",
        "[\"arn:aws:iam::1111:role/chatbot\"]",
        "is not the ARN of a role or a user",
    ),
    ("api.cors_origin", "\"*\"", "lets every page in"),
    (
        "api.cors_origin",
        "\"http://chat.example.com\"",
        "is not an origin of HTTPS",
    ),
    (
        "api.cors_origin",
        "\"https://chat.example.com/\"",
        "is not an origin",
    ),
    ("network.cidr", "\"10.42.0.0\"", "is not usable"),
    ("network.cidr", "\"fd00::/16\"", "is not usable"),
    ("network.cidr", "\"8.8.0.0/16\"", "is not a private range"),
    (
        "network.cidr",
        "\"172.32.0.0/16\"",
        "is not a private range",
    ),
    ("network.cidr", "\"10.0.0.0/8\"", "is too large"),
    ("network.cidr", "\"10.42.0.0/25\"", "is too small"),
    (
        "network.cidr",
        "\"10.42.1.0/16\"",
        "cidr = \"10.42.0.0/16\"",
    ),
    ("network.zones", "1", "2 to 6"),
    ("network.zones", "7", "2 to 6"),
    ("network.zones", "300", "2 to 6"),
    ("network.egress", "\"internet\"", "can only be `endpoints`"),
    (
        "network.vpc_id",
        "\"vpc-0a1b2c3d4e5f60718\"",
        "needs `subnet_ids` beside it",
    ),
    (
        "network.subnet_ids",
        "[\"subnet-0a1b2c3d\", \"subnet-0a1b2c3e\"]",
        "needs `vpc_id` beside it",
    ),
    ("database.enhanced_monitoring_s", "61", "0 to 60"),
    (
        "database.enhanced_monitoring_s",
        "20",
        "the nearest is `enhanced_monitoring_s = 15`",
    ),
    ("audit.retention_days", "30", "90 to 3653"),
    (
        "audit.retention_days",
        "100",
        "the nearest is `retention_days = 90`",
    ),
    (
        "stack.operators",
        "[\"deployer\"]",
        "is not the ARN of a role or a user",
    ),
    (
        "stack.operators",
        "[\"arn:aws:sts::111122223333:assumed-role/deployer/me\"]",
        "a session's ARN, of STS, is not its role's",
    ),
    (
        "stack.operators",
        "[\"arn:aws:iam::111122223333:role/*\"]",
        "is not the ARN of a role or a user",
    ),
    ("database.engine", "\"postgres\"", "only MariaDB is"),
    (
        "database.version",
        "\"10.4\"",
        "is not a version of MariaDB on RDS",
    ),
    (
        "database.version",
        "\"10.110\"",
        "is not a version of MariaDB on RDS",
    ),
    (
        "database.version",
        "\"10.11.\"",
        "is not a version of MariaDB on RDS",
    ),
    ("database.instance_class", "\"t4g.small\"", "db.t4g.small"),
    (
        "database.instance_class",
        "\"db.t4g.tiny\"",
        "is not an instance class",
    ),
    ("database.port", "1149", "1150 to 65535"),
    ("database.port", "65_536", "1150 to 65535"),
    ("database.instance", "\"1st\"", "is not the identifier"),
    ("database.instance", "\"shared\"", "lacks its administrator"),
    (
        "database.admin_secret",
        "\"shared/admin\"",
        "belongs to an instance that exists",
    ),
    ("database.storage_gb", "19", "20 to 65536"),
    ("database.storage_gb", "65_537", "20 to 65536"),
    ("database.name", "\"1st\"", "is not a name"),
    ("database.name", "\"mysql\"", "is reserved"),
    ("database.app_user", "\"Admin\"", "is reserved"),
    ("database.app_user", "\"mariadb.sys\"", "is not a name"),
    (
        "database.app_user",
        "\"a23456789012345678901234567890123\"",
        "is too long",
    ),
    (
        "database.app_user",
        "\"a23456789012345678901234567\"",
        "26 characters are the most",
    ),
    ("database.app_user", "\"app_clone\"", "is reserved"),
    ("database.rotate_after_days", "-1", "0 to 1000"),
    (
        "database.rotate_after_days",
        "1001",
        "at 0 nothing rotates by itself",
    ),
    ("database.backup_days", "6", "7 to 35"),
    ("database.backup_days", "36", "7 to 35"),
    (
        "database.log_retention_days",
        "0",
        "without the key nothing is dropped",
    ),
    ("database.log_retention_days", "6", "7 to 36500"),
    ("database.log_retention_days", "36_501", "7 to 36500"),
    (
        "database.log_retention_days",
        "\"30d\"",
        "for example `log_retention_days = 365`",
    ),
    (
        "database.parameters",
        "{ \"max-connections\" = \"1\" }",
        "did you mean `max_connections`",
    ),
    (
        "database.parameters",
        "{ slow_query_log = 1 }",
        "slow_query_log = \"1\"",
    ),
    (
        "database.parameters.require_secure_transport",
        "\"0\"",
        "without TLS",
    ),
    (
        "database.parameters.require_secure_transport",
        "\"ON\"",
        "audits look for",
    ),
    (
        "database.parameters.max_connections",
        "\"{DBInstanceClassMemory/12582880}\"",
        "is not a number",
    ),
    (
        "database.parameters.max_connections",
        "\"5\"",
        "10 to 100000",
    ),
    ("database.parameters.slow_query_log", "\"\"", "is empty"),
    (
        "database.parameters.log_bin_trust_function_creators",
        "\"\"",
        "is empty",
    ),
    ("database.ca_file", "\"absent.pem\"", "does not exist"),
    (
        "migrations.dir",
        "\"function/openapi.json\"",
        "is not a directory",
    ),
    ("function.crate", "\"fun\"", "no directory at fun"),
    (
        "function.architecture",
        "\"aarch64\"",
        "it can be `arm64` and `x86_64`",
    ),
    ("function.memory_mb", "127", "128 to 10240"),
    ("function.memory_mb", "10241", "128 to 10240"),
    (
        "function.memory_mb",
        "99999999999999999999999999999999999999999",
        "128 to 10240",
    ),
    ("function.timeout_s", "0", "1 to 30"),
    ("function.timeout_s", "31", "504 after 29 seconds"),
    ("function.reserved_concurrency", "0", "1 to 1000"),
    (
        "function.reserved_concurrency",
        "95",
        "raise `max_connections` to 101",
    ),
    ("function.log_level", "\"trace\"", "cannot be `trace`"),
    (
        "function.log_retention_days",
        "370",
        "log_retention_days = 365`",
    ),
    ("function.log_retention_days", "0", "1 to 3653"),
    (
        "function.secrets",
        "\"secret-manager\"",
        "did you mean `\"secrets-manager\"`",
    ),
    ("function.max_payload_bytes", "1023", "1024 to 6291456"),
    ("function.max_payload_bytes", "6_291_457", "1024 to 6291456"),
    ("function.max_query_limit", "-1", "1 to 10000"),
    ("function.keep_versions", "0", "1 to 50"),
    ("api.path", "\"chatbot\"", "path = \"/chatbot\""),
    ("api.path", "\"/a/b\"", "more than one segment"),
    ("api.path", "\"/\"", "is not a path"),
    ("api.path", "\"/..\"", "is not a path"),
    ("api.path", "\"/ping\"", "is reserved"),
    ("api.stage", "\"v-1\"", "stage = \"v_1\""),
    ("api.stage", "\"\"", "stage = \"prod\""),
    ("api.contract", "\"function\"", "is not a file"),
    (
        "api.throttle",
        "{ rate = 0, burst = 200 }",
        "`api.throttle.rate` is 0",
    ),
    (
        "api.throttle",
        "{ rate = 100 }",
        "`api.throttle.burst` is missing",
    ),
    (
        "api.throttle",
        "[100, 200]",
        "is a list, and must be a table",
    ),
    (
        "api.throttle",
        "{ rate = 5, burst = 5001 }",
        "`api.throttle.burst` is 5001",
    ),
    (
        "api.throttle",
        "{ rate = 10_000, burst = 4999 }",
        "raise it to `burst = 5000`",
    ),
    (
        "api.usage_plan.throttle",
        "{ rate = 0, burst = 1 }",
        "throttle.rate` is 0",
    ),
    (
        "api.usage_plan.throttle",
        "{ rate = 50, burst = 40 }",
        "is below the rate",
    ),
    (
        "api.usage_plan.throttle",
        "{ rate = 101, burst = 200 }",
        "is above the stage's",
    ),
    (
        "api.usage_plan.quota",
        "{ limit = 0, period = \"day\" }",
        "quota.limit` is 0",
    ),
    (
        "api.usage_plan.quota",
        "{ limit = 1, period = \"year\" }",
        "it can be `day`, `week` and `month`",
    ),
    (
        "api.execution_logs",
        "\"debug\"",
        "it can be `off`, `error` and `info`",
    ),
    ("api.keys", "[]", "nobody could call the API"),
    (
        "api.keys",
        "[{ name = \"Mobile App\" }]",
        "is not a key's name",
    ),
    (
        "api.keys",
        "[{ name = \"a\" }, { name = \"a\" }]",
        "two keys are named `a`",
    ),
    (
        "api.keys",
        "[{ name = \"a\", rotate_after_days = 0 }]",
        "must be 1 to 3650",
    ),
    (
        "api.keys",
        "[{ name = \"a\", overlap = \"a day\" }]",
        "is no length of time",
    ),
    (
        "api.keys",
        "[{ name = \"a\", overlap = \"0s\" }]",
        "is not within 10s to 90d",
    ),
    (
        "api.keys",
        "[{ name = \"a\", grace = \"91d\" }]",
        "is above 90d",
    ),
    (
        "api.keys",
        "[{ name = \"a\", overlap = \"30d\", rotate_after_days = 7 }]",
        "is longer than a key lives",
    ),
    (
        "waf.managed_rules",
        "[\"common\", \"common\"]",
        "is there twice",
    ),
    ("waf.rate_limit_5min", "9", "10 to 2000000000"),
    ("waf.rate_limit_5min", "2_000_000_001", "10 to 2000000000"),
    ("waf.block_countries", "[\"UK\"]", "did you mean `\"GB\"`"),
    ("waf.block_countries", "[\"us\"]", "did you mean `\"US\"`"),
    ("waf.block_countries", "[\"KP\", \"KP\"]", "is there twice"),
    ("alarms.email", "\"ops\"", "is not an address"),
    ("alarms.email", "\"a@b@c\"", "is not an address"),
    ("alarms.email", "\"a b@c\"", "is not an address"),
    ("alarms.function_errors_5min", "0", "always ring"),
    ("alarms.api_errors_5min", "0", "always ring"),
    ("alarms.latency_p99_ms", "29_001", "never ring"),
    ("alarms.database_cpu_percent", "101", "1 to 100"),
    ("alarms.database_connections_percent", "0", "1 to 100"),
    ("cost.requests_per_month", "-1", "too low"),
    ("cost.function_ms", "30_001", "504"),
    ("cost.response_bytes", "6_291_457", "6 MiB"),
    ("cost.log_bytes_per_request", "1_048_577", "1 MiB"),
    ("cost.background_log_mb", "1_000_001", "megabytes"),
    ("cost.function_metrics", "10_001", "each intent"),
    ("stack.environment", "\"Prod\"", "environment = \"prod\""),
    ("stack.environment", "\"prod-\"", "no hyphen at the end"),
    ("stack.environment", "\"a--b\"", "no two in a row"),
    ("stack.environment", "\"1\"", "a letter first"),
    ("stack.tags", "{ \"aws:x\" = \"1\" }", "reserved key"),
    ("stack.tags", "{ \"WMCTL:stack\" = \"1\" }", "reserved key"),
    ("stack.tags", "{ \"\" = \"1\" }", "wrong length"),
    ("stack.tags", "{ a = \"1\", A = \"2\" }", "is there twice"),
    ("stack.tags", "{ a = \"x;y\" }", "';'"),
    ("stack.tags", "{ a = 1 }", "a = \"1\""),
];

/// Keys that may have any value of their type.
const FREE: [&str; 9] = [
    "network.flow_logs",
    "audit.cloudtrail",
    "audit.guardduty",
    "audit.security_hub",
    "database.multi_az",
    "database.deletion_protection",
    "function.tracing",
    "api.access_logs",
    "waf.enabled",
];

/// Checked with a whole [stack] of their own.
const OF_STACK: [(&str, &str, &str); 9] = [
    (
        "stack.name",
        "abcdefghijabcdefghijabcdefghijabcdefghijabcd",
        "leave out 1",
    ),
    ("stack.name", "", "cannot be part of a name"),
    ("stack.name", "My Chatbot", "name = \"my-chatbot\""),
    ("stack.name", "sg-1", "cannot begin with `sg-`"),
    ("stack.name", "-", "cannot be part of a name"),
    (
        "stack.region",
        "us-esat-1",
        "did you mean `region = \"us-east-1\"`",
    ),
    ("stack.region", "Frankfurt", "a region's name is like"),
    (
        "stack.region",
        "eu-central",
        "did you mean `region = \"eu-central-1\"`",
    ),
    (
        "stack.region",
        "us-east-1a",
        "did you mean `region = \"us-east-1\"`",
    ),
];

fn leaves(value: &toml::Value, at: &Place, found: &mut Vec<(Place, toml::Value)>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                leaves(value, &at.key(key), found);
            }
        }
        _ => found.push((at.clone(), value.clone())),
    }
}

fn all_leaves() -> Vec<(Place, toml::Value)> {
    let mut found = Vec::new();
    leaves(&EXAMPLE, &Place::default(), &mut found);
    found
}

#[test]
fn values_that_aws_would_refuse_are_refused() {
    for (place, value, says) in REFUSED {
        let said = refusal_of(&format!("{place} = {value}"));
        assert!(
            said.contains("has a problem\n"),
            "{place} = {value}\n{said}"
        );
        assert!(said.contains(says), "{place} = {value}\n{said}");
        assert!(said.contains("= help: "), "{place} = {value}\n{said}");
        // At its own line, not at some section's.
        assert!(said.contains("infra.toml:3:"), "{place} = {value}\n{said}");
    }
}

#[test]
fn names_and_regions_that_aws_would_refuse_are_refused() {
    for (place, value, says) in OF_STACK {
        let (name, region) = if place == "stack.name" {
            (value, "us-east-1")
        } else {
            ("chatbot", value)
        };
        let text = format!("[stack]\nname = \"{name}\"\nregion = \"{region}\"");
        let said = read(&text).unwrap_err().message;
        assert!(
            said.contains("has a problem\n") && said.contains(says),
            "{value}\n{said}"
        );
    }
}

#[test]
fn no_key_is_without_a_check() {
    for (place, _) in all_leaves() {
        let checked = REFUSED
            .iter()
            .chain(&OF_STACK)
            .any(|(key, ..)| place.touches(&Place::from(*key)));
        let name = place.to_string();
        assert!(
            checked || FREE.contains(&name.as_str()),
            "{name}: give it a row in REFUSED, or in FREE where its type says all"
        );
    }
}

#[test]
fn every_key_refuses_another_type_with_an_example() {
    for (place, example) in all_leaves() {
        let wrong = if example.is_bool() {
            "\"yes\""
        } else {
            "false"
        };
        let name = place.to_string();
        // [stack] has these two already.
        let said = if ["stack.name", "stack.region"].contains(&name.as_str()) {
            let text =
                with_stack("").replace(&format!("{name} = "), &format!("{name} = {wrong} #"));
            read(&text).unwrap_err().message
        } else {
            refusal_of(&format!("{name} = {wrong}"))
        };
        assert!(said.contains(&format!("`{name}` is ")), "{said}");
        assert!(
            said.contains("and must be") && said.contains("= help: for example"),
            "{said}"
        );
    }
}

#[test]
fn every_number_has_a_range_that_holds_its_default() {
    for (place, example) in all_leaves() {
        let Some(value) = example.as_integer() else {
            continue;
        };
        let name = place.to_string();
        let range = RANGES.iter().find(|range| range.place == name);
        let range = range.unwrap_or_else(|| panic!("{name} has no range"));
        assert!((range.least..=range.most).contains(&value), "{name}");
    }
    for range in &RANGES {
        assert!(
            Place::from(range.place).value_in(&EXAMPLE).is_some(),
            "{}",
            range.place
        );
    }
}

#[test]
fn no_key_is_both_there_and_later() {
    for key in super::super::later::KEYS.map(|(key, _)| key.replace("[]", "[0]")) {
        assert!(
            Place::from(key.as_str()).value_in(&EXAMPLE).is_none(),
            "{key}"
        );
    }
}
