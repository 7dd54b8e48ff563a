//! Text that someone else wrote, and how it leaves this function.
//!
//! What a log holds was chosen by whoever sent the request that it records. A terminal or a
//! language model that reads it back must not be steered by it, so characters that are
//! invisible or reorder the text around them are written out as `\u…`.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::{Serialize, Serializer};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::mysql::{MySql, MySqlTypeInfo, MySqlValueRef};

/// Text from outside. It can leave only escaped: its one serialisation does so.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Untrusted(pub String);

impl Untrusted {
    /// The text as it was stored, for comparing and classifying, never for answering.
    pub fn raw(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Untrusted {
    fn from(text: &str) -> Self {
        Self(text.to_string())
    }
}

impl Serialize for Untrusted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Escaped(&self.0).serialize(serializer)
    }
}

/// Text from outside that is only borrowed, on its way out.
pub struct Escaped<'a>(pub &'a str);

impl Serialize for Escaped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&escape(self.0))
    }
}

impl sqlx::Type<MySql> for Untrusted {
    fn type_info() -> MySqlTypeInfo {
        <String as sqlx::Type<MySql>>::type_info()
    }

    fn compatible(ty: &MySqlTypeInfo) -> bool {
        <String as sqlx::Type<MySql>>::compatible(ty)
    }
}

impl<'r> sqlx::Decode<'r, MySql> for Untrusted {
    fn decode(value: MySqlValueRef<'r>) -> Result<Self, BoxDynError> {
        <String as sqlx::Decode<MySql>>::decode(value).map(Self)
    }
}

impl sqlx::Encode<'_, MySql> for Untrusted {
    fn encode_by_ref(&self, buffer: &mut Vec<u8>) -> Result<IsNull, BoxDynError> {
        <String as sqlx::Encode<MySql>>::encode_by_ref(&self.0, buffer)
    }
}

/// Writes out control, bidirectional and invisible characters; the rest stays as it is.
pub fn escape(text: &str) -> Cow<'_, str> {
    // Almost all text is plain ASCII, which is told apart by its bytes.
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if plain || !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            hidden if is_hidden(hidden) => {
                let code = u32::from(hidden);
                // Writing to a String cannot fail.
                let _ = if code > 0xFFFF {
                    write!(escaped, "\\u{{{code:x}}}")
                } else {
                    write!(escaped, "\\u{code:04x}")
                };
            }
            plain => escaped.push(plain),
        }
    }
    Cow::Owned(escaped)
}

/// At most `most` characters of `text`, marked where it was cut.
pub fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_string(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            // Marks, embeddings, overrides and isolates that change the direction of text.
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Separators that some readers take for line ends.
            | '\u{2028}' | '\u{2029}'
            // Invisible: zero-width space, byte order mark, annotations, and the tag
            // characters in which instructions to a model can be hidden.
            | '\u{200b}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_become_visible() {
        assert_eq!(escape("/a\u{202e}gpj.exe"), "/a\\u202egpj.exe");
        assert_eq!(
            escape("one\r\ntwo\0\u{1b}[31m"),
            "one\\r\\ntwo\\u0000\\u001b[31m"
        );
        assert_eq!(escape("\u{e0041}"), "\\u{e0041}");
        assert_eq!(
            serde_json::to_string(&Untrusted::from("\u{2066}x\u{85}")).unwrap(),
            r#""\\u2066x\\u0085""#
        );
    }

    #[test]
    fn everything_else_stays() {
        for text in ["", "C:\\temp", "naïve 日本語 👩‍💻", "<script>", "שלום"] {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn shortens_between_characters() {
        assert_eq!(shorten("日本語", 2), "日本…");
        assert_eq!(shorten("日本", 2), "日本");
    }
}
