//! How plans look, on the values that our kinds really have.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json, to_value};

use super::*;
use crate::diff::diff;
use crate::object::{Id, attributes};
use crate::resources::Resource;
use crate::resources::apigateway::stage::Stage;
use crate::resources::ec2::security_group_rules::SecurityGroupRules;
use crate::resources::iam::role::Role;
use crate::resources::sample;
use crate::resources::wafv2::web_acl::WebAcl;

fn step(id: &str, action: Action, reason: Reason) -> Step {
    Step {
        id: Id::parse(id).unwrap(),
        action,
        reason,
        changes: Vec::new(),
        interrupts: None,
        needs: BTreeSet::new(),
        wanted: None,
        found: None,
    }
}

fn create(id: &str, wanted: Value) -> Step {
    Step {
        wanted: Some(wanted),
        ..step(id, Action::Create, Reason::Missing)
    }
}

fn in_account(aws_id: &str, value: Value, step: Step) -> Step {
    Step {
        found: Some(Object {
            id: step.id.clone(),
            attributes: attributes([("id", aws_id)]),
            value,
            owned: true,
        }),
        ..step
    }
}

fn delete(id: &str, aws_id: &str, value: Value) -> Step {
    in_account(aws_id, value, step(id, Action::Delete, Reason::NotWanted))
}

fn keep(id: &str, reason: Reason) -> Step {
    in_account("there", json!({}), step(id, Action::Keep, reason))
}

/// A step that brings `found` to `wanted`.
fn change(id: &str, found: &Value, wanted: &Value) -> Step {
    Step {
        changes: diff(found, wanted),
        wanted: Some(wanted.clone()),
        ..in_account(
            "there",
            found.clone(),
            step(id, Action::Update, Reason::Differs),
        )
    }
}

fn replace(id: &str, reason: Reason, found: &Value, wanted: &Value) -> Step {
    Step {
        action: Action::Replace,
        reason,
        ..change(id, found, wanted)
    }
}

fn field(name: &str) -> Reason {
    Reason::CannotChangeInPlace(name.to_owned())
}

fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        steps,
        ..Plan::default()
    }
}

fn text(steps: Vec<Step>) -> String {
    plan_text(&plan(steps))
}

/// What infra.toml's defaults want of a kind, by logical name.
fn defaults<R: Resource + Serialize>(name: &str) -> Value {
    let wanted = sample::wanted::<R>("", &["us-east-1a", "us-east-1b"]);
    let (_, value) = wanted.into_iter().find(|(of, _)| of == name).unwrap();
    to_value(value).unwrap()
}

