//! `[api]`: what API Gateway takes.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::super::document::Place;
use super::super::{ApiKey, Span, Throttle};
use super::Checker;
use crate::{principal, stack};

/// API Gateway answers these itself.
const RESERVED: [&str; 2] = ["/ping", "/sping"];

/// Ten years: nobody rotates less often on purpose.
const MOST_DAYS: u32 = 3650;
const LEAST_OVERLAP: Span = Span::seconds(10);
const MOST_SPAN: Span = Span::hours(90 * 24);

/// What an account's burst is; a rate above it has to do with less.
const MOST_BURST: u32 = 5000;

pub(super) fn check(checker: &mut Checker<'_, '_>) {
    path(checker);
    stage(checker);
    let api = &checker.config.api;
    burst(checker, "api.throttle", api.throttle);
    burst(checker, "api.usage_plan.throttle", api.usage_plan.throttle);
    plan(checker);
    keys(checker);
    callers(checker);
    origin(checker);
}

/// Who callers are, and where they come from.
fn callers(checker: &mut Checker<'_, '_>) {
    let list = Place::from("api.allow_from");
    let partition = stack::partition(&checker.config.stack.region);
    for (index, from) in checker.config.api.allow_from.iter().enumerate() {
        let place = list.index(index);
        let (says, help) = match from.parse::<IpNet>() {
            _ if principal::is_meant(from) => match principal::check(from, partition) {
                Ok(()) => continue,
                Err(problem) => problem,
            },
            Ok(range) if range.prefix_len() == 0 => (
                "lets everybody in",
                "remove it: without `allow_from`, whoever has a key may call".to_owned(),
            ),
            Ok(range) if range != range.trunc() => (
                "is an address inside a network",
                format!("write `\"{}\"`", range.trunc()),
            ),
            Ok(_) => continue,
            Err(_) => match from.parse::<IpAddr>() {
                Ok(address) => (
                    "is an address without a prefix",
                    format!("write `\"{}\"`", IpNet::from(address)),
                ),
                Err(_) => (
                    "is neither a CIDR nor the ARN of a role or a user",
                    "for example `\"203.0.113.0/24\"`".to_owned(),
                ),
            },
        };
        checker.refuse(&place, says, "nobody could be told by this", help);
    }
}

/// An origin as browsers send it: scheme, host, and a port that is not the scheme's own.
fn origin(checker: &mut Checker<'_, '_>) {
    let place = Place::from("api.cors_origin");
    let api = &checker.config.api;
    let Some(origin) = api.origin() else {
        return;
    };
    let local = ["http://localhost", "http://127.0.0.1"]
        .iter()
        .any(|local| {
            origin
                .strip_prefix(local)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        });
    let host = origin.split_once("://").map_or("", |(_, host)| host);
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:".contains(c);
    if origin == "*" {
        let help = "name the one origin whose pages may call, for example `cors_origin = \"https://chat.example.com\"`";
        checker.refuse(&place, "lets every page in", "whoever's it is", help);
    } else if !(origin.starts_with("https://") || local) {
        let help = "for example `cors_origin = \"https://chat.example.com\"`";
        checker.refuse(
            &place,
            "is not an origin of HTTPS",
            "a page that came without TLS may be anybody's",
            help,
        );
    } else if host.is_empty() || !host.chars().all(plain) {
        let help = "scheme and host, in lower case and without a path: `cors_origin = \"https://chat.example.com\"`";
        checker.refuse(
            &place,
            "is not an origin",
            "no browser would send this",
            help,
        );
    }
}

fn path(checker: &mut Checker<'_, '_>) {
    let place = Place::from("api.path");
    let path = checker.config.api.path.as_str();
    let segment = path.strip_prefix('/').unwrap_or(path);
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if segment.is_empty() || !segment.chars().all(allowed) || segment.chars().all(|c| c == '.') {
        let label = if segment.contains('/') {
            "more than one segment"
        } else {
            "only letters, digits and . _ -"
        };
        let help = "for example `path = \"/chatbot\"`";
        checker.refuse(&place, "is not a path of one segment", label, help);
    } else if !path.starts_with('/') {
        let help = format!("write `path = \"/{segment}\"`");
        checker.refuse(&place, "is not a path", "does not begin with `/`", help);
    } else if RESERVED.contains(&path) {
        let help = "for example `path = \"/chatbot\"`";
        checker.refuse(
            &place,
            "is reserved",
            "API Gateway answers this path itself",
            help,
        );
    }
}

fn stage(checker: &mut Checker<'_, '_>) {
    let stage = checker.config.api.stage.as_str();
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !(1..=128).contains(&stage.len()) || !stage.chars().all(allowed) {
        let fixed: String = stage
            .chars()
            .map(|c| if allowed(c) { c } else { '_' })
            .take(128)
            .collect();
        let fixed = if fixed.is_empty() {
            "prod"
        } else {
            fixed.as_str()
        };
        let label = "1 to 128 letters, digits and _";
        checker.refuse(
            &"api.stage".into(),
            "is not a stage's name",
            label,
            format!("for example `stage = \"{fixed}\"`"),
        );
    }
}

