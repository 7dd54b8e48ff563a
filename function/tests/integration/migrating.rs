//! Migrations that fail, are cut off, take too long or are applied in part: with files of the
//! tests' own, on a real server.

use std::time::Duration;

use function::migrate::apply::{Applied, Time, Wish};
use function::migrate::event::Finding;
use function::migrate::rehearsal::How;
use function::migrate::{self, Failure, Files, Migration, Planned};
use function::settings::{Target, Tls};
use serde_json::{Value, json};
use sqlx::mysql::{MySqlConnection, MySqlSslMode};

use crate::server::{ADMINISTRATOR, ADMINISTRATOR_PASSWORD, Server, run};
use crate::stack::Stack;

/// As long as Lambda allows.
const QUARTER: Duration = Duration::from_mins(15);

pub fn files<const N: usize>(files: [(&'static str, &'static str); N]) -> Files {
    let migration = |(version, sql)| Migration {
        version,
        name: "test",
        sql,
    };
    Vec::leak(files.map(migration).into())
}

pub fn target(stack: &Stack) -> Target {
    Target {
        host: "127.0.0.1".into(),
        port: stack.server.port(),
        name: stack.schema.clone(),
        tls: Tls::VerifyIdentity,
        ca_file: Some(stack.server.ca_file()),
    }
}

pub fn administrator(stack: &Stack) -> MySqlConnection {
    let (user, password) = (ADMINISTRATOR, ADMINISTRATOR_PASSWORD);
    let tls = MySqlSslMode::VerifyIdentity;
    stack.server.connect(user, password, tls).unwrap()
}

/// One run, with a connection of its own, as an invocation has it.
pub fn migrate(
    stack: &Stack,
    files: Files,
    remaining: Duration,
    wish: Wish<'_>,
) -> Result<Applied, Failure> {
    let mut connection = administrator(stack);
    let target = target(stack);
    let time = Time::of(remaining);
    run(migrate::migrate(
        files,
        &target,
        wish,
        time,
        &mut connection,
    ))
}

fn all(stack: &Stack, files: Files) -> Result<Applied, Failure> {
    migrate(stack, files, QUARTER, Wish::default())
}

fn repair(stack: &Stack, files: Files, finding: Finding) -> Result<(), Failure> {
    let mut connection = administrator(stack);
    let (target, time) = (target(stack), Time::of(QUARTER));
    run(migrate::repair(
        files,
        &target,
        finding,
        time,
        &mut connection,
    ))
}

pub fn plan(stack: &Stack, files: Files) -> Vec<Planned> {
    let mut connection = administrator(stack);
    let (target, time) = (target(stack), Time::of(QUARTER));
    run(migrate::plan(files, &target, None, time, &mut connection)).unwrap()
}

fn dirty(stack: &Stack, files: Files) -> Value {
    let mut connection = administrator(stack);
    let target = target(stack);
    let status = run(migrate::status(files, &target, &mut connection)).unwrap();
    json!(status.dirty)
}

fn columns(stack: &Stack, table: &str) -> Vec<String> {
    stack.server.column(&format!(
        "SELECT COLUMN_NAME FROM information_schema.COLUMNS \
         WHERE TABLE_SCHEMA = '{}' AND TABLE_NAME = '{table}' ORDER BY ORDINAL_POSITION",
        stack.schema
    ))
}

const HALF_WRONG: &str = "CREATE TABLE things (id INT);\n\
                          ALTER TABLE things ADD b INT;\n\
                          ALTER TABLE things ADD a INT AFTER missing;\n\
                          ALTER TABLE things ADD c INT;";

