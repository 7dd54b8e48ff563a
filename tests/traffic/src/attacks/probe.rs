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

/// Style, paths, seconds between them, how many of them only probes ask for, how many exist, and
/// whether what is there is forbidden.
const STYLES: &[(&str, (i64, i64), (f64, f64), f64, f64, bool)] = &[
    ("word list", (80, 300), (0.2, 1.0), 0.1, 0.03, false),
    (
        "large word list",
        (400, 1200),
        (0.05, 0.2),
        0.05,
        0.02,
        false,
    ),
    ("sensitive files", (14, 40), (0.5, 4.0), 1.0, 0.05, false),
    ("forbidden", (30, 80), (1.0, 5.0), 0.3, 0.05, true),
    (
        "slow word list",
        (50, 120),
        (120.0, 400.0),
        0.2,
        0.05,
        false,
    ),
    (
        "slow sensitive files",
        (14, 40),
        (300.0, 1200.0),
        1.0,
        0.1,
        false,
    ),
    (
        "behind pages that exist",
        (40, 90),
        (2.0, 10.0),
        0.6,
        0.3,
        false,
    ),
];

pub fn plant(ground: &mut Ground) {
    for &(style, (least, most), (quick, slow), sensitive, exist, forbidden) in STYLES {
        let client = ground.attacker();
        let count = ground.rng.between(least, most).cast_unsigned();
        let gap = ground.rng.real(quick, slow);
        let offset = ground.rng.next() >> 1;
        let asking = client.clone();
        let plan = (style, &[Threat::Scanner][..]);
        ground.plant(plan, &client, (count, gap), move |rng, number, second| {
            let number = offset + number;
            let path = if rng.chance(sensitive) {
                file(number)
            } else {
                directory(rng, number)
            };
            let status = match rng.below(100) {
                _ if rng.chance(exist) => 200,
                0..70 if forbidden => 403,
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
