//! Many counts, joined by the thousands.

use std::borrow::Cow;

use serde::Deserialize;

use super::{Data, Undecodable};

/// So many additions may wait to be put in order.
const WAITING: usize = 4096;

/// Counts by number. Segments hold theirs in order, and runs in order are merged in a fraction of
/// the time and the memory that a map of them takes.
#[derive(Debug)]
pub struct Tally<N> {
    /// In order and each number once, as far as `settled`; what was added since comes behind.
    counts: Vec<(N, u64)>,
    settled: usize,
}

impl<N> Default for Tally<N> {
    fn default() -> Self {
        Self {
            counts: Vec::new(),
            settled: 0,
        }
    }
}

impl<N: Copy + Ord> Tally<N> {
    pub fn add(&mut self, number: N, count: u64) {
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
    pub fn counts(&self) -> Cow<'_, [(N, u64)]> {
        if self.settled == self.counts.len() {
            return Cow::Borrowed(&self.counts);
        }
        let mut counts = self.counts.clone();
        settle(&mut counts);
        Cow::Owned(counts)
    }

    /// The count of one number.
    pub fn of(&self, number: N) -> u64 {
        let counts = self.counts();
        let at = counts.binary_search_by_key(&number, |(number, _)| *number);
        at.ok().map_or(0, |at| counts[at].1)
    }

    /// The numbers with at least such a count.
    pub fn with_at_least(&self, least: u64) -> Self {
        let counts = self.counts();
        let enough = counts.iter().filter(|(_, count)| *count >= least);
        enough.copied().collect()
    }

    /// The `most` highest counts; of equals, those of the lower numbers.
    pub fn highest(&self, most: usize) -> Self {
        let mut counts = self.counts().into_owned();
        // There may be many: only what stays need be in order.
        if counts.len() > most {
            counts.select_nth_unstable_by(most, |(number, a), (other, b)| {
                b.cmp(a).then(number.cmp(other))
            });
            counts.truncate(most);
        }
        counts.into_iter().collect()
    }
}

/// As the table holds them: each number less the one before it, which most often is a byte or two.
impl<N: Copy + Ord + Default> Tally<N> {
    pub fn steps(&self, minus: fn(N, N) -> N) -> Vec<(N, u64)> {
        let mut counts = self.counts().into_owned();
        let mut last = N::default();
        for (number, _) in &mut counts {
            (*number, last) = (minus(*number, last), *number);
        }
        counts
    }

    /// Adds the [`Tally::steps`] of another one.
    pub fn read<'d>(&mut self, data: &mut Data<'d>, plus: fn(N, N) -> N) -> Result<(), Undecodable>
    where
        N: Deserialize<'d>,
    {
        let mut number = N::default();
        data.each(|(further, count): (N, u64)| {
            number = plus(number, further);
            self.add(number, count);
        })
    }
}

/// The stable sort finds runs that are in order and merges them.
fn settle<N: Copy + Ord>(counts: &mut Vec<(N, u64)>) {
    counts.sort_by_key(|(number, _)| *number);
    counts.dedup_by(|(number, count), (kept, sum)| {
        let same = number == kept;
        if same {
            *sum += *count;
        }
        same
    });
}

impl<N: Copy + Ord> FromIterator<(N, u64)> for Tally<N> {
    fn from_iter<T: IntoIterator<Item = (N, u64)>>(counts: T) -> Self {
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
        for number in [3_u32, 1, 3, 2] {
            tally.add(number, 10);
        }
        let counts = [(1, 10), (2, 10), (3, 20)];
        assert_eq!(tally.counts().as_ref(), counts);
        tally.settle();
        assert_eq!(tally.counts().as_ref(), counts);
        tally.add(2, 5);
        assert_eq!((tally.of(2), tally.of(3), tally.of(4)), (15, 20, 0));
        assert_eq!(
            tally.with_at_least(15).counts().as_ref(),
            [(2, 15), (3, 20)]
        );
        tally.add(1, 5);
        assert_eq!(tally.highest(2).counts().as_ref(), [(1, 15), (3, 20)]);
    }

    #[test]
    fn runs_of_thousands_add_up() {
        let mut tally = Tally::default();
        for run in 0..30 {
            for number in 0..3000_u128 {
                tally.add(number * 2 + run % 2, 1);
            }
        }
        assert!(tally.counts.len() <= 2 * 6000 + WAITING, "it takes room");
        let counts = tally.counts();
        assert_eq!(counts.len(), 6000);
        assert!(counts.iter().all(|(_, count)| *count == 15));
    }
}
