//! The steps of a rotation, as Secrets Manager's schedule and `wmctl rotate-secrets` ask for them.
//!
//! The application has two users. While one is in use, the other gets a new password and takes its
//! place, so that no sandbox is cut off: what it holds works until the rotation after the next.
//! The administrator is one user, whom the migrator alone logs in as.
//!
//! Each step can be repeated, and finds out what an earlier run has done: the version that is
//! rotated to is the caller's token, its value never changes once it is there, and the database is
//! asked whether it takes the login before that becomes the current one.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::Value;
use sqlx::AssertSqlSafe;

use super::{Failure, administrator, lock, user};
use crate::database;
use crate::secrets::Vault;
use crate::settings::{Credentials, Target, environment, required};
use crate::stages::{CURRENT, PENDING, PREVIOUS, Stages};

/// What tells the application's second user from the first.
const CLONE: &str = "_clone";
/// `wmctl` gave the database the password of the version that this label names; that of the
/// version that has the label came to it by rotation. A current version without one did not.
const SET: &str = "wmctl-set-";
/// RDS takes at most 41 characters for MariaDB.
const PASSWORD_LENGTH: usize = 40;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Create,
    Set,
    Test,
    Finish,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Whose {
    App,
    Admin,
}

/// One step of one secret's rotation.
#[derive(Debug)]
pub struct Rotation {
    step: Step,
    whose: Whose,
    arn: String,
    /// The version that is rotated to.
    version: String,
}

/// What a step came to.
#[derive(Debug, Serialize)]
pub struct Rotated {
    secret: Whose,
    version: String,
    /// Whether that is the current version now.
    current: bool,
    username: String,
}

impl Rotation {
    /// `None` where the event is none of a rotation's.
    pub fn read(event: &Value) -> Result<Option<Self>, Failure> {
        let Some(fields) = event.as_object().filter(|all| all.contains_key("Step")) else {
            return Ok(None);
        };
        let invalid = |why: &str| Failure::new("InvalidEvent", why);
        // The last is for secrets of other accounts, and not always sent.
        let known = ["Step", "SecretId", "ClientRequestToken", "RotationToken"];
        if fields.keys().any(|name| !known.contains(&name.as_str())) {
            return Err(invalid("a rotation's event has other fields"));
        }
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let step = match text("Step") {
            Some("createSecret") => Step::Create,
            Some("setSecret") => Step::Set,
            Some("testSecret") => Step::Test,
            Some("finishSecret") => Step::Finish,
            _ => return Err(invalid("Step is none of a rotation's")),
        };
        let (Some(arn), Some(version)) = (text("SecretId"), text("ClientRequestToken")) else {
            return Err(invalid("SecretId or ClientRequestToken is missing"));
        };
        let app = required(&environment, "DB_SECRET_ARN");
        let whose = if app.is_ok_and(|app| app == arn) {
            Whose::App
        } else if administrator::secret()? == arn {
            Whose::Admin
        } else {
            return Err(invalid("SecretId names neither login of this database"));
        };
        Ok(Some(Self {
            step,
            whose,
            arn: arn.to_owned(),
            version: version.to_owned(),
        }))
    }

    pub async fn run(
        self,
        vault: &mut Vault,
        target: &Target,
        remaining: Duration,
    ) -> Result<Rotated, Failure> {
        let stages = vault.stages(&self.arn).await.map_err(in_secrets)?;
        let mut current = stages.version(CURRENT) == Some(&self.version);
        let login = if current {
            if self.step == Step::Finish {
                self.tidy(vault, &stages, PREVIOUS).await?;
            }
            vault.login(&self.arn).await.map_err(in_secrets)?
        } else {
            match self.step {
                Step::Create => self.create(vault, &stages).await?,
                Step::Set => self.set(vault, target, &stages, remaining).await?,
                Step::Test => self.test(vault, target, &stages).await?,
                Step::Finish => {
                    current = true;
                    self.finish(vault, target, &stages).await?
                }
            }
        };
        Ok(Rotated {
            secret: self.whose,
            version: self.version,
            current,
            username: login.username,
        })
    }