#[test]
fn a_failure_in_the_middle_is_named_and_the_next_run_goes_on_there() {
    let stack = Stack::new(Server::shared());
    let wrong = files([("0001", HALF_WRONG)]);
    let failure = all(&stack, wrong).unwrap_err();
    assert_eq!(failure.kind, "FailedMigration");
    for part in [
        "0001_test.sql failed at statement 3 of 4",
        "Unknown column 'missing'",
        "What comes before it stays applied",
    ] {
        assert!(failure.message.contains(part), "{}", failure.message);
    }
    let mark = dirty(&stack, wrong);
    assert_eq!(mark[0]["state"], "failed");
    assert_eq!(mark[0]["statement"], 3);
    assert_eq!(
        mark[0]["sql"], "ALTER TABLE things ADD a INT AFTER missing",
        "{mark}"
    );
    // Whoever mends what stands already changes what was applied.
    let other = Vec::leak(vec![Migration {
        version: "0001",
        name: "test",
        sql: HALF_WRONG.replace("ADD b", "ADD other").leak(),
    }]);
    let failure = all(&stack, other).unwrap_err();
    assert_eq!(failure.kind, "ChangedMigration");
    let mended = Vec::leak(vec![Migration {
        version: "0001",
        name: "test",
        sql: HALF_WRONG.replace("missing", "id").leak(),
    }]);
    assert_eq!(all(&stack, mended).unwrap().versions, ["0001"]);
    assert_eq!(columns(&stack, "things"), ["id", "a", "b", "c"]);
    assert_eq!(dirty(&stack, mended), json!([]));
}

#[test]
fn a_statement_done_by_hand_is_not_executed_again() {
    let stack = Stack::new(Server::shared());
    let files = files([
        ("0001", HALF_WRONG),
        ("0002", "CREATE TABLE others (id INT)"),
    ]);
    let refused = repair_of_nothing(&stack, files);
    assert_eq!(refused.kind, "NothingToRepair");
    all(&stack, files).unwrap_err();
    stack.execute("ALTER TABLE things ADD a INT FIRST");
    repair(&stack, files, Finding::Done).unwrap();
    let mark = dirty(&stack, files);
    assert_eq!(
        (&mark[0]["state"], &mark[0]["statement"]),
        (&json!("stopped"), &json!(4))
    );
    // What nobody tried yet is not skipped.
    let refused = repair(&stack, files, Finding::Done).unwrap_err();
    assert_eq!(refused.kind, "NothingToRepair");
    assert_eq!(all(&stack, files).unwrap().versions, ["0001", "0002"]);
    assert_eq!(columns(&stack, "things"), ["a", "id", "b", "c"]);
}

fn repair_of_nothing(stack: &Stack, files: Files) -> Failure {
    stack
        .server
        .execute(&format!("CREATE DATABASE {}", stack.schema));
    repair(stack, files, Finding::Again).unwrap_err()
}

/// The connection that executes this, as soon as the server does.
fn executing(stack: &Stack, text: &str) -> String {
    let query = format!(
        "SELECT CAST(ID AS CHAR) FROM information_schema.PROCESSLIST \
         WHERE INFO = '{text}' AND DB = '{}'",
        stack.schema
    );
    loop {
        if let Some(id) = stack.server.column(&query).pop() {
            return id;
        }
        std::thread::yield_now();
    }
}

#[test]
fn what_was_cut_off_is_looked_at_by_a_person_first() {
    let stack = Stack::new(Server::shared());
    let sql = "CREATE TABLE things (id INT); DO SLEEP(600); ALTER TABLE things ADD a INT";
    let files = files([("0001", sql)]);
    let failure = std::thread::scope(|scope| {
        let run = scope.spawn(|| runtime().block_on(invocation(&stack, files)));
        let id = executing(&stack, "DO SLEEP(600)");
        // Another run waits for its lock, and says for what.
        let wish = Wish::default();
        let locked = migrate_shortly(&stack, files, wish).unwrap_err();
        assert_eq!(locked.kind, "Locked");
        let holder = format!("connection {id} is at DO SLEEP(600)");
        assert!(locked.message.contains(&holder), "{}", locked.message);
        stack.server.execute(&format!("KILL CONNECTION {id}"));
        run.join().unwrap().unwrap_err()
    });
    assert_eq!(failure.kind, "CutOff", "{failure:?}");
    assert_eq!(dirty(&stack, files)[0]["state"], "running");

    // The next run does not know either.
    let failure = all(&stack, files).unwrap_err();
    assert_eq!(failure.kind, "CutOff");
    let expected = "statement 2 of 0001_test.sql was under way when the run before was cut off";
    assert!(failure.message.contains(expected), "{}", failure.message);
    repair(&stack, files, Finding::Done).unwrap();
    assert_eq!(all(&stack, files).unwrap().versions, ["0001"]);
    assert_eq!(columns(&stack, "things"), ["id", "a"]);
}

