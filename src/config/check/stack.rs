//! `[stack]`: names that every derived name inherits its form from, and tags.

use std::collections::BTreeMap;

use super::super::document::Place;
use super::Checker;
use super::tables::REGIONS;
use crate::principal;

/// What is named after the prefix, with AWS's limit. The rest is roomier still: subnet and
/// parameter groups and alarms take 255, log groups and secrets 512.
const DERIVED: [(&str, &str, usize); 4] = [
    ("the IAM role", "-apigateway-logs", 64),
    ("the function", "-migrator", 64),
    ("the database", "-database", 63),
    ("the web ACL", "-web-acl", 128),
];

/// AWS allows 50 on an object; the owner tags and AWS's own need room.
const MOST_TAGS: usize = 40;

pub(super) fn check(checker: &mut Checker<'_, '_>) {
    name(checker, &"stack.name".into(), &checker.config.stack.name);
    name(
        checker,
        &"stack.environment".into(),
        &checker.config.stack.environment,
    );
    prefix(checker);
    region(checker);
    operators(checker);
    tags(checker);
}

fn operators(checker: &mut Checker<'_, '_>) {
    let list = Place::from("stack.operators");
    for (index, arn) in checker.config.stack.operators.iter().enumerate() {
        if principal::parse(arn).is_none() {
            checker.refuse(
                &list.index(index),
                "is not the ARN of a role or a user",
                "nobody could sign in as this",
                "for example `operators = [\"arn:aws:iam::111122223333:role/deployer\"]`; a session's ARN, of STS, is not its role's",
            );
        }
    }
}

fn name(checker: &mut Checker<'_, '_>, place: &Place, value: &str) {
    let slug = slug(value);
    if value != slug || value.is_empty() {
        let label = if value.is_empty() {
            "empty"
        } else if value.ends_with('-') || value.contains("--") {
            "RDS takes no hyphen at the end and no two in a row"
        } else {
            "only a–z, 0–9 and hyphens, and a letter first"
        };
        let help = if slug.is_empty() {
            format!("for example `{} = \"chatbot\"`", place.name())
        } else {
            format!("for example `{} = \"{slug}\"`", place.name())
        };
        checker.refuse(place, "cannot be part of a name", label, help);
    } else if place.name() == "name" && (value == "sg" || value.starts_with("sg-")) {
        checker.refuse(
            place,
            "cannot begin with `sg-`",
            "EC2 keeps such names of security groups for itself",
            "choose another name",
        );
    }
}

/// The nearest text that is lower case, single-hyphenated and begins with a letter.
fn slug(value: &str) -> String {
    let lower = value.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit())
        .filter(|word| !word.is_empty())
        .collect();
    words
        .join("-")
        .trim_start_matches(|c: char| !c.is_ascii_lowercase())
        .to_owned()
}

fn prefix(checker: &mut Checker<'_, '_>) {
    let prefix = checker.config.prefix();
    let room = |derived: &(&str, &str, usize)| derived.2 - derived.1.len();
    let Some(tightest) = DERIVED.iter().min_by_key(|derived| room(derived)) else {
        return;
    };
    let (length, most) = (prefix.chars().count(), room(tightest));
    if length <= most {
        return;
    }
    let (what, suffix, limit) = tightest;
    let (name, environment) = (Place::from("stack.name"), Place::from("stack.environment"));
    checker.clash(
        format!("`{prefix}` is too long for the names made from it"),
        (
            &name,
            format!("with the environment {length} characters; {most} is the most"),
        ),
        (&environment, "the environment"),
        format!(
            "{what} is named `{prefix}{suffix}`, and AWS takes {limit} characters; leave out {}",
            length - most
        ),
    );
}

fn region(checker: &mut Checker<'_, '_>) {
    let region = checker.config.stack.region.as_str();
    if REGIONS.contains(&region) {
        return;
    }
    let place = Place::from("stack.region");
    let near = REGIONS
        .iter()
        .map(|known| (strsim::damerau_levenshtein(region, known), *known))
        .filter(|(distance, _)| *distance <= 2)
        .min_by_key(|(distance, _)| *distance);
    if let Some((_, near)) = near {
        let help = format!("did you mean `region = \"{near}\"`?");
        checker.refuse(&place, "is not a region of AWS", "no such region", help);
    } else if !looks_like_region(region) {
        let help = "for example `region = \"us-east-1\"` or `region = \"eu-central-1\"`";
        checker.refuse(
            &place,
            "is not a region of AWS",
            "a region's name is like `us-east-1`",
            help,
        );
    }
}

/// `us-east-1`: two letters, one or more words, a digit.
fn looks_like_region(region: &str) -> bool {
    let parts: Vec<&str> = region.split('-').collect();
    let word = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase());
    match parts.as_slice() {
        [area, middle @ .., number] => {
            area.len() == 2
                && word(area)
                && !middle.is_empty()
                && middle.iter().all(|part| word(part))
                && number.len() == 1
                && number.chars().all(|c| c.is_ascii_digit())
        }
        _ => false,
    }
}

fn tags(checker: &mut Checker<'_, '_>) {
    let tags = &checker.config.stack.tags;
    let table = Place::from("stack.tags");
    if tags.len() > MOST_TAGS {
        let label = format!("{} tags", tags.len());
        let help = format!(
            "keep {MOST_TAGS}: AWS takes 50 on an object, with its own and those of the owner"
        );
        checker.refuse(&table, "has too many tags", label, help);
    }
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for (key, value) in tags {
        let place = table.key(key);
        if let Some(other) = seen.insert(key.to_lowercase(), key) {
            let help = format!("remove it or `{other}`: IAM takes the two for one");
            checker.refuse(&place, "is there twice", "differs in case only", help);
        }
        tag(checker, &place, key, value);
    }
}

fn tag(checker: &mut Checker<'_, '_>, place: &Place, key: &str, value: &str) {
    let lower = key.to_lowercase();
    if lower.starts_with("aws:") || lower.starts_with("wmctl:") {
        let help = "choose another key: `aws:` is for AWS, `wmctl:` says who owns an object";
        checker.refuse(place, "has a reserved key", "not yours to set", help);
    } else if !(1..=128).contains(&key.chars().count()) {
        checker.refuse(
            place,
            "has a key of the wrong length",
            "1 to 128 characters",
            "shorten the key",
        );
    } else if value.chars().count() > 256 {
        checker.refuse(
            place,
            "is too long",
            "256 characters are the most",
            "shorten the value",
        );
    } else if let Some(odd) = key.chars().chain(value.chars()).find(|c| !allowed(*c)) {
        let help = "letters, digits, spaces and _ . : / = + - @ are allowed";
        checker.refuse(
            place,
            "has a character that AWS does not take in tags",
            format!("{odd:?}"),
            help,
        );
    }
}

fn allowed(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)
}
