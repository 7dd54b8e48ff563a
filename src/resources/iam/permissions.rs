//! What each role may do, and who may take it on.

use serde_json::{Value, json};

use super::policy::document;
use crate::resources::Scope;
use crate::resources::logs::function_group;
use crate::resources::secretsmanager::rotation::rotated;

/// What a rotation's steps do with a secret, but for reading it.
pub const ROTATING: [&str; 3] = [
    "secretsmanager:DescribeSecret",
    "secretsmanager:PutSecretValue",
    "secretsmanager:UpdateSecretVersionStage",
];

/// Services that are documented to name the account that they act for.
const NAME_THE_ACCOUNT: [&str; 3] = [
    "lambda.amazonaws.com",
    "monitoring.rds.amazonaws.com",
    "vpc-flow-logs.amazonaws.com",
];

/// Who may take a role on: one AWS service.
///
/// These name the account that they act for, as AWS's own guides rely on, so another account's
/// service is of no use. API Gateway is documented nowhere to do so, and CloudTrail is documented
/// not to: with the condition they might not be able to take their roles on at all.
pub fn trust(scope: &Scope, service: &str) -> Value {
    let mut statement = json!({
        "Sid": "Service",
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    });
    if NAME_THE_ACCOUNT.contains(&service) {
        statement["Condition"] =
            json!({"StringEquals": {"aws:SourceAccount": scope.stack.account}});
    }
    document([statement])
}

