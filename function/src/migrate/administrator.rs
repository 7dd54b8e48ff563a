//! Connecting as the administrator, whatever a rotation of its password has come to.

use sqlx::mysql::MySqlConnection;

use super::Failure;
use crate::database;
use crate::secrets::Vault;
use crate::settings::{Credentials, Target, environment, required};

const SECRET: &str = "ADMIN_SECRET_ARN";

/// The secret's ARN.
pub fn secret() -> Result<String, Failure> {
    required(&environment, SECRET).map_err(|reason| Failure::new("Settings", reason))
}

/// Connects without a schema, which may not exist yet.
///
/// A rotation that was cut off after the database got the new password has left it as the secret's
/// pending one. And one that ends while this connects makes the pending one current.
pub async fn connect(
    vault: &mut Vault,
    target: &Target,
) -> Result<(MySqlConnection, Credentials), Failure> {
    let arn = secret()?;
    let failed = |reason| Failure::new("Secrets", format!("{SECRET}: {reason}"));
    let current = vault.login(&arn).await.map_err(failed)?;
    let refused = match attempt(target, current).await? {
        Ok(connected) => return Ok(connected),
        Err(refused) => refused,
    };
    if let Some(pending) = vault.pending(&arn, None).await.map_err(failed)?
        && let Ok(connected) = attempt(target, pending).await?
    {
        return Ok(connected);
    }
    let current = vault.login(&arn).await.map_err(failed)?;
    attempt(target, current)
        .await?
        .map_err(|_| unreachable(&refused))
}

/// The inner error is the database's refusal of this login.
async fn attempt(
    target: &Target,
    login: Credentials,
) -> Result<Result<(MySqlConnection, Credentials), sqlx::Error>, Failure> {
    match database::connect(target, &login, None).await {
        Ok(connection) => Ok(Ok((connection, login))),
        Err(error) if database::is_access_denied(&error) => Ok(Err(error)),
        Err(error) => Err(unreachable(&error)),
    }
}

fn unreachable(error: &sqlx::Error) -> Failure {
    let cause = database::cause(error);
    Failure::new(
        "Database",
        format!("the database cannot be reached as administrator: {cause}"),
    )
}
