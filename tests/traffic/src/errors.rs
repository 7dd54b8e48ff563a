//! Errors as programs log them, and what is planted among them.

use std::net::IpAddr;
use std::rc::Rc;

use crate::addresses;
use crate::clock::{Clock, DAY, daily};
use crate::merge::{Script, Timed};
use crate::rng::{Rng, float, whole};

/// One error as a program logged it.
#[derive(Debug, Clone, PartialEq)]
pub struct Error {
    /// Seconds since 1970, UTC.
    pub second: i64,
    pub log_level: &'static str,
    pub error_code: Rc<str>,
    pub error_message: String,
    pub process_id: Option<u64>,
    pub thread_id: Option<u64>,
    pub client_ip: Option<IpAddr>,
    pub file_path: Option<&'static str>,
    pub line_number: Option<u32>,
    /// From 0 to 10.
    pub severity_score: Option<f64>,
}

impl Timed for Error {
    fn second(&self) -> i64 {
        self.second
    }
}

/// The kinds of anomaly that the contract knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Anomaly {
    ErrorSpike,
    NewErrorCode,
    SeveritySurge,
}

impl Anomaly {
    pub const ALL: [Self; 3] = [Self::ErrorSpike, Self::NewErrorCode, Self::SeveritySurge];

    /// The contract's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ErrorSpike => "error_spike",
            Self::NewErrorCode => "new_error_code",
            Self::SeveritySurge => "severity_surge",
        }
    }
}

/// An anomaly that was planted: every row of it lies between the two seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Unusual {
    pub anomaly: Anomaly,
    pub error_code: Rc<str>,
    pub first: i64,
    pub last: i64,
    pub style: &'static str,
}

/// How often a code is logged.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// As busy as the site.
    Daily,
    /// At any time alike.
    Steady,
    /// Twice as often by the end as in the beginning.
    Growing,
    /// In one hour of each night.
    Nightly,
    /// In one hour of each week, which begins with the plan.
    Weekly,
}

/// A code: how often it is logged in an hour on average, and how severe it is.
struct Code {
    name: Rc<str>,
    a_day: f64,
    severity: f64,
    shape: Shape,
}

/// A change to one code for some time.
struct Change {
    code: usize,
    first: i64,
    last: i64,
    /// More errors, in a minute.
    more: f64,
    severity: f64,
}

const NAMES: &[(&str, f64, Shape)] = &[
    ("DB_TIMEOUT", 3.0, Shape::Daily),
    ("UPSTREAM_502", 4.0, Shape::Daily),
    ("VALIDATION_FAILED", 2.0, Shape::Daily),
    ("CACHE_MISS_STORM", 2.5, Shape::Steady),
    ("PAYMENT_DECLINED", 3.5, Shape::Daily),
    ("E1042", 5.0, Shape::Steady),
    ("QUEUE_LAG", 3.0, Shape::Growing),
    ("DISK_SLOW", 6.0, Shape::Steady),
    ("BACKUP_RETRY", 3.0, Shape::Nightly),
    ("REINDEX_CONFLICT", 4.0, Shape::Weekly),
    ("SESSION_EXPIRED", 1.5, Shape::Daily),
    ("OOM_KILLED", 8.0, Shape::Steady),
    ("TLS_HANDSHAKE", 4.5, Shape::Steady),
    ("IMAGE_CORRUPT", 3.0, Shape::Steady),
    ("RATE_LIMITED", 2.0, Shape::Daily),
    ("MAIL_BOUNCED", 4.0, Shape::Daily),
    ("LICENSE_CHECK", 7.0, Shape::Steady),
    ("CONFIG_RELOAD", 5.0, Shape::Steady),
];

const FILES: &[&str] = &[
    "/srv/app/db.py",
    "/srv/app/api/cart.py",
    "/srv/app/jobs/mail.py",
    "/usr/lib/app/core.so",
];

/// Every error of a plan and what was planted among them.
pub struct Errors {
    clock: Clock,
    codes: Vec<Code>,
    changes: Vec<Change>,
    pub planted: Vec<Unusual>,
    seed: u64,
}

impl Errors {
    /// About `rows` errors, without what is planted.
    pub fn new(clock: &Clock, seed: u64, rows: f64, planting: bool) -> Self {
        let mut rng = Rng::new(seed, 5);
        let a_day = rows / float(clock.days.cast_unsigned());
        let weights = [0.3, 0.2, 0.12, 0.1, 0.08, 0.05, 0.04, 0.03, 0.02, 0.02];
        let codes = NAMES
            .iter()
            .enumerate()
            .map(|(rank, (name, severity, shape))| Code {
                name: Rc::from(*name),
                // The last ones are rare, however many rows there are.
                a_day: match rank {
                    13.. => rng.real(0.1, 0.9),
                    // Nobody can know that it is weekly before it has come twice.
                    _ if matches!(shape, Shape::Weekly) && clock.days < 8 => 0.0,
                    _ => (a_day * weights.get(rank).copied().unwrap_or(0.013)).max(1.0),
                },
                severity: *severity,
                shape: *shape,
            });
        let mut errors = Self {
            clock: clock.clone(),
            codes: codes.collect(),
            changes: Vec::new(),
            planted: Vec::new(),
            seed,
        };
        if planting {
            errors.plant(&mut rng);
        }
        errors
    }

