//! The patterns of attacks, for text that is decoded, in lower case, with single spaces.
//!
//! They ask for the shape of an attack (a quote that is broken out of, a tag with a handler),
//! not for words: "union", "select" and "script" occur in honest searches and paths.

pub const SQL_INJECTION: &[&str] = &[
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
    r"\b(or|and|xor|&&|\|\|)[ (]+\d+ ?(=|<|>|!=|<=>) ?\d+",
    // A second statement.
    r"; ?(drop (table|database|schema|view|index|user)|delete from|insert into|update \w+ set|truncate (table )?\w|alter (table|user|login)|create (table|user|login)|exec(ute)? |shutdown\b|declare @|waitfor delay|select .+ from |select (sleep|pg_sleep|version|@@))",
    // Functions and tables that only an injection asks for.
    r#"[ ('",;=+\-*|&](sleep|pg_sleep|benchmark|dbms_pipe\.receive_message|randomblob) ?\( ?['"\d]"#,
    r#"\b(extractvalue|updatexml|load_file|group_concat|xp_cmdshell|utl_inaddr\.get_host_name|json_keys|exp) ?\([^)]*(select|0x|concat|'|"|user|version|database|~)"#,
    r"\bwaitfor delay ?['(]",
    r"\binto (out|dump)file ?['\x22]",
    r"\bfrom (information_schema\.(tables|columns|schemata)|mysql\.user|pg_catalog\.|sysobjects|sys\.(tables|objects)|sqlite_master|all_tables)\b|\bfrom dual ?($|[)'\x22#-])",
    r"\b(concat|char|chr|ascii|substring|substr|hex|unhex|cast|convert)(_ws)? ?\( ?(0x|select |\(select |\d+ ?,|@@|user\(|version\(|database\()",
    r"\bselect .*@@(version|datadir|hostname)|=@@version",
    r"\bxp_(cmdshell|dirtree|regread)\b",
    r"\b(order|group) by \d+ ?(--|#|/\*)",
    r"\bhaving \d+ ?= ?\d+",
    r"\(select .+ from .+\)",
];

pub const XSS: &[&str] = &[
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
    r#"[;'"`>({-] ?(alert|confirm|prompt) ?[(`]"#,
    r"\b(alert|confirm|prompt) ?[(`] ?(document\.|1\)|window\.|string\.fromcharcode|/xss/)",
    r"(document\.(cookie|write|location|domain)|window\.location|string\.fromcharcode|eval\(atob).*[<>;(+='`]",
];

pub const PATH_TRAVERSAL: &[&str] = &[
    // Twice upwards is never an honest link from a browser: browsers resolve them before asking.
    r"(^|[/\\=&?;:,@ ])\.\.[/\\;]+\.\.([/\\;]|$)",
    r"\.{2,}[/\\]{1,2}.*(etc/(passwd|shadow|hosts|group|issue|nginx|apache2|ssh)|win\.ini|boot\.ini|windows[/\\]|winnt[/\\]|system32|proc/self|\.ssh|id_rsa|\.env|\.git|\.htaccess|\.htpasswd|web-inf|wp-config|web\.config|config\.php|\.aws|var/log|root/)",
    r"\.{3,}[/\\]{2,}",
    // What is left of steps when a filter removed `../` from it once.
    r"\.\.(\.[/\\]|[/\\]\.)\.?[/\\]",
    r"\.\.;/",
    r"=(file://)?/*(etc/(passwd|shadow|hosts|group|issue)|proc/self/|root/\.|var/log/\w|c:[/\\]+(windows|winnt|boot\.ini))",
    r"=/+etc/(passwd|shadow|hosts|group|issue)",
    r"[= ](php|zip|phar|expect|glob|data)://(filter|input|/)",
    r"[= ]file:///",
    r"\.\.[/\\].*\x00|\.\.\x00",
    r"^/+(etc/(passwd|shadow)|proc/self/environ)$",
];

/// One encoded step upwards: no browser writes it, so it is meant to slip through.
pub const ENCODED_STEP: &str = r"(^|[/\\=])\.\.[/\\]";

/// No honest user agent names a file of the system, while a target may: in a search, say.
pub const IN_AGENT: &str =
    r"(^|[ =])(/+(etc/(passwd|shadow|hosts|group)|proc/self/)|c:[/\\]+(windows|winnt|boot\.ini))";
