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

struct Style {
    name: &'static str,
    /// Guesses, and seconds between them: from and to.
    guesses: (i64, i64),
    gap: (f64, f64),
    /// At one login after another.
    spraying: bool,
    /// The last guess is right.
    success: bool,
}

const STYLES: &[Style] = &[
    Style {
        name: "fast",
        guesses: (60, 200),
        gap: (0.3, 1.0),
        spraying: false,
        success: false,
    },
    Style {
        name: "fast, gets in",
        guesses: (50, 150),
        gap: (0.5, 1.5),
        spraying: false,
        success: true,
    },
    Style {
        name: "steady",
        guesses: (40, 120),
        gap: (3.0, 10.0),
        spraying: false,
        success: false,
    },
    Style {
        name: "steady, gets in",
        guesses: (40, 120),
        gap: (3.0, 10.0),
        spraying: false,
        success: true,
    },
    Style {
        name: "slow",
        guesses: (50, 120),
        gap: (40.0, 100.0),
        spraying: false,
        success: false,
    },
    Style {
        name: "slow, gets in",
        guesses: (50, 120),
        gap: (40.0, 100.0),
        spraying: false,
        success: true,
    },
    Style {
        name: "very slow",
        guesses: (80, 140),
        gap: (200.0, 400.0),
        spraying: false,
        success: false,
    },
    Style {
        name: "spraying",
        guesses: (40, 100),
        gap: (5.0, 30.0),
        spraying: true,
        success: false,
    },
    Style {
        name: "spraying, gets in",
        guesses: (40, 100),
        gap: (5.0, 30.0),
        spraying: true,
        success: true,
    },
    Style {
        name: "short",
        guesses: (15, 25),
        gap: (1.0, 6.0),
        spraying: false,
        success: false,
    },
];

pub fn plant(ground: &mut Ground) {
    for style in STYLES {
        let client = ground.attacker();
        let count = ground
            .rng
            .between(style.guesses.0, style.guesses.1)
            .cast_unsigned();
        let gap = ground.rng.real(style.gap.0, style.gap.1);
        let login = ground.rng.pick(LOGINS);
        let status = ground.rng.pick(&[401, 401, 401, 403]);
        let guess = guess(client.clone(), login, style.spraying);
        let plan = (style.name, &[Threat::BruteForce][..]);
        ground.plant(plan, &client, (count, gap), move |rng, number, second| {
            let found = style.success && number + 1 == count;
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
