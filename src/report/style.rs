//! How text is drawn: in which colours, how wide, and how much of it.

use std::io::IsTerminal;

/// As wide as text gets where nobody says how wide the terminal is.
const WIDTH: usize = 100;

/// How a text is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    pub colours: bool,
    pub width: usize,
    /// Every field of what is made or deleted, and every value in full.
    pub verbose: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Green,
    Yellow,
    Cyan,
    /// Bold, too: for what destroys and what failed.
    Red,
    Dim,
}

impl Style {
    /// For files, pipes and tests.
    pub const PLAIN: Self = Self {
        colours: false,
        width: WIDTH,
        verbose: false,
    };

    /// Colours only for a person, and not for one who asked for none.
    pub fn of(stream: &impl IsTerminal, verbose: bool) -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            colours: stream.is_terminal() && set("NO_COLOR").is_none(),
            width: set("COLUMNS")
                .and_then(|columns| columns.parse().ok())
                .unwrap_or(WIDTH),
            verbose,
        }
    }

    pub fn paint(self, colour: Colour, text: &str) -> String {
        if !self.colours {
            return text.to_owned();
        }
        let code = match colour {
            Colour::Green => "32",
            Colour::Yellow => "33",
            Colour::Cyan => "1;36",
            Colour::Red => "1;31",
            Colour::Dim => "2",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// `text` behind what `used` columns of its line hold, broken at spaces; the lines below
    /// begin at column `indent`.
    pub fn wrapped(self, used: usize, indent: usize, text: &str) -> String {
        let mut wrapped = String::with_capacity(text.len());
        let mut column = used;
        for (index, word) in text.split(' ').enumerate() {
            let length = word.chars().count();
            if index > 0 && column + 1 + length > self.width {
                wrapped.push('\n');
                wrapped.extend(std::iter::repeat_n(' ', indent));
                column = indent;
            } else if index > 0 {
                wrapped.push(' ');
                column += 1;
            }
            wrapped.push_str(word);
            column += length;
        }
        wrapped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_long_words_stay_whole() {
        let style = Style {
            width: 12,
            ..Style::PLAIN
        };
        assert_eq!(
            style.wrapped(4, 2, "one two three averyverylongword end"),
            "one two\n  three\n  averyverylongword\n  end"
        );
    }
}
