//! Where the schema stands, for people.

use std::fmt::Write;

use serde_json::Value;

/// From so many rows on, a table's lock is worth a warning.
const LARGE: u64 = 100_000;

fn list<'a>(state: &'a Value, name: &str) -> &'a [Value] {
    state[name].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// A line for each migration, then what is pending statement by statement where that was asked
/// for, and what to look at.
pub fn migrations_text(state: &Value) -> String {
    let mut out = String::new();
    for file in list(state, "applied") {
        let _ = writeln!(
            out,
            "applied  {}  {}  {} UTC, {} ms",
            text(file, "version"),
            text(file, "name"),
            text(file, "applied_at"),
            file["duration_ms"],
        );
    }
    for file in list(state, "pending") {
        let (version, name) = (text(file, "version"), text(file, "name"));
        let _ = writeln!(out, "pending  {version}  {name}");
    }
    for file in list(state, "not_deployed") {
        let file = file.as_str().unwrap_or_default();
        let _ = writeln!(out, "local    {file}: `wmctl up` deploys and applies it");
    }
    for file in list(state, "changed") {
        let (version, name) = (text(file, "version"), text(file, "name"));
        let _ = writeln!(
            out,
            "changed  {version}  {name}: not what was applied; restore it and put the change into a new file"
        );
    }
    for file in list(state, "dirty") {
        dirty(&mut out, state, file);
    }
    for file in list(state, "plan") {
        planned(&mut out, file);
    }
    for verdict in list(state, "breaking") {
        let _ = writeln!(
            out,
            "careful  {} statement {}: {}{}{}",
            text(verdict, "file"),
            verdict["statement"],
            text(verdict, "does"),
            if verdict["breaks"] == true {
                "; the version that serves may need it"
            } else {
                ""
            },
            if verdict["destroys"] == true {
                "; data is lost"
            } else {
                ""
            },
        );
    }
    let count = |name| list(state, name).len();
    let _ = write!(
        out,
        "{} applied, {} pending, {} new",
        count("applied"),
        count("pending"),
        count("newly_applied"),
    );
    out
}

/// A file of which only a part is applied, and what to do.
fn dirty(out: &mut String, state: &Value, file: &Value) {
    let (version, name) = (text(file, "version"), text(file, "name"));
    let statement = &file["statement"];
    let (what, next) = match text(file, "state") {
        "running" if state["under_way"] == true => ("is under way", "wait for it"),
        "running" => (
            "was cut off, and whether it took effect is not known",
            "look in the database, then `wmctl migrate --repair done` or `--repair again`",
        ),
        "stopped" => ("comes next", "`wmctl migrate` goes on with it"),
        _ => (
            "failed, and the server took it back",
            "mend it or the schema, and `wmctl up` or `wmctl migrate` tries it again; or do by hand what it does, then `wmctl migrate --repair done`",
        ),
    };
    let _ = writeln!(
        out,
        "begun    {version}  {name}: statement {statement} {what}"
    );
    if let Some(sql) = file["sql"].as_str() {
        indented(out, sql);
    }
    let _ = writeln!(out, "         {next}");
}

/// What is left of a file: each statement, and what it does to a table that is there.
fn planned(out: &mut String, file: &Value) {
    let done = file["done"].as_u64().unwrap_or_default();
    let statements = list(file, "statements");
    for (sql, number) in statements.iter().zip(1_u64..) {
        if number <= done {
            continue;
        }
        let (version, name) = (text(file, "version"), text(file, "name"));
        let of = statements.len();
        let place = if file["deployed"] == false {
            " (the server is asked what it does when `up` has deployed it)"
        } else {
            ""
        };
        let _ = writeln!(
            out,
            "\n{version}_{name}.sql, statement {number} of {of}{place}"
        );
        indented(out, sql.as_str().unwrap_or_default());
        let mut effects = list(file, "effects").iter();
        if let Some(effect) = effects.find(|effect| effect["statement"] == number) {
            let _ = writeln!(out, "       → {}", effect_text(effect));
        }
    }
    if !statements.is_empty() {
        out.push('\n');
    }
}

fn effect_text(effect: &Value) -> String {
    if let Some(fails) = effect["fails"].as_str() {
        return format!("fails on an empty copy of the table: {fails}");
    }
    let (table, rows) = (text(effect, "table"), effect["rows"].as_u64().unwrap_or(0));
    let megabytes = effect["bytes"].as_u64().unwrap_or_default() / 1_000_000;
    let seconds = effect["seconds"].as_u64().unwrap_or_default();
    let size = format!("{table} ({rows} rows, {megabytes} MB)");
    let time = match seconds {
        0 => "within a second or so".to_owned(),
        seconds if seconds < 120 => format!("within {seconds} s or so"),
        seconds => format!("within {} minutes or so", seconds.div_ceil(60)),
    };
    let warning = if rows >= LARGE { "careful: " } else { "" };
    match text(effect, "how") {
        "instant" => format!("{size} changes at once"),
        "online" => format!("{size} is read and written meanwhile; {time}"),
        "read_only" => {
            format!("{warning}nobody writes to {size} until it is done; {time}")
        }
        "rows" => format!("{warning}goes through {size} and locks what it changes; {time}"),
        _ => format!("{warning}whether {size} is locked, the server did not say; {time}"),
    }
}

fn indented(out: &mut String, sql: &str) {
    for line in sql.lines() {
        let _ = writeln!(out, "         {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_needs_a_person_says_what_to_do() {
        let state = json!({
            "applied": [{
                "version": "0001", "name": "logs", "applied_at": "2026-01-31 12:00:00",
                "duration_ms": 31,
            }],
            "pending": [{"version": "0002", "name": "regions"}],
            "not_deployed": ["0003_later.sql"],
            "dirty": [{
                "version": "0002", "name": "regions", "state": "running", "statement": 2,
                "sql": "ALTER TABLE logs\n  ADD b INT",
            }],
            "plan": [{
                "version": "0002", "name": "regions", "done": 1,
                "statements": ["ALTER TABLE logs ADD a INT", "ALTER TABLE logs\n  DROP b"],
                "effects": [{
                    "statement": 2, "table": "logs", "rows": 1_000_000, "bytes": 300_000_000,
                    "how": "read_only", "seconds": 60, "fails": null,
                }],
            }],
            "breaking": [{
                "file": "0002_regions.sql", "statement": 2, "does": "drops the column logs.b",
                "breaks": true, "destroys": true,
            }],
        });
        insta::assert_snapshot!(migrations_text(&state), @r"
        applied  0001  logs  2026-01-31 12:00:00 UTC, 31 ms
        pending  0002  regions
        local    0003_later.sql: `wmctl up` deploys and applies it
        begun    0002  regions: statement 2 was cut off, and whether it took effect is not known
                 ALTER TABLE logs
                   ADD b INT
                 look in the database, then `wmctl migrate --repair done` or `--repair again`

        0002_regions.sql, statement 2 of 2
                 ALTER TABLE logs
                   DROP b
               → careful: nobody writes to logs (1000000 rows, 300 MB) until it is done; within 60 s or so

        careful  0002_regions.sql statement 2: drops the column logs.b; the version that serves may need it; data is lost
        1 applied, 1 pending, 0 new
        ");
    }
}
