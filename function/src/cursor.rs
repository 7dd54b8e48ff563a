//! Where a list goes on: after which row, and of which selection.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::time::Second;

/// The last row that was answered. Rows come by time and id, both falling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub timestamp: Second,
    pub id: u64,
}

const VERSION: u8 = 1;
const LENGTH: usize = 1 + 8 + 8 + 8;

impl Cursor {
    /// Opaque text. It carries a fingerprint of the selection: going on with other filters
    /// would leave rows out silently.
    pub fn write(&self, selection: &str) -> String {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.push(VERSION);
        bytes.extend(self.timestamp.epoch().to_be_bytes());
        bytes.extend(self.id.to_be_bytes());
        bytes.extend(fingerprint(selection));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads it back; `None` where it is malformed or belongs to another selection.
    pub fn read(text: &str, selection: &str) -> Option<Self> {
        let bytes: [u8; LENGTH] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let number = |at: usize| bytes[at..at + 8].try_into().ok().map(u64::from_be_bytes);
        let valid = bytes[0] == VERSION && bytes[17..] == fingerprint(selection);
        valid.then_some(())?;
        let read = Self {
            timestamp: Second::from_epoch(number(1)?.cast_signed()),
            id: number(9)?,
        };
        // Only a time that a row can have: written by hand, it may be any.
        (Second::parse(&read.timestamp.to_string())? == read.timestamp
            && read.write(selection) == text)
            .then_some(read)
    }
}

fn fingerprint(selection: &str) -> [u8; 8] {
    let digest: [u8; 32] = Sha256::digest(selection.as_bytes()).into();
    let mut short = [0; 8];
    short.copy_from_slice(&digest[..8]);
    short
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn goes_there_and_back() {
        for (time, id) in [
            ("2025-01-31 23:59:59", 7),
            ("1000-01-01 00:00:00", u64::MAX),
        ] {
            let cursor = Cursor {
                timestamp: Second::parse(time).unwrap(),
                id,
            };
            assert_eq!(Cursor::read(&cursor.write("a"), "a"), Some(cursor));
        }
    }

    #[test]
    fn refuses_times_that_no_row_has() {
        for epoch in [i64::MIN, -40_000_000_000, 300_000_000_000, i64::MAX] {
            let mut bytes = vec![VERSION];
            bytes.extend(epoch.to_be_bytes());
            bytes.extend(1_u64.to_be_bytes());
            bytes.extend(fingerprint("a"));
            assert_eq!(Cursor::read(&URL_SAFE_NO_PAD.encode(bytes), "a"), None);
        }
    }

    #[test]
    fn refuses_other_selections_and_nonsense() {
        let text = Cursor {
            timestamp: Second::from_epoch(0),
            id: 1,
        }
        .write("a");
        assert_eq!(Cursor::read(&text, "b"), None);
        for wrong in [
            "",
            "x",
            "!!!!",
            &text[1..],
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert_eq!(Cursor::read(wrong, "a"), None);
        }
    }
}