    /// Makes the next login up.
    async fn create(&self, vault: &mut Vault, stages: &Stages) -> Result<Credentials, Failure> {
        if let Some(other) = stages.version(PENDING).filter(|one| *one != self.version) {
            if !stages.has(other, CURRENT) {
                return Err(Failure::new(
                    "RotationUnderWay",
                    format!("the version {other} is pending: that rotation has to end first"),
                ));
            }
            // Left behind by one that ended.
            let removed = vault.move_label(&self.arn, PENDING, Some(other), None);
            removed.await.map_err(in_secrets)?;
        }
        let made = vault.pending(&self.arn, Some(&self.version)).await;
        if let Some(login) = made.map_err(in_secrets)? {
            return Ok(login);
        }
        let now = vault.login(&self.arn).await.map_err(in_secrets)?;
        let login = Credentials {
            username: self.next(&now.username),
            password: password()?,
        };
        let put = vault.put_pending(&self.arn, &self.version, &login);
        put.await.map_err(in_secrets)?;
        Ok(login)
    }

    /// Gives the database the next login.
    async fn set(
        &self,
        vault: &mut Vault,
        target: &Target,
        stages: &Stages,
        remaining: Duration,
    ) -> Result<Credentials, Failure> {
        let next = self.pending(vault, stages).await?;
        let next = next.ok_or_else(|| Failure::new("NotCreated", self.has("no value yet")))?;
        let now = vault.login(&self.arn).await.map_err(in_secrets)?;
        if next.username != self.next(&now.username) {
            let why = format!(
                "for the user {}, who does not follow {}; take AWSPENDING from it to begin anew",
                next.username, now.username
            );
            return Err(Failure::new("NotNext", self.has(&why)));
        }
        let (mut connection, administrator) = administrator::connect(vault, target).await?;
        lock::take(target, remaining, None, &mut connection).await?;
        match self.whose {
            Whose::App => {
                user::ensure(target, &next, &administrator.username, &mut connection).await?;
            }
            Whose::Admin => {
                // Not ALTER USER CURRENT_USER(), which MariaDB takes and does nothing for.
                let hash = user::native_hash(next.password.expose_secret());
                let statement = AssertSqlSafe(format!("SET PASSWORD = '{hash}'"));
                user::execute(statement, &mut connection).await?;
            }
        }
        Ok(next)
    }

    /// Logs in. Where rotation is set up, this is tried without any rotation before it: with a
    /// version that has the current value, or none.
    async fn test(
        &self,
        vault: &mut Vault,
        target: &Target,
        stages: &Stages,
    ) -> Result<Credentials, Failure> {
        let login = match self.pending(vault, stages).await? {
            Some(login) => login,
            None => vault.login(&self.arn).await.map_err(in_secrets)?,
        };
        self.log_in(target, login).await
    }

    /// Makes the next login the current one, once the database takes it.
    async fn finish(
        &self,
        vault: &mut Vault,
        target: &Target,
        stages: &Stages,
    ) -> Result<Credentials, Failure> {
        let login = self.pending(vault, stages).await?;
        let login = login.ok_or_else(|| Failure::new("NotCreated", self.has("no value yet")))?;
        let login = self.log_in(target, login).await?;
        let (from, to) = (stages.version(CURRENT), Some(self.version.as_str()));
        let moved = vault.move_label(&self.arn, CURRENT, from, to);
        moved.await.map_err(in_secrets)?;
        self.tidy(vault, stages, CURRENT).await?;
        Ok(login)
    }

