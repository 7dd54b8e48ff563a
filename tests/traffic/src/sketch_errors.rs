//! The errors of a [`Sketch`]: each code at one rate, hour by hour, and anomalies not far above
//! what chance makes of it.

use std::rc::Rc;

use crate::clock::DAY;
use crate::errors::{Anomaly, Error, Unusual};
use crate::rng::{Rng, float};
use crate::sketch::Sketch;

/// The errors in order of time, and what is planted among them.
pub struct SketchedErrors {
    pub rows: Vec<Error>,
    pub anomalies: Vec<Unusual>,
}

struct Drawing<'a> {
    sketch: &'a Sketch,
    rng: Rng,
    rows: Vec<Error>,
    anomalies: Vec<Unusual>,
}

impl Sketch {
    /// About `a_day / 20` errors a day, not counting anomalies.
    pub fn draw_errors(&self) -> SketchedErrors {
        let mut drawing = Drawing {
            sketch: self,
            rng: Rng::new(self.seed, 9),
            rows: Vec::new(),
            anomalies: Vec::new(),
        };
        drawing.usual();
        drawing.spikes();
        drawing.new_codes();
        drawing.surges();
        drawing.rows.sort_by_key(|row| row.second);
        SketchedErrors {
            rows: drawing.rows,
            anomalies: drawing.anomalies,
        }
    }

    fn an_hour(&self) -> f64 {
        f64::from(self.a_day) / 20.0 / 24.0 / 8.0
    }
}

impl Drawing<'_> {
    fn hours(&self) -> i64 {
        i64::from(self.sketch.days) * 24
    }

    /// Errors of a code within one hour.
    fn errors(&mut self, code: &str, hour: i64, mean: f64, severity: f64) {
        for _ in 0..self.rng.poisson(mean) {
            let start = self.sketch.start + hour * 3600;
            let score = (severity + self.rng.real(-1.0, 1.0)).clamp(0.0, 10.0);
            self.rows.push(Error {
                second: start + self.rng.between(0, 3599),
                log_level: "ERROR",
                error_code: Rc::from(code),
                error_message: "Failed".into(),
                process_id: None,
                thread_id: None,
                client_ip: None,
                file_path: None,
                line_number: None,
                severity_score: Some(score),
            });
        }
    }

    /// Codes at the same rate all the time, by day only, more and more, every night, and rarely.
    fn usual(&mut self) {
        let rate = self.sketch.an_hour();
        for hour in 0..self.hours() {
            let of_day = hour % 24;
            for code in 0..8 {
                self.errors(
                    &format!("APP-{code}"),
                    hour,
                    rate * float(code + 1) / 3.0,
                    float(code),
                );
            }
            if (8..18).contains(&of_day) {
                self.errors("OFFICE", hour, rate * 4.0 + 2.0, 3.0);
            }
            let age = float(hour.unsigned_abs()) / float(self.hours().unsigned_abs());
            self.errors("GROWING", hour, (rate + 2.0) * (1.0 + 2.0 * age), 4.0);
            if of_day == 3 {
                self.errors("NIGHTLY", hour, 45.0, 2.0);
            }
            if hour % 41 == 7 {
                self.errors("RARE", hour, 1.0, 6.0);
            }
        }
    }

    /// An hour of a day that has two days before it, at least `length` hours before it ends.
    fn hour(&mut self, length: i64) -> i64 {
        let day = self.rng.between(2, i64::from(self.sketch.days) - 1);
        day * 24 + self.rng.between(0, 24 - length)
    }

    fn plant(&mut self, anomaly: Anomaly, code: &str, hour: i64, hours: i64) {
        let first = self.sketch.start + hour * 3600;
        let last = first + hours * 3600 - 1;
        assert!(first / DAY == last / DAY);
        let (error_code, style) = (Rc::from(code), "sketch");
        self.anomalies.push(Unusual {
            anomaly,
            error_code,
            first,
            last,
            style,
        });
    }

    fn spikes(&mut self) {
        let rate = self.sketch.an_hour();
        for (code, times, hours) in [(1, 12.0, 1), (3, 6.0, 2), (7, 5.0, 3)] {
            let usual = rate * float(code + 1) / 3.0;
            let hour = self.hour(hours);
            for at in hour..hour + hours {
                self.errors(
                    &format!("APP-{code}"),
                    at,
                    (usual * times).max(22.0),
                    float(code),
                );
            }
            self.plant(Anomaly::ErrorSpike, &format!("APP-{code}"), hour, hours);
        }
    }

    fn new_codes(&mut self) {
        for (code, mean, hours) in [
            ("NEW-FEW", 2.5, 4),
            ("NEW-MANY", 20.0, 6),
            ("NEW-BURST", 40.0, 1),
        ] {
            let hour = self.hour(hours);
            for at in hour..hour + hours {
                self.errors(code, at, mean, 5.0);
            }
            self.plant(Anomaly::NewErrorCode, code, hour, hours);
        }
    }

    /// What is usual of a code, only worse for some hours.
    fn surges(&mut self) {
        for (code, rise, hours) in [("APP-4", 4.0, 6), ("APP-5", 3.5, 12)] {
            let hour = self.hour(hours);
            let start = self.sketch.start + hour * 3600;
            let worse = start..start + hours * 3600;
            let belongs =
                |row: &&mut Error| &*row.error_code == code && worse.contains(&row.second);
            // Too few to tell would be nothing to be found.
            if self.rows.iter_mut().filter(belongs).count() < 8 {
                continue;
            }
            for row in self.rows.iter_mut().filter(belongs) {
                row.severity_score = row.severity_score.map(|score| (score + rise).min(10.0));
            }
            self.plant(Anomaly::SeveritySurge, code, hour, hours);
        }
    }
}
