//! What the migrator can be asked for.

use serde::Deserialize;
use serde_json::Value;

use super::Failure;

/// The event of an invocation. Whatever came through a gateway carries more, and is refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// What is applied and what is pending.
    Status {},
    /// The statements that are pending, and what each does to large tables.
    Plan {
        #[serde(default)]
        to: Option<String>,
    },
    Migrate {
        /// The last version to apply; all of them where it is left out.
        #[serde(default)]
        to: Option<String>,
        /// What the caller finds this run's log lines by.
        #[serde(default)]
        run: Option<String>,
        /// Try even what seems to take longer than an invocation may.
        #[serde(default)]
        allow_slow: bool,
    },
    /// What an operator found out about a statement of which the history does not know the end.
    Repair { statement: Finding },
    /// Partitions and roll-ups.
    Maintain {},
    /// The same, with the roll-ups anew.
    Rebuild {},
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// It took effect, or somebody did by hand what it does.
    Done,
    /// It did not: the next run executes it once more.
    Again,
}

impl Action {
    pub fn read(event: &Value) -> Result<Self, Failure> {
        Self::deserialize(event).map_err(|_| {
            Failure::new(
                "InvalidEvent",
                r#"the event must be {"action": "status"}, "plan", "migrate", "repair", "maintain" or "rebuild""#,
            )
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_bare_action_is_an_event() {
        let read = |event| Action::read(&event);
        assert_eq!(
            read(json!({"action": "status"})).unwrap(),
            Action::Status {}
        );
        assert_eq!(
            read(json!({"action": "migrate"})).unwrap(),
            Action::Migrate {
                to: None,
                run: None,
                allow_slow: false
            }
        );
        let to = Some("0005".to_string());
        assert_eq!(
            read(json!({"action": "plan", "to": "0005"})).unwrap(),
            Action::Plan { to }
        );
        assert_eq!(
            read(json!({"action": "repair", "statement": "done"})).unwrap(),
            Action::Repair {
                statement: Finding::Done
            }
        );
        for event in [
            json!({"action": "drop"}),
            json!({"action": "status", "httpMethod": "POST"}),
            json!({"action": "migrate", "httpMethod": "POST"}),
            json!({"action": "maintain", "httpMethod": "POST"}),
            json!({"action": "repair"}),
            json!({"action": "repair", "statement": "maybe"}),
            json!({"httpMethod": "POST", "body": "{\"action\":\"migrate\"}"}),
            json!({"version": "2.0", "routeKey": "$default"}),
            json!("migrate"),
            json!(null),
        ] {
            assert_eq!(
                Action::read(&event).unwrap_err().kind,
                "InvalidEvent",
                "{event}"
            );
        }
    }
}
