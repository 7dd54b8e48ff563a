//! What is left of a text's disguises.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Lower case, percent-decoded up to three times, with single plain spaces.
pub fn decode(text: &str) -> String {
    let mut decoded = Cow::Borrowed(text);
    for _ in 0..3 {
        if !decoded.contains('%') {
            break;
        }
        decoded = Cow::Owned(once(&decoded));
    }
    if decoded.contains(['\\', '&']) {
        decoded = Cow::Owned(without_escapes(decoded.to_lowercase()));
    }
    let mut spaced = String::with_capacity(decoded.len());
    for character in decoded.chars().flat_map(char::to_lowercase).map(narrow) {
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

/// One layer of percent-encoding less.
fn once(text: &str) -> String {
    let mut text = text.to_ascii_lowercase();
    // Overlong forms of '.', '/' and '\', and an encoding of its own, that lax servers accept.
    if text.contains("%c") || text.contains("%u") {
        for (disguise, plain) in [
            ("%c0%ae", "."),
            ("%c0%af", "/"),
            ("%c1%9c", "\\"),
            ("%u002e", "."),
            ("%u002f", "/"),
            ("%u2215", "/"),
            ("%u2216", "\\"),
            ("%u003c", "<"),
            ("%u003e", ">"),
            ("%u0027", "'"),
            ("%u0022", "\""),
        ] {
            text = text.replace(disguise, plain);
        }
    }
    percent_decode_str(&text).decode_utf8_lossy().into_owned()
}

/// Escapes of scripts and of HTML.
fn without_escapes(text: String) -> String {
    const ESCAPES: [(&str, &str); 7] = [
        ("\\u003c", "<"),
        ("\\x3c", "<"),
        ("&lt;", "<"),
        ("&#60;", "<"),
        ("&#x3c;", "<"),
        ("&quot;", "\""),
        ("&#39;", "'"),
    ];
    ESCAPES.iter().fold(text, |text, (escape, plain)| {
        if text.contains(escape) {
            text.replace(escape, plain)
        } else {
            text
        }
    })
}

/// Wide forms of ASCII characters, which some databases take for the plain ones.
fn narrow(character: char) -> char {
    match character {
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(character) - 0xfee0).unwrap_or(character)
        }
        _ => character,
    }
}

/// SQL comments between words count as spaces; `/*!50000 … */` is code, not a comment.
pub fn without_comments(text: &str) -> String {
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
