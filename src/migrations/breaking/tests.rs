//! What passes, and what is named.

use super::super::{Migration, read, statements};
use super::*;

const BEFORE: &str = "CREATE TABLE logs (
    id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, a VARCHAR(100) NULL, b INT NOT NULL DEFAULT 1,
    KEY logs_a (a)
)";

fn judged(sql: &str) -> Vec<Verdict> {
    let file = |file: &str, sql: &str| Migration {
        file: file.to_owned(),
        sql: sql.to_owned(),
    };
    let before = file("0001_a.sql", BEFORE).statements().unwrap();
    let pending = file("0002_b.sql", sql).statements().unwrap();
    judge(&before, &pending)
}

#[test]
fn what_only_expands_passes() {
    for sql in [
        "ALTER TABLE logs ADD c INT",
        "ALTER TABLE logs ADD COLUMN c INT NOT NULL DEFAULT 0 AFTER a, ADD KEY logs_c (c)",
        "ALTER TABLE logs ADD (c INT, d VARCHAR(10) NOT NULL DEFAULT ')')",
        "ALTER TABLE logs ADD c INT AS (b + 1) STORED",
        "ALTER TABLE logs MODIFY a VARCHAR(200) NULL, ALGORITHM=INPLACE, LOCK=NONE",
        "ALTER TABLE logs CHANGE a a VARCHAR(101)",
        "ALTER TABLE logs MODIFY b BIGINT NULL",
        "ALTER TABLE logs DROP INDEX logs_a, RENAME INDEX x TO y",
        "ALTER TABLE logs ALTER a SET DEFAULT 'DROP'",
        "ALTER TABLE logs ENGINE=InnoDB, COMMENT = 'DROP COLUMN a'",
        "CREATE INDEX logs_b ON logs (b)",
        "CREATE TABLE others (id INT NOT NULL UNIQUE) /* DROP TABLE logs */",
        "INSERT INTO logs (a) SELECT a FROM logs",
        // Nobody uses what is only made now.
        "CREATE TABLE others (id INT); ALTER TABLE others ADD c INT NOT NULL; DROP TABLE others",
    ] {
        assert_eq!(judged(sql), [], "{sql}");
    }
}

/// A statement, what it does, and whether that breaks and destroys.
const HARMS: &[(&str, &str, bool, bool)] = &[
    (
        "DROP TABLE IF EXISTS logs",
        "drops the table logs",
        true,
        true,
    ),
    (
        "ALTER TABLE logs DROP a",
        "drops the column logs.a",
        true,
        true,
    ),
    (
        "alter table `logs` add c int, drop column if exists `a`",
        "drops the column logs.a",
        true,
        true,
    ),
    (
        "ALTER TABLE logs CHANGE a c INT",
        "renames the column logs.a",
        true,
        true,
    ),
    (
        "ALTER TABLE logs RENAME COLUMN a TO c",
        "renames the column logs.a",
        true,
        false,
    ),
    (
        "ALTER TABLE logs RENAME TO l",
        "renames the table logs",
        true,
        false,
    ),
    ("RENAME TABLE logs TO l", "renames a table", true, false),
    (
        "ALTER TABLE logs ADD c INT NOT NULL",
        "adds logs.c, which is NOT NULL and has no DEFAULT",
        true,
        false,
    ),
    (
        "ALTER TABLE logs ADD (c INT, d INT NOT NULL)",
        "adds logs.d, which is NOT NULL and has no DEFAULT",
        true,
        false,
    ),
    (
        "ALTER TABLE logs MODIFY a VARCHAR(99)",
        "may narrow the column logs.a",
        true,
        true,
    ),
    (
        "ALTER TABLE logs MODIFY unknown INT",
        "may narrow the column logs.unknown",
        true,
        true,
    ),
    (
        "ALTER TABLE logs ALTER b DROP DEFAULT",
        "takes away the default of logs.b",
        true,
        false,
    ),
    (
        "ALTER TABLE logs DROP PARTITION p1",
        "drops a partition of logs",
        false,
        true,
    ),
    (
        "ALTER TABLE logs ADD period INT NOT NULL",
        "adds logs.period, which is NOT NULL and has no DEFAULT",
        true,
        false,
    ),
    (
        "CREATE TABLE IF NOT EXISTS logs (id INT); ALTER TABLE logs DROP a",
        "drops the column logs.a",
        true,
        true,
    ),
    ("DELETE FROM logs", "changes or deletes rows", false, true),
    (
        "UPDATE logs SET a = NULL",
        "changes or deletes rows",
        false,
        true,
    ),
    ("TRUNCATE logs", "empties a table", false, true),
    (
        "/*!40000 DROP TABLE logs */",
        "hides something in /*! … */",
        true,
        true,
    ),
    (
        "CALL migrate()",
        "is of a kind that is not judged",
        true,
        true,
    ),
    (
        "ALTER TABLE other.logs DROP a",
        "names another schema",
        true,
        true,
    ),
    (
        "CREATE UNIQUE INDEX i ON logs (a)",
        "makes an index unique: rows may be refused",
        true,
        false,
    ),
];

#[test]
fn what_takes_something_away_is_named() {
    for &(sql, does, breaks, destroys) in HARMS {
        let verdicts = judged(sql);
        let [verdict] = &verdicts[..] else {
            panic!("{sql}: {verdicts:?}");
        };
        let found = (verdict.does.as_str(), verdict.breaks, verdict.destroys);
        assert_eq!(found, (does, breaks, destroys), "{sql}");
        let statement = sql.matches(';').count() + 1;
        assert_eq!(
            (verdict.file.as_str(), verdict.statement),
            ("0002_b.sql", statement)
        );
    }
}

#[test]
fn the_projects_own_files_suit_each_other() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let all = statements(&read(&dir).unwrap()).unwrap();
    assert_eq!(judge(&[], &all), []);
}
