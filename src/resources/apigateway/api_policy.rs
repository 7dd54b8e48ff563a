//! From which addresses the API may be called at all, where infra.toml names them.

use serde_json::{Value, json};

use crate::config::Api;
use crate::resources::iam::policy::{document, parse};
use crate::stack::Stack;

/// Every method of the API that has the policy. API Gateway writes its own ARN instead.
const EVERYTHING: &str = "execute-api:/*";

/// Everybody, but for whoever calls from elsewhere: a deny outweighs what else IAM allows.
pub fn wanted(api: &Api) -> Option<Value> {
    if api.allow_from.is_empty() {
        return None;
    }
    let statement = |sid: &str, effect: &str| {
        json!({
            "Sid": sid,
            "Effect": effect,
            "Principal": "*",
            "Action": "execute-api:Invoke",
            "Resource": EVERYTHING,
        })
    };
    let mut elsewhere = statement("FromElsewhere", "Deny");
    elsewhere["Condition"] = json!({"NotIpAddress": {"aws:SourceIp": api.allow_from}});
    Some(document(vec![statement("Callers", "Allow"), elsewhere]))
}

/// What API Gateway answers: with its quotes escaped, and with the API's own ARN.
pub fn read(stack: &Stack, api: &str, text: &str) -> Option<Value> {
    if text.is_empty() {
        return None;
    }
    let own = stack.arn("execute-api", &format!("{api}/*"));
    Some(parse(&text.replace("\\\"", "\"").replace(&own, EVERYTHING)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Api;

    fn policy(from: &[&str]) -> Value {
        let api = Api {
            allow_from: from.iter().map(ToString::to_string).collect(),
            ..Api::default()
        };
        wanted(&api).unwrap()
    }

    #[test]
    fn whoever_calls_from_elsewhere_is_refused() {
        assert_eq!(wanted(&Api::default()), None);
        let policy = policy(&["203.0.113.0/24", "2001:db8::/32"]);
        let statements = policy["Statement"].as_array().unwrap();
        assert_eq!(statements[0]["Principal"], "*");
        assert_eq!(
            statements[1]["Condition"]["NotIpAddress"]["aws:SourceIp"],
            json!(["2001:db8::/32", "203.0.113.0/24"])
        );
    }

    #[test]
    fn it_reads_back_as_it_was_written() {
        let config = "[stack]\nname = \"chat\"\nregion = \"us-east-1\"";
        let stack = Stack::new(&toml::from_str(config).unwrap(), "111122223333");
        let policy = policy(&["203.0.113.0/24"]);
        let own = "arn:aws:execute-api:us-east-1:111122223333:abc/*";
        let answered = policy
            .to_string()
            .replace(EVERYTHING, own)
            .replace('"', "\\\"");
        assert_eq!(read(&stack, "abc", &answered), Some(policy));
        assert_eq!(read(&stack, "abc", ""), None);
    }
}
