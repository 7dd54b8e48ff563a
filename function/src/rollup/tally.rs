//! Many counts, joined by the thousands.

use std::borrow::Cow;

/// So many additions may wait to be put in order.
const WAITING: usize = 4096;

/// Counts by number. Segments hold theirs in order, and runs in order are merged in a fraction of
/// the time and the memory that a map of them takes.
#[derive(Debug, Default)]
pub struct Tally {
    /// In order and each number once, as far as `settled`; what was added since comes behind.
    counts: Vec<(u128, u64)>,
    settled: usize,
}

impl Tally {
    pub fn add(&mut self, number: u128, count: u64) {
        // What is settled at least doubles before it is gone through again.
        if self.counts.len() >= 2 * self.settled + WAITING {
            self.settle();
        }
        self.counts.push((number, count));
    }

    /// Puts everything in order.
    pub fn settle(&mut self) {
        if self.settled < self.counts.len() {
            settle(&mut self.counts);
            self.settled = self.counts.len();
        }
    }

    /// In order, each number once: without any work where all is settled.
    pub fn counts(&self) -> Cow<'_, [(u128, u64)]> {
        if self.settled == self.counts.len() {
            return Cow::Borrowed(&self.counts);
        }
        let mut counts = self.counts.clone();
        settle(&mut counts);
        Cow::Owned(counts)
    }

    /// The count of one number.
    pub fn of(&self, number: u128) -> u64 {
        let counts = self.counts();
        let at = counts.binary_search_by_key(&number, |(number, _)| *number);
        at.ok().map_or(0, |at| counts[at].1)
    }
}

/// The stable sort finds runs that are in order and merges them.
fn settle(counts: &mut Vec<(u128, u64)>) {
    counts.sort_by_key(|(number, _)| *number);
    counts.dedup_by(|(number, count), (kept, sum)| {
        let same = number == kept;
        if same {
            *sum += *count;
        }
        same
    });
}

impl FromIterator<(u128, u64)> for Tally {
    fn from_iter<T: IntoIterator<Item = (u128, u64)>>(counts: T) -> Self {
        let mut tally = Self {
            counts: counts.into_iter().collect(),
            settled: 0,
        };
        tally.settle();
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_in_order_whether_settled_or_not() {
        let mut tally = Tally::default();
        for number in [3, 1, 3, 2] {
            tally.add(number, 10);
        }
        let counts = [(1, 10), (2, 10), (3, 20)];
        assert_eq!(tally.counts().as_ref(), counts);
        tally.settle();
        assert_eq!(tally.counts().as_ref(), counts);
        tally.add(2, 5);
        assert_eq!((tally.of(2), tally.of(3), tally.of(4)), (15, 20, 0));
    }

    #[test]
    fn runs_of_thousands_add_up() {
        let mut tally = Tally::default();
        for run in 0..30 {
            for number in 0..3000 {
                tally.add(number * 2 + run % 2, 1);
            }
        }
        assert!(tally.counts.len() <= 2 * 6000 + WAITING, "it takes room");
        let counts = tally.counts();
        assert_eq!(counts.len(), 6000);
        assert!(counts.iter().all(|(_, count)| *count == 15));
    }
}