    /// Says where the administrator's password came from, then that nothing is pending any more.
    /// `before` is the label that the version rotated from has in `stages`.
    async fn tidy(&self, vault: &mut Vault, stages: &Stages, before: &str) -> Result<(), Failure> {
        let is_set = |label: &&String| label.starts_with(SET);
        let known = stages.labels(&self.version).iter().find(is_set);
        if let Some(before) = stages.version(before)
            && self.whose == Whose::Admin
            && known.is_none()
        {
            let kept = stages.labels(before).iter().find(is_set);
            let label = kept.map_or_else(|| format!("{SET}{before}"), Clone::clone);
            let from = kept.map(|_| before);
            let moved = vault.move_label(&self.arn, &label, from, Some(&self.version));
            moved.await.map_err(in_secrets)?;
        }
        if stages.has(&self.version, PENDING) {
            let removed = vault.move_label(&self.arn, PENDING, Some(&self.version), None);
            removed.await.map_err(in_secrets)?;
        }
        Ok(())
    }

    /// The login that is rotated to, where it was made already.
    async fn pending(
        &self,
        vault: &mut Vault,
        stages: &Stages,
    ) -> Result<Option<Credentials>, Failure> {
        if !stages.has(&self.version, PENDING) {
            return Err(Failure::new("NotPending", self.has("no label AWSPENDING")));
        }
        let login = vault.pending(&self.arn, Some(&self.version)).await;
        login.map_err(in_secrets)
    }

    async fn log_in(&self, target: &Target, login: Credentials) -> Result<Credentials, Failure> {
        let schema = (self.whose == Whose::App).then_some(target.name.as_str());
        match database::connect(target, &login, schema).await {
            Ok(_) => Ok(login),
            Err(error) => Err(Failure::new(
                "Database",
                self.has(&format!(
                    "a login that does not work: {}",
                    database::cause(&error)
                )),
            )),
        }
    }

    /// Who follows this user.
    fn next(&self, user: &str) -> String {
        match self.whose {
            Whose::App => partner(user),
            Whose::Admin => user.to_owned(),
        }
    }

    fn has(&self, what: &str) -> String {
        format!("the version {} has {what}", self.version)
    }
}

/// The other of the application's two users.
pub fn partner(user: &str) -> String {
    match user.strip_suffix(CLONE) {
        Some(first) => first.to_owned(),
        None => format!("{user}{CLONE}"),
    }
}

fn in_secrets(reason: String) -> Failure {
    Failure::new("Secrets", reason)
}

/// Random letters and digits.
fn password() -> Result<SecretString, Failure> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut password = String::with_capacity(PASSWORD_LENGTH);
    let mut bytes = [0; 64];
    while password.len() < PASSWORD_LENGTH {
        getrandom::fill(&mut bytes).map_err(|error| {
            let why = format!("the operating system gives no random numbers: {error}");
            Failure::new("Random", why)
        })?;
        // Only so many bytes that each letter is as likely as any other.
        let fair = bytes.iter().filter(|byte| **byte < 248);
        let letters = fair.filter_map(|byte| LETTERS.get(usize::from(byte % 62)));
        let left = PASSWORD_LENGTH - password.len();
        password.extend(letters.take(left).map(|letter| char::from(*letter)));
    }
    Ok(password.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn two_users_take_turns() {
        assert_eq!(partner("app_user"), "app_user_clone");
        assert_eq!(partner("app_user_clone"), "app_user");
    }

    #[test]
    fn passwords_are_long_and_random() {
        let (one, two) = (password().unwrap(), password().unwrap());
        assert_eq!(one.expose_secret().len(), PASSWORD_LENGTH);
        assert!(
            one.expose_secret()
                .bytes()
                .all(|c| c.is_ascii_alphanumeric())
        );
        assert_ne!(one.expose_secret(), two.expose_secret());
    }

    #[test]
    fn other_events_are_left_to_others() {
        assert!(
            Rotation::read(&json!({"action": "migrate"}))
                .unwrap()
                .is_none()
        );
        for event in [
            json!({"Step": "createSecret"}),
            json!({"Step": "dropSecret", "SecretId": "a", "ClientRequestToken": "b"}),
            json!({"Step": "createSecret", "SecretId": "a", "ClientRequestToken": "b", "body": ""}),
        ] {
            assert_eq!(Rotation::read(&event).unwrap_err().kind, "InvalidEvent");
        }
    }
}
