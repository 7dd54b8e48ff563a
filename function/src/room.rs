//! Keeping answers within their size.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::event::ENVELOPE;
use crate::settings::Limits;

/// How many bytes of an answer are still free.
pub struct Room(usize);

impl Room {
    /// What an answer has for its lists when `frame` bytes are needed beside them.
    pub fn new(limits: Limits, frame: usize) -> Self {
        Self(limits.response.saturating_sub(ENVELOPE + frame))
    }

    /// Writes an entry, if it fits.
    pub fn write<T: Serialize>(&mut self, entry: &T) -> serde_json::Result<Option<Box<RawValue>>> {
        let text = to_raw_value(entry)?;
        // The comma that follows counts too.
        let Some(left) = self.0.checked_sub(text.get().len() + 1) else {
            return Ok(None);
        };
        self.0 = left;
        Ok(Some(text))
    }

    /// Writes entries until one does not fit; says whether all did.
    pub fn write_all<T: Serialize>(
        &mut self,
        entries: impl IntoIterator<Item = T>,
    ) -> serde_json::Result<(Vec<Box<RawValue>>, bool)> {
        let mut written = Vec::new();
        for entry in entries {
            match self.write(&entry)? {
                Some(text) => written.push(text),
                None => return Ok((written, false)),
            }
        }
        Ok((written, true))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn stops_at_the_entry_that_does_not_fit() {
        let mut room = Room(9);
        let (written, all) = room.write_all(["ab", "c", "d"]).unwrap();
        let written: Vec<&str> = written.iter().map(|text| text.get()).collect();
        assert_eq!((written, all), (vec![r#""ab""#, r#""c""#], false));
        assert!(Room(8).write_all(["ab"]).unwrap().1);
    }
}
