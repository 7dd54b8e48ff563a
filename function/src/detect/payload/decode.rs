//! What is left of a text's disguises.

use percent_encoding::percent_decode_str;

/// Lower case, percent-decoded up to three times, with plain spaces.
pub fn decode(endpoint: &str) -> String {
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
