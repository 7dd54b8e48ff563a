//! Attacks of every kind, each from an address of its own, and what they are to be found as.

mod flood;
mod login;
mod payload;
mod probe;
mod tool;

use std::net::IpAddr;

use crate::access::{Access, Client, Pace};
use crate::addresses;
use crate::clock::{Clock, DAY};
use crate::merge::Script;
use crate::people;
use crate::rng::Rng;

/// The kinds of threat that the contract knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Threat {
    BruteForce,
    Scanner,
    SqlInjection,
    Xss,
    PathTraversal,
    RequestFlood,
    AttackTool,
}

impl Threat {
    pub const ALL: [Self; 7] = [
        Self::BruteForce,
        Self::Scanner,
        Self::SqlInjection,
        Self::Xss,
        Self::PathTraversal,
        Self::RequestFlood,
        Self::AttackTool,
    ];

    /// The contract's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::BruteForce => "brute_force",
            Self::Scanner => "scanner",
            Self::SqlInjection => "sql_injection",
            Self::Xss => "xss",
            Self::PathTraversal => "path_traversal",
            Self::RequestFlood => "request_flood",
            Self::AttackTool => "attack_tool",
        }
    }
}

/// A threat that was planted: every row of it lies between the two seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Planted {
    pub threat: Threat,
    pub address: IpAddr,
    pub first: i64,
    pub last: i64,
    /// What about it is special, for whoever reads a miss.
    pub style: &'static str,
}

/// An attack: what it is to be found as, and its rows.
pub struct Attack {
    pub labels: Vec<Planted>,
    pub script: Script<Access>,
}

/// Where and when attacks take place.
struct Ground {
    clock: Clock,
    rng: Rng,
    attackers: u32,
    attacks: Vec<Attack>,
}

/// Every style of every threat once.
pub fn all(clock: &Clock, seed: u64) -> Vec<Attack> {
    let mut ground = Ground {
        clock: clock.clone(),
        rng: Rng::new(seed, 3),
        attackers: 0,
        attacks: Vec::new(),
    };
    ground.attackers = u32::try_from(ground.rng.below(100_000)).unwrap_or(0);
    login::plant(&mut ground);
    probe::plant(&mut ground);
    payload::plant(&mut ground);
    flood::plant(&mut ground);
    tool::plant(&mut ground);
    ground.attacks
}

impl Ground {
    /// Someone who was never there before, with the agent of a browser.
    fn attacker(&mut self) -> Client {
        self.attackers += 1;
        let agent = people::browser(self.rng.next() >> 8);
        Client::new(addresses::attacker(self.attackers), agent)
    }

    /// When an attack of so many seconds begins, so that it ends on the same day: on the last day
    /// half of the time, else on any but the first two.
    fn time(&mut self, seconds: i64) -> i64 {
        let last = self.clock.days - 1;
        let day = if self.rng.chance(0.5) {
            last
        } else {
            self.rng.between(last.min(2), last)
        };
        let latest = (DAY - seconds - 60).max(0);
        self.clock.start + day * DAY + self.rng.between(0, latest)
    }

    /// Requests from `client`, `count` of them about `gap` seconds apart.
    fn plant(
        &mut self,
        (style, threats): (&'static str, &[Threat]),
        client: &Client,
        (count, gap): (u64, f64),
        make: impl FnMut(&mut Rng, u64, i64) -> Access + 'static,
    ) {
        let mut pace = Pace::about(0, count, gap);
        pace.start = self.time(pace.end());
        self.plant_at((style, threats), client, pace, make);
    }

    fn plant_at(
        &mut self,
        (style, threats): (&'static str, &[Threat]),
        client: &Client,
        pace: Pace,
        make: impl FnMut(&mut Rng, u64, i64) -> Access + 'static,
    ) {
        let labels = threats.iter().map(|threat| Planted {
            threat: *threat,
            address: client.address,
            first: pace.start,
            last: pace.end(),
            style,
        });
        let rng = Rng::new(self.rng.next(), 4);
        self.attacks.push(Attack {
            labels: labels.collect(),
            script: pace.script(rng, make),
        });
    }
}
