//! Programs with honest business that looks like something else.

use std::net::IpAddr;
use std::rc::Rc;

use crate::access::{Access, Client, Pace};
use crate::addresses::{self, machine};
use crate::clock::{Clock, DAY};
use crate::merge::Script;
use crate::people::{BROWSERS, Office};
use crate::rng::{Rng, float, whole};
use crate::site::Site;

/// What the site's machines, partners and crawlers send, about 30 per cent of `rows` without the
/// health checker, which asks every `heartbeat` seconds.
pub struct Machines {
    pub clock: Clock,
    pub site: Rc<Site>,
    pub seed: u64,
    pub rows: f64,
    pub heartbeat: u32,
}

/// The part of all rows that comes from here.
pub const SHARE: f64 = 0.3;

impl Machines {
    pub fn scripts(&self) -> Vec<Script<Access>> {
        let mut scripts = self.offices();
        scripts.extend([self.health_checker(), self.favicon(), self.feed_reader()]);
        scripts.extend(self.batches());
        scripts.extend(self.crawlers());
        scripts.extend(self.api_clients());
        scripts
    }

    fn rng(&self, stream: u64) -> Rng {
        Rng::new(self.seed, 100 + stream)
    }

    fn a_day(&self) -> f64 {
        self.rows / float(self.clock.days.cast_unsigned())
    }

    /// An even stream through all of the plan, of a part of all rows, but of 3000 a day at most
    /// per hundredth.
    fn steady(&self, part: f64, rng: &mut Rng) -> Pace {
        let count =
            (self.a_day().min(300_000.0) * part).max(1.0) * float(self.clock.days.cast_unsigned());
        let seconds = float((self.clock.end() - self.clock.start).cast_unsigned());
        Pace::about(
            self.clock.start + rng.between(0, 59),
            whole(count),
            seconds / count,
        )
    }

    /// One is small, one is busy.
    fn offices(&self) -> Vec<Script<Access>> {
        let office = |number: u8, part: f64| {
            let people = (self.a_day() * part / 24.0).clamp(4.0, 400.0);
            Office {
                client: Client::new(machine(number), BROWSERS[0]),
                clock: self.clock.clone(),
                site: Rc::clone(&self.site),
                rng: self.rng(u64::from(number)),
                people: whole(people),
                pages: 24.0,
            }
            .scripts()
        };
        let mut scripts = office(20, 0.09);
        scripts.extend(office(21, 0.03));
        scripts
    }

    fn health_checker(&self) -> Script<Access> {
        let client = Client::new(machine(1), "kube-probe/1.29");
        let seconds = float((self.clock.end() - self.clock.start).cast_unsigned());
        let gap = f64::from(self.heartbeat.max(1));
        Pace::exact(self.clock.start, whole(seconds / gap), gap).script(
            self.rng(1),
            move |rng, _, second| {
                client.asks(rng, second, ("GET", "/health".into()), 200, (2.0, 15.0))
            },
        )
    }

    /// Monitoring that fetches an icon that is not there.
    fn favicon(&self) -> Script<Access> {
        let client = Client::new(
            machine(2),
            "Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)",
        );
        let mut rng = self.rng(2);
        let pace = self.steady(0.01, &mut rng);
        pace.script(rng, move |rng, number, second| {
            let (path, status) = [("/", 200), ("/favicon.ico", 404)][usize::from(number % 2 == 1)];
            client.asks(rng, second, ("GET", path.into()), status, (12.0, 900.0))
        })
    }

    fn feed_reader(&self) -> Script<Access> {
        let client = Client::new(machine(3), "Medusa Reader for iOS");
        let mut rng = self.rng(3);
        let pace = self.steady(0.005, &mut rng);
        pace.script(rng, move |rng, _, second| {
            let status = if rng.chance(0.8) { 304 } else { 200 };
            client.asks(
                rng,
                second,
                ("GET", "/blog/feed.xml".into()),
                status,
                (20.0, 30_000.0),
            )
        })
    }

    /// A job every night, one every week, and one that runs once, none busier than the nightly.
    fn batches(&self) -> Vec<Script<Access>> {
        let mut rng = self.rng(4);
        let size = (self.a_day() * 0.06).clamp(150.0, 8000.0);
        let gap = rng.real(0.2, 0.5);
        let job = |address: u8, agent: &'static str, path: &'static str, start, size, rng: Rng| {
            let client = Client::new(machine(address), agent);
            Pace::about(start, whole(size), gap).script(rng, move |rng, number, second| {
                let endpoint = format!("{path}{}", number + 1);
                client.asks(rng, second, ("GET", endpoint), 200, (60.0, 9000.0))
            })
        };
        let mut scripts = Vec::new();
        for day in 0..self.clock.days {
            let midnight = self.clock.start + day * DAY;
            let night = midnight + 2 * 3600 + rng.between(0, 600);
            let size = size * rng.real(0.9, 1.1);
            let stream = Rng::new(rng.next(), 1);
            scripts.push(job(
                4,
                "nightly-batch/2.0",
                "/api/v1/reports/",
                night,
                size,
                stream,
            ));
            if self.clock.days > 7 && day % 7 == 0 {
                let stream = Rng::new(rng.next(), 2);
                scripts.push(job(
                    5,
                    "python-requests/2.31.0",
                    "/api/v1/export?page=",
                    midnight + 4 * 3600,
                    size,
                    stream,
                ));
            }
        }
        let once = self.clock.start + (self.clock.days - 1) * DAY + rng.between(1, 22) * 3600;
        scripts.push(job(
            6,
            "Go-http-client/2.0",
            "/api/v1/products/",
            once,
            size * 0.8,
            rng,
        ));
        scripts
    }

