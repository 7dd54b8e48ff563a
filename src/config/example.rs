//! One value for every key: what the types look like, and good for examples.

use std::sync::LazyLock;

use super::{
    Alarms, Api, Audit, Config, Cost, Database, Function, Migrations, Network, StackSettings, Waf,
};

/// A whole file, the defaults where there are some.
pub(super) static EXAMPLE: LazyLock<toml::Value> = LazyLock::new(|| {
    let example = Config {
        stack: StackSettings {
            name: "chatbot".to_owned(),
            region: "us-east-1".to_owned(),
            environment: "prod".to_owned(),
            operators: vec!["arn:aws:iam::111122223333:role/deployer".to_owned()],
            tags: [("owner".to_owned(), "security-team".to_owned())].into(),
        },
        network: Network {
            vpc_id: Some("vpc-0a1b2c3d4e5f60718".to_owned()),
            subnet_ids: vec![
                "subnet-0a1b2c3d4e5f60718".to_owned(),
                "subnet-0b2c3d4e5f607181a".to_owned(),
            ],
            ..Network::default()
        },
        database: Database {
            instance: Some("shared".to_owned()),
            admin_secret: Some("shared/admin".to_owned()),
            log_retention_days: Some(365),
            ca_file: Some("certificates.pem".into()),
            ..Database::default()
        },
        migrations: Migrations::default(),
        function: Function::default(),
        api: Api {
            allow_from: vec!["203.0.113.0/24".to_owned()],
            cors_origin: Some("https://chat.example.com".to_owned()),
            ..Api::default()
        },
        waf: Waf {
            block_countries: vec!["KP".to_owned()],
            ..Waf::default()
        },
        alarms: Alarms {
            email: Some("ops@example.com".to_owned()),
            ..Alarms::default()
        },
        audit: Audit::default(),
        cost: Cost::default(),
    };
    toml::Value::try_from(example).unwrap_or(toml::Value::Boolean(false))
});
