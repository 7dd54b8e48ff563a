//! `wmctl rotate-secrets`

use std::process::ExitCode;
use std::time::SystemTime;

use aws_sdk_secretsmanager::primitives::{DateTime, DateTimeFormat};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::Global;
use super::change::{Changing, with_lease};
use super::session::Session;
use crate::error::{Error, Kind, Result};
use crate::object::Id;
use crate::resources::lambda::rotation::{Rotated, rotate};
use crate::resources::secretsmanager::age::Age;
use crate::resources::secretsmanager::logins::{Login, login, since};
use crate::resources::secretsmanager::rotation::rotated;
use crate::resources::secretsmanager::username;

/// Give the database's users new passwords, while requests go on
///
/// The application has two users that take turns: one is in use, and the other gets a new password
/// and takes its place, so what running functions hold goes on to work. The administrator, whom
/// migrations alone use, gets a new password in place.
///
/// Secrets Manager does the same by itself, every [database] `rotate_after_days`. Run it by hand
/// whenever a password may be known to somebody: twice for the application, so that the password
/// which was in use is gone, too. A rotation that was cut off is ended by the next.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RotateSecrets {
    /// Whose password
    #[arg(value_enum, default_value = "all")]
    pub whose: Whose,

    /// Only show users, versions, ages and the next rotations
    #[arg(long)]
    pub status: bool,

    #[command(flatten)]
    pub changing: Changing,
}

const EXAMPLES: &str = "\
Examples:
  wmctl rotate-secrets --status          how old each password is, and when it rotates next
  wmctl rotate-secrets app               a new password for the application
  wmctl rotate-secrets --yes --json      both, without a question";

/// One of the database's logins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Whose {
    /// The application's two users, in turns
    App,
    /// The administrator; not one that somebody else keeps
    Admin,
    /// Both of them
    All,
}

