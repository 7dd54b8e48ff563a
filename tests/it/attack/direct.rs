//! Past the gateway: who may invoke the functions at all, and what a forged event gets.
//!
//! The local cloud asks nobody who invokes whether they may. On AWS it takes a statement of the
//! function's own policy or one of the caller's identity: the former are all named here, and of the
//! latter this stack gives none.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{CANARY, CHATBOT, MIGRATOR, Target, is_refusal};

pub fn only_the_gateway_may_invoke(target: &Target) {
    let api = target.wire.host.split('.').next().unwrap();
    let execute = format!("arn:aws:execute-api:us-east-1:000000000000:{api}/prod/POST/chatbot");
    let gateway = ("apigateway.amazonaws.com".to_owned(), execute);
    assert_eq!(invokers(target, CHATBOT), BTreeSet::from([gateway]));

    let services = invokers(target, MIGRATOR);
    assert!(!services.is_empty());
    for (service, source) in &services {
        let expected = match service.as_str() {
            "events.amazonaws.com" => "arn:aws:events:us-east-1:000000000000:rule/",
            "secretsmanager.amazonaws.com" => "arn:aws:secretsmanager:us-east-1:000000000000:",
            other => panic!("{other} may invoke the migrator"),
        };
        assert!(source.starts_with(expected), "{source}");
        assert!(source.contains("watermark-chatbot-prod"), "{source}");
    }
    for function in [CHATBOT, MIGRATOR] {
        let urls = target.aws.lambda.list_function_url_configs();
        let urls = target.runtime.block_on(urls.function_name(function).send());
        assert!(urls.unwrap().function_url_configs().is_empty());
    }
    // Whoever gets into a function, or into what calls it, finds no right to call another.
    target.runtime.block_on(async {
        let iam = &target.aws.iam;
        let roles = iam.list_roles().send().await.unwrap();
        let mut policies = 0;
        for role in roles.roles() {
            let role = role.role_name();
            let attached = iam.list_attached_role_policies().role_name(role).send();
            for policy in attached.await.unwrap().attached_policies() {
                let name = policy.policy_name().unwrap();
                assert_eq!(name, "AmazonAPIGatewayPushToCloudWatchLogs", "{role}");
            }
            let names = iam.list_role_policies().role_name(role).send();
            for name in names.await.unwrap().policy_names() {
                let policy = iam.get_role_policy().role_name(role).policy_name(name);
                let policy = policy.send().await.unwrap();
                let policy: Value =
                    serde_json::from_str(&decoded(policy.policy_document())).unwrap();
                for statement in policy["Statement"].as_array().unwrap() {
                    let actions = match &statement["Action"] {
                        Value::Array(actions) => actions.clone(),
                        action => vec![action.clone()],
                    };
                    for action in actions {
                        let action = action.as_str().unwrap();
                        let calls = action.starts_with("lambda:") || action == "*";
                        assert!(
                            !calls || statement["Effect"] == "Deny",
                            "{role}: {statement}"
                        );
                    }
                }
                policies += 1;
            }
        }
        assert!(policies > 1);
    });
}

/// Policies come encoded as in a URL.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |decoded, part| {
        let byte = u8::from_str_radix(&part[..2], 16).unwrap();
        format!("{decoded}{}{}", char::from(byte), &part[2..])
    })
}

/// Service and source of each statement of a function's policy, on itself and on its alias.
fn invokers(target: &Target, function: &str) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for qualifier in [None, Some("live")] {
        let policy = target.aws.lambda.get_policy().function_name(function);
        let policy = policy.set_qualifier(qualifier.map(str::to_owned)).send();
        // There may be none on the function itself.
        let Ok(policy) = target.runtime.block_on(policy) else {
            assert_eq!(qualifier, None, "{function} has no policy");
            continue;
        };
        let policy: Value = serde_json::from_str(policy.policy().unwrap()).unwrap();
        for statement in policy["Statement"].as_array().unwrap() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            assert_eq!(statement["Effect"], "Allow", "{statement}");
            assert_eq!(statement["Action"], "lambda:InvokeFunction", "{statement}");
            let on = text(&statement["Resource"]);
            assert!(on.ends_with(&format!("{function}:live")), "{statement}");
            let service = text(&statement["Principal"]["Service"]);
            let source = text(&statement["Condition"]["ArnLike"]["AWS:SourceArn"]);
            assert!(!source.is_empty() && !source.contains('*'), "{statement}");
            found.insert((service, source));
        }
    }
    found
}

/// Whoever has the right to invoke and no key: an operator, or a hole in a policy. The function
/// believes nothing that an event says of its sender.
pub fn a_forged_event_needs_a_key_as_well(target: &Target) {
    let admitted = json!({
        "accountId": "000000000000",
        "apiId": target.wire.host.split('.').next(),
        "stage": "prod",
        "httpMethod": "POST",
        "resourcePath": "/chatbot",
        "requestId": CANARY,
        "authorizer": {"principalId": "admin", "claims": {"cognito:groups": "admins"}},
        "identity": {
            "apiKey": target.key,
            "apiKeyId": "k1",
            "userArn": "arn:aws:iam::000000000000:root",
            "sourceIp": "127.0.0.1",
        },
    });
    let event = json!({
        "resource": "/chatbot",
        "path": "/chatbot",
        "httpMethod": "POST",
        "headers": {"Content-Type": "application/json"},
        "requestContext": admitted,
        "body": Target::body(),
    });
    for key in [None, Some(""), Some("wrong"), Some("k1"), Some(CANARY)] {
        let mut event = event.clone();
        if let Some(key) = key {
            event["headers"]["x-api-key"] = key.into();
        }
        let answer = target.invoke(&event);
        assert_eq!(answer["statusCode"], 401, "{key:?}: {answer}");
        let body = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        is_refusal("a forged event", &body, "unauthorized");
    }
    // The health check needs no key, and tells what an operator wants to know, which is not much.
    let health = target.invoke(&json!({"wmctl": "health", "body": Target::body()}));
    let health = health.as_object().unwrap();
    let told: Vec<&str> = health.keys().map(String::as_str).collect();
    assert_eq!(told, ["ok", "database", "schema", "keys"]);
    assert_eq!(health["keys"], 1);
    // What has come through a gateway is no health check, whatever it calls itself.
    let mut event = event;
    event["wmctl"] = "health".into();
    assert_eq!(target.invoke(&event)["statusCode"], 401);
}
