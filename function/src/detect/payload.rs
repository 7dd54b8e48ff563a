//! Attacks that are written into the request's target itself.
//!
//! The rules ask for the shape of an attack (a quote that is broken out of, a tag with a handler),
//! not for words: "union", "select" and "script" occur in honest searches and paths.

use std::sync::LazyLock;

use percent_encoding::percent_decode_str;
use regex_lite::Regex;

use super::Kind;

/// What in an endpoint column is worth classifying: without one of these characters none of the
/// rules can match, and a `LIKE` is three times as fast as a `REGEXP`.
pub const PREFILTER: &str = "(endpoint LIKE '%!%%' ESCAPE '!' OR endpoint LIKE '%..%' OR endpoint LIKE '%''%' \
     OR endpoint LIKE '% %' OR endpoint LIKE '%+%' OR endpoint LIKE '%<%' OR endpoint LIKE '%(%' \
     OR endpoint LIKE '%;%' OR endpoint LIKE '%\"%' OR endpoint LIKE '%/*%' OR endpoint LIKE '%=/%' \
     OR endpoint LIKE '%://%' OR endpoint LIKE '%|%')";

const SQL_INJECTION: &[&str] = &[
    // UNION SELECT with something that is selected, not a phrase that happens to hold both words.
    r#"\bunion( all| distinct)? ?[( ]select\b ?([-0-9'"(*@]|null\b|\w+ ?,|\w+(\(.*\))? from )"#,
    r"\bunion( all| distinct)? ?[( ]select\b.* from ",
    // A quote that ends the string, then a condition that is always true or a comment.
    r#"['"] ?\)* ?(or|and|xor|\|\||&&)[ ('"!]+[\w'"(]*['"]? ?(=|<|>|like |between |in ?\(|is |rlike |regexp )"#,
    r#"['"] ?\)* ?(or|and|xor|\|\||&&) ?(true|false|not |exists ?\(|\d+ ?(--|#|/\*|$))"#,
    r#"['"] ?\)* ?(--|#)( |$|-|\+)"#,
    r#"['"] ?\)*;? ?--"#,
    // The same where no quote is needed.
    r#"\b\d+ ?\)* ?(or|and|xor|\|\||&&)[ (]+['"]?(\w+)['"]? ?(=|<|>|like )"#,
    r"\b\d+ ?\)* (or|and) (true|false|not |exists ?\()",
    r"\b(or|and) (\d+) ?= ?\d+ ?(--|#|$|&)",
    // A second statement.
    r"; ?(drop (table|database|schema|view|index|user)|delete from|insert into|update \w+ set|truncate (table )?\w|alter (table|user|login)|create (table|user|login)|exec(ute)? |shutdown\b|declare @|waitfor delay|select .+ from |select (sleep|pg_sleep|version|@@))",
    // Functions and tables that only an injection asks for.
    r#"[ ('",;=+\-*|&](sleep|pg_sleep|benchmark|dbms_pipe\.receive_message|randomblob) ?\( ?['"\d]"#,
    r#"\b(extractvalue|updatexml|load_file|group_concat|xp_cmdshell|utl_inaddr\.get_host_name|json_keys|exp) ?\([^)]*(select|0x|concat|'|"|user|version|database|~)"#,
    r"\bwaitfor delay ?['(]",
    r"\binto (out|dump)file ?['\x22]",
    r"\bfrom (information_schema\.(tables|columns|schemata)|mysql\.user|pg_catalog\.|sysobjects|sys\.(tables|objects)|sqlite_master|all_tables|dual)\b",
    r"\b(concat|char|chr|ascii|substring|substr|hex|unhex|cast|convert)(_ws)? ?\( ?(0x|select |\(select |\d+ ?,|@@|user\(|version\(|database\()",
    r"\bselect .*@@(version|datadir|hostname)|=@@version",
    r"\bxp_(cmdshell|dirtree|regread)\b",
    r"\b(order|group) by \d+ ?(--|#|/\*)",
    r"\bhaving \d+ ?= ?\d+",
    r"\(select .+ from .+\)",
];

