//! Bursts of requests.

use super::{Ground, Threat};
use crate::access::{Client, Pace};
use crate::addresses;
use crate::people;

/// Style, requests a minute, minutes, whether on many endpoints, whether the address is a regular's.
const STYLES: &[(&str, (f64, f64), (f64, f64), bool, bool)] = &[
    (
        "a minute on one endpoint",
        (900.0, 3000.0),
        (1.0, 2.0),
        false,
        false,
    ),
    (
        "a minute on many endpoints",
        (900.0, 3000.0),
        (1.0, 2.0),
        true,
        false,
    ),
    ("ten minutes", (600.0, 1500.0), (5.0, 12.0), false, false),
    ("half an hour", (600.0, 900.0), (25.0, 35.0), true, false),
    (
        "from a known address",
        (700.0, 2000.0),
        (2.0, 6.0),
        false,
        true,
    ),
    (
        "long, from a known address",
        (600.0, 900.0),
        (20.0, 35.0),
        true,
        true,
    ),
];

pub fn plant(ground: &mut Ground) {
    for &(style, (least, most), (short, long), many, known) in STYLES {
        let mut client = ground.attacker();
        if known {
            let visitor = ground.rng.below(40);
            client = Client::new(addresses::visitor(visitor), people::browser(visitor));
        }
        let a_minute = ground.rng.real(least, most);
        let minutes = ground.rng.real(short, long);
        let gap = 60.0 / a_minute;
        let count = crate::rng::whole(a_minute * minutes);
        let refused = ground.rng.pick(&[200, 429, 503]);
        let asking = client.clone();
        let start = ground.time(Pace::about(0, count, gap).end());
        let pace = Pace::about(start, count, gap);
        let plan = (style, &[Threat::RequestFlood][..]);
        ground.plant_at(plan, &client, pace, move |rng, number, second| {
            let endpoint = if many {
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
