//! Bursts far above what an address, and the site, are used to.

use std::collections::BTreeMap;

/// Requests by minute since 1970.
pub type Minutes = BTreeMap<i64, u64>;

/// A burst: the minutes that belong to it and their requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burst {
    pub requests: u64,
    pub peak: u64,
    pub first_minute: i64,
    pub last_minute: i64,
}

/// The least number of requests in a window that can be a flood.
pub const LEAST_REQUESTS: u64 = 150;
const LEAST_PEAK: u64 = 100;
const DAY: i64 = 1440;

/// What is usual for one address on this site: the median of the others' busiest minutes.
pub fn usual(others: impl Iterator<Item = u64>) -> u64 {
    let mut peaks: Vec<u64> = others.collect();
    peaks.sort_unstable();
    peaks.get(peaks.len() / 2).copied().unwrap_or(0)
}

/// Whether an address flooded the site. `minutes` reaches back before the window, which begins
/// with minute `from`, so that what happens every night is seen to.
pub fn judge(minutes: &Minutes, from: i64, site: u64) -> Option<Burst> {
    let (&peak_minute, &peak) = minutes.range(from..).max_by_key(|(_, count)| **count)?;
    let in_burst = |count: u64| count * 4 >= peak;
    if peak < LEAST_PEAK
        || peak < site.saturating_mul(4)
        || is_scheduled(minutes, peak_minute, peak)
    {
        return None;
    }
    let mut quiet: Vec<u64> = minutes
        .values()
        .copied()
        .filter(|count| !in_burst(*count))
        .collect();
    quiet.sort_unstable();
    let own = match quiet.get(quiet.len() / 2) {
        Some(median) if quiet.len() >= 10 => *median,
        // Nothing but the burst: an address that is always this busy has no burst,
        // unless it alone outdoes everyone by far.
        _ if minutes.len() >= 30 && peak < site.saturating_mul(20).max(600) => peak,
        _ => 0,
    };
    if peak < own.saturating_mul(8) {
        return None;
    }
    let mut burst = minutes
        .range(from..)
        .filter(|(_, count)| in_burst(**count))
        .peekable();
    let first_minute = *burst.peek()?.0;
    let (mut requests, mut last_minute) = (0, first_minute);
    for (minute, count) in burst {
        requests += count;
        last_minute = *minute;
    }
    Some(Burst {
        requests,
        peak,
        first_minute,
        last_minute,
    })
}

/// Whether much the same happened at about that time on another day.
fn is_scheduled(minutes: &Minutes, peak_minute: i64, peak: u64) -> bool {
    minutes.iter().any(|(minute, count)| {
        let apart = (peak_minute - minute).abs();
        let clock = apart % DAY;
        apart >= DAY / 2 && clock.min(DAY - clock) <= 30 && count * 2 >= peak
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_flood() {
        let mut minutes: Minutes = (0..100).map(|minute| (minute * 7, 3)).collect();
        minutes.extend([(500, 900), (501, 1100), (502, 400)]);
        let burst = judge(&minutes, 0, 20).unwrap();
        assert_eq!(
            burst,
            Burst {
                requests: 2400,
                peak: 1100,
                first_minute: 500,
                last_minute: 502
            }
        );
        // From an address that was never seen before.
        assert!(judge(&Minutes::from([(500, 900), (501, 700)]), 0, 20).is_some());
    }

    #[test]
    fn a_health_checker_and_a_busy_office() {
        assert_eq!(
            judge(&(0..1440).map(|minute| (minute, 60)).collect(), 0, 0),
            None
        );
        let office: Minutes = (0..480u64)
            .map(|minute| (minute.cast_signed(), 80 + minute % 60))
            .collect();
        assert_eq!(judge(&office, 0, 5), None);
    }

    #[test]
    fn a_nightly_job() {
        let nights = |days: i64| -> Minutes {
            (0..days)
                .flat_map(|day| {
                    (0..10).map(move |minute| (day * DAY + 120 + minute + day % 3, 500))
                })
                .collect()
        };
        assert_eq!(judge(&nights(5), 4 * DAY, 10), None);
        assert_eq!(
            judge(&(0..40).map(|minute| (minute, 300)).collect(), 0, 60),
            None
        );
    }
}