const XSS: &[&str] = &[
    r"<[ /]*script[ />]",
    r"<script\b[^a-z0-9-]",
    // Any element with an event handler, or a handler put into an attribute that was broken out of.
    r#"<[a-z][a-z0-9:-]*[ /"'].*\bon[a-z]{3,20} ?="#,
    r#"["'] ?/?[> ].*\bon[a-z]{3,20} ?= ?["'`]?[a-z]"#,
    r#"["']on[a-z]{3,20} ?= ?["'`]?[a-z]"#,
    r#"[ "'/]on(error|load|click|focus|blur|mouse[a-z]+|key[a-z]+|toggle|start|begin|animation[a-z]+|pointer[a-z]+) ?= ?["'`]?(alert|confirm|prompt|eval|fetch|document|window|location|top|self|import|this\.|javascript:|new |function|console|\(|\[)"#,
    r"(javascript|vbscript|livescript) ?: ?[^ /]*[(`=\[]",
    r#"<(iframe|embed|object|frame|applet|base|meta|link)\b[^>]*\b(src|srcdoc|data|href|content|code) ?= ?["']?(javascript|data|vbscript|https?:|//|&#|<)"#,
    r"<(svg|math|iframe|object|embed|marquee|details|isindex|xss)[ />]",
    r"<img [^>]*src ?= ?[x`'\x22/]*[ />]",
    r"<style[ >].*(expression|@import|javascript)",
    r"data:text/html[,;]",
    r"\b(alert|confirm|prompt) ?[(`] ?(document\.|1\)|window\.|string\.fromcharcode|/xss/)",
    r"(document\.(cookie|write|location|domain)|window\.location|string\.fromcharcode|eval\(atob).*[<>;(+='`]",
];

const PATH_TRAVERSAL: &[&str] = &[
    // Twice upwards is never an honest link from a browser: browsers resolve them before asking.
    r"(^|[/\\=&?;:,@])\.\.[/\\;]+\.\.([/\\;]|$)",
    r"\.{2,}[/\\]{1,2}.*(etc/(passwd|shadow|hosts|group|issue|nginx|apache2|ssh)|win\.ini|boot\.ini|windows[/\\]|winnt[/\\]|system32|proc/self|\.ssh|id_rsa|\.env|\.git|\.htaccess|\.htpasswd|web-inf|wp-config|web\.config|config\.php|\.aws|var/log|root/)",
    r"\.{3,}[/\\]{2,}",
    r"\.\.;/",
    r"=(file://)?/*(etc/(passwd|shadow|hosts|group|issue)|proc/self/|root/\.|var/log/\w|c:[/\\]+(windows|winnt|boot\.ini))",
    r"=/+etc/(passwd|shadow|hosts|group|issue)",
    r"=(php|zip|phar|expect|glob|data)://(filter|input|/)",
    r"=file:///",
    r"\.\.[/\\].*\x00",
    r"^/+(etc/(passwd|shadow)|proc/self/environ)$",
];

/// One encoded step upwards: no browser writes it, so it is meant to slip through.
const ENCODED_STEP: &str = r"(^|[/\\=])\.\.[/\\]";

struct Rules {
    kinds: [(Kind, Vec<Regex>); 3],
    encoded_step: Option<Regex>,
}

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    // A test makes sure that every pattern compiles.
    let compile = |patterns: &[&str]| {
        patterns
            .iter()
            .filter_map(|pattern| Regex::new(pattern).ok())
            .collect()
    };
    Rules {
        kinds: [
            (Kind::SqlInjection, compile(SQL_INJECTION)),
            (Kind::Xss, compile(XSS)),
            (Kind::PathTraversal, compile(PATH_TRAVERSAL)),
        ],
        encoded_step: Regex::new(ENCODED_STEP).ok(),
    }
});

