//! Cuts a migration file into its statements.

/// The statements of a file, without the semicolons between them.
///
/// Quotes, backticks and comments are respected. `DELIMITER` belongs to the command-line
/// client, not to SQL, and is refused rather than misread.
pub fn split(sql: &str) -> Result<Vec<String>, String> {
    let mut statements = Vec::new();
    let mut current = String::new();
    // Whether the current statement holds more than comments and space.
    let mut code = false;
    let mut rest = sql;
    while let Some(character) = rest.chars().next() {
        let line_start = current.is_empty() || current.ends_with('\n');
        let length = match character {
            '\'' | '"' | '`' => {
                code = true;
                quoted(rest, character).ok_or_else(|| format!("a {character} is not closed"))?
            }
            '#' => line(rest),
            '-' if is_dash_comment(rest) => line(rest),
            '/' if rest.starts_with("/*") => {
                // What MariaDB executes is not a comment.
                code |= rest.starts_with("/*!") || rest.starts_with("/*M!");
                rest.find("*/").ok_or("a comment is not closed")? + 2
            }
            ';' => {
                finish(&mut statements, &mut current, &mut code);
                rest = &rest[1..];
                continue;
            }
            _ if line_start && starts_with_word(rest, "delimiter") => {
                return Err("DELIMITER is not supported: give each such statement a file of its own without it".into());
            }
            plain => {
                code |= !plain.is_whitespace();
                plain.len_utf8()
            }
        };
        current.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    finish(&mut statements, &mut current, &mut code);
    Ok(statements)
}

fn finish(statements: &mut Vec<String>, current: &mut String, code: &mut bool) {
    if std::mem::take(code) {
        statements.push(current.trim().to_string());
    }
    current.clear();
}

/// The length of a quoted text with both quotes; a doubled quote or, except in backticks,
/// a backslash keeps it open.
pub fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character == '\\' && quote != '`' {
            characters.next();
        } else if character == quote {
            if characters.peek().is_some_and(|(_, next)| *next == quote) {
                characters.next();
            } else {
                return Some(at + 1);
            }
        }
    }
    None
}

/// Two dashes begin a comment only in front of a space or a line's end: `1--1` is arithmetic.
pub fn is_dash_comment(text: &str) -> bool {
    text.strip_prefix("--")
        .is_some_and(|after| after.chars().next().is_none_or(char::is_whitespace))
}

/// The length of what is left of a line, its end included.
pub fn line(text: &str) -> usize {
    text.find('\n').map_or(text.len(), |end| end + 1)
}

fn starts_with_word(text: &str, word: &str) -> bool {
    let Some(start) = text.get(..word.len()) else {
        return false;
    };
    start.eq_ignore_ascii_case(word)
        && text[word.len()..]
            .chars()
            .next()
            .is_none_or(char::is_whitespace)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_semicolons_only() {
        assert_eq!(
            split("SELECT 1; SELECT 2 ;\n\nSELECT 3").unwrap(),
            ["SELECT 1", "SELECT 2", "SELECT 3"]
        );
        assert_eq!(split(" ;; \n-- nothing\n;/* nothing; */").unwrap(), [""; 0]);
    }

    #[test]
    fn respects_quotes() {
        for one in [
            r"SELECT 'a;b'",
            r"SELECT 'it''s; fine'",
            r"SELECT 'a\'; b'",
            r#"SELECT "x;""y;""#,
            "SELECT `a;``b;`",
            r"SELECT '\\'",
        ] {
            assert_eq!(
                split(&format!("{one};SELECT 2")).unwrap(),
                [one, "SELECT 2"],
                "{one}"
            );
        }
    }

    #[test]
    fn respects_comments() {
        assert_eq!(
            split("SELECT 1 -- a; b'\n, 2; SELECT 3").unwrap(),
            ["SELECT 1 -- a; b'\n, 2", "SELECT 3"]
        );
        assert_eq!(
            split("# one; two\nSELECT 1").unwrap(),
            ["# one; two\nSELECT 1"]
        );
        assert_eq!(split("SELECT /* ; ' */ 1").unwrap(), ["SELECT /* ; ' */ 1"]);
        assert_eq!(
            split("SELECT 1--1;SELECT 2").unwrap(),
            ["SELECT 1--1", "SELECT 2"]
        );
        assert_eq!(
            split("/*!40101 SET @a = 1 */;").unwrap(),
            ["/*!40101 SET @a = 1 */"]
        );
    }

    #[test]
    fn refuses_what_it_cannot_cut() {
        assert!(split("SELECT 'a").unwrap_err().contains("not closed"));
        assert!(split("SELECT `a").is_err());
        assert!(split("/* a").is_err());
        assert!(
            split("SELECT 1;\ndelimiter //\n")
                .unwrap_err()
                .contains("DELIMITER")
        );
        assert!(split("SELECT 'x\nDELIMITER y'").is_ok());
        assert!(split("SELECT delimiter_column FROM t").is_ok());
    }
}