    /// Crawlers read everything, and some of what they read about is gone.
    fn crawlers(&self) -> Vec<Script<Access>> {
        let crawlers: [(u8, &'static str, f64, f64); 4] = [
            (
                30,
                "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
                0.025,
                0.06,
            ),
            (
                31,
                "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
                0.015,
                0.12,
            ),
            (
                32,
                "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
                0.01,
                0.25,
            ),
            (33, "CCBot/2.0 (https://commoncrawl.org/faq/)", 0.004, 0.18),
        ];
        let script = |(address, agent, part, dead): (u8, &'static str, f64, f64)| {
            let client = Client::new(machine(address), agent);
            let mut rng = self.rng(u64::from(address));
            let site = Rc::clone(&self.site);
            let pace = self.steady(part, &mut rng);
            pace.script(rng, move |rng, number, second| {
                if rng.chance(dead) {
                    let link = ("GET", Site::dead_link(rng.below(2000)));
                    return client.asks(rng, second, link, 404, (15.0, 1500.0));
                }
                if number % 50 == 0 {
                    let robots = ("GET", "/robots.txt".into());
                    return client.asks(rng, second, robots, 200, (3.0, 200.0));
                }
                let mut visit = site.visit(rng);
                while visit.method != "GET" {
                    visit = site.visit(rng);
                }
                client.asks(
                    rng,
                    second,
                    ("GET", visit.endpoint),
                    visit.status,
                    visit.cost,
                )
            })
        };
        crawlers.into_iter().map(script).collect()
    }

    /// Libraries that people program with; one holds a token that has expired, one an old password.
    fn api_clients(&self) -> Vec<Script<Access>> {
        let agents = [
            "python-httpx/0.27.0",
            "curl/8.5.0",
            "Go-http-client/1.1",
            "okhttp/4.12.0",
            "python-requests/2.32.3",
            "axios/1.7.2",
            "PostmanRuntime/7.39.0",
            "Java/17.0.11",
            "Apache-HttpClient/4.5.14 (Java/11.0.23)",
            "aws-sdk-java/2.25.60 Linux/6.1 OpenJDK_64-Bit_Server_VM/17 cfg/retry-mode#legacy",
            "Dalvik/2.1.0 (Linux; U; Android 13; SM-G991B Build/TP1A.220624.014)",
            "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)",
        ];
        let mut scripts: Vec<Script<Access>> = Vec::new();
        for (number, agent) in (0u8..).zip(agents) {
            let client = Client::new(machine(40 + number), agent);
            let mut rng = self.rng(40 + u64::from(number));
            let pace = self.steady(0.005, &mut rng);
            scripts.push(pace.script(rng, move |rng, _, second| {
                let endpoint = format!("/api/v1/products/{}", 1 + rng.below(4000));
                let status = if rng.chance(0.01) { 404 } else { 200 };
                client.asks(rng, second, ("GET", endpoint), status, (30.0, 2000.0))
            }));
        }
        let last = self.clock.start + (self.clock.days - 1) * DAY;
        let retrying: [(IpAddr, &'static str, &'static str, u64, f64); 2] = [
            (
                machine(60),
                "okhttp/4.12.0",
                "/api/v1/orders?since=yesterday",
                900,
                12.0,
            ),
            (
                machine(61),
                "backup-agent/3.1",
                "/api/v1/auth/login",
                200,
                300.0,
            ),
        ];
        for (address, agent, endpoint, count, gap) in retrying {
            let client = Client::new(address, agent);
            let mut rng = self.rng(count);
            let start = last + rng.between(0, 6 * 3600);
            scripts.push(
                Pace::exact(start, count, gap).script(rng, move |rng, _, second| {
                    client.asks(rng, second, ("GET", endpoint.into()), 401, (9.0, 120.0))
                }),
            );
        }
        // Someone who reads an old page full of dead pictures.
        let reader = Client::new(addresses::visitor(11), BROWSERS[4]);
        let mut rng = self.rng(70);
        let start = last + rng.between(8 * 3600, 20 * 3600);
        scripts.push(
            Pace::about(start, 16, 2.0).script(rng, move |rng, number, second| {
                let (path, status) = match number {
                    0 => ("/blog/7".to_string(), 200),
                    1..7 => (Site::dead_link(number * 4 + 3), 404),
                    _ => (format!("/images/{number}.webp"), 200),
                };
                reader.asks(rng, second, ("GET", path), status, (15.0, 3000.0))
            }),
        );
        scripts
    }
}
