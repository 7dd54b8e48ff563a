//! Which segments and which rows hold what a window asks for.

use super::{FORMAT, HOUR, LENGTHS, Request, start_of};
use crate::sql::{Query, list};
use crate::time::{Second, Window};

/// A window shorter than this has too few whole hours to look for.
const SHORTEST: i64 = 3 * HOUR;

/// A window's ends, in seconds since 1970; both are part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: i64,
    pub(super) end: i64,
}

impl Span {
    pub(super) fn new(window: &Window) -> Self {
        Self {
            start: window.start.epoch(),
            end: window.end.epoch(),
        }
    }

    /// Where segments of a length begin and end that are inside: of hours also those that the
    /// window cuts. The end is no part of it, and before the start where there are none.
    fn inside(&self, hours: u16) -> (i64, i64) {
        let width = i64::from(hours) * HOUR;
        if hours == 1 {
            (start_of(self.start, 1), start_of(self.end, 1) + width)
        } else {
            let first = start_of(self.start + width - 1, hours);
            (first, start_of(self.end + 1, hours))
        }
    }

    /// Whether it is long enough to hold whole hours.
    pub(super) fn is_by_hour(&self) -> bool {
        self.end - self.start + 1 >= SHORTEST
    }

    /// Whether the window has only a part of an hour.
    pub(super) fn cuts(&self, hour: i64) -> bool {
        hour < self.start || hour + HOUR - 1 > self.end
    }

    /// The part of an hour that is in the window.
    fn within(&self, hour: i64) -> (i64, i64) {
        (hour.max(self.start), (hour + HOUR - 1).min(self.end))
    }
}

/// What the segments did not tell of a span.
pub(super) enum Rest {
    All,
    After {
        watermark: u64,
        /// The starts of hours of which no segment was counted.
        hours: Vec<i64>,
    },
}

impl Rest {
    pub(super) fn query(&self, span: &Span) -> Query {
        let mut query = Query::new("");
        let Self::After { watermark, hours } = self else {
            select_rows(&mut query, (span.start, span.end));
            return query;
        };
        for hour in hours {
            select_rows(&mut query, span.within(*hour));
            query.push(" AND id <= ").push_bind(*watermark);
            query.push(" UNION ALL ");
        }
        select_rows(&mut query, (span.start, span.end));
        query.push(" AND id > ").push_bind(*watermark);
        query
    }
}

/// The segments of some parts that a span touches: the longest that are inside. Where such a longer
/// one is read, it tells of the shorter ones that it contains; what came late is not in it yet.
pub(super) fn segments(parts: &[u8], has_longer: bool, span: &Span) -> Query {
    let mut query = Query::new("");
    let mut either = false;
    let (lone, any) = (" AND in_day = FALSE", " AND in_day IN (FALSE, TRUE)");
    let mut add = |hours: u16, which: &str, from: i64, to: i64| {
        if from >= to {
            return;
        }
        query
            .push(if either { " UNION ALL " } else { "" })
            .push("SELECT part, hours, start, first_seen, last_seen, data FROM access_rollups WHERE format = ")
            .push_bind(FORMAT)
            .push(" AND part IN ");
        list(&mut query, parts.iter().copied());
        query
            .push(" AND hours = ")
            .push_bind(hours)
            .push(which)
            .push(" AND start >= ")
            .push_bind(Second::from_epoch(from).sql())
            .push(" AND start < ")
            .push_bind(Second::from_epoch(to).sql());
        either = true;
    };
    let lengths = if has_longer { &LENGTHS[..] } else { &[1] };
    let mut longer = None;
    for hours in lengths.iter().rev() {
        let (from, to) = span.inside(*hours);
        if from >= to {
            continue;
        }
        if let Some((start, end)) = longer {
            add(*hours, any, from, start);
            add(*hours, lone, start, end);
            add(*hours, any, end, to);
        } else {
            add(*hours, any, from, to);
        }
        longer = Some((from, to));
    }
    query
}

fn select_rows(query: &mut Query, (first, last): (i64, i64)) {
    query
        .push("SELECT ")
        .push(Request::COLUMNS)
        .push(" FROM access_logs WHERE timestamp BETWEEN ")
        .push_bind(Second::from_epoch(first).sql())
        .push(" AND ")
        .push_bind(Second::from_epoch(last).sql());
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn span(start: &str, end: &str) -> Span {
        Span::new(&Window {
            start: Second::parse(start).unwrap(),
            end: Second::parse(end).unwrap(),
        })
    }

    #[test]
    fn what_is_whole_inside() {
        let inside = |span: &Span, hours| {
            let (from, to) = span.inside(hours);
            (from < to).then(|| {
                [from, to]
                    .map(|at| Second::from_epoch(at).to_string())
                    .join(" – ")
            })
        };
        let some = |text: &str| Some(text.to_string());
        let whole = span("2025-03-03 00:00:00", "2025-03-16 23:59:59");
        for hours in LENGTHS {
            let weeks = some("2025-03-03 00:00:00 – 2025-03-17 00:00:00");
            assert_eq!(inside(&whole, hours), weeks);
        }
        assert!(!whole.cuts(whole.start) && !whole.cuts(whole.end + 1 - HOUR));

        let cut = span("2025-03-03 00:00:01", "2025-03-16 12:00:00");
        let expected = [
            some("2025-03-03 00:00:00 – 2025-03-16 13:00:00"),
            some("2025-03-03 06:00:00 – 2025-03-16 12:00:00"),
            some("2025-03-04 00:00:00 – 2025-03-16 00:00:00"),
            None,
        ];
        assert_eq!(LENGTHS.map(|hours| inside(&cut, hours)), expected);
        let (first, last) = (cut.start - 1, cut.end);
        assert!(cut.cuts(first) && cut.cuts(last));
        assert_eq!(cut.within(last), (last, last));
    }
}
