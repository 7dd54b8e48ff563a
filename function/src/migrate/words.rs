//! The words of a statement: what its meaning is read from, where a parser would be too much.

/// A piece of SQL that means something. Space and comments do not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// A keyword, a name without quotes, or a number, as it is written.
    Plain(String),
    /// A name in backticks.
    Name(String),
    /// Text in quotes, whatever it says.
    Text,
    /// `/*! … */`: the server executes what stands in there.
    Hidden,
    Symbol(char),
}

impl Word {
    /// Whether it is this keyword, in any case. A name in backticks never is.
    pub fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Plain(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// What a table or column is called by it.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Plain(name) | Self::Name(name) => Some(name),
            _ => None,
        }
    }
}

/// The words of one statement of [`super::splitter::split`], whose quotes are closed.
pub fn words(statement: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = statement;
    while let Some(character) = rest.chars().next() {
        let length = match character {
            '\'' | '"' => {
                words.push(Word::Text);
                super::splitter::quoted(rest, character).unwrap_or(rest.len())
            }
            '`' => {
                let length = super::splitter::quoted(rest, '`').unwrap_or(rest.len());
                let inner = rest.get(1..length.saturating_sub(1)).unwrap_or_default();
                words.push(Word::Name(inner.replace("``", "`")));
                length
            }
            '#' => super::splitter::line(rest),
            '-' if super::splitter::is_dash_comment(rest) => super::splitter::line(rest),
            '/' if rest.starts_with("/*") => {
                if rest.starts_with("/*!") || rest.starts_with("/*M!") {
                    words.push(Word::Hidden);
                }
                rest.find("*/").map_or(rest.len(), |end| end + 2)
            }
            _ if is_part(character) => {
                let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
                words.push(Word::Plain(rest[..length].to_string()));
                length
            }
            space if space.is_whitespace() => space.len_utf8(),
            symbol => {
                words.push(Word::Symbol(symbol));
                symbol.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    words
}

fn is_part(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$' | '@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_space_are_no_words() {
        let plain = |text: &str| Word::Plain(text.to_string());
        assert_eq!(
            words("ALTER TABLE `a``b` -- c\n ADD x INT /* y */ DEFAULT 'it''s' # z"),
            [
                plain("ALTER"),
                plain("TABLE"),
                Word::Name("a`b".into()),
                plain("ADD"),
                plain("x"),
                plain("INT"),
                plain("DEFAULT"),
                Word::Text,
            ]
        );
        assert_eq!(words("/*!40101 DROP TABLE a */"), [Word::Hidden]);
        assert_eq!(
            words("a.b-1"),
            [
                plain("a"),
                Word::Symbol('.'),
                plain("b"),
                Word::Symbol('-'),
                plain("1")
            ]
        );
    }

    #[test]
    fn a_quoted_keyword_is_a_name() {
        assert!(words("drop")[0].is("DROP"));
        assert!(!words("`drop`")[0].is("DROP"));
    }
}
