//! Bursts far above what an address, and the site, are used to.

use serde::{Deserialize, Serialize};

use crate::sorted::Sorted;

/// From how many requests on a minute is kept for itself when a day is compacted.
pub const BUSY: u32 = 20;

/// One address's requests by minute. Sums of parts are parts of sums: a day's can be put together
/// from its hours', and a week's from its days'.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visits {
    /// All of them.
    pub requests: u64,
    pub minutes: Sorted<u32, u32>,
    /// Minutes with fewer than [`BUSY`] requests that `minutes` no longer holds.
    pub quiet: u32,
}

impl Visits {
    pub fn add(&mut self, minute: u32, requests: u32) {
        self.requests += u64::from(requests);
        self.minutes.join(minute, requests, add);
    }

    pub fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.minutes.merge(&other.minutes, add);
        self.quiet = self.quiet.saturating_add(other.quiet);
    }

    /// Forgets when the quiet minutes were. Only once they are complete: what is merged in later
    /// counts as other minutes.
    pub fn compact(&mut self) {
        let quiet = self.minutes.keep(|requests| requests >= BUSY);
        let quiet = u32::try_from(quiet).unwrap_or(u32::MAX);
        self.quiet = self.quiet.saturating_add(quiet);
    }

    /// Whether there are enough requests for [`judge`] to look at.
    pub fn may_be_a_flood(&self) -> bool {
        self.requests >= LEAST_REQUESTS && u64::from(self.peak()) >= LEAST_PEAK
    }

    /// Whether a minute is kept for itself.
    pub fn is_busy(&self) -> bool {
        !self.minutes.is_empty()
    }

    /// The requests of the busiest minute.
    fn peak(&self) -> u32 {
        self.minutes.values().max().unwrap_or(0)
    }

    /// The busiest minute of the median day, where there are enough days to speak of a habit.
    fn daily_peak(&self) -> u32 {
        let days = self.minutes.all().chunk_by(|a, b| a.0 / DAY == b.0 / DAY);
        let peak = |day: &[(u32, u32)]| day.iter().map(|(_, requests)| *requests).max();
        let mut peaks: Vec<u32> = days.filter_map(peak).collect();
        peaks.sort_unstable();
        if peaks.len() < 3 {
            0
        } else {
            peaks[peaks.len() / 2]
        }
    }

    /// The usual number of requests in a minute that has any: the median of those below `least`.
    /// Nothing where there are too few to tell.
    fn usual(&self, least: u32) -> Option<u64> {
        let mut counts: Vec<u32> = self.minutes.values().filter(|n| *n < least).collect();
        counts.sort_unstable();
        let quiet = usize::try_from(self.quiet).unwrap_or(usize::MAX);
        let all = counts.len().saturating_add(quiet);
        if all < 10 {
            return None;
        }
        // The forgotten ones are the smallest, and alike for this purpose.
        if let Some(middle) = (all / 2).checked_sub(quiet) {
            return counts.get(middle).map(|count| u64::from(*count));
        }
        let kept: u64 = self.minutes.values().map(u64::from).sum();
        Some(self.requests.saturating_sub(kept) / u64::from(self.quiet.max(1)))
    }
}

fn add(known: &mut u32, requests: u32) {
    *known = known.saturating_add(requests);
}

/// A burst: the minutes that belong to it and their requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burst {
    pub requests: u64,
    /// Requests in the busiest minute.
    pub peak: u64,
    pub first_minute: u32,
    pub last_minute: u32,
}

/// The least number of requests in a window that can be a flood.
pub const LEAST_REQUESTS: u64 = 150;
const LEAST_PEAK: u64 = 100;
const DAY: u32 = 1440;
/// Minutes after which something is a habit rather than a burst.
const LONG: usize = 120;

/// What is usual on this site.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Site {
    /// The busiest minute of a busy address, by the median of them.
    peak: u64,
    /// The busiest minute that an address has on most of its days: what the site bears daily.
    daily: u64,
}

impl Site {
    /// From those who are busy, of `all` that came at least [`LEAST_REQUESTS`] times.
    pub fn new(busy: &[&Visits], all: usize) -> Self {
        let daily = busy.iter().map(|visits| visits.daily_peak()).max();
        // The others came so often without ever being busy.
        let mut peaks = vec![0; all.saturating_sub(busy.len())];
        peaks.extend(busy.iter().map(|visits| visits.peak()));
        peaks.sort_unstable();
        // Of two, the quieter: the other may be the flood.
        let middle = peaks.len().saturating_sub(1) / 2;
        Self {
            peak: peaks.get(middle).copied().map_or(0, u64::from),
            daily: daily.map_or(0, u64::from),
        }
    }
}

