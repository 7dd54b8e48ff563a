//! Counts by minute. A busy site has a great many of them, and merging is what is done most.

use serde::{Deserialize, Serialize};

/// Minutes since 1970 and how often something happened in each, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Minutes(Vec<(u32, u32)>);

impl Minutes {
    pub fn add(&mut self, minute: u32, count: u32) {
        // Most often it is the last one, or comes after it.
        let at = match self.0.last() {
            Some((last, _)) if *last > minute => self.0.partition_point(|(at, _)| *at < minute),
            Some((last, _)) if *last == minute => self.0.len() - 1,
            _ => self.0.len(),
        };
        match self.0.get_mut(at) {
            Some((known, sum)) if *known == minute => *sum = sum.saturating_add(count),
            _ => self.0.insert(at, (minute, count)),
        }
    }

    pub fn merge(&mut self, other: &Self) {
        let later = match (self.0.last(), other.0.first()) {
            (Some((last, _)), Some((first, _))) => last < first,
            _ => true,
        };
        if later {
            self.0.extend_from_slice(&other.0);
            return;
        }
        let mut all = Vec::with_capacity(self.0.len() + other.0.len());
        let mut other = other.0.iter().copied().peekable();
        for (minute, count) in self.0.drain(..) {
            while let Some(earlier) = other.next_if(|(at, _)| *at < minute) {
                all.push(earlier);
            }
            let same = other.next_if(|(at, _)| *at == minute);
            all.push((
                minute,
                count.saturating_add(same.map_or(0, |(_, count)| count)),
            ));
        }
        all.extend(other);
        self.0 = all;
    }

    /// Keeps the minutes with so many or more, and answers how many went.
    pub fn keep(&mut self, least: u32) -> u32 {
        let before = self.0.len();
        self.0.retain(|(_, count)| *count >= least);
        u32::try_from(before - self.0.len()).unwrap_or(u32::MAX)
    }

    pub fn all(&self) -> &[(u32, u32)] {
        &self.0
    }

    /// The minute `first` and what follows.
    pub fn since(&self, first: u32) -> &[(u32, u32)] {
        &self.0[self.0.partition_point(|(minute, _)| *minute < first)..]
    }

    pub fn counts(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|(_, count)| *count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(counts: &[(u32, u32)]) -> Minutes {
        let mut minutes = Minutes::default();
        for (minute, count) in counts {
            minutes.add(*minute, *count);
        }
        minutes
    }

    #[test]
    fn they_are_in_order_however_they_came() {
        let all = [(1, 1), (2, 5), (4, 2), (9, 3)];
        let one = minutes(&[(4, 2), (2, 4), (9, 1), (1, 1), (9, 2), (2, 1)]);
        assert_eq!(one.all(), all);
        for cut in 0..=all.len() {
            let (early, late) = (minutes(&all[..cut]), minutes(&all[cut..]));
            for (mut known, other) in [(early.clone(), &late), (late.clone(), &early)] {
                known.merge(other);
                assert_eq!(known, one);
            }
        }
        let mut twice = one.clone();
        twice.merge(&minutes(&[(0, 7), (2, 5), (4, u32::MAX), (5, 1)]));
        let sums = [(0, 7), (1, 1), (2, 10), (4, u32::MAX), (5, 1), (9, 3)];
        assert_eq!(twice.all(), sums);
        assert_eq!(twice.since(5), &sums[4..]);
        assert_eq!((twice.keep(3), twice.all().len()), (2, 4));
    }
}
