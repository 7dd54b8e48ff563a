//! Who may call the API at all, and from which addresses, where infra.toml says.

use serde_json::{Value, json};

use super::preflight;
use crate::config::Api;
use crate::error::Error;
use crate::resources::iam::policy::{document, parse};
use crate::stack::Stack;

/// How a policy names the API that has it. API Gateway writes its ARN instead.
const API: &str = "execute-api:/";
/// What callers send, and sign; what browsers ask before that comes unsigned.
const SIGNED: &str = "POST";

/// Callers, and a deny for whoever else calls: it outweighs what IAM allows elsewhere. A caller of
/// the API's own account would need no more than a policy of its own otherwise.
pub fn wanted(api: &Api) -> Option<Value> {
    let (ranges, principals) = (api.ranges(), api.principals());
    let everybody = json!("*");
    let mut statements = if principals.is_empty() {
        vec![statement("Callers", "Allow", &everybody, "*")]
    } else {
        let signed = format!("*/{SIGNED}/*");
        let mut others = statement("OtherCallers", "Deny", &everybody, &signed);
        // A session's is its role's ARN, and what is not signed has none.
        others["Condition"] = json!({"ArnNotEquals": {"aws:PrincipalArn": principals}});
        let callers = json!({"AWS": principals});
        vec![statement("Callers", "Allow", &callers, &signed), others]
    };
    if !principals.is_empty() && api.origin().is_some() {
        let asked = format!("*/{}/*", preflight::VERB);
        statements.push(statement("Preflight", "Allow", &everybody, &asked));
    }
    if !ranges.is_empty() {
        let mut elsewhere = statement("FromElsewhere", "Deny", &everybody, "*");
        elsewhere["Condition"] = json!({"NotIpAddress": {"aws:SourceIp": ranges}});
        statements.push(elsewhere);
    }
    (!api.allow_from.is_empty()).then(|| document(statements))
}

/// `methods` are `stage/verb/path`.
fn statement(sid: &str, effect: &str, principal: &Value, methods: &str) -> Value {
    json!({
        "Sid": sid,
        "Effect": effect,
        "Principal": principal,
        "Action": "execute-api:Invoke",
        "Resource": format!("{API}{methods}"),
    })
}

/// What API Gateway answers: with its quotes escaped, and with the API's own ARN.
pub fn read(stack: &Stack, api: &str, text: &str) -> Option<Value> {
    if text.is_empty() {
        return None;
    }
    let own = stack.arn("execute-api", &format!("{api}/"));
    Some(parse(&text.replace("\\\"", "\"").replace(&own, API)))
}

/// A policy is refused where it names somebody whom IAM does not know (any more), and not told whom.
pub fn explained(error: Error) -> Error {
    if error.is("BadRequestException", "Invalid policy document") {
        return error.hint(
            "each role and user in [api] allow_from must exist: make it first, or take it out",
        );
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Api;

    const ROLE: &str = "arn:aws:iam::111122223333:role/apps/chatbot";
    const USER: &str = "arn:aws:iam::444455556666:user/partner";

    fn api(from: &[&str], origin: Option<&str>) -> Api {
        Api {
            allow_from: from.iter().map(ToString::to_string).collect(),
            cors_origin: origin.map(str::to_owned),
            ..Api::default()
        }
    }

    fn policy(from: &[&str]) -> Value {
        wanted(&api(from, None)).unwrap()
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

    /// The whole document, so that whoever reads the test sees it.
    #[test]
    fn the_listed_may_call_from_the_listed_networks_and_browsers_may_ask() {
        let from = [USER, "203.0.113.0/24", ROLE];
        let api = api(&from, Some("https://chat.example.com"));
        let action = "execute-api:Invoke";
        assert_eq!(
            wanted(&api).unwrap(),
            json!({"Version": "2012-10-17", "Statement": [
                {"Sid": "Callers", "Effect": "Allow", "Principal": {"AWS": [ROLE, USER]},
                 "Action": action, "Resource": "execute-api:/*/POST/*"},
                {"Sid": "FromElsewhere", "Effect": "Deny", "Principal": "*", "Action": action,
                 "Resource": "execute-api:/*",
                 "Condition": {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}},
                {"Sid": "OtherCallers", "Effect": "Deny", "Principal": "*", "Action": action,
                 "Resource": "execute-api:/*/POST/*",
                 "Condition": {"ArnNotEquals": {"aws:PrincipalArn": [ROLE, USER]}}},
                {"Sid": "Preflight", "Effect": "Allow", "Principal": "*", "Action": action,
                 "Resource": "execute-api:/*/OPTIONS/*"},
            ]})
        );
    }

    #[test]
    fn without_a_browser_nothing_is_open() {
        let policy = policy(&[ROLE]).to_string();
        assert!(!policy.contains("OPTIONS"), "{policy}");
        assert!(!policy.contains("SourceIp"), "{policy}");
    }

    #[test]
    fn it_reads_back_as_it_was_written() {
        let config = "[stack]\nname = \"chat\"\nregion = \"us-east-1\"";
        let stack = Stack::new(&toml::from_str(config).unwrap(), "111122223333");
        let policy = policy(&["203.0.113.0/24", ROLE]);
        let own = "arn:aws:execute-api:us-east-1:111122223333:abc/";
        let answered = policy.to_string().replace(API, own).replace('"', "\\\"");
        assert_eq!(read(&stack, "abc", &answered), Some(policy));
        assert_eq!(read(&stack, "abc", ""), None);
    }
}
