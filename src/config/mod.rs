//! infra.toml, typed. Every key has a secure default: `[stack]` with a name and a region is enough.
//!
//! Whatever is wrong with the file is said at once, each problem at its line: what TOML does not
//! allow, what the types do not know, and what AWS would refuse after half an hour of work.

mod check;
mod document;
mod example;
mod later;
mod problem;
mod schema;
mod span;
mod suggest;
mod syntax;
mod types;
mod wrong_type;

#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;

use crate::error::{Error, Kind, Result};

pub use check::OTHER_CONNECTIONS;
pub use span::Span;
pub use types::{
    Alarms, Api, ApiKey, Architecture, Audit, Config, Cost, Database, Egress, ExecutionLogs,
    Function, LogLevel, ManagedRules, Migrations, Network, Period, Port, Quota, Secrets,
    StackSettings, Throttle, UsagePlan, Waf, default_parameters,
};

/// The smallest file there is.
const SMALLEST: &str = "[stack]\nname   = \"chatbot\"\nregion = \"us-east-1\"";

/// Reads and checks the file. Paths in it start from the directory it is in, are checked from
/// there, and come back as they were written.
pub fn load(path: &Path) -> Result<Config> {
    let bytes = std::fs::read(path).map_err(|error| unreadable(path, error))?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let before = String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default());
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        Error::new(
            Kind::Config,
            format!(
                "{}:{line}:{column} is not UTF-8, and TOML is",
                path.display()
            ),
        )
        .hint("save the file as UTF-8")
    })?;
    parse(text, path)
}

/// Checks a text as if it stood in the file at `path`.
pub fn parse(text: &str, path: &Path) -> Result<Config> {
    let base = path.parent().unwrap_or(Path::new(""));
    let (root, errors) = toml::de::DeTable::parse_recoverable(text);
    let document = document::Document { text, path, root };

    let broken = syntax::Broken::new(&document, &errors);
    let mut problems = broken.problems();
    if !broken.blinds() {
        let reading = schema::read(&document);
        problems.extend(
            reading
                .problems
                .into_iter()
                .filter(|problem| !broken.explains(problem)),
        );
        if let Some(config) = reading.config {
            let found = check::run(&document, &config, base, &reading.spoiled);
            problems.extend(
                found
                    .into_iter()
                    .filter(|problem| !broken.explains(problem)),
            );
            if problems.is_empty() {
                return Ok(config.finish());
            }
        }
    }
    Err(problem::refuse(&document, problems))
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    let shown = path.display();
    let (message, hints) = match error.kind() {
        io::ErrorKind::NotFound => (
            format!("{shown} does not exist"),
            vec![
                "wmctl --config PATH reads another file".to_owned(),
                format!("a whole file can be as small as\n{SMALLEST}"),
            ],
        ),
        io::ErrorKind::IsADirectory => (
            format!("{shown} is a directory"),
            vec![format!(
                "wmctl --config {}",
                path.join("infra.toml").display()
            )],
        ),
        io::ErrorKind::PermissionDenied => (
            format!("{shown} may not be read by this user"),
            vec![format!("chmod u+r {shown}, or run as its owner")],
        ),
        _ => (format!("{shown} cannot be read"), Vec::new()),
    };
    hints.into_iter().fold(
        Error::new(Kind::Config, message).because(error),
        Error::hint,
    )
}

impl Config {
    /// `{name}-{environment}`: what every name of the stack begins with.
    pub fn prefix(&self) -> String {
        format!("{}-{}", self.stack.name, self.stack.environment)
    }

    /// Adds the parameters that were not given: the table replaces its default as a whole.
    fn finish(mut self) -> Self {
        for (name, value) in default_parameters() {
            self.database.parameters.entry(name).or_insert(value);
        }
        self
    }
}
