//! Lists in the order of their keys: smaller than maps, and quick to merge, which is what is done
//! most with those that the roll-ups are made of.

use serde::{Deserialize, Serialize};

/// Values by key, each key once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sorted<K, V>(Vec<(K, V)>);

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord + Copy, V: Copy> Sorted<K, V> {
    /// Joins a value to that of its key, or is its first.
    pub fn join(&mut self, key: K, value: V, join: impl FnOnce(&mut V, V)) {
        // Most often it is the last one, or comes after it.
        let at = match self.0.last() {
            Some((last, _)) if *last > key => self.start_of(key),
            Some((last, _)) if *last == key => self.0.len() - 1,
            _ => self.0.len(),
        };
        match self.0.get_mut(at) {
            Some((known, sum)) if *known == key => join(sum, value),
            _ => self.0.insert(at, (key, value)),
        }
    }

    /// Joins every value of another.
    pub fn merge(&mut self, other: &Self, join: impl Fn(&mut V, V)) {
        let later = match (self.0.last(), other.0.first()) {
            (Some((last, _)), Some((first, _))) => last < first,
            _ => true,
        };
        if later {
            self.0.extend_from_slice(&other.0);
            return;
        }
        let mut new = Vec::new();
        let mut known = self.0.iter_mut().peekable();
        for &(key, value) in &other.0 {
            while known.next_if(|(known, _)| *known < key).is_some() {}
            match known.peek_mut() {
                Some((known, sum)) if *known == key => join(sum, value),
                _ => new.push((key, value)),
            }
        }
        self.weave(&new);
    }

    /// Puts what is new where it belongs, from the end on, so that nothing is moved twice.
    fn weave(&mut self, new: &[(K, V)]) {
        let mut known = self.0.len();
        self.0.extend_from_slice(new);
        for (left, entry) in new.iter().enumerate().rev() {
            while known > 0 && self.0[known - 1].0 > entry.0 {
                self.0[known + left] = self.0[known - 1];
                known -= 1;
            }
            self.0[known + left] = *entry;
        }
    }

    /// Keeps what is worth it, and answers how many went.
    pub fn keep(&mut self, is_worth: impl Fn(V) -> bool) -> usize {
        let before = self.0.len();
        self.0.retain(|(_, value)| is_worth(*value));
        before - self.0.len()
    }

    pub fn all(&self) -> &[(K, V)] {
        &self.0
    }

    /// From a key on.
    pub fn since(&self, first: K) -> &[(K, V)] {
        &self.0[self.start_of(first)..]
    }

    /// From a key to another one, both included.
    pub fn within(&self, first: K, last: K) -> &[(K, V)] {
        let since = self.since(first);
        &since[..since.partition_point(|(key, _)| *key <= last)]
    }

    pub fn values(&self) -> impl Iterator<Item = V> {
        self.0.iter().map(|(_, value)| *value)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn start_of(&self, key: K) -> usize {
        self.0.partition_point(|(known, _)| *known < key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(known: &mut u32, other: u32) {
        *known = known.saturating_add(other);
    }

    fn sorted(all: &[(u32, u32)]) -> Sorted<u32, u32> {
        let mut sorted = Sorted::default();
        for (key, value) in all {
            sorted.join(*key, *value, add);
        }
        sorted
    }

    #[test]
    fn they_are_in_order_however_they_came() {
        let all = [(1, 1), (2, 5), (4, 2), (9, 3)];
        let one = sorted(&[(4, 2), (2, 4), (9, 1), (1, 1), (9, 2), (2, 1)]);
        assert_eq!(one.all(), all);
        for cut in 0..=all.len() {
            let (early, late) = (sorted(&all[..cut]), sorted(&all[cut..]));
            for (mut known, other) in [(early.clone(), &late), (late.clone(), &early)] {
                known.merge(other, add);
                assert_eq!(known, one);
            }
        }
        let mut twice = one.clone();
        twice.merge(&one, add);
        assert_eq!(twice.all(), [(1, 2), (2, 10), (4, 4), (9, 6)]);
        let mut more = one;
        more.merge(&sorted(&[(0, 7), (2, 5), (4, u32::MAX), (5, 1)]), add);
        let sums = [(0, 7), (1, 1), (2, 10), (4, u32::MAX), (5, 1), (9, 3)];
        assert_eq!(more.all(), sums);
        assert_eq!(
            (more.since(5), more.within(1, 4)),
            (&sums[4..], &sums[1..4])
        );
        assert_eq!(more.within(6, 8), []);
        assert_eq!((more.keep(|value| value >= 3), more.len()), (2, 4));
    }
}
