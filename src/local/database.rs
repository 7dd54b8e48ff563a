//! What RDS does inside a database server on behalf of the control plane.

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Executor as _, Row as _};

use crate::error::{Error, Result};

/// What RDS lets a master user do in a database and hand on to others.
/// Not all privileges: what RDS keeps to itself must not work here either.
const RIGHTS: &str = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, \
    CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, \
    ALTER ROUTINE, EVENT, TRIGGER";

pub(super) async fn provision(
    connection: &mut MySqlConnection,
    name: &str,
    admin: &str,
    password: &SecretString,
) -> Result<()> {
    steps(connection, name, admin, password)
        .await
        .map_err(|error| {
            failed(
                &format!("the local database {name} could not be set up"),
                error,
            )
        })
}

async fn steps(
    connection: &mut MySqlConnection,
    name: &str,
    admin: &str,
    password: &SecretString,
) -> Result<(), sqlx::Error> {
    // Bound, not written into a statement: a statement may end up in a log or a process list.
    let hash: String = sqlx::query_scalar("SELECT PASSWORD(?)")
        .bind(password.expose_secret())
        .fetch_one(&mut *connection)
        .await?;
    let (database, admin) = (identifier(name), account(admin, "%"));
    // Where the migrator tries statements on empty copies; on RDS it may make any schema.
    let scratch: String = name.chars().take(50).collect();
    let scratch = identifier(&format!("{scratch}_wmctl_scratch"));
    let identity = format!(
        "IDENTIFIED VIA mysql_native_password USING {} REQUIRE SSL",
        text(&hash)
    );
    for statement in [
        format!("CREATE DATABASE IF NOT EXISTS {database}"),
        format!("CREATE USER IF NOT EXISTS {admin} {identity}"),
        format!("ALTER USER {admin} {identity}"),
        format!("GRANT {RIGHTS} ON {database}.* TO {admin} WITH GRANT OPTION"),
        format!("GRANT {RIGHTS} ON {scratch}.* TO {admin}"),
        format!("GRANT CREATE USER, RELOAD, PROCESS, SHOW DATABASES ON *.* TO {admin}"),
        // To see other users' grants, as on RDS.
        format!("GRANT SELECT ON mysql.* TO {admin}"),
    ] {
        connection.execute(AssertSqlSafe(statement)).await?;
    }
    Ok(())
}

pub(super) async fn drop(connection: &mut MySqlConnection, name: &str, admin: &str) -> Result<()> {
    remove(connection, name, admin).await.map_err(|error| {
        failed(
            &format!("the local database {name} could not be removed"),
            error,
        )
    })
}

async fn remove(
    connection: &mut MySqlConnection,
    name: &str,
    admin: &str,
) -> Result<(), sqlx::Error> {
    // The users that live in this database alone go with it, as they do with an instance.
    let users = sqlx::query(
        "SELECT User, Host, SUM(Db <> ?) AS elsewhere FROM (
             SELECT User, Host, REPLACE(Db, '\\\\', '') AS Db FROM mysql.db
             UNION ALL SELECT User, Host, Db FROM mysql.tables_priv
         ) grants WHERE User <> ? GROUP BY User, Host HAVING elsewhere = 0",
    )
    .bind(name)
    .bind(admin)
    .fetch_all(&mut *connection)
    .await?;
    let mut accounts = vec![account(admin, "%")];
    for user in users {
        accounts.push(account(
            &user.try_get::<String, _>(0)?,
            &user.try_get::<String, _>(1)?,
        ));
    }
    for account in accounts {
        connection
            .execute(AssertSqlSafe(format!("DROP USER IF EXISTS {account}")))
            .await?;
        // A connection that lives on may hold a lock that would make the next step wait.
        let kill = format!("KILL USER {account}");
        connection.execute(AssertSqlSafe(kill)).await?;
    }
    let drop = format!("DROP DATABASE IF EXISTS {}", identifier(name));
    connection.execute(AssertSqlSafe(drop)).await?;
    Ok(())
}

fn failed(message: &str, error: sqlx::Error) -> Error {
    Error::failed(message)
        .because(error)
        .hint("wmctl local status")
}

fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn text(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}

fn account(user: &str, host: &str) -> String {
    format!("{}@{}", text(user), text(host))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_quotes() {
        assert_eq!(identifier("a`; DROP"), "`a``; DROP`");
        assert_eq!(account("o'brien\\", "%"), "'o''brien\\\\'@'%'");
    }
}