#[test]
fn a_first_run_is_a_line_for_each_object() {
    let steps = vec![
        create("vpc/main", json!({"cidr": "10.0.0.0/16"})),
        create("subnet/private-a", json!({"vpc": "${vpc/main}"})),
    ];
    insta::assert_snapshot!(text(steps), @r"
      + create   vpc/main          missing
      + create   subnet/private-a  missing
    Plan: 2 to create, 0 to update, 0 to replace, 0 to delete; 0 unchanged.
    ");
}

#[test]
fn verbose_shows_every_field_of_what_is_made_and_deleted() {
    let verbose = Style {
        verbose: true,
        ..Style::PLAIN
    };
    let steps = vec![
        create(
            "iam-role/apigateway-logs",
            defaults::<Role>("apigateway-logs"),
        ),
        create("stage/main", defaults::<Stage>("main")),
        delete(
            "subnet/old",
            "subnet-1",
            json!({"cidr": "10.0.0.0/20", "tags": {}}),
        ),
    ];
    insta::assert_snapshot!(styled(&plan(steps), verbose), @r#"
      + create   iam-role/apigateway-logs  missing
            + path: "/wmctl/chat-prod/"
            + trust.Version: "2012-10-17"
            + trust.Statement[Service]: Allow sts:AssumeRole to Service apigateway.amazonaws.com
            + policies.permissions.Version: "2012-10-17"
            + policies.permissions.Statement[Logs]: Allow logs:CreateLogGroup, logs:CreateLogStream,
                logs:DescribeLogGroups, logs:DescribeLogStreams, logs:FilterLogEvents,
                logs:GetLogEvents, logs:PutLogEvents on arn:aws:logs:us-east-1:111122223333:log-group:*
            + attached: []
            + tags.wmctl:environment: "prod"
            + tags.wmctl:id: "iam-role/apigateway-logs"
            + tags.wmctl:stack: "chat"
      + create   stage/main                missing
            + api: (id of rest-api/main, known later)
            + name: "prod"
            + deployment: (id of deployment/current, known later)
            + throttle.rate: 100.0
            + throttle.burst: 200
            + metrics: true
            + execution_log.level: "INFO"
            + execution_log.data_trace: false
            + access_log.destination: (arn of log-group/api-access, known later)
            + access_log.format.request_id: "$context.requestId"
            + access_log.format.time: "$context.requestTime"
            + access_log.format.ip: "$context.identity.sourceIp"
            + access_log.format.method: "$context.httpMethod"
            + access_log.format.path: "$context.path"
            + access_log.format.protocol: "$context.protocol"
            + access_log.format.tls: "$context.tlsVersion"
            + access_log.format.status: "$context.status"
            + access_log.format.response_length: "$context.responseLength"
            + access_log.format.latency_ms: "$context.responseLatency"
            + access_log.format.integration_status: "$context.integration.status"
            + access_log.format.integration_latency_ms: "$context.integration.latency"
            + access_log.format.integration_error: "$context.integration.error"
            + access_log.format.error: "$context.error.message"
            + access_log.format.error_type: "$context.error.responseType"
            + access_log.format.api_key_id: "$context.identity.apiKeyId"
            + access_log.format.user_agent: "$context.identity.userAgent"
            + access_log.format.waf_status: "$context.waf.status"
            + access_log.format.waf_response: "$context.wafResponseCode"
            + tracing: true
            + cache: false
            + exceptions: []
            + variables: {}
            + tags.wmctl:environment: "prod"
            + tags.wmctl:id: "stage/main"
            + tags.wmctl:stack: "chat"
      - DELETE   subnet/old                not wanted (subnet-1)
            - cidr: "10.0.0.0/20"
            - tags: {}
    Deletes:  subnet/old
    Plan: 2 to create, 0 to update, 0 to replace, 1 to delete; 0 unchanged.
    "#);
}

#[test]
fn no_change_is_one_line() {
    let steps = vec![keep("vpc/main", Reason::UpToDate)];
    insta::assert_snapshot!(text(steps), @"No changes: 1 object is as wanted.");
    insta::assert_snapshot!(text(vec![]), @"No changes: there is nothing.");
}

#[test]
fn a_changed_field_shows_what_was_found_and_what_is_wanted() {
    let hash = |first: &str| format!("{first}{}=", "A".repeat(43 - first.len()));
    let found = json!({
        "code_sha256": hash("old"), "memory_mb": 128, "subnets": ["subnet-1", "subnet-2"],
        "environment": {"LOG": "debug", "OLD": "1"}, "reserved_concurrency": null,
        "role": "arn:aws:iam::111122223333:role/old",
    });
    let wanted = json!({
        "code_sha256": hash("new"), "memory_mb": 256, "subnets": ["subnet-2", "subnet-3"],
        "environment": {"LOG": "info", "NEW": "1"}, "reserved_concurrency": 5,
        "role": "${iam-role/function.arn}",
    });
    insta::assert_snapshot!(text(vec![change("function/chatbot", &found, &wanted)]), @r#"
      ~ update   function/chatbot  differs
            ~ code_sha256: oldAAAAAAAAA… → newAAAAAAAAA…
            ~ environment.LOG: "debug" → "info"
            + environment.NEW: "1"
            - environment.OLD: "1"
            ~ memory_mb: 128 → 256
            + reserved_concurrency: 5
            ~ role: "arn:aws:iam::111122223333:role/old" → (arn of iam-role/function, known later)
            - subnets: "subnet-1"
            + subnets: "subnet-3"
    Plan: 0 to create, 1 to update, 0 to replace, 0 to delete; 0 unchanged.
    "#);
}

#[test]
fn a_policy_shows_what_it_allows_more_or_less() {
    let wanted = defaults::<Role>("function");
    let mut found = wanted.clone();
    let statements = &mut found["policies"]["permissions"]["Statement"];
    let statements = statements.as_array_mut().unwrap();
    for statement in statements.iter_mut() {
        match statement["Sid"].as_str().unwrap() {
            "Logs" => statement["Action"] = json!("logs:PutLogEvents"),
            "SeeInterfaces" => statement["Effect"] = json!("Deny"),
            "DecryptSecrets" => statement["Condition"] = json!({"Bool": {"a:b": "true"}}),
            _ => {}
        }
    }
    statements.retain(|statement| statement["Sid"] != "Secrets");
    statements.push(json!({"Sid": "Extra", "Effect": "Allow", "Action": "*", "Resource": "*"}));
    found["trust"]["Statement"][0]["Principal"] = json!("*");
    found["policies"]["extra"] = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "*"},
    ]});
    found["attached"] = json!(["arn:aws:iam::aws:policy/AdministratorAccess"]);
    insta::assert_snapshot!(text(vec![change("iam-role/function", &found, &wanted)]), @r#"
      ~ update   iam-role/function  differs
            - attached: "arn:aws:iam::aws:policy/AdministratorAccess"
            - policies.extra.Statement: Allow s3:GetObject, s3:PutObject on *
            - policies.extra.Version: "2012-10-17"
            - policies.permissions.Statement[DecryptSecrets].Condition.Bool.a:b: "true"
            + policies.permissions.Statement[DecryptSecrets].Condition.StringEquals.kms:EncryptionContext:SecretARN: (arn of secret/api-keys, known later)
            + policies.permissions.Statement[DecryptSecrets].Condition.StringEquals.kms:EncryptionContext:SecretARN: (arn of secret/database-app, known later)
            + policies.permissions.Statement[DecryptSecrets].Condition.StringEquals.kms:ViaService: "secretsmanager.us-east-1.amazonaws.com"
            - policies.permissions.Statement[Extra]: Allow * on *
            + policies.permissions.Statement[Logs].Action: "logs:CreateLogStream"
            + policies.permissions.Statement[Secrets]: Allow secretsmanager:GetSecretValue on
                ${secret/api-keys.arn}, ${secret/database-app.arn}
            ~ policies.permissions.Statement[SeeInterfaces].Effect: "Deny" → "Allow"
            ~ trust.Statement[Service].Principal: "*" → {"Service":"lambda.amazonaws.com"}
    Plan: 0 to create, 1 to update, 0 to replace, 0 to delete; 0 unchanged.
    "#);
}

