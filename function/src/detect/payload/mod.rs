//! Attacks that are written into the request's target or into its user agent.
//!
//! Nearly every text is honest, so the patterns are the last of three steps: characters that
//! attacks cannot do without, then words that they cannot do without, then their shape.

mod decode;
mod rules;
mod words;

use std::sync::LazyLock;

use regex_lite::Regex;

use self::decode::{decode, without_comments};
use super::Kind;

/// What in an endpoint column is worth classifying: without one of these characters none of the
/// rules can match, and a `LIKE` is three times as fast as a `REGEXP`.
pub const PREFILTER: &str = "(endpoint LIKE '%!%%' ESCAPE '!' OR endpoint LIKE '%..%' OR endpoint LIKE '%''%' \
     OR endpoint LIKE '% %' OR endpoint LIKE '%+%' OR endpoint LIKE '%<%' OR endpoint LIKE '%(%' \
     OR endpoint LIKE '%;%' OR endpoint LIKE '%\"%' OR endpoint LIKE '%/*%' OR endpoint LIKE '%=/%' \
     OR endpoint LIKE '%://%' OR endpoint LIKE '%|%')";

struct Rules {
    sql_injection: Vec<Regex>,
    xss: Vec<Regex>,
    path_traversal: Vec<Regex>,
    encoded_step: Vec<Regex>,
    in_agent: Vec<Regex>,
}

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    // A test makes sure that every pattern compiles.
    let compile = |patterns: &[&str]| {
        let compiled = patterns
            .iter()
            .filter_map(|pattern| Regex::new(pattern).ok());
        compiled.collect()
    };
    Rules {
        sql_injection: compile(rules::SQL_INJECTION),
        xss: compile(rules::XSS),
        path_traversal: compile(rules::PATH_TRAVERSAL),
        encoded_step: compile(&[rules::ENCODED_STEP]),
        in_agent: compile(&[rules::IN_AGENT]),
    }
});

/// The attacks that an endpoint or a user agent, as it was logged, holds.
pub fn classify(text: &str) -> Vec<Kind> {
    if is_plain(text) {
        return Vec::new();
    }
    let decoded = decode(text);
    let suspected = words::suspected(&decoded);
    if suspected == words::Suspected::default() {
        return Vec::new();
    }
    // A comment may stand for a space; markup and paths know none.
    let plain = without_comments(&decoded);
    let any = |rules: &[Regex], text: &str| rules.iter().any(|rule| rule.is_match(text));
    let mut found = Vec::new();
    if suspected.sql && any(&RULES.sql_injection, &plain) {
        found.push(Kind::SqlInjection);
    }
    if suspected.markup && (any(&RULES.xss, &plain) || any(&RULES.xss, &decoded)) {
        found.push(Kind::Xss);
    }
    let encoded = text.contains('%') && !text.contains("../") && !text.contains("..\\");
    if suspected.path
        && (any(&RULES.path_traversal, &plain)
            || any(&RULES.path_traversal, &decoded)
            || encoded && any(&RULES.encoded_step, &decoded)
            || !text.starts_with('/') && any(&RULES.in_agent, &decoded))
    {
        found.push(Kind::PathTraversal);
    }
    found
}

/// Whether a text is made only of characters, and begins in a way, that no rule minds: so are most
/// endpoints.
fn is_plain(text: &str) -> bool {
    let mut before = b' ';
    for byte in text.bytes() {
        let harmless = match byte {
            b'.' => before != b'.',
            b'/' => before != b'=' && before != b'/',
            b'_' | b'-' | b'?' | b'=' | b'&' | b',' | b'~' | b'!' | b'$' => true,
            _ => byte.is_ascii_alphanumeric(),
        };
        if !harmless {
            return false;
        }
        before = byte;
    }
    !text.starts_with("/etc/") && !text.starts_with("/proc/")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