/// What a function that is ended leaves behind goes on in the server.
#[test]
fn a_statement_that_outlives_its_function_is_waited_for_and_never_executed_twice() {
    let stack = Stack::new(Server::shared());
    let insert = "INSERT INTO things SELECT SLEEP(1) FROM seq_1_to_3";
    let files = files([
        (
            "0001",
            "CREATE TABLE things (id INT); INSERT INTO things SELECT SLEEP(1) FROM seq_1_to_3",
        ),
        ("0002", "ALTER TABLE things ADD a INT"),
    ]);
    std::thread::scope(|scope| {
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let stack = &stack;
        let function = scope.spawn(move || {
            runtime().block_on(async {
                tokio::select! {
                    _ = invocation(stack, files) => panic!("it was to be ended"),
                    _ = ended => {}
                }
            });
        });
        executing(stack, insert);
        end.send(()).unwrap();
        function.join().unwrap();
    });
    let failure = all(&stack, files).unwrap_err();
    assert_eq!(failure.kind, "CutOff", "{failure:?}");
    // It has taken effect meanwhile, which an operator sees and says.
    assert_eq!(rows(&stack, "things"), 3);
    repair(&stack, files, Finding::Done).unwrap();
    assert_eq!(all(&stack, files).unwrap().versions, ["0002"]);
    assert_eq!(rows(&stack, "things"), 3);
}

fn runtime() -> tokio::runtime::Runtime {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap()
}

/// One invocation of the migrator, on whatever runtime it is awaited.
async fn invocation(stack: &Stack, files: Files) -> Result<Applied, Failure> {
    let target = target(stack);
    let login = function::settings::Credentials {
        username: ADMINISTRATOR.into(),
        password: ADMINISTRATOR_PASSWORD.into(),
    };
    let connecting = function::database::connect(&target, &login, None);
    let mut connection = connecting.await.unwrap();
    let (wish, time) = (Wish::default(), Time::of(QUARTER));
    migrate::migrate(files, &target, wish, time, &mut connection).await
}

fn migrate_shortly(stack: &Stack, files: Files, wish: Wish<'_>) -> Result<Applied, Failure> {
    migrate(stack, files, Duration::from_secs(3), wish)
}

#[test]
fn what_does_not_fit_in_one_run_is_continued_by_the_next() {
    let stack = Stack::new(Server::shared());
    let files = files([
        (
            "0001",
            // Each takes two seconds.
            "CREATE TABLE things (id INT); \
             INSERT INTO things SELECT SLEEP(1) FROM seq_1_to_2; \
             INSERT INTO things SELECT SLEEP(1) FROM seq_1_to_2; \
             INSERT INTO things SELECT SLEEP(1) FROM seq_1_to_2",
        ),
        ("0002", "ALTER TABLE things ADD a INT"),
    ]);
    let (mut runs, mut versions) = (0, Vec::new());
    loop {
        // Of which four and a half are for statements.
        let wish = Wish::default();
        let applied = migrate(&stack, files, Duration::from_secs(6), wish).unwrap();
        runs += 1;
        versions.extend(applied.versions);
        if !applied.more {
            break;
        }
        let mark = dirty(&stack, files);
        assert_eq!(mark[0]["state"], "stopped", "{mark}");
    }
    assert!(runs > 1);
    assert_eq!(versions, ["0001", "0002"]);
    assert_eq!(rows(&stack, "things"), 6);
}

