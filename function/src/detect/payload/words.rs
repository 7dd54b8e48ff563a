//! Words that attacks cannot do without. Few honest texts hold any, and looking for them costs a
//! fraction of what patterns do.

/// Which kinds of attack a text might hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Suspected {
    pub sql: bool,
    pub markup: bool,
    pub path: bool,
}

/// Sorted, as are the others: every rule for SQL asks for one of these, for one of the next with
/// a character of [`SQL_CHARACTERS`], or for one of [`SQL_SIGNS`].
const SQL: [&str; 11] = [
    "all_tables",
    "information_schema",
    "pg_catalog",
    "select",
    "sqlite_master",
    "sysobjects",
    "waitfor",
    "xp_",
    "xp_cmdshell",
    "xp_dirtree",
    "xp_regread",
];

const SQL_IN_CONTEXT: [&str; 45] = [
    "alter",
    "and",
    "ascii",
    "benchmark",
    "cast",
    "char",
    "chr",
    "concat",
    "concat_ws",
    "convert",
    "create",
    "dbms_pipe",
    "declare",
    "delete",
    "drop",
    "dual",
    "exec",
    "execute",
    "exp",
    "extractvalue",
    "from",
    "group",
    "group_concat",
    "having",
    "hex",
    "insert",
    "into",
    "json_keys",
    "load_file",
    "mysql",
    "or",
    "order",
    "pg_sleep",
    "randomblob",
    "shutdown",
    "sleep",
    "substr",
    "substring",
    "sys",
    "truncate",
    "unhex",
    "update",
    "updatexml",
    "utl_inaddr",
    "xor",
];

/// Digits too.
const SQL_CHARACTERS: &[u8] = b"'\"`();@";

const SQL_SIGNS: [&[u8]; 5] = [b"--", b"||", b"&&", b"@@", b"#"];

const MARKUP: [&str; 10] = [
    "alert",
    "confirm",
    "document",
    "eval",
    "fromcharcode",
    "javascript",
    "livescript",
    "prompt",
    "vbscript",
    "window",
];

/// They matter only in front of a slash, a backslash or a colon.
const PATH: [&str; 11] = [
    "c", "data", "etc", "expect", "file", "glob", "log", "phar", "php", "proc", "zip",
];

/// What a decoded text might hold, judged by its words.
pub fn suspected(text: &str) -> Suspected {
    let bytes = text.as_bytes();
    let mut suspected = Suspected {
        sql: false,
        markup: bytes.contains(&b'<'),
        path: false,
    };
    let (mut in_context, mut context) = (false, false);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if !is_letter(byte) {
            let rest = &bytes[at..];
            suspected.sql |= SQL_SIGNS.iter().any(|sign| rest.starts_with(sign));
            suspected.path |= rest.starts_with(b"..");
            context |= byte.is_ascii_digit() || SQL_CHARACTERS.contains(&byte);
            at += 1;
            continue;
        }
        let length = bytes[at..]
            .iter()
            .take_while(|byte| is_letter(**byte))
            .count();
        let word = text.get(at..at + length).unwrap_or_default();
        at += length;
        let rest = &bytes[at..];
        suspected.sql |= has(&SQL, word);
        in_context |= has(&SQL_IN_CONTEXT, word);
        suspected.markup |= has(&MARKUP, word) || is_handler(word, rest) || starts_data(word, rest);
        suspected.path |= matches!(rest.first(), Some(b'/' | b'\\' | b':')) && has(&PATH, word);
    }
    suspected.sql |= in_context && context;
    suspected
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte == b'_'
}

fn has(words: &[&str], word: &str) -> bool {
    words.binary_search(&word).is_ok()
}

/// `onclick=` and the like.
fn is_handler(word: &str, rest: &[u8]) -> bool {
    word.starts_with("on") && word.len() >= 5 && matches!(rest, [b'=', ..] | [b' ', b'=', ..])
}

/// `data:text/html`.
fn starts_data(word: &str, rest: &[u8]) -> bool {
    word == "data" && rest.starts_with(b":text/html")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_sorted() {
        assert!(SQL.is_sorted() && SQL_IN_CONTEXT.is_sorted());
        assert!(MARKUP.is_sorted() && PATH.is_sorted());
    }

    #[test]
    fn honest_texts_are_not_suspected() {
        for text in [
            "/search?q=garden table",
            "mozilla/5.0 (windows nt 10.0; win64; x64) applewebkit/537.36 (khtml, like gecko) chrome/126.0.0.0",
            "mozilla/5.0 (compatible; googlebot/2.1; http://www.google.com/bot.html)",
            "/search?q=o'reilly",
            "/search?q=black or white shoes from france",
        ] {
            assert_eq!(suspected(text), Suspected::default(), "{text}");
        }
    }
}
