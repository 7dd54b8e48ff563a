//! `[function]`, and the directories and files that the file names.

use super::super::document::Place;
use super::super::types::default_parameters;
use super::Checker;
use super::tables::RETENTION_DAYS;

/// Connections that are not the function's: the migrator's, and five for the administrator
/// and for RDS's own monitoring.
pub const OTHER_CONNECTIONS: u32 = 1 + 5;

pub(super) fn check(checker: &mut Checker<'_, '_>) {
    let days = checker.config.function.log_retention_days;
    retention(checker, "function.log_retention_days", days);
    connections(checker);
    files(checker);
}

/// A time that CloudWatch can keep logs for.
pub(super) fn retention(checker: &mut Checker<'_, '_>, place: &str, days: u32) {
    let place = Place::from(place);
    if RETENTION_DAYS.contains(&days) {
        return;
    }
    // The longer one where two are as near: nothing is lost that was asked to be kept.
    let nearest = RETENTION_DAYS
        .iter()
        .rev()
        .min_by_key(|known| known.abs_diff(days));
    let all: Vec<String> = RETENTION_DAYS.iter().map(ToString::to_string).collect();
    let help = format!(
        "the nearest is `{} = {}`; all are {}",
        place.name(),
        nearest.unwrap_or(&365),
        all.join(", ")
    );
    checker.refuse(
        &place,
        "is not a time that CloudWatch keeps logs for",
        "not one of its steps",
        help,
    );
}

/// Each running copy of the function holds one connection.
fn connections(checker: &mut Checker<'_, '_>) {
    if checker.config.database.instance.is_some() {
        // Its own parameters count, and are read in the account.
        return;
    }
    let function = Place::from("function.reserved_concurrency");
    let database = Place::from("database.parameters.max_connections");
    let defaults = default_parameters();
    let given = checker.config.database.parameters.get("max_connections");
    let Some(most) = given
        .or_else(|| defaults.get("max_connections"))
        .and_then(|value| value.parse::<u32>().ok())
        .filter(|most| *most > OTHER_CONNECTIONS)
    else {
        // Refused for itself.
        return;
    };
    let wanted = checker.config.function.reserved_concurrency;
    let needed = wanted.saturating_add(OTHER_CONNECTIONS);
    if needed <= most {
        return;
    }
    let room = most - OTHER_CONNECTIONS;
    let help =
        format!("raise `max_connections` to {needed}, or lower `reserved_concurrency` to {room}");
    checker.clash(
        format!("{wanted} functions at once need more connections than the database takes"),
        (
            &function,
            format!("needs {needed}: one each, and {OTHER_CONNECTIONS} for the migrator and the administrator"),
        ),
        (&database, "all connections there are"),
        help,
    );
}

fn files(checker: &mut Checker<'_, '_>) {
    let config = checker.config;
    let named = [
        ("function.crate", Some(&config.function.source), true),
        ("api.contract", Some(&config.api.contract), false),
        ("migrations.dir", Some(&config.migrations.dir), true),
        ("database.ca_file", config.database.ca_file.as_ref(), false),
    ];
    for (place, path, directory) in named {
        let Some(path) = path else { continue };
        let place = Place::from(place);
        let full = checker.base.join(path);
        let what = if directory { "directory" } else { "file" };
        let there = if directory {
            full.is_dir()
        } else {
            full.is_file()
        };
        if there {
            continue;
        }
        let says = if full.exists() {
            format!("is not a {what}")
        } else {
            "does not exist".to_owned()
        };
        let label = format!("no {what} at {}", full.display());
        let help = "paths are relative to the file that names them";
        checker.refuse(&place, &says, label, help);
    }
}
