//! How old keys are, and how old they may be.

use crate::config::Config;
use crate::object::Object;
use crate::resources::Resource;
use crate::resources::apigateway::api_key::ApiKey;

/// One key of infra.toml and the age of its current version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Age {
    pub name: String,
    /// Whole days since it was created.
    pub days: i64,
    /// The days from which on it should be rotated.
    pub limit: u32,
}

impl Age {
    pub fn is_over(&self) -> bool {
        self.days >= i64::from(self.limit)
    }

    /// What to tell an operator, where it is too old.
    pub fn warning(&self) -> Option<String> {
        self.is_over().then(|| {
            format!(
                "API key {0} is {1} days old, and rotate_after_days is {2}: `wmctl rotate-keys {0}` makes a new one",
                self.name, self.days, self.limit
            )
        })
    }
}

/// The ages of the keys that are there, in the order of infra.toml. `now` is in seconds since 1970.
pub fn ages(config: &Config, found: &[Object], now: i64) -> Vec<Age> {
    let keys = config.api.keys.iter();
    keys.filter_map(|key| {
        let is = |object: &&Object| object.id.kind == ApiKey::KIND && object.id.name == key.name;
        let created = found.iter().find(is)?.attributes.get("created")?;
        Some(Age {
            name: key.name.clone(),
            days: days(now - created.parse::<i64>().ok()?),
            limit: key.rotate_after_days,
        })
    })
    .collect()
}

/// Whole days in so many seconds.
pub fn days(seconds: i64) -> i64 {
    seconds.max(0) / 86_400
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{Id, attributes};

    #[test]
    fn a_key_is_too_old_from_its_limit_on() {
        let text = "[stack]\nname = \"chat\"\nregion = \"us-east-1\"\n[[api.keys]]\nname = \"web\"\nrotate_after_days = 30";
        let config: Config = toml::from_str(text).unwrap();
        let object = Object {
            id: Id::new("api-key", "web"),
            attributes: attributes([("id", "k1"), ("created", "1000")]),
            value: serde_json::Value::Null,
            owned: true,
        };
        let at = |days: i64| ages(&config, std::slice::from_ref(&object), 1000 + days * 86_400);
        assert_eq!(at(29)[0].warning(), None);
        let warning = at(30)[0].warning().unwrap();
        assert!(warning.contains("30 days old"), "{warning}");
        assert!(warning.contains("`wmctl rotate-keys web`"), "{warning}");
        assert_eq!(ages(&config, &[], 0), []);
    }
}
