//! Bursts of requests.

use super::{Ground, Threat};
use crate::access::{Client, Pace};
use crate::addresses;
use crate::people;

struct Style {
    name: &'static str,
    /// Requests in a minute, and minutes: from and to.
    rate: (f64, f64),
    minutes: (f64, f64),
    many_endpoints: bool,
    /// From the address of a regular visitor.
    known: bool,
}

const STYLES: &[Style] = &[
    Style {
        name: "a minute on one endpoint",
        rate: (900.0, 3000.0),
        minutes: (1.0, 2.0),
        many_endpoints: false,
        known: false,
    },
    Style {
        name: "a minute on many endpoints",
        rate: (900.0, 3000.0),
        minutes: (1.0, 2.0),
        many_endpoints: true,
        known: false,
    },
    Style {
        name: "ten minutes",
        rate: (600.0, 1500.0),
        minutes: (5.0, 12.0),
        many_endpoints: false,
        known: false,
    },
    Style {
        name: "half an hour",
        rate: (600.0, 900.0),
        minutes: (25.0, 35.0),
        many_endpoints: true,
        known: false,
    },
    Style {
        name: "from a known address",
        rate: (700.0, 2000.0),
        minutes: (2.0, 6.0),
        many_endpoints: false,
        known: true,
    },
    Style {
        name: "long, from a known address",
        rate: (600.0, 900.0),
        minutes: (20.0, 35.0),
        many_endpoints: true,
        known: true,
    },
];

pub fn plant(ground: &mut Ground) {
    for style in STYLES {
        let mut client = ground.attacker();
        if style.known {
            let visitor = ground.rng.below(40);
            client = Client::new(addresses::visitor(visitor), people::browser(visitor));
        }
        let a_minute = ground.rng.real(style.rate.0, style.rate.1);
        let minutes = ground.rng.real(style.minutes.0, style.minutes.1);
        let gap = 60.0 / a_minute;
        let count = crate::rng::whole(a_minute * minutes);
        let refused = ground.rng.pick(&[200, 429, 503]);
        let asking = client.clone();
        let start = ground.time(Pace::about(0, count, gap).end());
        let pace = Pace::about(start, count, gap);
        let plan = (style.name, &[Threat::RequestFlood][..]);
        ground.plant_at(plan, &client, pace, move |rng, number, second| {
            let endpoint = if style.many_endpoints {
                format!("/products/{}", 1 + rng.below(4000))
            } else {
                "/search?q=lamp".to_string()
            };
            // Once the site can bear no more.
            let status = if number > 300 && rng.chance(0.7) {
                refused
            } else {
                200
            };
            asking.asks(rng, second, ("GET", endpoint), status, (300.0, 9000.0))
        });
    }
}
