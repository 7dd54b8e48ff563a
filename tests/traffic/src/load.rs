//! Rows in forms that MariaDB loads fast.

use std::fmt::{Display, Write as _};

use crate::access::Access;
use crate::errors::Error;

/// A row that a table takes.
pub trait Row {
    /// Its table and columns, as in `INSERT INTO …`.
    const TABLE: &'static str;
    const COLUMNS: &'static str;

    /// Hands each column's value to `column`; nothing for NULL.
    fn columns(&self, column: &mut dyn FnMut(Option<&dyn Display>));
}

impl Row for Access {
    const TABLE: &'static str = "access_logs";
    const COLUMNS: &'static str = "timestamp, ip_address, method, endpoint, status_code, http_version, \
         response_size, response_time_ms, user_agent, department, user_id";

    fn columns(&self, column: &mut dyn FnMut(Option<&dyn Display>)) {
        column(Some(&Time(self.second)));
        column(Some(&self.ip_address));
        column(Some(&self.method));
        column(Some(&self.endpoint));
        column(Some(&self.status_code));
        column(some(self.http_version.as_ref()));
        column(some(self.response_size.as_ref()));
        column(some(self.response_time_ms.as_ref()));
        column(some(self.user_agent.as_ref()));
        column(some(self.department.as_ref()));
        column(some(self.user_id.as_ref()));
    }
}

impl Row for Error {
    const TABLE: &'static str = "error_logs";
    const COLUMNS: &'static str = "timestamp, log_level, error_code, error_message, process_id, thread_id, \
         client_ip, file_path, line_number, severity_score";

    fn columns(&self, column: &mut dyn FnMut(Option<&dyn Display>)) {
        column(Some(&Time(self.second)));
        column(Some(&self.log_level));
        column(Some(&self.error_code));
        column(Some(&self.error_message));
        column(some(self.process_id.as_ref()));
        column(some(self.thread_id.as_ref()));
        column(some(self.client_ip.as_ref()));
        column(some(self.file_path.as_ref()));
        column(some(self.line_number.as_ref()));
        column(some(self.severity_score.as_ref()));
    }
}

fn some<T: Display>(value: Option<&T>) -> Option<&dyn Display> {
    value.map(|value| value as &dyn Display)
}

/// `INSERT` statements of up to `rows_each` rows, without a semicolon. They hold under the
/// server's default `sql_mode`, where a backslash escapes.
pub fn inserts<R: Row>(
    rows: impl Iterator<Item = R>,
    rows_each: usize,
) -> impl Iterator<Item = String> {
    let mut rows = rows.peekable();
    std::iter::from_fn(move || {
        rows.peek()?;
        let mut sql = format!("INSERT INTO {} ({}) VALUES ", R::TABLE, R::COLUMNS);
        for (number, row) in rows.by_ref().take(rows_each.max(1)).enumerate() {
            sql.push_str(if number == 0 { "(" } else { ",(" });
            let mut first = true;
            row.columns(&mut |value| {
                if !std::mem::take(&mut first) {
                    sql.push(',');
                }
                match value {
                    None => sql.push_str("NULL"),
                    Some(value) => {
                        sql.push('\'');
                        push_escaped(&mut sql, value);
                        sql.push('\'');
                    }
                }
            });
            sql.push(')');
        }
        Some(sql)
    })
}

/// The statement that loads what [`write_line`] wrote to a file.
pub fn load_statement<R: Row>(file: &str) -> String {
    let file = file.replace('\\', "\\\\").replace('\'', "\\'");
    format!(
        "LOAD DATA LOCAL INFILE '{file}' INTO TABLE {} CHARACTER SET utf8mb4 ({})",
        R::TABLE,
        R::COLUMNS
    )
}

/// Adds a row as `LOAD DATA` reads it by default: columns parted by tabs, a line each.
pub fn write_line<R: Row>(text: &mut String, row: &R) {
    let mut first = true;
    row.columns(&mut |value| {
        if !std::mem::take(&mut first) {
            text.push('\t');
        }
        match value {
            None => text.push_str("\\N"),
            Some(value) => push_escaped(text, value),
        }
    });
    text.push('\n');
}

/// One escaping serves both forms.
fn push_escaped(text: &mut String, value: &dyn Display) {
    struct Escaping<'a>(&'a mut String);
    impl std::fmt::Write for Escaping<'_> {
        fn write_str(&mut self, part: &str) -> std::fmt::Result {
            for character in part.chars() {
                match character {
                    '\0' => self.0.push_str("\\0"),
                    '\n' => self.0.push_str("\\n"),
                    '\r' => self.0.push_str("\\r"),
                    '\t' => self.0.push_str("\\t"),
                    '\\' | '\'' => self.0.extend(['\\', character]),
                    plain => self.0.push(plain),
                }
            }
            Ok(())
        }
    }
    // Writing to a String cannot fail.
    let _ = write!(Escaping(text), "{value}");
}

/// A second since 1970 as `YYYY-MM-DD HH:MM:SS`.
#[derive(Debug, Clone, Copy)]
pub struct Time(pub i64);

impl Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (days, second) = (self.0.div_euclid(86_400), self.0.rem_euclid(86_400));
        // The proleptic Gregorian calendar in years that begin in March.
        let shifted = days + 719_468;
        let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * march + 2) / 5 + 1;
        let month = if march < 10 { march + 3 } else { march - 9 };
        let year = era * 400 + year + i64::from(month <= 2);
        let (hour, minute) = (second / 3600, second / 60 % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{:02}",
            second % 60
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (second, text) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_741_392_001, "2025-03-08 00:00:01"),
            (-1, "1969-12-31 23:59:59"),
        ] {
            assert_eq!(Time(second).to_string(), text);
        }
    }

    struct Odd(&'static str);

    impl Row for Odd {
        const TABLE: &'static str = "odd";
        const COLUMNS: &'static str = "a, b";

        fn columns(&self, column: &mut dyn FnMut(Option<&dyn Display>)) {
            column(Some(&self.0));
            column(None);
        }
    }

    #[test]
    fn escaping() {
        let rows = || ["it's", "a\\b\n"].into_iter().map(Odd);
        assert_eq!(
            inserts(rows(), 2).collect::<Vec<_>>(),
            [r"INSERT INTO odd (a, b) VALUES ('it\'s',NULL),('a\\b\n',NULL)"]
        );
        assert_eq!(inserts(rows(), 1).count(), 2);
        let mut text = String::new();
        rows().for_each(|row| write_line(&mut text, &row));
        assert_eq!(text, "it\\'s\t\\N\na\\\\b\\n\t\\N\n");
    }
}
