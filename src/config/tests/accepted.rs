use super::super::example::EXAMPLE;
use super::super::*;
use super::{read, with_stack};

#[test]
fn a_name_and_a_region_are_a_whole_file() {
    let config = read("[stack]\nname = \"chatbot\"\nregion = \"eu-central-1\"\n").unwrap();
    assert_eq!(config.prefix(), "chatbot-prod");
    assert_eq!(config.stack.region, "eu-central-1");
    assert_eq!(config.stack.tags.len(), 0);
    assert_eq!(config.network, Network::default());
    assert_eq!(config.database.parameters, default_parameters());
    assert_eq!(config.function.timeout_s, 30);
    assert_eq!(config.api.keys.len(), 1);
    assert_eq!(config.waf, Waf::default());
    assert_eq!(config.alarms, Alarms::default());
    assert_eq!(read(SMALLEST).unwrap().stack.name, "chatbot");
}

#[test]
fn the_repository_s_own_file_holds_the_defaults() {
    let text = include_str!("../../../infra.toml");
    let config = read(text).unwrap();
    assert_eq!(config.stack.name, "watermark-chatbot");
    assert_eq!(config.stack.tags["owner"], "security-team");
    assert_eq!(config.network, Network::default());
    assert_eq!(config.database, Database::default());
    assert_eq!(config.migrations, Migrations::default());
    assert_eq!(config.function, Function::default());
    assert_eq!(config.api, Api::default());
    assert_eq!(config.waf, Waf::default());
    assert_eq!(config.alarms, Alarms::default());
}

#[test]
fn a_file_with_every_key_is_read() {
    // A network of the stack's own, and one that somebody else keeps: never both.
    for others in [["vpc_id", "subnet_ids"], ["cidr", "zones"]] {
        let mut file = EXAMPLE.clone();
        for key in others {
            file["network"].as_table_mut().unwrap().remove(key).unwrap();
        }
        // Described beside it is an instance of the stack's own.
        let database = file["database"].as_table_mut().unwrap();
        for key in ["instance", "admin_secret"] {
            database.remove(key).unwrap();
        }
        let config = read(&toml::to_string(&file).unwrap()).unwrap();
        assert_eq!(config.alarms.email.as_deref(), Some("ops@example.com"));
        assert_eq!(config.waf.block_countries, ["KP"]);
        assert_eq!(config.network.subnets(), 2);
    }
}

#[test]
fn given_parameters_leave_the_other_defaults() {
    let config = read(&with_stack(
        "database.parameters = { max_connections = \"200\", long_query_time = \"2\" }",
    ))
    .unwrap();
    let parameters = config.database.parameters;
    assert_eq!(parameters["max_connections"], "200");
    assert_eq!(parameters["long_query_time"], "2");
    assert_eq!(parameters["require_secure_transport"], "1");
    assert_eq!(parameters["slow_query_log"], "1");
}

#[test]
fn paths_come_back_as_written() {
    let config = read(&with_stack("database.ca_file = \"certificates.pem\"")).unwrap();
    assert_eq!(config.function.source, Path::new("function"));
    assert_eq!(
        config.database.ca_file.as_deref(),
        Some(Path::new("certificates.pem"))
    );
}

#[test]
fn what_lies_on_a_bound_is_allowed() {
    for lines in [
        "function.memory_mb = 128",
        "function.memory_mb = 10_240",
        "function.memory_mb = 0x200",
        "function.timeout_s = 1",
        "function.reserved_concurrency = 94",
        "function.log_retention_days = 3653",
        "database.log_retention_days = 7",
        "database = { instance = \"s\", admin_secret = \"a\", log_retention_days = 36_500 }",
        "network.zones = 6\nnetwork.cidr = \"192.168.7.0/24\"",
        "network.cidr = \"172.31.0.0/16\"",
        "network.vpc_id = \"vpc-0a1b2c3d\"\nnetwork.subnet_ids = [\"subnet-0a1b2c3d\", \"subnet-0a1b2c3e\"]",
        "database.version = \"11.4.5\"",
        "database.instance_class = \"db.x2iedn.32xlarge\"",
        "database.parameters = {}",
        "database = { instance = \"shared\", admin_secret = \"rds!db-1-2\", name = \"chat\", port = 3307 }",
        "database = { instance = \"s\", admin_secret = \"arn:aws:secretsmanager:us-east-1:111122223333:secret:a/b-AbCdEf\" }",
        // Its own parameters count, which are not in the file.
        "function.reserved_concurrency = 900\ndatabase = { instance = \"s\", admin_secret = \"a\" }",
        "api.path = \"/v1.chat_bot-x\"",
        "api.throttle = { rate = 10_000, burst = 5000 }",
        "api.throttle = { rate = 5000, burst = 5000 }\napi.usage_plan.throttle = { rate = 1, burst = 1 }",
        "api.keys = [{ name = \"a\" }, { name = \"b-2\" }]",
        "api.keys = [{ name = \"a\", rotate_after_days = 30, overlap = \"30s\", grace = \"0s\" }]",
        "waf.managed_rules = []",
        "waf.rate_limit_5min = 10",
        "waf.block_countries = [\"KP\", \"XK\"]",
        "alarms.email = \"ops+aws@example.com\"",
        "stack.tags = { \"cost:centre/eu\" = \"Büro 42 @ x\", empty = \"\" }",
        // 48 characters with the environment.
        "stack.environment = \"abcdefghijabcdefghijabcdefghijabcdefghij\"",
    ] {
        let config = read(&with_stack(lines));
        assert!(config.is_ok(), "{lines}\n{}", config.unwrap_err());
    }
}

#[test]
fn a_region_newer_than_the_table_is_allowed() {
    let config = read("[stack]\nname = \"x\"\nregion = \"nz-interior-1\"");
    assert!(config.is_ok(), "{}", config.unwrap_err());
}

#[test]
fn line_ends_and_byte_order_marks_of_other_editors_are_read() {
    for text in [
        "[stack]\r\nname = \"x\"\r\nregion = \"us-east-1\"\r\n",
        "\u{feff}[stack]\nname = \"x\"\nregion = \"us-east-1\"\n",
    ] {
        assert_eq!(read(text).unwrap().stack.name, "x");
    }
}
