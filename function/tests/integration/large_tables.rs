//! Migrations of tables with a million rows, while requests come in.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use function::migrate::apply::Wish;
use function::migrate::rehearsal::How;
use function::migrate::{Files, MIGRATIONS, Migration};
use serde_json::json;

use crate::lambda::Function;
use crate::migrating::{migrate, plan};
use crate::server::Server;
use crate::stack::{Stack, ask};

const ROWS: usize = 1_000_000;

/// What expands a schema: none of it may keep a request waiting.
const EXPANDS: &str = "\
    ALTER TABLE access_logs ADD region VARCHAR(32) NULL;\n\
    ALTER TABLE access_logs ADD KEY access_logs_region (region, timestamp, id);\n\
    ALTER TABLE access_logs ALTER COLUMN region SET DEFAULT 'unknown';";
/// What cannot be done while rows are written.
const BLOCKS: &str = "ALTER TABLE access_logs MODIFY department VARCHAR(90) NULL";

/// The project's own files and these.
fn with(more: &[(&'static str, &'static str)]) -> Files {
    let own = MIGRATIONS
        .iter()
        .map(|file| (file.version, file.name, file.sql));
    let more = more.iter().map(|(version, sql)| (*version, "test", *sql));
    let all = own
        .chain(more)
        .map(|(version, name, sql)| Migration { version, name, sql });
    Vec::leak(all.collect())
}

fn fill(stack: &Stack) {
    stack.execute(&format!(
        "INSERT INTO access_logs (timestamp, ip_address, method, endpoint, status_code, department) \
         SELECT NOW() - INTERVAL seq SECOND, CONCAT('192.0.2.', seq MOD 256), 'GET', \
                CONCAT('/page/', seq MOD 1000), 200, 'sales' FROM seq_1_to_{ROWS}; \
         ANALYZE TABLE access_logs"
    ));
}

#[test]
#[allow(clippy::print_stdout, reason = "figures for whoever reads along")]
fn a_million_rows_change_their_shape_and_no_request_fails() {
    let (stack, chatbot) = Stack::ready_on(std::sync::Arc::new(Server::new()));
    fill(&stack);
    let both = with(&[("0005", EXPANDS), ("0006", BLOCKS)]);
    let planned = plan(&stack, both);
    let how = |at: usize| -> Vec<How> {
        let effects = planned[at].effects.iter();
        effects.map(|effect| effect.how).collect()
    };
    assert_eq!(how(0), [How::Instant, How::Online, How::Instant]);
    assert_eq!(how(1), [How::ReadOnly]);
    let effect = &planned[1].effects[0];
    assert!(
        effect.rows > 900_000 && effect.bytes > 50_000_000,
        "{effect:?}"
    );

    // More than an invocation of a few seconds can do is refused before anything is done.
    let seconds = Duration::from_secs(4);
    let refused = migrate(&stack, both, seconds, Wish::default()).unwrap_err();
    assert_eq!(refused.kind, "TooLong");
    for part in ["access_logs has", "rows in", "Nothing was changed"] {
        assert!(refused.message.contains(part), "{}", refused.message);
    }
    // So is what keeps requests waiting until they fail.
    let quarter = Duration::from_mins(15);
    let refused = migrate(&stack, both, quarter, Wish::default()).unwrap_err();
    assert_eq!(refused.kind, "Locks");
    let part = "statement 1 of 0006_test.sql keeps everybody from writing: access_logs has";
    assert!(refused.message.contains(part), "{}", refused.message);
    assert_eq!(plan(&stack, both).len(), 2);

    let files = with(&[("0005", EXPANDS)]);
    let second = stack.chatbot(&[]);
    let done = AtomicBool::new(false);
    let (stored, read) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let during = thread::scope(|scope| {
        let (done, stored, read) = (&done, &stored, &read);
        scope.spawn(move || while_not(done, stored, || store(&chatbot)));
        scope.spawn(move || while_not(done, read, || look(&second)));
        // Both are under way.
        while stored.load(Ordering::Relaxed) == 0 || read.load(Ordering::Relaxed) == 0 {
            thread::yield_now();
        }
        let before = (stored.load(Ordering::Relaxed), read.load(Ordering::Relaxed));
        let started = Instant::now();
        let outcome = migrate(&stack, files, quarter, Wish::default());
        let elapsed = started.elapsed();
        let during = (
            stored.load(Ordering::Relaxed) - before.0,
            read.load(Ordering::Relaxed) - before.1,
        );
        done.store(true, Ordering::Relaxed);
        assert_eq!(outcome.unwrap().versions, ["0005"]);
        println!(
            "{ROWS} rows migrated in {elapsed:.1?}; meanwhile {} rows were stored and {} lists read, and none failed",
            during.0, during.1
        );
        during
    });
    assert!(during.0 > 0 && during.1 > 0, "{during:?}");
    let kept = format!(
        "SELECT CAST(COUNT(*) AS CHAR) FROM {}.access_logs",
        stack.schema
    );
    let expected = ROWS + stored.load(Ordering::Relaxed);
    assert_eq!(stack.server.column(&kept), [expected.to_string()]);
    let wish = Wish {
        allow_slow: true,
        ..Wish::default()
    };
    let allowed = migrate(&stack, both, quarter, wish).unwrap();
    assert_eq!(allowed.versions, ["0006"]);
}

/// Asks until told to end, and counts. [`ask`] and the answer's data fail the test otherwise.
fn while_not(done: &AtomicBool, count: &AtomicUsize, asks: impl Fn()) {
    while !done.load(Ordering::Relaxed) {
        asks();
        count.fetch_add(1, Ordering::Relaxed);
    }
}

fn store(chatbot: &Function) {
    let row = json!({
        "timestamp": "2026-01-31 12:00:00", "ip_address": "192.0.2.1", "method": "GET",
        "endpoint": "/login", "status_code": 401,
    });
    assert_eq!(ask(chatbot, "store_access_log", row).data()["stored"], true);
}

fn look(chatbot: &Function) {
    let wanted = json!({"ip_address": "192.0.2.7", "limit": 10});
    assert_eq!(ask(chatbot, "get_access_logs", wanted).data()["count"], 10);
}
