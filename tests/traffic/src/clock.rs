//! When people come: by day more than by night, on working days more than at weekends.

use crate::rng::{Rng, float};

pub const DAY: i64 = 86_400;

/// A plan's minutes and how busy each is.
#[derive(Debug, Clone)]
pub struct Clock {
    pub start: i64,
    pub days: i64,
    /// The second at which a campaign begins that brings four times the visitors for two hours.
    pub campaign: i64,
    /// The second at which a deployment leaves pages asking for files that are gone, for an hour.
    pub deployment: i64,
    sum: f64,
}

impl Clock {
    pub fn new(seed: u64, start: i64, days: u32) -> Self {
        let mut rng = Rng::new(seed, 1);
        let days = i64::from(days.max(1));
        let mut clock = Self {
            start,
            days,
            campaign: start + (days - 1 - days / 3) * DAY + rng.between(16, 20) * 3600,
            deployment: start + (days - 1) * DAY + rng.between(9, 15) * 3600,
            sum: 0.0,
        };
        clock.sum = clock.minutes().map(|minute| clock.shape(minute)).sum();
        clock
    }

    pub fn end(&self) -> i64 {
        self.start + self.days * DAY
    }

    /// The first second of each minute.
    pub fn minutes(&self) -> impl Iterator<Item = i64> + use<> {
        (self.start..self.end()).step_by(60)
    }

    /// The part of all visits that falls into a minute.
    pub fn share(&self, minute: i64) -> f64 {
        self.shape(minute) / self.sum
    }

    /// 1 at noon of a working day.
    fn shape(&self, second: i64) -> f64 {
        let campaign = (self.campaign..self.campaign + 7200).contains(&second);
        daily(second) * if campaign { 4.0 } else { 1.0 }
    }
}

/// How busy a moment is, from 0.1 in the night to 1 in the afternoon of a working day.
pub fn daily(second: i64) -> f64 {
    let hour = float(second.rem_euclid(DAY).cast_unsigned()) / 3600.0;
    let height = ((hour - 14.0) / 24.0 * std::f64::consts::TAU).cos();
    let weekend = if is_weekend(second) { 0.6 } else { 1.0 };
    (0.55 + 0.45 * height) * weekend
}

pub fn is_weekend(second: i64) -> bool {
    // 1970 began on a Thursday.
    matches!((second.div_euclid(DAY) + 4).rem_euclid(7), 0 | 6)
}