fn rows(stack: &Stack, table: &str) -> u64 {
    let count = format!(
        "SELECT CAST(COUNT(*) AS CHAR) FROM {}.{table}",
        stack.schema
    );
    stack.server.column(&count)[0].parse().unwrap()
}

#[test]
fn what_fits_in_no_run_is_taken_back() {
    let stack = Stack::new(Server::shared());
    let sql = "CREATE TABLE things (id INT); INSERT INTO things SELECT SLEEP(600) FROM seq_1_to_2";
    let files = files([("0001", sql)]);
    // The first run begins with something else, and leaves it to the second.
    let wish = Wish::default();
    while migrate_shortly(&stack, files, wish).is_ok_and(|applied| applied.more) {}
    let failure = migrate_shortly(&stack, files, wish).unwrap_err();
    assert_eq!(failure.kind, "TooLong", "{failure:?}");
    assert!(
        failure.message.contains("the server took it back"),
        "{failure:?}"
    );
    assert_eq!(dirty(&stack, files)[0]["state"], "failed");
    assert_eq!(rows(&stack, "things"), 0);
}

#[test]
fn a_part_is_applied_up_to_a_version() {
    let stack = Stack::new(Server::shared());
    let files = files([
        ("0001", "CREATE TABLE a (id INT)"),
        ("0002", "CREATE TABLE b (id INT)"),
        ("0003", "CREATE TABLE c (id INT)"),
    ]);
    let to = |to| {
        migrate(
            &stack,
            files,
            QUARTER,
            Wish {
                to,
                ..Wish::default()
            },
        )
    };
    assert_eq!(to(Some("0002")).unwrap().versions, ["0001", "0002"]);
    assert_eq!(to(Some("0001")).unwrap().versions, [""; 0]);
    let unknown = to(Some("0009")).unwrap_err();
    assert_eq!(unknown.kind, "UnknownMigration");
    assert!(unknown.message.contains("0001, 0002, 0003"), "{unknown:?}");
    assert_eq!(to(None).unwrap().versions, ["0003"]);
}

#[test]
fn a_plan_changes_nothing_and_asks_the_server() {
    let stack = Stack::new(Server::shared());
    let first = files([(
        "0001",
        "CREATE TABLE things (id INT PRIMARY KEY, a VARCHAR(10), b INT); \
         INSERT INTO things SELECT seq, seq, seq FROM seq_1_to_1000",
    )]);
    assert_eq!(plan(&stack, first)[0].statements.len(), 2);
    assert_eq!(columns(&stack, "things"), [""; 0]);
    all(&stack, first).unwrap();
    stack.execute("ANALYZE TABLE things");
    let second = files([
        ("0001", first[0].sql),
        (
            "0002",
            "ALTER TABLE things ADD c INT; \
             CREATE INDEX things_c ON things (c); \
             ALTER TABLE things MODIFY a VARCHAR(5); \
             ALTER TABLE things ADD c INT; \
             UPDATE things SET b = 1; \
             ALTER TABLE things DROP COLUMN b",
        ),
    ]);
    let planned = plan(&stack, second);
    assert_eq!(planned.len(), 1);
    let effects = &planned[0].effects;
    let how: Vec<How> = effects.iter().map(|effect| effect.how).collect();
    // The second adds an index to what the first added: copies live for a whole rehearsal.
    assert_eq!(
        how,
        [
            How::Instant,
            How::Online,
            How::ReadOnly,
            How::Unknown,
            How::Rows,
            How::Instant
        ],
        "{effects:#?}"
    );
    let fails = effects[3].fails.as_deref().unwrap();
    assert!(fails.contains("Duplicate column name 'c'"), "{fails}");
    assert_eq!(columns(&stack, "things"), ["id", "a", "b"]);
    let left = stack.server.column("SHOW DATABASES LIKE '%scratch%'");
    assert_eq!(left, [""; 0]);
}
