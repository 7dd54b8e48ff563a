//! `wmctl migrate`

use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::Global;
use super::change::{Changing, with_lease};
use super::safety::{Safety, refuse_breaking, snapshot_first};
use super::session::Session;
use crate::error::{Error, Result};
use crate::migrations::breaking::{Verdict, judge};
use crate::migrations::{self, Migration, Statement};
use crate::object::{Id, Known, attributes};
use crate::report::migrations_text;
use crate::resources::lambda::migrating::{self, Wish};
use crate::resources::lambda::schema;
use crate::resources::{Cx, rds};

/// Apply pending migrations to the database, from inside its network
///
/// The deployed migrator carries the migrations of the last `up`; it alone holds the
/// administrator's password, and nobody outside the VPC reaches the database. One statement runs
/// after the other, and each is logged and counted: a run that fails or stops is continued by the
/// next. Runs wait for each other.
///
/// A migration must suit the version that serves: first expand, then move on, then contract. What
/// takes something away is refused unless --allow-breaking is given, and on AWS a snapshot comes
/// before anything that loses data.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Migrate {
    /// Only show what is applied, what is pending and what needs repair
    #[arg(long, conflicts_with_all = ["dry_run", "to", "repair"])]
    pub status: bool,

    /// Only show the SQL of what is pending, and what it does to the tables that are there
    ///
    /// Each statement is tried on an empty copy of its table, in a schema of its own, so that the
    /// server itself says whether rows can be read and written meanwhile.
    #[arg(long, conflicts_with = "repair")]
    pub dry_run: bool,

    /// Apply up to this version, such as 0005, and no further
    #[arg(long, value_name = "VERSION", conflicts_with = "repair")]
    pub to: Option<String>,

    /// Say what became of the statement that failed or was cut off
    ///
    /// One that failed was taken back by the server: the next run tries it again by itself, and
    /// `done` is for who did by hand what it does. Of one that was cut off nobody knows: look in
    /// the database first; until then every run is refused.
    #[arg(long, value_name = "FINDING", value_enum)]
    pub repair: Option<Repair>,

    #[command(flatten)]
    pub safety: Safety,

    #[command(flatten)]
    pub changing: Changing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Repair {
    /// What the statement does is there: go on behind it
    Done,
    /// It is not there: the next run executes the statement once more
    Again,
}

const EXAMPLES: &str = "\
Examples:
  wmctl migrate --status             applied with time and duration, pending, changed, to repair
  wmctl migrate --dry-run            the SQL of what is pending, and which tables it locks
  wmctl migrate --to 0005            as far as 0005
  wmctl migrate --repair done        what was cut off has taken effect; then: wmctl migrate";

