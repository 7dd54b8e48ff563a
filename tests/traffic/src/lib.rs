//! Log rows as a busy site would write them, with attacks planted among honest look-alikes.
//!
//! The same [`Plan`] gives the same rows, in order of time, one after another without holding
//! them: ten million are a matter of seconds and little memory. What was planted is told apart,
//! so that whoever looks for attacks can be judged.
//!
//! ```
//! let plan = traffic::Plan { rows: 1000, ..traffic::Plan::new(7) };
//! for sql in traffic::inserts(plan.accesses(), 500) {
//!     assert!(sql.starts_with("INSERT INTO access_logs"));
//! }
//! ```

mod access;
mod addresses;
mod attacks;
mod clock;
mod errors;
mod load;
mod machines;
mod merge;
mod people;
mod rng;
mod site;
mod sketch;
mod sketch_errors;
#[cfg(test)]
mod tests;

use std::rc::Rc;

pub use access::Access;
pub use attacks::{Planted, Threat};
pub use errors::{Anomaly, Error, Unusual};
pub use load::{Row, Time, inserts, load_statement, write_line};
pub use sketch::{Sketch, Sketched};
pub use sketch_errors::SketchedErrors;

use clock::Clock;
use errors::Errors;
use machines::Machines;
use merge::Merge;
use people::Visitors;
use site::Site;

/// What to generate.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub seed: u64,
    /// The first second, since 1970; a midnight for most purposes.
    pub start: i64,
    pub days: u32,
    /// About so many requests, without attacks and the health checker; an eighth as many errors.
    pub rows: u64,
    /// Whether attacks and anomalies are planted.
    pub attacks: bool,
    /// Seconds between two requests of the health checker.
    pub heartbeat: u32,
}

impl Plan {
    /// 20,000 requests in the seven days from 2025-03-03, a Monday, on.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            start: 1_740_960_000,
            days: 7,
            rows: 20_000,
            attacks: true,
            heartbeat: 60,
        }
    }

    /// The second after the last.
    pub fn end(&self) -> i64 {
        self.clock().end()
    }

    /// Every request.
    pub fn accesses(&self) -> impl Iterator<Item = Access> + use<> {
        let (clock, site, rows) = (self.clock(), Rc::new(Site::new()), rng::float(self.rows));
        let visitors = Visitors {
            clock: clock.clone(),
            site: Rc::clone(&site),
            seed: self.seed,
            rows: rows * (1.0 - machines::SHARE),
        };
        let mut merge = Merge::new(visitors.arrivals(), clock.end());
        let machines = Machines {
            clock: clock.clone(),
            site,
            seed: self.seed,
            rows,
            heartbeat: self.heartbeat,
        };
        machines
            .scripts()
            .into_iter()
            .for_each(|script| merge.add(script));
        for attack in self.attacks() {
            merge.add(attack.script);
        }
        merge
    }

    /// Every error.
    pub fn errors(&self) -> impl Iterator<Item = Error> + use<> {
        Merge::new(self.unusual_errors().arrivals(), self.end())
    }

    /// The threats among the requests.
    pub fn threats(&self) -> Vec<Planted> {
        self.attacks()
            .into_iter()
            .flat_map(|attack| attack.labels)
            .collect()
    }

    /// The anomalies among the errors.
    pub fn anomalies(&self) -> Vec<Unusual> {
        self.unusual_errors().planted
    }

    fn clock(&self) -> Clock {
        Clock::new(self.seed, self.start, self.days)
    }

    fn attacks(&self) -> Vec<attacks::Attack> {
        if self.attacks {
            attacks::all(&self.clock(), self.seed)
        } else {
            Vec::new()
        }
    }

    fn unusual_errors(&self) -> Errors {
        let rows = rng::float(self.rows) / 8.0;
        Errors::new(&self.clock(), self.seed, rows, self.attacks)
    }
}
