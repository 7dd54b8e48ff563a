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

    /// Writes an entry at the end of a list's text, behind a comma where one is needed; says
    /// whether it fits. The first one of a list goes out whatever its size: a reader must get on.
    pub fn append<T: Serialize>(
        &mut self,
        list: &mut String,
        entry: &T,
    ) -> serde_json::Result<bool> {
        let text = serde_json::to_string(entry)?;
        let left = self.0.checked_sub(text.len() + 1);
        let first = list.ends_with('[');
        if left.is_none() && !first {
            return Ok(false);
        }
        self.0 = left.unwrap_or_default();
        if !first {
            list.push(',');
        }
        list.push_str(&text);
        Ok(true)
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

    #[test]
    fn a_list_has_one_entry_at_least() {
        let mut list = String::from("[");
        let mut room = Room(8);
        for (entry, fits) in [("ab", true), ("c", false)] {
            assert_eq!(room.append(&mut list, &entry).unwrap(), fits);
        }
        assert_eq!(list, r#"["ab""#);
        let mut list = String::from("[");
        assert!(Room(2).append(&mut list, &"long").unwrap());
    }
}
