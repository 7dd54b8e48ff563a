//! `wmctl migrate`

use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};

use super::Global;
use super::change::{Changing, with_lease};
use super::session::Session;
use crate::error::Result;
use crate::resources::lambda::schema;

/// Apply pending migrations to the database, from inside its network
///
/// The deployed migrator carries the migrations of the last `up`; it alone holds the
/// administrator's password, and nobody outside the VPC reaches the database.
#[derive(Debug, Args)]
pub struct Migrate {
    /// Only show what is applied and what is pending
    #[arg(long)]
    pub status: bool,

    #[command(flatten)]
    pub changing: Changing,
}

impl Migrate {
    pub async fn run(self, global: &Global) -> Result<ExitCode> {
        let session = Session::open(global).await?;
        let migrator = session.stack.name("migrator");
        let mut state = asked(&session, "reading", "read", || {
            schema::status(&session.aws, &session.events, &migrator)
        })
        .await?;
        let pending = list(&state, "pending").len();
        if !self.status {
            if pending > 0 {
                session.printer.message(&table(&state));
                session.confirm(&format!(
                    "Apply {pending} migrations in {}?",
                    session.place()
                ))?;
            }
            state = with_lease(&session, "migrate", self.changing.wait, async |_| {
                // Not beside a rotation, which would find the password before its own.
                if let Some(server) = session.database_server() {
                    let database = &session.config.database;
                    let own = || session.stack.secret_name("database-admin");
                    let secret = database.admin_secret.clone().unwrap_or_else(own);
                    schema::provision(&session.aws, &secret, server, &database.name).await?;
                }
                asked(&session, "migrating", "migrated", || {
                    schema::migrate(&session.aws, &session.events, &migrator)
                })
                .await
            })
            .await?;
        }
        let mut document = session.document();
        document["migrations"] = json!(state);
        let printer = session.printer;
        session.close().await;
        if printer.json {
            printer.document(&document);
        } else {
            printer.data(&table(&state));
        }
        Ok(ExitCode::SUCCESS)
    }
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

fn list<'a>(state: &'a Value, name: &str) -> &'a [Value] {
    state[name].as_array().map_or(&[], Vec::as_slice)
}

/// A line for each migration: version, name, when it was applied and how long it took.
fn table(state: &Value) -> String {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let mut lines: Vec<String> = list(state, "applied")
        .iter()
        .map(|migration| {
            format!(
                "applied  {}  {}  {} UTC, {} ms",
                text(&migration["version"]),
                text(&migration["name"]),
                text(&migration["applied_at"]),
                migration["duration_ms"],
            )
        })
        .collect();
    lines.extend(list(state, "pending").iter().map(|migration| {
        format!(
            "pending  {}  {}",
            text(&migration["version"]),
            text(&migration["name"])
        )
    }));
    lines.push(format!(
        "{} applied, {} pending, {} new",
        list(state, "applied").len(),
        list(state, "pending").len(),
        list(state, "newly_applied").len(),
    ));
    lines.join("\n")
}