/// The attacks that an endpoint, as it was logged, holds.
pub fn classify(endpoint: &str) -> Vec<Kind> {
    let decoded = decode(endpoint);
    let plain = without_comments(&decoded);
    // A comment may split a word or stand for a space; traversal knows no comments.
    let matches = |kind: Kind, rules: &[Regex]| {
        rules.iter().any(|rule| {
            rule.is_match(&plain) || (kind != Kind::SqlInjection && rule.is_match(&decoded))
        })
    };
    let mut found: Vec<Kind> = RULES
        .kinds
        .iter()
        .filter(|(kind, rules)| matches(*kind, rules))
        .map(|(kind, _)| *kind)
        .collect();
    let hidden = endpoint.contains('%') && !endpoint.contains("../") && !endpoint.contains("..\\");
    if hidden
        && !found.contains(&Kind::PathTraversal)
        && RULES
            .encoded_step
            .as_ref()
            .is_some_and(|rule| rule.is_match(&decoded))
    {
        found.push(Kind::PathTraversal);
    }
    found
}

/// Lower case, percent-decoded up to three times, with plain spaces.
fn decode(endpoint: &str) -> String {
    let mut text = endpoint.to_string();
    for _ in 0..3 {
        // Overlong forms of '.', '/' and '\' that lax servers accept.
        let lower = text.to_ascii_lowercase();
        let lower = lower
            .replace("%c0%ae", ".")
            .replace("%c0%af", "/")
            .replace("%c1%9c", "\\")
            .replace("%u002e", ".");
        let lower = lower
            .replace("%u2215", "/")
            .replace("%u003c", "<")
            .replace("%u0027", "'");
        let next = percent_decode_str(&lower).decode_utf8_lossy().into_owned();
        if next == text {
            break;
        }
        text = next;
    }
    let text = text.to_lowercase();
    let text = text
        .replace("\\u003c", "<")
        .replace("\\x3c", "<")
        .replace("&lt;", "<")
        .replace("&#60;", "<");
    let mut spaced = String::with_capacity(text.len());
    for character in text.chars() {
        let space = character == '+'
            || (character.is_whitespace() || character.is_control()) && character != '\0';
        match (space, spaced.ends_with(' ')) {
            (true, true) => {}
            (true, false) => spaced.push(' '),
            (false, _) => spaced.push(character),
        }
    }
    spaced
}