/// Whether an address flooded the site. `own` reaches back before the window, which begins with
/// minute `from`, so that what happens every night is seen to.
pub fn judge(own: &Visits, from: u32, site: &Site) -> Option<Burst> {
    let &(peak_minute, peak) = own
        .minutes
        .since(from)
        .iter()
        .max_by_key(|(_, count)| *count)?;
    let least = peak.div_ceil(4);
    let peak = u64::from(peak);
    if peak < LEAST_PEAK || is_scheduled(own, peak_minute, peak) {
        return None;
    }
    let alone = peak >= site.peak.saturating_mul(20).max(600);
    // An address that is always this busy has no burst, unless it alone outdoes everyone by far.
    let long = own.minutes.values().filter(|count| *count >= least).count() >= LONG;
    if (long || peak * 2 < site.peak.saturating_mul(5)) && !alone {
        return None;
    }
    // Little more than what another does every night is no burst for the site.
    if peak * 3 < site.daily * 4 {
        return None;
    }
    if own
        .usual(least)
        .is_some_and(|usual| peak < usual.saturating_mul(8))
    {
        return None;
    }
    let mut burst = own
        .minutes
        .since(from)
        .iter()
        .filter(|(_, count)| *count >= least)
        .peekable();
    let first_minute = burst.peek()?.0;
    let (mut requests, mut last_minute) = (0, first_minute);
    for (minute, count) in burst {
        requests += u64::from(*count);
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
fn is_scheduled(own: &Visits, peak_minute: u32, peak: u64) -> bool {
    own.minutes.all().iter().any(|(minute, count)| {
        let apart = peak_minute.abs_diff(*minute);
        let clock = apart % DAY;
        apart >= DAY / 2 && clock.min(DAY - clock) <= 60 && u64::from(*count) * 2 >= peak
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn visits(minutes: impl IntoIterator<Item = (u32, u32)>) -> Visits {
        let mut visits = Visits::default();
        for (minute, requests) in minutes {
            visits.add(minute, requests);
        }
        visits
    }

    const SITE: Site = Site { peak: 20, daily: 0 };

    #[test]
    fn parts_add_up() {
        let mut morning = visits([(1, 3), (2, 50)]);
        morning.merge(&visits([(2, 10), (700, 19), (701, 20)]));
        assert_eq!(morning, visits([(1, 3), (2, 60), (700, 19), (701, 20)]));
        morning.compact();
        let compacted = Visits {
            requests: 102,
            quiet: 2,
            ..visits([(2, 60), (701, 20)])
        };
        assert_eq!(morning, compacted);
        let mut week = morning.clone();
        week.merge(&compacted);
        assert_eq!((week.requests, week.quiet), (204, 4));
    }

    #[test]
    fn a_flood() {
        let mut own = visits((0..100).map(|minute| (minute * 7, 3)));
        for (minute, requests) in [(499, 900), (501, 1100), (502, 400)] {
            own.add(minute, requests);
        }
        let burst = Burst {
            requests: 2400,
            peak: 1100,
            first_minute: 499,
            last_minute: 502,
        };
        assert_eq!(judge(&own, 0, &SITE), Some(burst));
        // No less when its quiet minutes were compacted.
        own.compact();
        assert_eq!(judge(&own, 0, &SITE), Some(burst));
        assert_eq!(judge(&own, 503, &SITE), None);
        // From an address that was never seen before.
        assert!(judge(&visits([(500, 900), (501, 700)]), 0, &SITE).is_some());
        assert!(judge(&visits((0..40).map(|minute| (minute, 700))), 0, &SITE).is_some());
    }

    #[test]
    fn a_health_checker_and_a_busy_office() {
        let checker = visits((0..1440).map(|minute| (minute, 60)));
        assert_eq!(judge(&checker, 0, &Site::default()), None);
        let office = visits((0..480).map(|minute| (minute, 80 + minute % 60)));
        assert_eq!(judge(&office, 0, &Site { peak: 5, daily: 0 }), None);
    }

    #[test]
    fn a_nightly_job() {
        let night = |day| (0..10).map(move |minute| (day * DAY + 120 + minute + day % 3 * 20, 500));
        assert_eq!(judge(&visits((0..5).flat_map(night)), 4 * DAY, &SITE), None);
        // Where busy addresses are as busy as this, it is nothing special.
        assert_eq!(
            judge(
                &visits(night(0)),
                0,
                &Site {
                    peak: 250,
                    daily: 0
                }
            ),
            None
        );
    }

    #[test]
    fn what_is_usual_on_a_site() {
        let all = [
            visits([(0, 100), (1, 60)]),
            visits([(0, 3)]),
            visits([(0, 900)]),
        ];
        assert_eq!(Site::new(&[&all[0], &all[2]], 2).peak, 100);
        assert_eq!(Site::new(&[&all[0], &all[2]], 5).peak, 0);
        assert_eq!(Site::new(&[], 0), Site::default());
        let nightly = visits((0..3).map(|day| (day * DAY, 300)));
        let site = Site::new(&[&nightly, &visits([(7, 900)])], 2);
        assert_eq!(site.daily, 300);
        // Another job as busy as that is nothing new to the site; a flood is.
        assert_eq!(
            judge(&visits([(9, 350)]), 0, &Site { peak: 0, ..site }),
            None
        );
        assert!(judge(&visits([(9, 900)]), 0, &Site { peak: 0, ..site }).is_some());
    }
}
