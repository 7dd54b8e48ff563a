//! The checks that no emulator can be made to fail: each on facts that are right but for one.

use super::{DAY, all};
use crate::audit::facts::{
    ApiKey, Database, Facts, Gateway, Key, LogGroup, Read, Secret, Snapshot, Topic,
};
use crate::audit::{Finding, Verdict};

fn facts() -> Facts {
    Facts {
        now: 1000 * DAY,
        gateway: Read::Known(Gateway {
            security_policy: Some("TLS_1_2".to_owned()),
            keys: vec![ApiKey {
                name: "chatbot".to_owned(),
                enabled: true,
                created: 910 * DAY,
            }],
            ..Gateway::default()
        }),
        databases: Read::Known(vec![Database {
            encrypted: true,
            kms_key: Some("arn:key".to_owned()),
            multi_az: true,
            admin: "keeper".to_owned(),
            monitoring_s: 60,
            subnets: vec!["subnet-a".to_owned()],
            parameters_applied: "in-sync".to_owned(),
            snapshots: Read::Known(vec![Snapshot {
                id: "last".to_owned(),
                encrypted: true,
                public: false,
            }]),
            ..Database::default()
        }]),
        secrets: Read::Known(vec![Secret {
            changed: 910 * DAY,
            ..Secret::default()
        }]),
        keys: Read::Known(vec![Key {
            ours: true,
            ..Key::default()
        }]),
        log_groups: Read::Known(vec![LogGroup {
            exists: true,
            kms_key: Some("arn:key".to_owned()),
            ..LogGroup::default()
        }]),
        topics: Read::Known(vec![Topic {
            confirmed: 1,
            ..Topic::default()
        }]),
        ..Facts::default()
    }
}

fn verdicts(id: &str, facts: &Facts) -> Vec<Verdict> {
    let check = all().into_iter().find(|check| check.id == id).unwrap();
    let findings = (check.judge)(facts).into_iter();
    findings.map(|finding: Finding| finding.verdict).collect()
}

fn change<T>(read: &mut Read<Vec<T>>, change: impl FnOnce(&mut T)) {
    let Read::Known(values) = read else {
        panic!("not known");
    };
    change(&mut values[0]);
}

fn database(facts: &mut Facts, to: impl FnOnce(&mut Database)) {
    change(&mut facts.databases, to);
}

fn snapshot(facts: &mut Facts, to: impl FnOnce(&mut Snapshot)) {
    database(facts, |database| change(&mut database.snapshots, to));
}

fn gateway(facts: &mut Facts, to: impl FnOnce(&mut Gateway)) {
    let Read::Known(gateway) = &mut facts.gateway else {
        panic!("not known");
    };
    to(gateway);
}

