//! `[database]`: what RDS takes for a `MariaDB`.

use super::super::document::Place;
use super::super::suggest;
use super::Checker;
use super::ranges::RANGES;

const VERSIONS: [&str; 5] = ["10.5", "10.6", "10.11", "11.4", "11.8"];

/// Schemas that are the server's own.
const OWN_SCHEMAS: [&str; 6] = [
    "mysql",
    "information_schema",
    "performance_schema",
    "sys",
    "innodb",
    "rdsadmin",
];

/// Users that RDS or the server makes, and the administrator's own name.
const OWN_USERS: [&str; 5] = ["admin", "root", "rdsadmin", "mysql", "mariadb"];

/// Keys that describe an instance that the stack makes.
const OF_OWN_INSTANCE: [&str; 9] = [
    "engine",
    "version",
    "instance_class",
    "storage_gb",
    "multi_az",
    "backup_days",
    "enhanced_monitoring_s",
    "deletion_protection",
    "parameters",
];

/// How often RDS can look at the operating system; 0 is never.
const MONITORING_S: [u32; 7] = [0, 1, 5, 10, 15, 30, 60];

const SIZES: [&str; 5] = ["micro", "small", "medium", "large", "xlarge"];

pub(super) fn check(checker: &mut Checker<'_, '_>) {
    existing(checker);
    engine(checker);
    instance_class(checker);
    names(checker);
    parameters(checker);
    monitoring(checker);
}

fn monitoring(checker: &mut Checker<'_, '_>) {
    let seconds = checker.config.database.enhanced_monitoring_s;
    if MONITORING_S.contains(&seconds) {
        return;
    }
    let nearest = MONITORING_S
        .iter()
        .min_by_key(|known| known.abs_diff(seconds));
    checker.refuse(
        &"database.enhanced_monitoring_s".into(),
        "is not an interval of RDS",
        "not one of its steps",
        format!(
            "the nearest is `enhanced_monitoring_s = {}`; RDS has {}",
            nearest.unwrap_or(&60),
            MONITORING_S.map(|step| step.to_string()).join(", ")
        ),
    );
}

/// An instance that somebody else keeps comes with its administrator's secret, and with nothing
/// that would describe one of the stack's own.
fn existing(checker: &mut Checker<'_, '_>) {
    let database = &checker.config.database;
    let (instance, secret) = (
        Place::from("database.instance"),
        Place::from("database.admin_secret"),
    );
    let Some(name) = &database.instance else {
        if database.admin_secret.is_some() {
            checker.refuse(
                &secret,
                "belongs to an instance that exists",
                "the stack's own instance gets a secret of its own",
                "remove it, or name the instance: `instance = \"…\"`",
            );
        }
        return;
    };
    match &database.admin_secret {
        _ if !is_identifier(name) => checker.refuse(
            &instance,
            "is not the identifier of an instance",
            "a letter, then up to 62 letters, digits and single hyphens",
            "for example `instance = \"shared\"`: RDS shows it as the DB identifier",
        ),
        _ if *name == checker.config.prefix() => checker.refuse(
            &instance,
            "is the stack's own",
            "what is named here belongs to somebody else",
            "remove it: without it the stack keeps this instance itself",
        ),
        None => checker.refuse(
            &instance,
            "lacks its administrator",
            "migrations need a login that may change the schema",
            "name the secret that holds it: `admin_secret = \"…\"`, by name or ARN",
        ),
        Some(name) if !is_secret(name) => checker.refuse(
            &secret,
            "is not a secret's name or ARN",
            "letters, digits and /_+=.@!- only, or an ARN of Secrets Manager",
            "never the password itself: infra.toml is no place for it",
        ),
        Some(_) => {}
    }
    for key in OF_OWN_INSTANCE {
        let place = Place::from("database").key(key);
        if checker.document.has(&place) {
            checker.refuse(
                &place,
                "describes an instance of the stack's own",
                "nothing that exists already is changed",
                "remove it, or remove `instance`",
            );
        }
    }
}

fn is_identifier(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && !name.ends_with('-')
        && !name.contains("--")
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

fn is_secret(name: &str) -> bool {
    let plain = |name: &str| {
        !name.is_empty()
            && name.len() <= 512
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "/_+=.@!-".contains(c))
    };
    let parts: Vec<&str> = name.splitn(7, ':').collect();
    match parts.as_slice() {
        [name] | ["arn", _, "secretsmanager", _, _, "secret", name] => plain(name),
        _ => false,
    }
}

