//! Rotation: two users that take turns, one administrator, and whatever cuts a rotation off.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use sqlx::mysql::MySqlSslMode;

use crate::lambda::Function;
use crate::proxy::Proxy;
use crate::server::{ADMINISTRATOR, Server};
use crate::stack::{Stack, ask};
use crate::vault::Cut;

const APP: &str = "arn:app";
const ADMIN: &str = "arn:admin";
const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

fn step(migrator: &Function, step: &str, arn: &str, version: &str) -> Result<Value, Value> {
    migrator.invoke(&json!({"Step": step, "SecretId": arn, "ClientRequestToken": version}))
}

fn token() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("rotation-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// All steps up to the first that fails; what is pending already is gone on with.
fn rotate(stack: &Stack, migrator: &Function, arn: &str) -> Result<Value, Value> {
    let pending = stack.vault.labelled(arn, "AWSPENDING");
    let version = pending.map_or_else(token, |(version, _)| version);
    let mut last = Value::Null;
    for name in STEPS {
        last = step(migrator, name, arn, &version)?;
    }
    Ok(last)
}

fn current(stack: &Stack, arn: &str) -> (String, String, String) {
    let (version, login) = stack.vault.labelled(arn, "AWSCURRENT").unwrap();
    let text = |name: &str| login[name].as_str().unwrap().to_owned();
    (version, text("username"), text("password"))
}

/// The chatbot's sandboxes have to log in anew.
fn cut_connections(stack: &Stack) {
    for suffix in ["", "_clone"] {
        let kill = format!("KILL USER {}{suffix}", stack.user);
        stack.server.execute(&kill);
    }
}

/// A sandbox that has long been there, and one that starts now.
fn answers(stack: &Stack, chatbot: &Function) {
    cut_connections(stack);
    ask(chatbot, "get_access_logs", json!({})).data();
    ask(&stack.chatbot(&[]), "get_access_logs", json!({})).data();
}

#[test]
fn two_users_take_turns_and_no_sandbox_is_cut_off() {
    let (stack, chatbot) = Stack::ready();
    let mut migrator = stack.migrator(&[]);
    ask(&chatbot, "get_access_logs", json!({})).data();
    let clone = format!("{}_clone", stack.user);
    let mut passwords = HashSet::from([current(&stack, APP).2]);
    for user in [&clone, &stack.user, &clone] {
        // As Secrets Manager's schedule begins it.
        let version = token();
        stack.vault.begin(APP, &version);
        let before = current(&stack, APP);
        for name in STEPS {
            let done = step(&migrator, name, APP, &version).unwrap();
            assert_eq!(done["username"], **user, "{done}");
            assert_eq!(done["current"], name == "finishSecret", "{done}");
            // The login before works in the middle of it, and after.
            let old = stack
                .server
                .connect(&before.1, &before.2, MySqlSslMode::Required);
            assert!(old.is_ok(), "{name}");
        }
        let (now, name, password) = current(&stack, APP);
        assert_eq!((&now, &name), (&version, user));
        assert!(passwords.insert(password), "a new password each time");
        assert!(stack.vault.labelled(APP, "AWSPENDING").is_none());
        // The connections made before it live on.
        ask(&chatbot, "get_access_logs", json!({})).data();
        let schema = stack.schema.replace('_', "\\_");
        let grants = stack.server.column(&format!("SHOW GRANTS FOR {user}"));
        let wanted = format!("GRANT SELECT, INSERT ON `{schema}`.* TO `{user}`@`%`");
        assert_eq!(grants[1..], [wanted]);
        assert!(grants[0].ends_with("REQUIRE SSL"), "{grants:?}");
    }
    answers(&stack, &chatbot);
    let log = migrator.end();
    for password in passwords {
        assert!(!log.contains(&password), "a password was logged");
    }
}

#[test]
fn a_sandbox_may_sleep_through_any_number_of_rotations() {
    let (stack, chatbot) = Stack::ready();
    let migrator = stack.migrator(&[]);
    ask(&chatbot, "get_access_logs", json!({})).data();
    for rotations in [1, 2, 1, 3, 2, 2] {
        for _ in 0..rotations {
            rotate(&stack, &migrator, APP).unwrap();
        }
        // Nothing waits for half a minute to pass.
        answers(&stack, &chatbot);
    }
    // In the middle of the second rotation: its old password is gone, the new one not current.
    let version = token();
    rotate(&stack, &migrator, APP).unwrap();
    step(&migrator, STEPS[0], APP, &version).unwrap();
    step(&migrator, STEPS[1], APP, &version).unwrap();
    answers(&stack, &chatbot);
}

#[test]
fn a_login_that_stays_refused_is_not_read_again_at_once() {
    let (stack, chatbot) = Stack::ready();
    ask(&chatbot, "get_access_logs", json!({})).data();
    let before = stack.reads(APP);
    let set = format!("SET PASSWORD FOR {} = PASSWORD('another')", stack.user);
    stack.server.execute(&set);
    for _ in 0..5 {
        cut_connections(&stack);
        assert_eq!(ask(&chatbot, "get_access_logs", json!({})).status, 503);
    }
    assert_eq!(stack.reads(APP) - before, 1);
}

#[test]
fn the_administrators_password_is_a_new_one_and_says_where_it_came_from() {
    let stack = Stack::new(Arc::new(Server::new()));
    stack.migrate().unwrap();
    let mut migrator = stack.migrator(&[]);
    let (set, _, first) = current(&stack, ADMIN);
    let mut passwords = vec![first];
    for _ in 0..3 {
        let done = rotate(&stack, &migrator, ADMIN).unwrap();
        assert_eq!(done["username"], ADMINISTRATOR);
        let (version, _, password) = current(&stack, ADMIN);
        let labels = stack.vault.labels(ADMIN, &version);
        assert_eq!(labels, ["AWSCURRENT".into(), format!("wmctl-set-{set}")]);
        let log_in = |password: &str| {
            stack
                .server
                .connect(ADMINISTRATOR, password, MySqlSslMode::Required)
                .is_ok()
        };
        assert!(log_in(&password));
        assert!(passwords.iter().all(|old| !log_in(old)));
        assert_eq!(stack.status().unwrap()["pending"], json!([]));
        passwords.push(password);
    }
    let log = migrator.end();
    assert!(passwords.iter().all(|password| !log.contains(password)));
    // Where somebody stores another one by hand, that came from nowhere else.
    stack.secret(
        ADMIN,
        json!({"username": ADMINISTRATOR, "password": passwords[3]}),
    );
    let (version, ..) = current(&stack, ADMIN);
    assert_eq!(stack.vault.labels(ADMIN, &version), ["AWSCURRENT"]);
    rotate(&stack, &stack.migrator(&[]), ADMIN).unwrap();
    let (now, ..) = current(&stack, ADMIN);
    let label = format!("wmctl-set-{version}");
    assert!(stack.vault.labels(ADMIN, &now).contains(&label));
}

/// Cut off at any call to Secrets Manager, and at any answer of the database: whatever was left,
/// sandboxes and the migrator work, and the next run ends the same rotation.
fn sweep(arn: &str) {
    let (stack, chatbot) = Stack::ready_on(Arc::new(Server::new()));
    let before = stack.vault.calls();
    rotate(&stack, &stack.migrator(&[]), arn).unwrap();
    let calls = stack.vault.calls() - before;
    assert!(calls >= 14, "{calls}");
    let proxy = Proxy::to(stack.server.port());
    let through = [("DB_PORT", proxy.port())];
    let through = through
        .each_ref()
        .map(|(name, port)| (*name, port.as_str()));

    let finish =
        |what: &str, first: &Result<Value, Value>, before: &str, version: Option<String>| {
            stack.vault.cut(None);
            proxy.break_next_after(None);
            let status = stack.status();
            assert!(status.is_ok(), "{what}: {first:?}: {status:?}");
            answers(&stack, &chatbot);
            let (now, ..) = current(&stack, arn);
            // One that ended but for its answer is not begun again.
            if now == before || stack.vault.labelled(arn, "AWSPENDING").is_some() {
                let again = rotate(&stack, &stack.migrator(&[]), arn);
                assert!(again.is_ok(), "{what}: {first:?}: {again:?}");
            }
            let (now, ..) = current(&stack, arn);
            assert_ne!(now, before, "{what}");
            if let Some(version) = version {
                assert_eq!(now, version, "{what}: another one was begun");
            }
            assert!(stack.vault.labelled(arn, "AWSPENDING").is_none(), "{what}");
            if arn == ADMIN {
                let labels = stack.vault.labels(arn, &now);
                assert_eq!(labels, ["AWSCURRENT", "wmctl-set-by-hand-0"], "{what}");
            }
            stack.status().unwrap();
            answers(&stack, &chatbot);
        };
    let pending = || {
        stack
            .vault
            .labelled(arn, "AWSPENDING")
            .map(|(version, _)| version)
    };

    let mut failures = 0;
    for call in 0..calls {
        for cut in [Cut::Before, Cut::After, Cut::Once] {
            let (before, ..) = current(&stack, arn);
            stack.vault.cut(Some((call, cut)));
            let first = rotate(&stack, &stack.migrator(&[]), arn);
            failures += usize::from(first.is_err());
            finish(&format!("{cut:?} {call}"), &first, &before, pending());
        }
    }
    assert!(failures >= 2 * calls, "{failures} of {calls} calls failed");
    for answer in 0.. {
        let (before, ..) = current(&stack, arn);
        proxy.break_next_after(Some(answer));
        let first = rotate(&stack, &stack.migrator(&through), arn);
        finish(&format!("answer {answer}"), &first, &before, pending());
        if first.is_ok() {
            assert!(answer > 5, "{answer}");
            break;
        }
    }
}

#[test]
fn wherever_the_applications_rotation_is_cut_off_the_next_ends_it() {
    sweep(APP);
}

#[test]
fn wherever_the_administrators_rotation_is_cut_off_the_next_ends_it() {
    sweep(ADMIN);
}

#[test]
fn what_is_no_rotation_changes_nothing() {
    let (stack, _chatbot) = Stack::ready();
    let migrator = stack.migrator(&[]);
    let before = current(&stack, APP);
    let fails = |name: &str, arn: &str, version: &str| {
        step(&migrator, name, arn, version).unwrap_err()["errorType"].clone()
    };
    assert_eq!(fails(STEPS[0], "arn:keys", "t"), "InvalidEvent");
    for name in &STEPS[1..] {
        assert_eq!(fails(name, APP, "t"), "NotPending");
    }
    // As Secrets Manager tries the function when rotation is set up.
    stack.vault.begin(APP, "t");
    let tried = step(&migrator, STEPS[2], APP, "t").unwrap();
    assert_eq!(tried["username"], stack.user.as_str());
    // A version without a value must never become the current one.
    assert_eq!(fails(STEPS[3], APP, "t"), "NotCreated");
    assert_eq!(fails(STEPS[1], APP, "t"), "NotCreated");
    // Nor one that the database does not take.
    step(&migrator, STEPS[0], APP, "t").unwrap();
    assert_eq!(fails(STEPS[3], APP, "t"), "Database");
    assert_eq!(fails(STEPS[0], APP, "another"), "RotationUnderWay");
    // The user in use keeps its password.
    let (user, other) = (&stack.user, "of another");
    stack.secret(
        APP,
        json!({"username": format!("{user}_clone"), "password": other}),
    );
    assert_eq!(fails(STEPS[1], APP, "t"), "NotNext");
    let old = stack
        .server
        .connect(&before.1, &before.2, MySqlSslMode::Required);
    assert!(old.is_ok());
}

#[test]
fn a_migration_sees_to_both_users_grants_and_to_the_passwords_of_neither() {
    let (stack, chatbot) = Stack::ready();
    let migrator = stack.migrator(&[]);
    rotate(&stack, &migrator, APP).unwrap();
    let clone = format!("{}_clone", stack.user);
    let all = format!("GRANT ALL ON {}.* TO '{}'@'%'", stack.schema, stack.user);
    stack.server.execute(&all);
    let hash = |user: &str| {
        let query = format!("SELECT authentication_string FROM mysql.user WHERE user = '{user}'");
        stack.server.column(&query)
    };
    let before = [hash(&stack.user), hash(&clone)];
    stack.migrate().unwrap();
    assert_eq!([hash(&stack.user), hash(&clone)], before);
    for user in [&stack.user, &clone] {
        let grants = stack.server.column(&format!("SHOW GRANTS FOR {user}"));
        assert_eq!(grants.len(), 2, "{grants:?}");
        assert!(
            grants[1].starts_with("GRANT SELECT, INSERT ON"),
            "{grants:?}"
        );
        assert!(grants[0].ends_with("REQUIRE SSL"), "{grants:?}");
    }
    answers(&stack, &chatbot);
}