impl Whose {
    /// Those that are meant, and may be rotated.
    fn names(self, own: &[&'static str]) -> Vec<&'static str> {
        let wanted: &[&str] = match self {
            Self::App => &["database-app"],
            Self::Admin => &["database-admin"],
            Self::All => &["database-app", "database-admin"],
        };
        let own = |name: &&&str| own.contains(*name);
        wanted.iter().filter(own).copied().collect()
    }
}

impl RotateSecrets {
    pub async fn run(self, global: &Global) -> Result<ExitCode> {
        let session = Session::open(global).await?;
        let names = self.whose.names(rotated(&session.config));
        if names.is_empty() {
            let instance = session.config.database.instance.clone().unwrap_or_default();
            return Err(Error::new(
                Kind::Refused,
                format!("the administrator of {instance} is somebody else's, who alone rotates it"),
            )
            .hint(
                "nothing was changed; `wmctl rotate-secrets app` rotates the stack's own users",
            ));
        }
        let mut logins = read(&session, &names).await?;
        let mut document = session.document();
        if !self.status {
            let shown: Vec<String> = logins.iter().map(|(id, _)| id.to_string()).collect();
            session.confirm(&format!(
                "Give new passwords to {} in {}?",
                shown.join(" and "),
                session.place()
            ))?;
            let done = self.rotate(&session, &names).await?;
            document["rotated"] = json!(done);
            logins = read(&session, &names).await?;
        }
        let days = session.config.database.rotate_after_days;
        let mut secrets = Vec::new();
        for (id, login) in &logins {
            secrets.push(state(&session, id, login, days).await?);
        }
        document["secrets"] = json!(secrets);
        let printer = session.printer;
        session.close().await;
        if printer.json {
            printer.document(&document);
        } else {
            let lines: Vec<String> = secrets.iter().map(line).collect();
            printer.data(&lines.join("\n"));
        }
        Ok(ExitCode::SUCCESS)
    }

    /// One after the other; the first that fails is the last.
    async fn rotate(&self, session: &Session, names: &[&str]) -> Result<Vec<Rotated>> {
        let migrator = session.stack.name("migrator");
        let (aws, events) = (&session.aws, &session.events);
        with_lease(
            session,
            "rotate-secrets",
            self.changing.wait,
            async |stopped| {
                let mut done = Vec::new();
                // What is pending may have changed before this run was alone.
                for (id, login) in read(session, names).await? {
                    done.push(rotate(aws, events, &migrator, (&id, &login), stopped).await?);
                }
                Ok(done)
            },
        )
        .await
    }
}

async fn read(session: &Session, names: &[&str]) -> Result<Vec<(Id, Login)>> {
    let mut logins = Vec::new();
    for name in names {
        let login = login(&session.aws, &session.stack, name).await?;
        let login = login.filter(|login| login.owned(&session.stack));
        let login = login.ok_or_else(|| {
            let secret = session.stack.secret_name(name);
            Error::failed(format!("the stack has no secret {secret}")).hint("run `wmctl up` first")
        })?;
        logins.push((Id::new("secret", *name), login));
    }
    Ok(logins)
}

async fn state(session: &Session, id: &Id, login: &Login, days: u32) -> Result<Value> {
    let secret = session.stack.secret_name(&id.name);
    let came = since(&session.aws, &session.stack, &id.name).await?;
    let since = came.and_then(|came| SystemTime::try_from(came).ok());
    let age = since.map(|since| Age {
        id: id.clone(),
        age: since.elapsed().unwrap_or_default(),
    });
    let scheduled = login.secret.rotation_enabled == Some(true);
    let rules = login.secret.rotation_rules.as_ref().filter(|_| scheduled);
    let next = login.secret.next_rotation_date.filter(|_| scheduled);
    Ok(json!({
        "id": id.to_string(),
        "secret": secret,
        "user": username(&session.aws, &secret).await?,
        "version": login.version("AWSCURRENT"),
        "since": came.as_ref().map(time),
        "age_days": age.as_ref().map(Age::days),
        "pending": login.version("AWSPENDING"),
        "rotates_after_days": rules.and_then(|rules| rules.automatically_after_days),
        "next": next.as_ref().map(time),
        "overdue": age.is_some_and(|age| age.is_overdue(days)),
    }))
}

fn time(time: &DateTime) -> String {
    time.fmt(DateTimeFormat::DateTime).unwrap_or_default()
}

/// One login for a person.
fn line(state: &Value) -> String {
    let text = |field: &str| state[field].as_str().unwrap_or("unknown").to_owned();
    let age = match state["age_days"].as_u64() {
        Some(1) => "1 day".to_owned(),
        Some(days) => format!("{days} days"),
        None => "unknown".to_owned(),
    };
    let schedule = match (state["rotates_after_days"].as_u64(), &state["next"]) {
        (Some(days), Value::String(next)) => format!("rotates every {days} days, next {next}"),
        (Some(days), _) => format!("rotates every {days} days"),
        (None, _) => "rotates by hand only".to_owned(),
    };
    let mut line = format!(
        "{:<22} user {:<22} version {}  age {age}  {schedule}",
        text("id"),
        text("user"),
        text("version"),
    );
    if state["overdue"] == true {
        line.push_str("  OVERDUE");
    }
    // A label that is left on the current version tells of nothing that is left to do.
    if state["pending"].is_string() && state["pending"] != state["version"] {
        line.push_str("  a rotation is under way, or was cut off");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_administrator_whom_others_keep_is_left_out() {
        let (own, app) = (["database-admin", "database-app"], ["database-app"]);
        assert_eq!(Whose::All.names(&own), ["database-app", "database-admin"]);
        assert_eq!(Whose::All.names(&app), ["database-app"]);
        assert_eq!(Whose::App.names(&app), ["database-app"]);
        assert_eq!(Whose::Admin.names(&app), [""; 0]);
    }

    #[test]
    fn a_line_says_what_is_overdue_and_under_way() {
        let mut state = json!({
            "id": "secret/database-app", "user": "app_user", "version": "v1", "age_days": 40,
            "rotates_after_days": 30, "next": "2026-01-31T12:00:00Z",
            "pending": "v2", "overdue": true,
        });
        let shown = line(&state);
        for text in [
            "app_user",
            "age 40 days",
            "every 30 days, next 2026",
            "OVERDUE",
            "cut off",
        ] {
            assert!(shown.contains(text), "{shown}");
        }
        state = json!({"pending": "v1", "version": "v1", "age_days": 1});
        let shown = line(&state);
        assert!(
            shown.ends_with("age 1 day  rotates by hand only"),
            "{shown}"
        );
    }
}
