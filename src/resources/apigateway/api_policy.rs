//! Who may call the API at all, where infra.toml names them: from which addresses, and as whom.

use serde_json::{Value, json};

use crate::config::Api;
use crate::resources::iam::policy::{document, parse};
use crate::stack::Stack;

/// Every method of the API that has the policy. API Gateway writes its own ARN instead.
const EVERYTHING: &str = "execute-api:/*";

/// What else is allowed by IAM is denied here: a policy that only allows would add callers.
pub fn wanted(api: &Api) -> Option<Value> {
    let (addresses, principals): (Vec<&String>, Vec<&String>) =
        api.allow_from.iter().partition(|from| !is_principal(from));
    if api.allow_from.is_empty() {
        return None;
    }
    let statement = |sid: &str, effect: &str, principal: Value| {
        json!({
            "Sid": sid,
            "Effect": effect,
            "Principal": principal,
            "Action": "execute-api:Invoke",
            "Resource": EVERYTHING,
        })
    };
    let whoever = if principals.is_empty() {
        json!("*")
    } else {
        json!({"AWS": principals})
    };
    let mut statements = vec![statement("Callers", "Allow", whoever)];
    if !addresses.is_empty() {
        let mut elsewhere = statement("FromElsewhere", "Deny", json!("*"));
        elsewhere["Condition"] = json!({"NotIpAddress": {"aws:SourceIp": addresses}});
        statements.push(elsewhere);
    }
    if !principals.is_empty() {
        let mut others = statement("Others", "Deny", json!("*"));
        others["Condition"] = json!({"ArnNotEquals": {"aws:PrincipalArn": principals}});
        statements.push(others);
    }
    Some(document(statements))
}

/// Callers that are told apart by who they are have to sign.
pub fn is_principal(from: &str) -> bool {
    from.starts_with("arn:")
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
    fn named_callers_are_the_only_ones() {
        let role = "arn:aws:iam::111122223333:role/chatbot";
        let policy = policy(&[role]);
        let statements = policy["Statement"].as_array().unwrap();
        assert_eq!(statements[0]["Principal"]["AWS"], role);
        assert_eq!(statements[1]["Effect"], "Deny");
    }

    #[test]
    fn it_reads_back_as_it_was_written() {
        let config = "[stack]\nname = \"chat\"\nregion = \"us-east-1\"";
        let stack = Stack::new(&toml::from_str(config).unwrap(), "111122223333");
        let policy = policy(&["203.0.113.0/24", "arn:aws:iam::111122223333:role/a"]);
        let own = "arn:aws:execute-api:us-east-1:111122223333:abc/*";
        let answered = policy
            .to_string()
            .replace(EVERYTHING, own)
            .replace('"', "\\\"");
        assert_eq!(read(&stack, "abc", &answered), Some(policy));
        assert_eq!(read(&stack, "abc", ""), None);
    }
}
