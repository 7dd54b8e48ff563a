//! Brings the rows of many sources into one order of time, without holding them.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A row that happened at a second since 1970.
pub trait Timed {
    fn second(&self) -> i64;
}

/// Rows of one source, in order of time.
pub type Script<Row> = Box<dyn Iterator<Item = Row>>;

/// A source and its next row. The smallest second is the greatest, for the heap's sake.
struct Pending<Row> {
    row: Row,
    serial: u64,
    rest: Script<Row>,
}

impl<Row: Timed> Ord for Pending<Row> {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |pending: &Self| (pending.row.second(), pending.serial);
        key(other).cmp(&key(self))
    }
}

impl<Row: Timed> PartialOrd for Pending<Row> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<Row: Timed> PartialEq for Pending<Row> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<Row: Timed> Eq for Pending<Row> {}

/// Sources that are there from the start, and those that arrive: what arrives in a minute has no
/// row before that minute.
pub struct Merge<Row, Arrivals> {
    heap: BinaryHeap<Pending<Row>>,
    serial: u64,
    /// The minutes yet to come, with the sources that arrive in each.
    arrivals: Arrivals,
    /// Every row before this second can leave.
    reached: i64,
    end: i64,
}

impl<Row: Timed, Arrivals: Iterator<Item = (i64, Vec<Script<Row>>)>> Merge<Row, Arrivals> {
    /// Rows from `end` on are left out.
    pub fn new(arrivals: Arrivals, end: i64) -> Self {
        Self {
            heap: BinaryHeap::new(),
            serial: 0,
            arrivals,
            reached: i64::MIN,
            end,
        }
    }

    pub fn add(&mut self, mut script: Script<Row>) {
        if let Some(row) = script.next() {
            self.serial += 1;
            self.heap.push(Pending {
                row,
                serial: self.serial,
                rest: script,
            });
        }
    }
}

impl<Row: Timed, Arrivals: Iterator<Item = (i64, Vec<Script<Row>>)>> Iterator
    for Merge<Row, Arrivals>
{
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        while self
            .heap
            .peek()
            .is_none_or(|next| next.row.second() >= self.reached)
        {
            match self.arrivals.next() {
                Some((minute, scripts)) => {
                    self.reached = minute + 60;
                    for script in scripts {
                        self.add(script);
                    }
                }
                None if self.reached == i64::MAX => break,
                None => self.reached = i64::MAX,
            }
        }
        let mut next = self.heap.peek_mut()?;
        if next.row.second() >= self.end {
            return None;
        }
        match next.rest.next() {
            Some(row) => Some(std::mem::replace(&mut next.row, row)),
            None => Some(std::collections::binary_heap::PeekMut::pop(next).row),
        }
    }
}