/// SQL comments between words count as spaces; `/*!50000 … */` is code, not a comment.
fn without_comments(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("/*") {
        plain.push_str(&rest[..start]);
        let body = &rest[start + 2..];
        let (inside, after) = body.split_once("*/").unwrap_or((body, ""));
        plain.push(' ');
        if let Some(code) = inside.strip_prefix('!') {
            plain.push_str(code.trim_start_matches(|digit: char| digit.is_ascii_digit()));
            plain.push(' ');
        }
        rest = after;
    }
    plain.push_str(rest);
    plain
        .split(' ')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_compiles() {
        for pattern in SQL_INJECTION
            .iter()
            .chain(XSS)
            .chain(PATH_TRAVERSAL)
            .chain(&[ENCODED_STEP])
        {
            assert!(Regex::new(pattern).is_ok(), "{pattern}");
        }
    }

    fn all(kind: Kind, endpoints: &[&str]) {
        for endpoint in endpoints {
            assert!(
                classify(endpoint).contains(&kind),
                "{kind:?}: {endpoint} → {}",
                without_comments(&decode(endpoint))
            );
        }
    }

    #[test]
    fn sql_injection() {
        all(
            Kind::SqlInjection,
            &[
                "/api/users?id=1' OR '1'='1",
                "/api/users?id=1%27%20OR%20%271%27%3D%271",
                "/api/users?id=1%2527%2520OR%25201%253D1--",
                "/login?user=admin'--",
                "/login?user=admin%27%23",
                "/items?id=1 UNION SELECT username, password FROM users",
                "/items?id=-1+UnIoN/**/aLl/**/SeLeCt+1,2,3",
                "/items?id=1/*!50000UNION*//*!50000SELECT*/1,2",
                "/items?id=1;DROP TABLE users",
                "/items?id=1%3BDROP%20TABLE%20users--",
                "/items?id=1 AND SLEEP(5)",
                "/items?id=1 AND (SELECT * FROM (SELECT(SLEEP(5)))a)",
                "/items?id=1' AND 1=1 AND 'a'='a",
                "/items?id=1 or 1=1",
                "/items?id=1)+or+(1=1",
                "/items?id=1' WAITFOR DELAY '0:0:5'--",
                "/items?q=' UNION SELECT NULL,NULL,version()--",
                "/items?id=1 ORDER BY 10--",
                "/items?id=extractvalue(1,concat(0x7e,version()))",
                "/items?id=1 and (select count(*) from information_schema.tables)>0",
                "/items?name=x\" or \"a\"=\"a",
                "/items?id=1'||(select 1 from dual)||'",
            ],
        );
    }

    #[test]
    fn cross_site_scripting() {
        all(
            Kind::Xss,
            &[
                "/search?q=<script>alert(1)</script>",
                "/search?q=%3Cscript%3Ealert(1)%3C/script%3E",
                "/search?q=%253CScRiPt%253Ealert%25281%2529%253C%252Fscript%253E",
                "/search?q=<img src=x onerror=alert(1)>",
                "/search?q=<svg/onload=alert(1)>",
                "/search?q=%22%3E%3Csvg%20onload%3Dalert(1)%3E",
                "/search?q=\" onmouseover=\"alert(1)",
                "/go?url=javascript:alert(document.cookie)",
                "/search?q=<iframe src=javascript:alert(1)>",
                "/search?q=<body onload=alert('x')>",
                "/search?q='><details open ontoggle=alert(1)>",
            ],
        );
    }

    #[test]
    fn path_traversal() {
        all(
            Kind::PathTraversal,
            &[
                "/download?file=../../etc/passwd",
                "/download?file=..%2f..%2f..%2fetc%2fpasswd",
                "/download?file=%252e%252e%252fetc%252fpasswd",
                "/static/../../../../windows/win.ini",
                "/download?file=..\\..\\boot.ini",
                "/download?file=%2e%2e%5c%2e%2e%5cwindows",
                "/download?file=....//....//etc/passwd",
                "/download?file=%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
                "/download?file=/etc/passwd",
                "/download?file=file:///etc/passwd",
                "/page?f=php://filter/convert.base64-encode/resource=index",
                "/app/..;/manager/html",
            ],
        );
    }

    #[test]
    fn honest_look_alikes() {
        for endpoint in [
            "/search?q=union+station",
            "/search?q=credit%20union%20select%20committee",
            "/search?q=student+union+selection",
            "/docs/script-review",
            "/search?q=O%27Reilly+and+sons",
            "/search?q=rock+%27n%27+roll",
            "/search?q=drop+table+lamp",
            "/search?q=select+a+gift+from+our+list",
            "/search?q=update+your+profile+or+settings",
            "/search?q=black+and+white+or+1+color",
            "/docs/sql/select-from-where",
            "/man/sleep(3)",
            "/docs/information_schema.html",
            "/compare/v1.0...v2.0",
            "/releases/1.0..2.0/notes",
            "/assets/../logo.png",
            "/files/report%20(final).pdf",
            "/search?q=c%2B%2B+%3D+fun",
            "/search?q=size+%3C+10",
            "/blog/javascript:+the+good+parts",
            "/search?q=1+and+2",
            "/redirect?url=https://example.com/a?b=c",
            "/search?q=onload+event",
            "/api/items?filter=price>10&sort=-date",
            "/search?q=%22exact+phrase%22",
            "/search?q=it%27s+--+really+--+fine",
            "/etc/passwd-policy",
            "/orders?ids=1,2,3;4",
            "/search?q=order+by+mail",
            "/search?q=%E6%97%A5%E6%9C%AC",
            "/search?q=100%25+cotton",
        ] {
            assert_eq!(
                classify(endpoint),
                [],
                "{endpoint} → {}",
                without_comments(&decode(endpoint))
            );
        }
    }
}