impl Migrate {
    pub async fn run(self, global: &Global) -> Result<ExitCode> {
        let session = Session::open(global).await?;
        let migrator = session.stack.name("migrator");
        let local = migrations::read(&session.base.join(&session.config.migrations.dir))?;
        let (aws, events) = (&session.aws, &session.events);
        let mut state = if self.status {
            asked(&session, "reading", "read", || {
                migrating::status(aws, events, &migrator)
            })
            .await?
        } else if let Some(repair) = self.repair {
            self.repair(&session, &migrator, repair).await?
        } else {
            let to = self.to.as_deref();
            let plan = asked(&session, "rehearsing", "rehearsed", || {
                migrating::plan(aws, events, &migrator, to)
            })
            .await?;
            if self.dry_run {
                plan
            } else {
                self.apply(&session, &migrator, &local, plan).await?
            }
        };
        let local_only = not_deployed(&local, &state);
        if self.dry_run {
            let files = local_only.iter().filter(|file| {
                let to = self.to.as_deref();
                to.is_none_or(|to| file.version() <= to)
            });
            let files = files
                .map(|file| planned(file))
                .collect::<Result<Vec<_>>>()?;
            if let Some(plan) = state["plan"].as_array_mut() {
                plan.extend(files);
            }
        }
        state["breaking"] = json!(verdicts(&local, &pending(&state)));
        let names = local_only.iter().map(|file| file.file.as_str());
        state["not_deployed"] = names.collect();
        let mut document = session.document();
        document["migrations"] = state;
        let printer = session.printer;
        session.close().await;
        if printer.json {
            printer.document(&document);
        } else {
            printer.data(&migrations_text(&document["migrations"]));
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn apply(
        &self,
        session: &Session,
        migrator: &str,
        local: &[Migration],
        mut plan: Value,
    ) -> Result<Value> {
        let pending = pending(&plan);
        let verdicts = verdicts(local, &pending);
        let snapshot = snapshot_first(session, &self.safety, &verdicts);
        if !pending.is_empty() {
            plan["breaking"] = json!(verdicts);
            session.printer.message(&migrations_text(&plan));
            refuse_breaking(&verdicts, self.safety.allow_breaking)?;
            if snapshot {
                session
                    .printer
                    .message("A snapshot of the database is taken first.");
            }
            session.confirm(&format!(
                "Execute {} statements in {}?",
                pending.len(),
                session.place()
            ))?;
        }
        let wish = Wish {
            to: self.to.clone(),
            allow_slow: self.safety.allow_slow,
        };
        with_lease(session, "migrate", self.changing.wait, async |stopped| {
            // Not beside a rotation, which would find the password before its own.
            if let Some(server) = session.database_server() {
                let database = &session.config.database;
                let own = || session.stack.secret_name("database-admin");
                let secret = database.admin_secret.clone().unwrap_or_else(own);
                schema::provision(&session.aws, &secret, server, &database.name).await?;
            }
            if snapshot && !pending.is_empty() {
                take_snapshot(session).await?;
            }
            asked(session, "migrating", "migrated", || {
                migrating::migrate(&session.aws, &session.events, migrator, &wish, stopped)
            })
            .await
        })
        .await
    }

    async fn repair(&self, session: &Session, migrator: &str, repair: Repair) -> Result<Value> {
        let (aws, events) = (&session.aws, &session.events);
        let state = migrating::status(aws, events, migrator).await?;
        let mut dirty = state["dirty"].as_array().into_iter().flatten();
        let Some(dirty) = dirty.find(|file| file["state"] != "stopped") else {
            return Err(Error::usage(
                "nothing needs repair: no statement has failed or was cut off",
            )
            .hint("`wmctl migrate --status` shows where the schema stands"));
        };
        session.printer.message(&migrations_text(&state));
        let (version, statement) = (dirty["version"].as_str(), &dirty["statement"]);
        let version = version.unwrap_or_default();
        let (finding, what) = match repair {
            Repair::Done => ("done", "as done"),
            Repair::Again => ("again", "as not done, to be executed again,"),
        };
        session.confirm(&format!(
            "Take statement {statement} of {version} {what} in {}?",
            session.place()
        ))?;
        with_lease(session, "migrate", self.changing.wait, async |_| {
            migrating::repair(aws, events, migrator, finding).await
        })
        .await
    }
}

async fn take_snapshot(session: &Session) -> Result<()> {
    let id = schema::id();
    let instance = session.stack.prefix();
    let name = session.config.database.instance.as_ref();
    let known = attributes([("id", name.unwrap_or(&instance))]);
    let cx = Cx {
        aws: &session.aws,
        stack: &session.stack,
        id: &id,
        events: &session.events,
        artifacts: &crate::artifact::Artifacts::default(),
        known: &Known::from([(Id::new("db-instance", "main"), known)]),
        options: &session.options,
        database_server: session.database_server(),
    };
    rds::snapshot::take(&cx).await.map(drop)
}

/// The statements that the migrator still has to execute.
fn pending(state: &Value) -> Vec<Statement> {
    let mut pending = Vec::new();
    for file in state["plan"].as_array().into_iter().flatten() {
        let text = |name: &str| file[name].as_str().unwrap_or_default();
        let name = format!("{}_{}.sql", text("version"), text("name"));
        let done = file["done"].as_u64().unwrap_or_default();
        let statements = file["statements"].as_array().into_iter().flatten();
        let numbered = statements.zip(1..);
        let left = numbered.filter(|(_, number)| *number as u64 > done);
        pending.extend(left.map(|(sql, number)| Statement {
            file: name.clone(),
            number,
            sql: sql.as_str().unwrap_or_default().to_owned(),
        }));
    }
    pending
}

/// What is wrong with them, after the files of the folder that come before.
fn verdicts(local: &[Migration], pending: &[Statement]) -> Vec<Verdict> {
    let first = pending.first().map(|statement| statement.file.as_str());
    let before = local
        .iter()
        .filter(|file| first.is_some_and(|first| file.file.as_str() < first));
    // A file that cannot be cut tells nothing, and is refused where it is pending.
    let before = migrations::statements(before).unwrap_or_default();
    judge(&before, pending)
}

/// The folder's files that the deployed migrator does not carry.
fn not_deployed<'a>(local: &'a [Migration], state: &Value) -> Vec<&'a Migration> {
    let known = |version: &str| {
        ["applied", "pending"].iter().any(|list| {
            let list = state[*list].as_array().into_iter().flatten();
            let mut versions = list.filter_map(|file| file["version"].as_str());
            versions.any(|known| known == version)
        })
    };
    let files = local.iter();
    files.filter(|file| !known(file.version())).collect()
}

/// One of them, in the form in which the migrator tells of its own. What it does to the tables that
/// are there, only the migrator can find out.
fn planned(file: &Migration) -> Result<Value> {
    let statements = file.statements()?.into_iter();
    let statements: Vec<String> = statements.map(|statement| statement.sql).collect();
    let (_, name) = file.file.split_once('_').unwrap_or_default();
    Ok(json!({
        "version": file.version(), "name": name.trim_end_matches(".sql"), "done": 0,
        "statements": statements, "effects": [], "deployed": false,
    }))
}

/// Shows what the migrator is doing, or what it is waited for.
async fn asked<T, F>(
    session: &Session,
    doing: &str,
    done: &str,
    call: impl FnOnce() -> F,
) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let (id, started) = (schema::id().to_string(), Instant::now());
    session.events.started(&id, doing);
    let answer = call().await?;
    session.events.done(&id, done, started.elapsed());
    Ok(answer)
}