type Case = (&'static str, fn(&mut Facts));

const CASES: &[Case] = &[
    ("api-key-age", |facts| {
        gateway(facts, |api| api.keys[0].created -= DAY);
    }),
    ("api-tls", |facts| {
        gateway(facts, |api| api.security_policy = None);
    }),
    ("api-tls", |facts| {
        gateway(facts, |api| {
            api.security_policy = Some("TLS_1_0".to_owned());
        });
    }),
    ("database-admin-name", |facts| {
        database(facts, |database| "Admin".clone_into(&mut database.admin));
    }),
    ("database-encrypted", |facts| {
        database(facts, |database| database.encrypted = false);
    }),
    ("database-monitoring", |facts| {
        database(facts, |database| database.monitoring_s = 0);
    }),
    ("database-multi-az", |facts| {
        database(facts, |database| database.multi_az = false);
    }),
    ("database-parameters", |facts| {
        database(facts, |database| {
            "pending-reboot".clone_into(&mut database.parameters_applied);
        });
    }),
    ("database-vpc", |facts| {
        database(facts, |database| database.subnets.clear());
    }),
    ("key-region", |facts| {
        change(&mut facts.keys, |key| key.multi_region = true);
    }),
    ("log-encryption", |facts| {
        change(&mut facts.log_groups, |group| group.kms_key = None);
    }),
    ("secret-age", |facts| {
        change(&mut facts.secrets, |secret| secret.changed -= DAY);
    }),
    ("snapshots-encrypted", |facts| {
        snapshot(facts, |snapshot| snapshot.encrypted = false);
    }),
    ("snapshots-private", |facts| {
        snapshot(facts, |snapshot| snapshot.public = true);
    }),
    ("topic-heard", |facts| {
        change(&mut facts.topics, |topic| topic.confirmed = 0);
    }),
];

#[test]
fn what_no_emulator_shows_passes_where_it_is_right_and_fails_where_it_is_not() {
    for (id, weaken) in CASES {
        let mut facts = facts();
        assert_eq!(verdicts(id, &facts), [Verdict::Pass], "{id}");
        weaken(&mut facts);
        let found = verdicts(id, &facts);
        assert!(
            matches!(found[..], [Verdict::Fail { .. }]),
            "{id}: {found:?}"
        );
    }
}

#[test]
fn a_key_may_be_as_old_as_infra_toml_says() {
    let config = "[stack]\nname = \"s\"\nregion = \"us-east-1\"\nenvironment = \"prod\"\n\
                  [[api.keys]]\nname = \"chatbot\"\nrotate_after_days = 30";
    let mut facts = facts();
    facts.config = Some(toml::from_str(config).unwrap());
    let mut aged = |days: i64| {
        gateway(&mut facts, |api| {
            "s-prod-chatbot-v2".clone_into(&mut api.keys[0].name);
            api.keys[0].created = (1000 - days) * DAY;
        });
        verdicts("api-key-age", &facts).remove(0)
    };
    assert_eq!(aged(30), Verdict::Pass);
    assert!(matches!(aged(31), Verdict::Fail { .. }));
}

#[test]
fn what_was_not_read_is_no_pass() {
    let unread = Facts {
        databases: Read::Unread("refused".to_owned()),
        ..Facts::default()
    };
    for id in [
        "database-encrypted",
        "database-private",
        "snapshots-private",
    ] {
        let found = verdicts(id, &unread);
        assert!(
            matches!(found[..], [Verdict::Unchecked { .. }]),
            "{id}: {found:?}"
        );
    }
}

#[test]
fn who_may_call_is_told_by_policy_and_signatures() {
    use crate::audit::facts::Method;
    let judged = |authorization: &str, policy: Option<serde_json::Value>| {
        let method = |verb: &str, authorization: &str| Method {
            name: format!("{verb} /chatbot"),
            authorization: authorization.to_owned(),
            ..Method::default()
        };
        let mut facts = facts();
        gateway(&mut facts, |api| {
            api.methods = vec![method("OPTIONS", "NONE"), method("POST", authorization)];
            api.policy = policy;
        });
        let check = all().into_iter().find(|check| check.id == "api-policy");
        (check.unwrap().judge)(&facts).remove(0).verdict
    };
    for (authorization, says) in [
        ("NONE", "keys say who may call"),
        ("AWS_IAM", "calls are signed"),
    ] {
        let verdict = judged(authorization, None);
        let Verdict::Exception { reason } = &verdict else {
            panic!("{verdict:?}");
        };
        assert!(reason.contains(says), "{reason}");
    }
    let api = crate::config::Api {
        allow_from: vec!["arn:aws:iam::111122223333:role/chatbot".to_owned()],
        cors_origin: Some("https://chat.example.com".to_owned()),
        ..Default::default()
    };
    let policy = crate::resources::apigateway::api_policy::wanted(&api);
    assert_eq!(judged("AWS_IAM", policy), Verdict::Pass);
    let open = serde_json::json!({"Statement": [{"Sid": "All", "Effect": "Allow",
        "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}]});
    let verdict = judged("AWS_IAM", Some(open));
    assert!(matches!(verdict, Verdict::Fail { .. }), "{verdict:?}");
}

#[test]
fn each_functions_errors_are_watched_for_themselves() {
    use crate::audit::facts::{Alarm, Function};
    let function = |name: &str| Function {
        name: name.to_owned(),
        ..Function::default()
    };
    let alarm = Alarm {
        metrics: vec!["AWS/Lambda Errors".to_owned()],
        about: ["chatbot".to_owned()].into(),
        ..Alarm::default()
    };
    let facts = Facts {
        functions: Read::Known(vec![function("chatbot"), function("migrator")]),
        alarms: Read::Known(vec![alarm]),
        ..facts()
    };
    let check = all().into_iter().find(|check| check.id == "alarms-there");
    let findings = (check.unwrap().judge)(&facts);
    let verdict = |name: &str| {
        let object = format!("AWS/Lambda Errors of {name}");
        let finding = findings.iter().find(|finding| finding.object == object);
        &finding.unwrap().verdict
    };
    assert_eq!(verdict("chatbot"), &Verdict::Pass);
    assert!(matches!(verdict("migrator"), Verdict::Fail { .. }));

    let unread = Facts {
        functions: Read::Unread("AccessDenied".to_owned()),
        ..facts
    };
    let findings = (check.unwrap().judge)(&unread);
    let function = findings.iter().find(|finding| finding.object == "function");
    let verdict = &function.unwrap().verdict;
    assert!(matches!(verdict, Verdict::Unchecked { .. }), "{verdict:?}");
}
