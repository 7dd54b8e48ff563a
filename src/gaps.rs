//! What emulators do not store. Such a field would look like drift for ever, so it is left out
//! of the diff there and reported as not emulated. Against AWS nothing is left out.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::aws::Emulator;
use crate::diff::Change;
use crate::object::Id;

/// Emulator, kind, path prefix of the field, and what happens to it there.
const TABLE: &[(Emulator, &str, &str, &str)] = &[];

/// The gaps of one target, and which of them a plan met.
#[derive(Debug, Default)]
pub struct Gaps {
    emulator: Option<Emulator>,
    met: RefCell<BTreeSet<String>>,
}

impl Gaps {
    pub fn of(emulator: Option<Emulator>) -> Self {
        Self {
            emulator,
            met: RefCell::default(),
        }
    }

    /// `changes` without those that the emulator could not have stored.
    pub fn hide(&self, id: &Id, changes: Vec<Change>) -> Vec<Change> {
        let Some(emulator) = self.emulator else {
            return changes;
        };
        changes
            .into_iter()
            .filter(|change| {
                let gap = TABLE.iter().find(|(target, kind, path, _)| {
                    *target == emulator && *kind == id.kind && change.path.starts_with(path)
                });
                if let Some((_, _, path, why)) = gap {
                    self.met.borrow_mut().insert(format!("{id} {path}: {why}"));
                }
                gap.is_none()
            })
            .collect()
    }

    /// One line for each gap that was met.
    pub fn met(&self) -> Vec<String> {
        self.met.borrow().iter().cloned().collect()
    }
}
