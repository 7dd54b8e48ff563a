//! Guessed passwords.

use super::{Ground, Threat};
use crate::access::Client;
use crate::rng::Rng;

const LOGINS: &[&str] = &[
    "/login",
    "/api/v1/auth/login",
    "/wp-login.php",
    "/oauth/token",
    "/admin/login",
    "/users/sign_in",
    "/account/signin",
    "/api/authenticate",
    "/user/login?next=%2F",
];

/// Style, guesses, seconds between them, whether it changes the login, whether it gets in.
const STYLES: &[(&str, (i64, i64), (f64, f64), bool, bool)] = &[
    ("fast", (60, 200), (0.3, 1.0), false, false),
    ("fast, gets in", (50, 150), (0.5, 1.5), false, true),
    ("steady", (40, 120), (3.0, 10.0), false, false),
    ("steady, gets in", (40, 120), (3.0, 10.0), false, true),
    ("slow", (50, 120), (40.0, 100.0), false, false),
    ("slow, gets in", (50, 120), (40.0, 100.0), false, true),
    ("very slow", (80, 140), (200.0, 400.0), false, false),
    ("spraying", (40, 100), (5.0, 30.0), true, false),
    ("spraying, gets in", (40, 100), (5.0, 30.0), true, true),
    ("short", (15, 25), (1.0, 6.0), false, false),
];

pub fn plant(ground: &mut Ground) {
    for &(style, (least, most), (quick, slow), spraying, success) in STYLES {
        let client = ground.attacker();
        let count = ground.rng.between(least, most).cast_unsigned();
        let gap = ground.rng.real(quick, slow);
        let login = ground.rng.pick(LOGINS);
        let status = ground.rng.pick(&[401, 401, 401, 403]);
        let guess = guess(client.clone(), login, spraying);
        let plan = (style, &[Threat::BruteForce][..]);
        ground.plant(plan, &client, (count, gap), move |rng, number, second| {
            let found = success && number + 1 == count;
            guess(rng, second, if found { 200 } else { status })
        });
    }
}

fn guess(
    client: Client,
    login: &'static str,
    spraying: bool,
) -> impl Fn(&mut Rng, i64, u16) -> crate::access::Access {
    move |rng, second, status| {
        let login = if spraying { rng.pick(LOGINS) } else { login };
        client.asks(
            rng,
            second,
            ("POST", login.to_string()),
            status,
            (190.0, 200.0),
        )
    }
}
