//! Sweeps for paths that might exist.

use super::{Ground, Threat};
use crate::rng::Rng;

/// What only someone who looks for weaknesses asks for.
const SENSITIVE: &[&str] = &[
    "/.env",
    "/.git/config",
    "/.git/HEAD",
    "/.svn/entries",
    "/.aws/credentials",
    "/wp-login.php",
    "/wp-admin/setup-config.php",
    "/wp-config.php.bak",
    "/xmlrpc.php",
    "/phpmyadmin/index.php",
    "/pma/",
    "/adminer.php",
    "/phpinfo.php",
    "/info.php",
    "/server-status",
    "/actuator/env",
    "/actuator/heapdump",
    "/manager/html",
    "/cgi-bin/test.cgi",
    "/backup.zip",
    "/backup.sql",
    "/db.sql",
    "/dump.tar.gz",
    "/.DS_Store",
    "/.htaccess",
    "/config.php.old",
    "/config.json",
    "/.vscode/sftp.json",
    "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
    "/shell.php",
    "/solr/admin/cores",
    "/jenkins/login",
    "/_ignition/execute-solution",
    "/telescope/requests",
    "/debug/default/view",
    "/api/swagger.json",
    "/console/",
    "/boaform/admin/formLogin",
    "/owa/auth/logon.aspx",
    "/.ssh/id_rsa",
    "/web.config",
    "/old/index.php",
    "/test.php",
];

/// Words of which lists of directories are made.
const WORDS: &[&str] = &[
    "about",
    "account",
    "accounts",
    "archive",
    "assets2",
    "beta",
    "bin",
    "build",
    "cache",
    "client",
    "clients",
    "common",
    "conf",
    "content",
    "core",
    "css2",
    "data",
    "demo",
    "dev",
    "dist",
    "download",
    "downloads",
    "export",
    "files",
    "forum",
    "home",
    "import",
    "inc",
    "include",
    "internal",
    "intranet",
    "js2",
    "lib",
    "logs",
    "mail",
    "media",
    "members",
    "misc",
    "mobile",
    "modules",
    "monitor",
    "new",
    "office",
    "old",
    "panel",
    "portal",
    "priv",
    "private",
    "public",
    "reports",
    "resources",
    "root",
    "scripts",
    "secret",
    "secure",
    "security",
    "service",
    "services",
    "share",
    "staff",
    "stage",
    "staging",
    "stats",
    "store",
    "support",
    "sys",
    "system",
    "temp",
    "templates",
    "test",
    "tests",
    "tmp",
    "tools",
    "upload",
    "uploads",
    "users",
    "util",
    "v2",
    "var",
    "web",
    "webmail",
    "work",
];

struct Style {
    name: &'static str,
    /// Paths, and seconds between them: from and to.
    paths: (i64, i64),
    gap: (f64, f64),
    /// The part of them that only probes ask for, and the part that exists.
    sensitive: f64,
    exist: f64,
    /// What is missing is mostly forbidden.
    forbidden: bool,
}

const STYLES: &[Style] = &[
    Style {
        name: "word list",
        paths: (80, 300),
        gap: (0.2, 1.0),
        sensitive: 0.1,
        exist: 0.03,
        forbidden: false,
    },
    Style {
        name: "large word list",
        paths: (400, 1200),
        gap: (0.05, 0.2),
        sensitive: 0.05,
        exist: 0.02,
        forbidden: false,
    },
    Style {
        name: "sensitive files",
        paths: (14, 40),
        gap: (0.5, 4.0),
        sensitive: 1.0,
        exist: 0.05,
        forbidden: false,
    },
    Style {
        name: "forbidden",
        paths: (30, 80),
        gap: (1.0, 5.0),
        sensitive: 0.3,
        exist: 0.05,
        forbidden: true,
    },
    Style {
        name: "slow word list",
        paths: (50, 120),
        gap: (120.0, 400.0),
        sensitive: 0.2,
        exist: 0.05,
        forbidden: false,
    },
    Style {
        name: "slow sensitive files",
        paths: (14, 40),
        gap: (300.0, 1200.0),
        sensitive: 1.0,
        exist: 0.1,
        forbidden: false,
    },
    Style {
        name: "behind pages that exist",
        paths: (40, 90),
        gap: (2.0, 10.0),
        sensitive: 0.6,
        exist: 0.3,
        forbidden: false,
    },
];

pub fn plant(ground: &mut Ground) {
    for style in STYLES {
        let client = ground.attacker();
        let count = ground
            .rng
            .between(style.paths.0, style.paths.1)
            .cast_unsigned();
        let gap = ground.rng.real(style.gap.0, style.gap.1);
        let offset = ground.rng.next() >> 1;
        let asking = client.clone();
        let plan = (style.name, &[Threat::Scanner][..]);
        ground.plant(plan, &client, (count, gap), move |rng, number, second| {
            let number = offset + number;
            let path = if rng.chance(style.sensitive) {
                file(number)
            } else {
                directory(rng, number)
            };
            let status = match rng.below(100) {
                _ if rng.chance(style.exist) => 200,
                0..70 if style.forbidden => 403,
                0..8 => 403,
                8..11 => 405,
                _ => 404,
            };
            asking.asks(rng, second, ("GET", path), status, (8.0, 300.0))
        });
    }
}

fn file(number: u64) -> String {
    SENSITIVE[usize::try_from(number).unwrap_or(0) % SENSITIVE.len()].to_string()
}

fn directory(rng: &mut Rng, number: u64) -> String {
    let at = usize::try_from(number).unwrap_or(0);
    let word = WORDS[at % WORDS.len()];
    match (at / WORDS.len()) % 4 {
        0 => format!("/{word}/"),
        1 => format!("/{word}.html"),
        2 => format!("/{word}{}", number % 97),
        _ => format!("/{word}/{}", rng.pick(WORDS)),
    }
}