fn engine(checker: &mut Checker<'_, '_>) {
    let database = &checker.config.database;
    if database.engine != "mariadb" {
        let place = Place::from("database.engine");
        checker.refuse(
            &place,
            "is not known",
            "only MariaDB is",
            "write `engine = \"mariadb\"`",
        );
    }
    let version = database.version.as_str();
    let digits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    let known = VERSIONS.iter().any(|known| {
        version
            .strip_prefix(known)
            .is_some_and(|rest| rest.is_empty() || rest.strip_prefix('.').is_some_and(digits))
    });
    if !known {
        let help = match suggest::nearest(version, VERSIONS) {
            Some(near) => format!(
                "did you mean `version = \"{near}\"`? RDS has {}",
                suggest::list(VERSIONS)
            ),
            None => format!("RDS has {}", suggest::list(VERSIONS)),
        };
        checker.refuse(
            &"database.version".into(),
            "is not a version of MariaDB on RDS",
            "not offered",
            help,
        );
    }
}

fn instance_class(checker: &mut Checker<'_, '_>) {
    let class = checker.config.database.instance_class.as_str();
    let parts: Vec<&str> = class.split('.').collect();
    let sound = match parts.as_slice() {
        ["db", family, size] => {
            let multiple = size.strip_suffix("xlarge").is_some_and(|times| {
                !times.is_empty() && times.chars().all(|c| c.is_ascii_digit())
            });
            family.starts_with(|c: char| c.is_ascii_lowercase())
                && family.contains(|c: char| c.is_ascii_digit())
                && family
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
                && (SIZES.contains(size) || multiple)
        }
        _ => false,
    };
    if !sound {
        let help = if class.starts_with("db.") {
            "for example `instance_class = \"db.t4g.small\"` or `\"db.r6g.2xlarge\"`".to_owned()
        } else {
            let (family, size) = class.split_once('.').unwrap_or(("t4g", "small"));
            format!("classes of RDS begin with `db.`: `instance_class = \"db.{family}.{size}\"`")
        };
        let place = "database.instance_class".into();
        checker.refuse(
            &place,
            "is not an instance class",
            "expected `db.<family>.<size>`",
            help,
        );
    }
}

fn names(checker: &mut Checker<'_, '_>) {
    let database = &checker.config.database;
    let fields = [
        (
            "database.name",
            &database.name,
            64,
            &OWN_SCHEMAS[..],
            "chatbot_db",
        ),
        (
            "database.app_user",
            &database.app_user,
            // The second user's name has six characters more, and 32 are the most.
            26,
            &OWN_USERS[..],
            "app_user",
        ),
    ];
    for (place, value, most, reserved, example) in fields {
        let place = Place::from(place);
        let help = format!("for example `{} = \"{example}\"`", place.name());
        let form = value.starts_with(|c: char| c.is_ascii_alphabetic())
            && value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !form {
            checker.refuse(
                &place,
                "is not a name",
                "only letters, digits and _, and a letter first",
                help,
            );
        } else if value.len() > most {
            checker.refuse(
                &place,
                "is too long",
                format!("{most} characters are the most"),
                help,
            );
        } else if reserved.contains(&value.to_lowercase().as_str()) {
            checker.refuse(&place, "is reserved", "this one is the server's own", help);
        } else if value.ends_with("_clone") && place.name() == "app_user" {
            let why = "a rotation gives this name to the second of two users";
            checker.refuse(&place, "is reserved", why, help);
        }
    }
}

fn parameters(checker: &mut Checker<'_, '_>) {
    let table = Place::from("database.parameters");
    for (name, value) in &checker.config.database.parameters {
        let place = table.key(name);
        let form = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !form {
            let fixed = name.to_lowercase().replace(['-', '.', ' '], "_");
            checker.refuse(
                &place,
                "is not a parameter",
                "only a–z, 0–9 and _",
                format!("did you mean `{fixed}`?"),
            );
        } else if name == "require_secure_transport" && value != "1" {
            checker.refuse(
                &place,
                "must be \"1\"",
                "would let clients in without TLS",
                "write `require_secure_transport = \"1\"`, or leave it out: it is the default \
                 (\"ON\" means the same to MariaDB, but audits look for \"1\")",
            );
        } else if name == "max_connections" {
            max_connections(checker, &place, value);
        } else if value.is_empty() {
            checker.refuse(
                &place,
                "is empty",
                "no value",
                "remove it for the engine's own default",
            );
        }
    }
}

/// A number, not one of RDS's formulas: the function's concurrency is checked against it.
fn max_connections(checker: &mut Checker<'_, '_>, place: &Place, value: &str) {
    let range = RANGES
        .iter()
        .find(|range| *place == Place::from(range.place));
    let Some(range) = range else { return };
    let (least, most) = (range.least, range.most);
    if !value
        .parse()
        .is_ok_and(|number: i64| (least..=most).contains(&number))
    {
        checker.refuse(
            place,
            "is not a number of connections",
            format!("{least} to {most}, in digits"),
            "for example `max_connections = \"100\"`",
        );
    }
}