/// A function's permissions: its own log streams, its secrets, its traces, and the network
/// interfaces that Lambda makes for it; and the migrator's, to rotate the logins. `function` names it, and `secrets` lists the logical names
/// of what it reads, sorted.
pub fn function(scope: &Scope, function: &str, secrets: &[&str]) -> Value {
    let stack = scope.stack;
    // Somebody else's secret has somebody else's key; the context still names the secrets.
    let foreign = secrets.contains(&"database-admin") && scope.config.database.instance.is_some();
    let key = if foreign {
        stack.arn("kms", "key/*")
    } else {
        "${kms-key/main.arn}".to_owned()
    };
    let secrets: Vec<String> = secrets
        .iter()
        .map(|name| format!("${{secret/{name}.arn}}"))
        .collect();
    let mut statements = vec![
        // Not CreateLogGroup: a late write would bring back a deleted group without retention.
        json!({
            "Sid": "Logs",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": stack.arn("logs", &format!("log-group:{}:*", function_group(stack, function))),
        }),
        json!({
            "Sid": "Secrets",
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": secrets,
        }),
        json!({
            "Sid": "DecryptSecrets",
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": key,
            "Condition": {"StringEquals": {
                "kms:ViaService": format!("secretsmanager.{}.amazonaws.com", stack.region),
                "kms:EncryptionContext:SecretARN": secrets,
            }},
        }),
    ];
    if scope.config.function.tracing {
        statements.push(json!({
            "Sid": "Traces",
            "Effect": "Allow",
            "Action": ["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
            // X-Ray knows no resources.
            "Resource": "*",
        }));
    }
    if function == "migrator" {
        statements.extend(rotating(scope));
    }
    statements.extend(network(scope, function));
    document(statements)
}

/// New values for the stack's own logins, under its own key.
fn rotating(scope: &Scope) -> [Value; 2] {
    let stack = scope.stack;
    let logins: Vec<String> = rotated(scope.config)
        .iter()
        .map(|name| format!("${{secret/{name}.arn}}"))
        .collect();
    [
        json!({
            "Sid": "RotateLogins",
            "Effect": "Allow",
            "Action": ROTATING,
            "Resource": logins,
        }),
        json!({
            "Sid": "EncryptLogins",
            "Effect": "Allow",
            "Action": "kms:GenerateDataKey",
            "Resource": "${kms-key/main.arn}",
            "Condition": {"StringEquals": {
                "kms:ViaService": format!("secretsmanager.{}.amazonaws.com", stack.region),
                "kms:EncryptionContext:SecretARN": logins,
            }},
        }),
    ]
}

/// What Lambda needs to put a function into the VPC, and what keeps it from the function's code.
///
/// Lambda tries each action before it makes the function. Those on an interface are tried on one
/// that does not exist, so they need all resources of the account, and no VPC is known by then.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html>
fn network(scope: &Scope, function: &str) -> [Value; 4] {
    let stack = scope.stack;
    let in_our_vpc = json!({"ArnEqualsIfExists": {"ec2:Vpc": stack.arn("ec2", "vpc/${vpc/main}")}});
    let made_of = ["network-interface/*", "security-group/*", "subnet/*"]
        .map(|resource| stack.arn("ec2", resource));
    let function = stack.arn("lambda", &format!("function:{}", stack.name(function)));
    [
        json!({
            "Sid": "MakeInterfaces",
            "Effect": "Allow",
            "Action": "ec2:CreateNetworkInterface",
            "Resource": made_of,
            "Condition": in_our_vpc,
        }),
        json!({
            "Sid": "ManageInterfaces",
            "Effect": "Allow",
            "Action": [
                "ec2:AssignPrivateIpAddresses",
                "ec2:DeleteNetworkInterface",
                "ec2:UnassignPrivateIpAddresses",
            ],
            "Resource": stack.arn("ec2", "*"),
            "Condition": in_our_vpc,
        }),
        json!({
            "Sid": "SeeInterfaces",
            "Effect": "Allow",
            "Action": ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"],
            // These two take neither resources nor conditions.
            "Resource": "*",
        }),
        // Only calls from within the function carry its ARN; Lambda's own do not.
        json!({
            "Sid": "NotForTheCode",
            "Effect": "Deny",
            "Action": [
                "ec2:AssignPrivateIpAddresses",
                "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSubnets",
                "ec2:DetachNetworkInterface",
                "ec2:UnassignPrivateIpAddresses",
            ],
            "Resource": "*",
            "Condition": {"ArnLike": {
                "lambda:SourceFunctionArn": [function.clone(), format!("{function}:*")],
            }},
        }),
    ]
}

/// What API Gateway checks for before it takes a role for its logs, on this region's log groups:
/// the role serves every API of the region, each with a group of its own.
pub fn gateway_logs(scope: &Scope) -> Value {
    document([json!({
        "Sid": "Logs",
        "Effect": "Allow",
        "Action": [
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:DescribeLogGroups",
            "logs:DescribeLogStreams",
            "logs:FilterLogEvents",
            "logs:GetLogEvents",
            "logs:PutLogEvents",
        ],
        "Resource": scope.stack.arn("logs", "log-group:*"),
    })])
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::object::{Id, Known, attributes, resolve};
    use crate::resources::iam::policy;
    use crate::resources::iam::role::Role;
    use crate::resources::sample;

    fn role(more: &str, name: &str) -> Role {
        let roles = sample::wanted::<Role>(more, &[]);
        roles.into_iter().find(|(role, _)| role == name).unwrap().1
    }

    fn statement<'a>(policy: &'a Value, sid: &str) -> Option<&'a Value> {
        let mut statements = policy["Statement"].as_array().unwrap().iter();
        statements.find(|statement| statement["Sid"] == sid)
    }

    #[test]
    fn each_function_reads_its_own_secrets_and_writes_its_own_log() {
        for (name, function, secrets) in [
            ("function", "chatbot", ["api-keys", "database-app"]),
            ("migrator", "migrator", ["database-admin", "database-app"]),
        ] {
            let role = role("", name);
            let policy = &role.policies["permissions"];
            let secrets = json!(secrets.map(|secret| format!("${{secret/{secret}.arn}}")));
            assert_eq!(statement(policy, "Secrets").unwrap()["Resource"], secrets);
            assert_eq!(
                statement(policy, "Logs").unwrap()["Resource"],
                format!(
                    "arn:aws:logs:us-east-1:111122223333:log-group:/aws/lambda/chat-prod-{function}:*"
                )
            );
            assert!(!policy.to_string().contains("CreateLogGroup"));
            assert_eq!(
                statement(policy, "NotForTheCode").unwrap()["Condition"]["ArnLike"]["lambda:SourceFunctionArn"]
                    [0],
                format!("arn:aws:lambda:us-east-1:111122223333:function:chat-prod-{function}")
            );
        }
    }

    /// What the key encrypts is told by the context: that one secret.
    #[test]
    fn an_administrator_whom_others_keep_has_a_key_of_theirs() {
        let more = "[database]\ninstance = \"shared\"\nadmin_secret = \"shared/admin\"\n";
        for (name, key, secrets) in [
            (
                "migrator",
                "arn:aws:kms:us-east-1:111122223333:key/*",
                ["database-admin", "database-app"],
            ),
            (
                "function",
                "${kms-key/main.arn}",
                ["api-keys", "database-app"],
            ),
        ] {
            let role = role(more, name);
            let decrypt = statement(&role.policies["permissions"], "DecryptSecrets");
            let decrypt = decrypt.unwrap();
            assert_eq!(decrypt["Resource"], key);
            assert_eq!(
                decrypt["Condition"]["StringEquals"]["kms:EncryptionContext:SecretARN"],
                json!(secrets.map(|secret| format!("${{secret/{secret}.arn}}")))
            );
        }
    }

    /// Neither the chatbot writes a secret, nor the migrator one that somebody else keeps.
    #[test]
    fn the_migrator_alone_rotates_and_the_stacks_own_logins_alone() {
        let own = json!(["${secret/database-admin.arn}", "${secret/database-app.arn}"]);
        let app = json!("${secret/database-app.arn}");
        let existing = "[database]\ninstance = \"shared\"\nadmin_secret = \"shared/admin\"\n";
        for (more, logins) in [("", own), (existing, app)] {
            let role = role(more, "migrator");
            let policy = &role.policies["permissions"];
            let rotate = statement(policy, "RotateLogins").unwrap();
            assert_eq!(rotate["Resource"], logins);
            assert_eq!(rotate["Action"], json!(ROTATING));
            let encrypt = statement(policy, "EncryptLogins").unwrap();
            let context = &encrypt["Condition"]["StringEquals"];
            assert_eq!(context["kms:EncryptionContext:SecretARN"], logins);
            assert_eq!(encrypt["Resource"], "${kms-key/main.arn}");
        }
        let chatbot = role("", "function").policies["permissions"].to_string();
        for action in ROTATING.iter().chain(&["kms:GenerateDataKey"]) {
            assert!(!chatbot.contains(action), "{action}");
        }
    }

    #[test]
    fn only_what_knows_no_resources_is_allowed_on_all() {
        let role = role("", "function");
        let everywhere: Vec<_> = role.policies["permissions"]["Statement"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|s| s["Effect"] == "Allow" && s["Resource"] == "*")
            .map(|s| s["Sid"].as_str().unwrap())
            .collect();
        assert_eq!(everywhere, ["SeeInterfaces", "Traces"]);
        let quiet = self::role("[function]\ntracing = false", "function");
        assert_eq!(statement(&quiet.policies["permissions"], "Traces"), None);
    }

    /// Lists are put in order while they hold references, and read back holding ARNs.
    #[test]
    fn policies_read_back_as_they_were_written() {
        let secrets = ["api-keys", "database-admin", "database-app"];
        let mut known: Known = secrets
            .iter()
            .map(|name| {
                let arn = format!("arn:aws:secretsmanager:us-east-1:1:secret:chat-prod/{name}-XyZ");
                (Id::new("secret", *name), attributes([("arn", &arn)]))
            })
            .collect();
        known.insert(Id::new("vpc", "main"), attributes([("id", "vpc-1")]));
        for (_, role) in sample::wanted::<Role>("", &[]) {
            for document in role.policies.values().chain([&role.trust]) {
                let resolved = resolve(document.clone(), &known);
                assert_eq!(policy::parse(&resolved.to_string()), resolved);
            }
        }
    }

    #[test]
    fn the_gateways_role_is_there_for_either_log() {
        let has = |more: &str| {
            let roles = sample::wanted::<Role>(more, &[]);
            roles.iter().any(|(name, _)| name == "apigateway-logs")
        };
        assert!(has("[api]\naccess_logs = false"));
        assert!(has("[api]\nexecution_logs = \"off\""));
        assert!(!has("[api]\naccess_logs = false\nexecution_logs = \"off\""));
    }
}