#[test]
fn rules_are_a_line_each() {
    let wanted = defaults::<SecurityGroupRules>("database");
    let mut found = wanted.clone();
    found["ingress"] = json!([
        {"protocol": "tcp", "from_port": 22, "to_port": 22, "peer": "0.0.0.0/0", "description": ""},
    ]);
    found["egress"] = json!([
        {"protocol": "-1", "from_port": null, "to_port": null, "peer": "::/0", "description": ""},
    ]);
    let rules = change("security-group-rules/database", &found, &wanted);
    let wanted = defaults::<WebAcl>("main");
    let mut found = wanted.clone();
    let waf = found["rules"].as_array_mut().unwrap();
    let rate = waf.iter_mut().find(|rule| rule["name"] == "rate").unwrap();
    rate["when"]["rate"]["limit"] = json!(9);
    rate["then"] = json!("count");
    waf.pop();
    waf.push(json!({"name": "extra", "priority": 9, "when": {"other": "ByteMatch"}}));
    let acl = change("web-acl/main", &found, &wanted);
    insta::assert_snapshot!(text(vec![rules, acl]), @r#"
      ~ update   security-group-rules/database  differs
            - egress: everything to ::/0
            - ingress: tcp 22 from 0.0.0.0/0
            + ingress: tcp 3306 from security-group/function "From the functions"
      ~ update   web-acl/main                   differs
            - rules[extra]: name: "extra", priority: 9, when.other: "ByteMatch"
            ~ rules[rate].then: "count" → "block"
            ~ rules[rate].when.rate.limit: 9 → 2000
            + rules[sqli]: metric: "sqli", metrics: true, name: "sqli", priority: 40, samples: true,
                then: "as_the_group_says", when.managed.counted:
                ["SQLiExtendedPatterns_BODY","SQLi_BODY"], when.managed.name:
                "AWSManagedRulesSQLiRuleSet"
    Plan: 0 to create, 2 to update, 0 to replace, 0 to delete; 0 unchanged.
    "#);
}

#[test]
fn json_in_a_string_is_compared_by_key() {
    let wanted = defaults::<Stage>("main");
    let mut found = wanted.clone();
    let format = found["access_log"]["format"].as_str().unwrap();
    let format = format.replace("$context.identity.sourceIp", "-");
    found["access_log"]["format"] = json!(format);
    insta::assert_snapshot!(text(vec![change("stage/main", &found, &wanted)]), @r#"
      ~ update   stage/main  differs
            ~ access_log.format.ip: "-" → "$context.identity.sourceIp"
    Plan: 0 to create, 1 to update, 0 to replace, 0 to delete; 0 unchanged.
    "#);
}

#[test]
fn replacements_are_unmistakable_and_named_again() {
    let (old, new) = (
        json!({"cidr": "10.0.0.0/16"}),
        json!({"cidr": "10.9.0.0/16"}),
    );
    let mut subnet = replace(
        "subnet/private-a",
        Reason::DependencyReplaced(Id::new("vpc", "main")),
        &json!({"vpc": "vpc-1"}),
        &json!({"vpc": "${vpc/main}"}),
    );
    subnet.interrupts = Some("every request");
    let mut database = replace(
        "db-instance/main",
        field("encrypted"),
        &json!({"encrypted": false}),
        &json!({"encrypted": true}),
    );
    database.interrupts = Some("every request");
    let steps = vec![
        replace("vpc/main", field("cidr"), &old, &new),
        subnet,
        database,
        change(
            "topic/alarms",
            &json!({"tags": {}}),
            &json!({"tags": {"owner": "a"}}),
        ),
        delete(
            "topic/old",
            "arn:aws:sns:us-east-1:111122223333:chat-production-old",
            json!({}),
        ),
        keep("kms-key/main", Reason::UpToDate),
    ];
    insta::assert_snapshot!(text(steps), @r#"
    -/+ REPLACE  vpc/main          cidr cannot change in place (there)
            ~ cidr: "10.0.0.0/16" → "10.9.0.0/16"
    -/+ REPLACE  subnet/private-a  vpc/main is made anew (there)
            ! interrupts every request
            ~ vpc: "vpc-1" → (id of vpc/main, known later)
    -/+ REPLACE  db-instance/main  encrypted cannot change in place (there)
            ! HOLDS DATA
            ! interrupts every request
            ~ encrypted: false → true
      ~ update   topic/alarms      differs
            + tags.owner: "a"
      - DELETE   topic/old         not wanted (chat-production-old)
    Replaces: vpc/main, subnet/private-a (interrupts every request), db-instance/main (HOLDS DATA;
              interrupts every request)
    Deletes:  topic/old
    Plan: 0 to create, 1 to update, 3 to replace, 1 to delete; 1 unchanged.
    "#);
}

#[test]
fn a_new_version_is_no_replacement() {
    let version = Step {
        action: Action::Supersede,
        reason: field("revision"),
        ..change(
            "function-version/chatbot",
            &json!({"revision": "0123456789ab"}),
            &json!({"revision": "${function/chatbot.revision}"}),
        )
    };
    let old = Step {
        reason: Reason::Superseded,
        ..delete("function-version/chatbot", "3", json!({}))
    };
    insta::assert_snapshot!(text(vec![version, old]), @r#"
      + renew    function-version/chatbot  revision changes
            ~ revision: "0123456789ab" → (revision of function/chatbot, known later)
      - DELETE   function-version/chatbot  superseded (3)
    Plan: 0 to create, 0 to update, 1 to renew, 0 to replace, 1 to delete; 0 unchanged.
    "#);
}

#[test]
fn deletions_alone_are_not_said_twice() {
    let steps = vec![
        delete(
            "topic/alarms",
            "arn:aws:sns:us-east-1:111122223333:chat",
            json!({}),
        ),
        delete("db-instance/main", "chat-production-main", json!({})),
    ];
    insta::assert_snapshot!(text(steps), @r"
      - DELETE   topic/alarms      not wanted (chat)
      - DELETE   db-instance/main  not wanted (chat-production-main)
            ! HOLDS DATA
    Plan: 0 to create, 0 to update, 0 to replace, 2 to delete; 0 unchanged.
    ");
}

#[test]
fn an_adoption_shows_what_it_changes() {
    let adoption = Step {
        action: Action::Adopt,
        reason: Reason::NamedForAdoption,
        ..change(
            "log-group/chatbot",
            &json!({"retention_days": 7, "tags": {}}),
            &json!({"retention_days": 90, "tags": {"wmctl:id": "log-group/chatbot"}}),
        )
    };
    insta::assert_snapshot!(text(vec![adoption]), @r#"
      > adopt    log-group/chatbot  has our name and not our tags; named by --adopt (there)
            ~ retention_days: 7 → 90
            + tags.wmctl:id: "log-group/chatbot"
    Plan: 0 to create, 0 to update, 1 to adopt, 0 to replace, 0 to delete; 0 unchanged.
    "#);
}

#[test]
fn what_down_leaves_says_why_and_how_to_delete_it() {
    let group = Id::new("db-subnet-group", "main");
    let stays = || {
        vec![
            keep("vpc/main", Reason::NeededBy(group.clone())),
            keep(
                "db-subnet-group/main",
                Reason::NeededBy(Id::new("db-instance", "main")),
            ),
            keep("db-instance/main", Reason::HoldsData),
            keep("secret/api-keys", Reason::HoldsData),
            keep("kms-key/main", Reason::EncryptsSnapshot),
        ]
    };
    insta::assert_snapshot!(text(stays()), @r"
        keep     vpc/main              db-subnet-group/main stands on it
        keep     db-subnet-group/main  db-instance/main stands on it
        keep     db-instance/main      holds data
        keep     secret/api-keys       holds data
        keep     kms-key/main          encrypts the database's last snapshot
    To delete what holds data, too, add: --allow-destroy db-instance/main,secret/api-keys
    No changes: 5 objects stay.
    ");
    let mut steps = stays();
    steps.insert(0, delete("topic/alarms", "alarms", json!({})));
    insta::assert_snapshot!(text(steps), @r"
      - DELETE   topic/alarms          not wanted
        keep     vpc/main              db-subnet-group/main stands on it
        keep     db-subnet-group/main  db-instance/main stands on it
        keep     db-instance/main      holds data
        keep     secret/api-keys       holds data
        keep     kms-key/main          encrypts the database's last snapshot
    To delete what holds data, too, add: --allow-destroy db-instance/main,secret/api-keys
    Plan: 0 to create, 0 to update, 0 to replace, 1 to delete; 5 unchanged.
    ");
}

#[test]
fn long_values_lose_what_they_share_and_never_what_differs() {
    let wide = |middle: &str, end: &str| {
        let (many, more) = ("begin ".repeat(15), "end ".repeat(15));
        json!({"a": format!("{many}{middle}{more}"), "b": format!("{many}{end}"), "c": many})
    };
    let mut wanted = wide("YES", &"new ".repeat(12));
    wanted["only"] = json!("long ".repeat(40));
    let step = change("model/one", &wide("NO", &"old ".repeat(12)), &wanted);
    insta::assert_snapshot!(text(vec![step.clone()]), @r#"
      ~ update   model/one  differs
            ~ a:
                - "begin beg…gin begin NOend end en… end end "
                + "begin beg…gin begin YESend end en… end end "
            ~ b:
                - "begin beg…gin begin old old old old old old old old old old old old "
                + "begin beg…gin begin new new new new new new new new new new new new "
            + only: "long long long long long long long long long long long … long long long long long "
    Plan: 0 to create, 1 to update, 0 to replace, 0 to delete; 0 unchanged.
    "#);
    let narrow = Style {
        width: 60,
        ..Style::PLAIN
    };
    insta::assert_snapshot!(styled(&plan(vec![step.clone()]), narrow), @r#"
      ~ update   model/one  differs
            ~ a:
                - "begin beg…gin begin NOend end en… end end "
                + "begin beg…gin begin YESend end en… end end "
            ~ b:
                - "begin beg…gin begin old old old old old old old old old old old old "
                + "begin beg…gin begin new new new new new new new new new new new new "
            + only: "long long long long long lon…ng long long "
    Plan: 0 to create, 1 to update, 0 to replace, 0 to delete; 0 unchanged.
    "#);
    let verbose = Style {
        verbose: true,
        ..Style::PLAIN
    };
    let full = styled(&plan(vec![step]), verbose);
    assert!(!full.contains('…'), "{full}");
}

#[test]
fn colours_mark_signs_and_words_and_nothing_else() {
    let colours = Style {
        colours: true,
        ..Style::PLAIN
    };
    let steps = || {
        let mut database = replace(
            "db-instance/main",
            field("engine"),
            &json!({"engine": "a", "list": [1]}),
            &json!({"engine": "b", "list": [2]}),
        );
        database.interrupts = Some("every request");
        vec![
            create("vpc/main", json!({})),
            database,
            keep("kms-key/main", Reason::HoldsData),
        ]
    };
    let coloured = styled(&plan(steps()), colours);
    insta::assert_snapshot!(coloured.replace('\u{1b}', "^"), @r#"
    ^[32m  + create  ^[0m vpc/main          missing
    ^[1;31m-/+ REPLACE ^[0m db-instance/main  engine cannot change in place (there)
            ^[1;31m! HOLDS DATA^[0m
            ^[1;31m! interrupts every request^[0m
            ^[33m~^[0m engine: "a" → "b"
            ^[1;31m-^[0m list: 1
            ^[32m+^[0m list: 2
    ^[2m    keep    ^[0m kms-key/main      holds data
    To delete what holds data, too, add: --allow-destroy kms-key/main
    ^[1;31mReplaces:^[0m db-instance/main (HOLDS DATA; interrupts every request)
    Plan: 1 to create, 0 to update, 1 to replace, 0 to delete; 1 unchanged.
    "#);
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    plain.push_str(rest);
    assert_eq!(plain, text(steps()));
}