/// A second's worth of requests that come together must find room.
fn burst(checker: &mut Checker<'_, '_>, table: &str, throttle: Throttle) {
    let table = Place::from(table);
    let least = throttle.rate.min(MOST_BURST);
    if throttle.burst >= least {
        return;
    }
    let (rate, burst) = (table.key("rate"), table.key("burst"));
    checker.clash(
        format!("`{burst}` is below the rate"),
        (&burst, format!("only {} may come at once", throttle.burst)),
        (&rate, "requests per second"),
        format!(
            "raise it to `burst = {least}`: with less, requests that come together are refused \
             though the rate would let them in"
        ),
    );
}

/// Every key's requests pass the stage's throttle as well.
fn plan(checker: &mut Checker<'_, '_>) {
    let (stage, plan) = (
        checker.config.api.throttle,
        checker.config.api.usage_plan.throttle,
    );
    let both = [
        ("rate", plan.rate, stage.rate),
        ("burst", plan.burst, stage.burst),
    ];
    let above = both
        .into_iter()
        .filter(|(_, of_plan, of_stage)| of_plan > of_stage);
    // Of the default plan, one line says it all.
    let given = checker.document.has(&"api.usage_plan.throttle".into());
    for (name, of_plan, of_stage) in above.take(if given { 2 } else { 1 }) {
        let (inner, outer) = (
            Place::from("api.usage_plan.throttle").key(name),
            Place::from("api.throttle").key(name),
        );
        checker.clash(
            format!("`{inner}` is above the stage's"),
            (
                &inner,
                format!("{of_plan} for each key, of which the stage lets {of_stage} pass"),
            ),
            (&outer, "for all keys together"),
            format!(
                "`[api.usage_plan]` needs `throttle = {{ rate = {}, burst = {} }}` or less",
                plan.rate.min(stage.rate),
                plan.burst.min(stage.burst)
            ),
        );
    }
}

fn keys(checker: &mut Checker<'_, '_>) {
    let list = Place::from("api.keys");
    let keys = checker.config.api.keys.as_slice();
    if keys.is_empty() {
        let help =
            "remove the line for one key named `chatbot`, or write `[[api.keys]]` with a name";
        checker.refuse(&list, "is empty", "nobody could call the API", help);
    }
    let mut seen: BTreeMap<&str, Place> = BTreeMap::new();
    for (index, key) in keys.iter().enumerate() {
        let place = list.index(index).key("name");
        let name = key.name.as_str();
        let form = name.len() <= 63
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !form {
            let label = "1 to 63 of a–z, 0–9 and hyphens, and a letter first";
            checker.refuse(
                &place,
                "is not a key's name",
                label,
                "for example `name = \"mobile-app\"`",
            );
        }
        if let Some(first) = seen.get(name) {
            checker.clash(
                format!("two keys are named `{name}`"),
                (&place, "the second".to_owned()),
                (first, "the first"),
                "give each its own name, or remove one".to_owned(),
            );
        }
        seen.entry(name).or_insert(place);
        rotation(checker, &list.index(index), key);
    }
}

/// How a key is rotated.
fn rotation(checker: &mut Checker<'_, '_>, table: &Place, key: &ApiKey) {
    let days = table.key("rotate_after_days");
    let lives = (1..=MOST_DAYS).contains(&key.rotate_after_days);
    if !lives {
        let help = "for example `rotate_after_days = 90`";
        let says = format!("is {}, and must be 1 to {MOST_DAYS}", key.rotate_after_days);
        checker.refuse(&days, &says, "days", help);
    }
    let overlap = table.key("overlap");
    if !(LEAST_OVERLAP..=MOST_SPAN).contains(&key.overlap) {
        checker.refuse(
            &overlap,
            "is not within 10s to 90d",
            "how long both keys are valid",
            "for example `overlap = \"24h\"`: as long as a caller may go on with a key that it has read",
        );
    }
    if key.grace > MOST_SPAN {
        let label = "how long a disabled key is kept";
        let help = "for example `grace = \"7d\"`";
        checker.refuse(&table.key("grace"), "is above 90d", label, help);
    }
    if lives && key.overlap > Span::hours(24 * u64::from(key.rotate_after_days)) {
        checker.clash(
            format!("`{overlap}` is longer than a key lives"),
            (&overlap, "how long both keys are valid".to_owned()),
            (&days, "days from one rotation to the next"),
            "shorten the overlap, for example `overlap = \"24h\"`".to_owned(),
        );
    }
}