    fn plant(&mut self, rng: &mut Rng) {
        // Code, seconds, how many times as often as usual.
        let spikes = [
            ("short, on a busy code", 1, (900, 2400), (10.0, 20.0), 60.0),
            (
                "long, on a busy code",
                2,
                (7200, 4 * 3600),
                (6.0, 10.0),
                60.0,
            ),
            ("an hour", 4, (3600, 5400), (8.0, 15.0), 50.0),
            ("on a steady code", 5, (1200, 5400), (10.0, 20.0), 40.0),
            ("on a rare code", 14, (600, 3600), (1.0, 1.0), 25.0),
            ("on another rare code", 15, (1200, 7200), (1.0, 1.0), 40.0),
        ];
        for (style, code, (short, long), (least, most), errors) in spikes {
            let length = rng.between(short, long);
            let usual = self.codes[code].a_day / 1440.0;
            let more =
                (usual * rng.real(least, most)).max(errors / float(length.cast_unsigned()) * 60.0);
            self.change((Anomaly::ErrorSpike, style), code, (length, more, 0.0), rng);
        }
        let new = [
            ("a few", "NULL_TENANT", (4 * 3600, 8 * 3600), (6.0, 12.0)),
            ("many", "SCHEMA_MISMATCH", (3600, 8 * 3600), (60.0, 300.0)),
            ("a burst", "CERT_EXPIRED", (300, 900), (20.0, 80.0)),
        ];
        for (style, name, (short, long), (least, most)) in new {
            self.codes.push(Code {
                name: Rc::from(name),
                a_day: 0.0,
                severity: 6.0,
                shape: Shape::Steady,
            });
            let length = rng.between(short, long);
            let more = rng.real(least, most) / float(length.cast_unsigned()) * 60.0;
            let code = self.codes.len() - 1;
            self.change(
                (Anomaly::NewErrorCode, style),
                code,
                (length, more, 0.0),
                rng,
            );
        }
        let surges = [
            ("strong", 0, 5.0),
            ("of a growing code", 6, 4.0),
            ("moderate", 3, 3.0),
        ];
        for (style, code, rise) in surges {
            let length = rng.between(10 * 3600, 20 * 3600);
            self.change(
                (Anomaly::SeveritySurge, style),
                code,
                (length, 0.0, rise),
                rng,
            );
        }
    }

    fn change(
        &mut self,
        (anomaly, style): (Anomaly, &'static str),
        code: usize,
        (length, more, severity): (i64, f64, f64),
        rng: &mut Rng,
    ) {
        let last_day = self.clock.days - 1;
        let day = if rng.chance(0.5) {
            last_day
        } else {
            rng.between(last_day.min(5), last_day)
        };
        let first = self.clock.start + day * DAY + rng.between(0, DAY - length - 60) / 60 * 60;
        let last = first + length;
        self.changes.push(Change {
            code,
            first,
            last,
            more,
            severity,
        });
        let error_code = Rc::clone(&self.codes[code].name);
        self.planted.push(Unusual {
            anomaly,
            error_code,
            first,
            last,
            style,
        });
    }

    /// The errors of each minute, in order of time.
    pub fn arrivals(self) -> impl Iterator<Item = (i64, Vec<Script<Error>>)> {
        let mut rng = Rng::new(self.seed, 6);
        self.clock.minutes().map(move |minute| {
            let mut errors: Vec<Error> = Vec::new();
            for (number, code) in self.codes.iter().enumerate() {
                let mut mean = code.a_day / 1440.0 * self.busy(code.shape, minute);
                let mut severity = code.severity;
                for change in self.changes.iter().filter(|change| {
                    change.code == number && (change.first..change.last).contains(&minute)
                }) {
                    mean += change.more;
                    severity += change.severity;
                }
                // Each of them is known from the first day on, however rare it is.
                let known = code.a_day > 0.0 && minute == self.first(number);
                for _ in 0..rng.poisson(mean) + u64::from(known) {
                    errors.push(error(&mut rng, code, minute, severity));
                }
            }
            errors.sort_by_key(|error| error.second);
            let scripts: Vec<Script<Error>> = if errors.is_empty() {
                Vec::new()
            } else {
                vec![Box::new(errors.into_iter())]
            };
            (minute, scripts)
        })
    }

    /// A minute of the first day for each code.
    fn first(&self, code: usize) -> i64 {
        let number = i64::try_from(code).unwrap_or(0);
        self.clock.start + number * 61 * 60
    }

    /// How often errors of a shape happen in a minute, 1 on average.
    fn busy(&self, shape: Shape, minute: i64) -> f64 {
        let hour = minute.rem_euclid(DAY) / 3600;
        match shape {
            Shape::Daily => daily(minute) / 0.5,
            Shape::Steady => 1.0,
            Shape::Growing => {
                let age = float((minute - self.clock.start).cast_unsigned());
                let all = float((self.clock.end() - self.clock.start).cast_unsigned());
                (1.0 + age / all) / 1.5
            }
            Shape::Nightly if hour == 2 => 24.0,
            Shape::Weekly if hour == 3 && (minute - self.clock.start).div_euclid(DAY) % 7 == 0 => {
                168.0
            }
            Shape::Nightly | Shape::Weekly => 0.0,
        }
    }
}

fn error(rng: &mut Rng, code: &Code, minute: i64, severity: f64) -> Error {
    let score = (severity + 0.8 * rng.normal()).clamp(0.0, 10.0);
    Error {
        second: minute + rng.between(0, 59),
        log_level: match severity {
            ..2.0 => "WARNING",
            2.0..7.0 => "ERROR",
            _ => "CRITICAL",
        },
        error_code: Rc::clone(&code.name),
        error_message: format!(
            "{}: can't go on after {} ms",
            code.name,
            whole(rng.lognormal(400.0, 1.0))
        ),
        process_id: Some(2000 + rng.below(8)),
        thread_id: Some(rng.below(64)),
        client_ip: rng.chance(0.7).then(|| addresses::visitor(rng.below(400))),
        file_path: Some(rng.pick(FILES)),
        line_number: u32::try_from(10 + rng.below(900)).ok(),
        severity_score: rng.chance(0.9).then_some((score * 10.0).round() / 10.0),
    }
}
