//! Compares what is found with what was planted.

use std::collections::{BTreeMap, BTreeSet};

/// A threat or an anomaly that was planted: its type, and the address or error code.
pub struct Truth {
    pub kind: &'static str,
    pub whose: String,
    pub first: i64,
    pub last: i64,
    pub style: String,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub right: u64,
    pub wrong: u64,
    pub missed: u64,
}

impl Counts {
    pub fn precision(self) -> f64 {
        part(self.right, self.right + self.wrong)
    }

    pub fn recall(self) -> f64 {
        part(self.right, self.right + self.missed)
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts are small")]
fn part(some: u64, all: u64) -> f64 {
    if all == 0 {
        1.0
    } else {
        some as f64 / all as f64
    }
}

/// Right and wrong findings by type, over any number of windows.
#[derive(Default)]
pub struct Score {
    pub kinds: BTreeMap<&'static str, Counts>,
    /// What was missed or found wrongly, for the reader.
    pub notes: Vec<String>,
}

impl Score {
    /// Compares one window's findings. What was planted only partly within may be found or not.
    pub fn compare(
        &mut self,
        label: &str,
        (start, end): (i64, i64),
        found: &BTreeSet<(&'static str, String)>,
        planted: &[Truth],
    ) {
        let mut may: BTreeSet<(&str, &str)> = BTreeSet::new();
        let mut must: BTreeMap<(&str, &str), &str> = BTreeMap::new();
        for truth in planted
            .iter()
            .filter(|truth| truth.first < end && truth.last >= start)
        {
            may.insert((truth.kind, &truth.whose));
            self.kinds.entry(truth.kind).or_default();
            if truth.first >= start && truth.last < end {
                must.insert((truth.kind, &truth.whose), &truth.style);
            }
        }
        for ((kind, whose), style) in &must {
            let Some((kind, _)) = found.get(&(*kind, (*whose).to_string())) else {
                self.notes
                    .push(format!("{label}: missed {kind} of {whose} ({style})"));
                self.kinds.entry(named(planted, kind)).or_default().missed += 1;
                continue;
            };
            self.kinds.entry(kind).or_default().right += 1;
        }
        for (kind, whose) in found
            .iter()
            .filter(|(kind, whose)| !may.contains(&(kind, whose)))
        {
            self.notes
                .push(format!("{label}: wrongly found {kind} of {whose}"));
            self.kinds.entry(kind).or_default().wrong += 1;
        }
    }

    pub fn add(&mut self, other: Self) {
        for (kind, counts) in other.kinds {
            let sum = self.kinds.entry(kind).or_default();
            sum.right += counts.right;
            sum.wrong += counts.wrong;
            sum.missed += counts.missed;
        }
        self.notes.extend(other.notes);
    }
}

fn named(planted: &[Truth], kind: &str) -> &'static str {
    planted
        .iter()
        .map(|truth| truth.kind)
        .find(|name| *name == kind)
        .unwrap_or("?")
}
