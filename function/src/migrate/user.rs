//! The application's users: reading and adding, in one schema, over TLS, and nothing else.

use std::fmt::Write as _;

use secrecy::{ExposeSecret as _, SecretString};
use sha1::{Digest as _, Sha1};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Row as _};

use super::Failure;
use crate::settings::{Credentials, Target, Tls, is_identifier};

/// Makes the user what it must be, whatever it was before.
///
/// Nothing can be bound in these statements. The names are checked to be letters, digits and
/// underscores, and of the password only the server's own hash is sent, so that neither a
/// general log nor a process list can show it.
pub async fn ensure(
    target: &Target,
    login: &Credentials,
    administrator: &str,
    connection: &mut MySqlConnection,
) -> Result<(), Failure> {
    let name = login.username.as_str();
    if !is_identifier(name) || name.len() > 32 {
        return Err(Failure::new(
            "Settings",
            "the application user's name must be 1 to 32 letters, digits and underscores",
        ));
    }
    if name.eq_ignore_ascii_case(administrator) {
        return Err(Failure::new(
            "Settings",
            "the application's user must not be the administrator",
        ));
    }
    let password = login.password.expose_secret();
    if password.is_empty() {
        return Err(Failure::new(
            "Settings",
            "the application user's password is empty",
        ));
    }
    let account = account(name);
    let identified = identified(&login.password);
    let require = if target.tls == Tls::Disabled {
        "NONE"
    } else {
        "SSL"
    };
    for statement in ["CREATE USER IF NOT EXISTS", "ALTER USER"] {
        let statement = format!("{statement} {account} {identified} REQUIRE {require}");
        execute(AssertSqlSafe(statement), connection).await?;
    }
    grant(target, name, connection).await
}

/// Sees to the privileges of a user who may or may not be there, and leaves its password alone.
pub async fn ensure_grants(
    target: &Target,
    name: &str,
    connection: &mut MySqlConnection,
) -> Result<(), Failure> {
    let there: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM mysql.user WHERE User = ? AND Host = '%')",
    )
    .bind(name)
    .fetch_one(&mut *connection)
    .await?;
    if there {
        grant(target, name, connection).await?;
    }
    Ok(())
}

/// Reading and adding in the schema, and nothing else.
async fn grant(
    target: &Target,
    name: &str,
    connection: &mut MySqlConnection,
) -> Result<(), Failure> {
    let account = account(name);
    // In a GRANT an underscore stands for any character, unless escaped.
    let schema = format!("`{}`", target.name.replace('_', "\\_"));
    let wanted = format!("GRANT SELECT, INSERT ON {schema}.* TO `{name}`@`%`");
    let granted = grants(&account, connection).await?;
    let strange = |grant: &String| *grant != wanted && !is_usage(grant);
    // A new user in the old one's place: what someone else granted, the administrator may be
    // unable to revoke. Connections that are open stay so.
    if granted.iter().any(strange) {
        let create = rows(format!("SHOW CREATE USER {account}"), connection).await?;
        execute(AssertSqlSafe(format!("DROP USER {account}")), connection).await?;
        for statement in create {
            execute(AssertSqlSafe(statement), connection).await?;
        }
    }
    let statement = format!("GRANT SELECT, INSERT ON {schema}.* TO {account}");
    execute(AssertSqlSafe(statement), connection).await?;
    if grants(&account, connection).await?.iter().any(strange) {
        return Err(Failure::new(
            "Grants",
            format!("{account} has more privileges than SELECT and INSERT on its schema"),
        ));
    }
    Ok(())
}

/// The name was checked to be an identifier, or stands in the database.
fn account(name: &str) -> String {
    format!("'{name}'@'%'")
}

fn identified(password: &SecretString) -> String {
    let hash = native_hash(password.expose_secret());
    format!("IDENTIFIED VIA mysql_native_password USING '{hash}'")
}

pub async fn execute(
    statement: AssertSqlSafe<String>,
    connection: &mut MySqlConnection,
) -> Result<(), Failure> {
    // The server quotes a part of a statement it cannot read: not one with a password's hash.
    let executed = sqlx::raw_sql(statement).execute(connection).await;
    executed
        .map(drop)
        .map_err(|error| match error.as_database_error() {
            Some(refused) if refused.code().as_deref() == Some("42000") => {
                let code = refused
                    .try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()
                    .map_or(0, sqlx::mysql::MySqlDatabaseError::number);
                Failure::new(
                    "Database",
                    format!("the administrator may not set up the database's users (error {code})"),
                )
            }
            _ => error.into(),
        })
}

async fn grants(account: &str, connection: &mut MySqlConnection) -> Result<Vec<String>, Failure> {
    rows(format!("SHOW GRANTS FOR {account}"), connection).await
}

/// The first column.
async fn rows(query: String, connection: &mut MySqlConnection) -> Result<Vec<String>, Failure> {
    let rows = sqlx::raw_sql(AssertSqlSafe(query))
        .fetch_all(connection)
        .await?;
    Ok(rows
        .iter()
        .map(|row| row.try_get::<String, _>(0))
        .collect::<Result<_, _>>()?)
}

/// "May connect": every user's first line, with its authentication.
fn is_usage(grant: &str) -> bool {
    grant.starts_with("GRANT USAGE ON *.* ") && !grant.contains("WITH GRANT OPTION")
}

/// What `mysql_native_password` stores: a star and SHA-1 of SHA-1 of the password.
pub fn native_hash(password: &str) -> String {
    let twice = Sha1::digest(Sha1::digest(password.as_bytes()));
    twice.iter().fold(String::from("*"), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02X}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_own_hash() {
        assert_eq!(
            native_hash("password"),
            "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"
        );
    }

    #[test]
    fn reads_grants() {
        assert!(is_usage(
            "GRANT USAGE ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '*2' REQUIRE SSL"
        ));
        assert!(!is_usage(
            "GRANT USAGE ON *.* TO `app`@`%` WITH GRANT OPTION"
        ));
        assert!(!is_usage("GRANT SELECT ON *.* TO `app`@`%`"));
    }
}
