//! Visitors: they come, look at some pages, log in now and then, and leave.

use std::rc::Rc;

use crate::access::{Access, Client};
use crate::addresses;
use crate::clock::Clock;
use crate::merge::Script;
use crate::rng::{Rng, float, whole};
use crate::site::{PAGES_A_VISIT, Site, look, pages};

pub const BROWSERS: &[&str] = &[
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36 Edg/125.0.2535.92",
    "Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.1; Trident/6.0; .NET CLR 3.5.30729)",
    "Opera/9.80 (J2ME/MIDP; Opera Mini/7.1.32052/191.273; U; en) Presto/2.8.119 Version/11.10",
    "Mozilla/5.0 (Linux; U; Android 4.4.2; de-de; SM-T530 Build/KOT49H) AppleWebKit/534.30 (KHTML, like Gecko) Version/4.0 Safari/534.30",
    "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/124.0.6367.88 Mobile/15E148 Safari/604.1 [FBAN/FBIOS;FBDV/iPad11,6;FBSN/iPadOS]",
    "Mozilla/5.0 (PlayStation; PlayStation 5/2.26) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 Safari/605.1.15",
];

const DEPARTMENTS: &[&str] = &["sales", "support", "finance", "engineering", "marketing"];

/// Those who come by themselves, each from an address of a pool that grows.
pub struct Visitors {
    pub clock: Clock,
    pub site: Rc<Site>,
    pub seed: u64,
    /// Rows of all of them together.
    pub rows: f64,
}

impl Visitors {
    /// How many addresses visitors come from by the end.
    fn pool(&self) -> f64 {
        (self.rows / 30.0).clamp(200.0, 400_000.0)
    }

    /// The visits that begin in each minute.
    pub fn arrivals(self) -> impl Iterator<Item = (i64, Vec<Script<Access>>)> {
        let mut rng = Rng::new(self.seed, 2);
        let mut serial = 0;
        self.clock.minutes().map(move |minute| {
            let count = rng.poisson(self.rows / PAGES_A_VISIT * self.clock.share(minute));
            let age = float((minute - self.clock.start).cast_unsigned())
                / float((self.clock.end() - self.clock.start).cast_unsigned());
            let known = self.pool() * (0.4 + 0.6 * age);
            let visits = (0..count).map(|_| {
                serial += 1;
                // The square makes some of them regulars.
                let visitor = whole(rng.unit().powi(2) * known);
                let start = minute + rng.between(0, 59);
                self.visit(visitor, Rng::new(self.seed, 1000 + serial), start)
            });
            (minute, visits.collect())
        })
    }

    fn visit(&self, visitor: u64, mut rng: Rng, start: i64) -> Script<Access> {
        let mut client = Client::new(addresses::visitor(visitor), browser(visitor));
        client.http = if visitor.is_multiple_of(3) {
            "HTTP/1.1"
        } else {
            "HTTP/2.0"
        };
        let left = pages(&mut rng);
        let user = rng.chance(0.15).then(|| Login::new(visitor, &mut rng));
        Box::new(Session {
            rng,
            client,
            site: Rc::clone(&self.site),
            user,
            department: None,
            second: start,
            left,
            deployment: self.clock.deployment,
        })
    }
}

pub fn browser(visitor: u64) -> &'static str {
    BROWSERS[usize::try_from(visitor.wrapping_mul(0x9E37_79B9) >> 3).unwrap_or(0) % BROWSERS.len()]
}

/// Someone who logs in first, after mistyping the password so often.
struct Login {
    name: String,
    mistakes: u64,
    done: bool,
}

impl Login {
    fn new(person: u64, rng: &mut Rng) -> Self {
        let mistakes = match rng.below(100) {
            0..=1 => 3 + rng.below(3),
            2..=12 => 1,
            _ => 0,
        };
        Self {
            name: format!("u{person}"),
            mistakes,
            done: false,
        }
    }
}

/// One visit of one person.
struct Session {
    rng: Rng,
    client: Client,
    site: Rc<Site>,
    user: Option<Login>,
    department: Option<&'static str>,
    second: i64,
    left: u64,
    deployment: i64,
}

impl Iterator for Session {
    type Item = Access;

    fn next(&mut self) -> Option<Access> {
        self.left = self.left.checked_sub(1)?;
        let (rng, second) = (&mut self.rng, self.second);
        self.second += look(rng);
        let mut row = match &mut self.user {
            Some(login) if !login.done => {
                let failed = login.mistakes > 0;
                login.done = !failed;
                login.mistakes = login.mistakes.saturating_sub(1);
                self.left += 1;
                let status = if failed { 401 } else { 200 };
                let login = ("POST", "/api/v1/auth/login".to_string());
                self.client.asks(rng, second, login, status, (180.0, 350.0))
            }
            _ => {
                let visit = self.site.visit(rng);
                let (mut endpoint, mut status) = (visit.endpoint, visit.status);
                if (self.deployment..self.deployment + 3600).contains(&second) && rng.chance(0.25) {
                    (endpoint, status) = (Site::gone_chunk(rng), 404);
                }
                let mut row =
                    self.client
                        .asks(rng, second, (visit.method, endpoint), status, visit.cost);
                row.user_id = self.user.as_ref().map(|login| login.name.clone());
                row
            }
        };
        row.department = self.department;
        Some(row)
    }
}

/// Many people behind one address: they begin together, and some mistype.
pub struct Office {
    pub client: Client,
    pub clock: Clock,
    pub site: Rc<Site>,
    pub rng: Rng,
    pub people: u64,
    /// Pages that each opens on a working day.
    pub pages: f64,
}

impl Office {
    pub fn scripts(mut self) -> Vec<Script<Access>> {
        let mut scripts: Vec<Script<Access>> = Vec::new();
        for day in 0..self.clock.days {
            let midnight = self.clock.start + day * crate::clock::DAY;
            if crate::clock::is_weekend(midnight) {
                continue;
            }
            for person in 0..self.people {
                let mut rng = Rng::new(self.rng.next(), person);
                // Most come between half past eight and nine, and again after lunch.
                let visits = 1 + rng.poisson(1.5);
                for visit in 0..visits {
                    let hour = if visit == 0 {
                        8.75
                    } else {
                        rng.real(9.5, 17.0)
                    };
                    let start = (hour + 0.2 * rng.normal()).max(6.0) * 3600.0;
                    let mut user = Login::new(person, &mut rng);
                    user.done = visit > 0 && rng.chance(0.5);
                    scripts.push(Box::new(Session {
                        user: Some(user),
                        client: Client {
                            agent: Some(browser(person).into()),
                            ..self.client.clone()
                        },
                        site: Rc::clone(&self.site),
                        department: DEPARTMENTS
                            .get(usize::try_from(person).unwrap_or(0) % DEPARTMENTS.len())
                            .copied(),
                        second: midnight + whole(start).cast_signed(),
                        left: 1 + rng.poisson(self.pages / float(visits)),
                        deployment: self.clock.deployment,
                        rng: Rng::new(rng.next(), 1),
                    }));
                }
            }
        }
        scripts
    }
}
