//! `wmctl rollback`

use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::Global;
use super::change::{Changing, with_lease};
use super::safety::refuse_breaking;
use super::session::Session;
use crate::artifact::Artifacts;
use crate::aws::Reader;
use crate::error::{Error, Result};
use crate::migrations;
use crate::migrations::breaking::{Verdict, judge};
use crate::object::Known;
use crate::resources::Cx;
use crate::resources::lambda::rollback::{choose, roll_back, shown, versions};
use crate::resources::lambda::{alias, migrating};

/// Move callers back to a version of the chatbot that was published before
///
/// Without a VERSION, to the one before the one that serves. It is asked for its health first, and
/// callers reach it within a second or so. The database stays as it is: migrations that came after
/// the version are named, and where one took something away, the rollback is refused unless
/// --allow-breaking is given.
///
/// The next `wmctl up` moves callers forward again, to what infra.toml and the sources say, and its
/// plan says so: mend the sources first.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Rollback {
    /// The version to go to, as `wmctl rollback --list` numbers them
    #[arg(value_name = "VERSION")]
    pub version: Option<u64>,

    /// Only show the versions that there are, with dates and schemas
    #[arg(long, conflicts_with = "version")]
    pub list: bool,

    /// Go back even past migrations that the version may not survive
    #[arg(long)]
    pub allow_breaking: bool,

    #[command(flatten)]
    pub changing: Changing,
}

const EXAMPLES: &str = "\
Examples:
  wmctl rollback --list        which versions there are
  wmctl rollback               to the one before
  wmctl rollback 7 --yes       to version 7, without a question";

impl Rollback {
    pub async fn run(self, global: &Global) -> Result<ExitCode> {
        let session = Session::open(global).await?;
        let reader = Reader::new(&session.aws, &session.stack);
        let all = versions(&reader).await?;
        let mut document = session.document();
        if self.list {
            let printer = session.printer;
            session.close().await;
            document["versions"] = json!(all);
            if printer.json {
                printer.document(&document);
            } else {
                let lines: Vec<String> = all.iter().map(shown).collect();
                printer.data(&lines.join("\n"));
            }
            return Ok(ExitCode::SUCCESS);
        }
        let (from, to) = choose(&all, self.version)?;
        let since = self.since(&session, &to.schema).await?;
        session.printer.message(&format!(
            "live   {}\nback to{}\n{}",
            shown(from),
            shown(to),
            since.text()
        ));
        refuse_breaking(&since.verdicts, self.allow_breaking)?;
        session.confirm(&format!(
            "Move callers from version {} to version {} in {}?",
            from.number,
            to.number,
            session.place()
        ))?;
        let id = alias::id("chatbot");
        let started = Instant::now();
        with_lease(&session, "rollback", self.changing.wait, async |_| {
            session.events.started(&id.to_string(), "moving");
            let cx = Cx {
                aws: &session.aws,
                stack: &session.stack,
                id: &id,
                events: &session.events,
                artifacts: &Artifacts::default(),
                known: &Known::new(),
                options: &session.options,
                database_server: session.database_server(),
            };
            roll_back(&cx, from, to).await?;
            session
                .events
                .done(&id.to_string(), "moved", started.elapsed());
            Ok(())
        })
        .await?;
        document["rollback"] = json!({
            "from": from.number,
            "to": to.number,
            "migrations_since": since.applied,
            "breaking": since.verdicts,
        });
        let printer = session.printer;
        session.close().await;
        if printer.json {
            printer.document(&document);
        } else {
            printer.data(&format!(
                "version {} serves; the next `wmctl up` moves forward again",
                to.number
            ));
        }
        Ok(ExitCode::SUCCESS)
    }

    /// What has been applied since a version was published.
    async fn since(&self, session: &Session, schema: &str) -> Result<Since> {
        let dir = session.base.join(&session.config.migrations.dir);
        let files = migrations::read(&dir)?;
        let migrator = session.stack.name("migrator");
        let state = migrating::status(&session.aws, &session.events, &migrator).await;
        let state = match state {
            Ok(state) => state,
            // An outage is no time to insist.
            Err(error) if self.allow_breaking => {
                let note = format!("What was migrated since is not known: {error}");
                session.events.note(note);
                json!({})
            }
            Err(error) => {
                return Err(Error {
                    message: format!("what was migrated since is not known: {error}"),
                    ..error
                }
                .hint("--allow-breaking moves `live` without knowing"));
            }
        };
        let applied = state["applied"].as_array().into_iter().flatten();
        let begun = state["dirty"].as_array().into_iter().flatten();
        let versions = applied
            .chain(begun)
            .filter_map(|file| file["version"].as_str());
        let applied: Vec<String> = versions
            .filter(|version| *version > schema)
            .map(str::to_owned)
            .collect();
        // Of a version by an older wmctl the schema is not known, nor of files that are gone.
        let unknown = applied
            .iter()
            .filter(|version| !files.iter().any(|file| file.version() == *version));
        let unknown = unknown.map(|version| Verdict {
            file: version.clone(),
            statement: 1,
            does: "is in the database and not in the folder".to_owned(),
            breaks: true,
            destroys: false,
        });
        let unknown: Vec<Verdict> = unknown.collect();
        let before = files.iter().filter(|file| file.version() <= schema);
        let after = files
            .iter()
            .filter(|file| applied.iter().any(|version| version == file.version()));
        let mut verdicts = judge(
            &migrations::statements(before)?,
            &migrations::statements(after)?,
        );
        verdicts.retain(|verdict| verdict.breaks);
        verdicts.extend(unknown);
        if schema.is_empty() {
            verdicts.push(Verdict {
                file: "(any)".to_owned(),
                statement: 1,
                does: "may have come after it: it does not say which schema it was published with"
                    .to_owned(),
                breaks: true,
                destroys: false,
            });
        }
        Ok(Since { applied, verdicts })
    }
}

struct Since {
    applied: Vec<String>,
    /// Those that the version may not survive.
    verdicts: Vec<Verdict>,
}

impl Since {
    fn text(&self) -> String {
        if self.applied.is_empty() {
            return "No migration came after it.".to_owned();
        }
        let list = self.applied.join(", ");
        if self.verdicts.is_empty() {
            format!("Migrations after it: {list}. None took anything away.")
        } else {
            format!("Migrations after it: {list}.")
        }
    }
}
