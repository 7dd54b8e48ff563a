//! The one connection that a sandbox holds: made when first needed, checked after a thaw.

use std::future::Future;
use std::time::{Duration, Instant};

use secrecy::ExposeSecret as _;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Error};

use crate::secrets::Secrets;
use crate::settings::{Credentials, Target, Tls};

const CONNECT: Duration = Duration::from_secs(2);
const PING: Duration = Duration::from_secs(1);
/// Longer idle than this, the sandbox may have been frozen and its connection may be dead.
const TRUSTED_IDLE: Duration = Duration::from_secs(2);
/// The gateway gives up after 29 s.
const LONGEST_QUERY: Duration = Duration::from_secs(25);

/// Connects as the given user; `schema` selects one, where it must exist already.
pub async fn connect(
    target: &Target,
    login: &Credentials,
    schema: Option<&str>,
) -> Result<MySqlConnection, Error> {
    let mut options = MySqlConnectOptions::new()
        .host(&target.host)
        .port(target.port)
        .username(&login.username)
        .password(login.password.expose_secret())
        .ssl_mode(match target.tls {
            Tls::VerifyIdentity => MySqlSslMode::VerifyIdentity,
            Tls::Required => MySqlSslMode::Required,
            Tls::Disabled => MySqlSslMode::Disabled,
        })
        // One name for "now" on both sides.
        .timezone(String::from("+00:00"))
        .disable_statement_logging();
    if let Some(file) = &target.ca_file {
        options = options.ssl_ca(file);
    }
    if let Some(schema) = schema {
        options = options.database(schema);
    }
    within(CONNECT, options.connect()).await
}

/// A future's result, or an I/O error once `time` is over.
async fn within<T>(
    time: Duration,
    future: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let late = |_| {
        Error::Io(std::io::Error::new(
            std::io::ErrorKind::TimedOut,
            "the database did not answer in time",
        ))
    };
    tokio::time::timeout(time, future)
        .await
        .unwrap_or_else(|elapsed| Err(late(elapsed)))
}

/// The sandbox's connection.
pub struct Database {
    target: Target,
    connection: Option<MySqlConnection>,
    used: Instant,
}

impl Database {
    pub fn new(target: Target) -> Self {
        Self {
            target,
            connection: None,
            used: Instant::now(),
        }
    }

    /// A connection that works as far as can be known. `certain` asks the server even when the
    /// connection was used just now: for a write that could not be repeated. `remaining` is what
    /// the invocation has left, and bounds what the server may spend on one query.
    pub async fn ready(
        &mut self,
        secrets: &mut Secrets,
        certain: bool,
        remaining: Duration,
    ) -> Result<&mut MySqlConnection, Unready> {
        let kept = match self.connection.take() {
            Some(mut kept) if certain || self.used.elapsed() > TRUSTED_IDLE => {
                within(PING, kept.ping()).await.is_ok().then_some(kept)
            }
            kept => kept,
        };
        let connection = match kept {
            Some(kept) => kept,
            None => self.open(secrets, remaining).await?,
        };
        self.used = Instant::now();
        Ok(self.connection.insert(connection))
    }

    /// Gives the connection up, so that the next use opens another.
    pub fn discard(&mut self) {
        self.connection = None;
    }

    async fn open(
        &self,
        secrets: &mut Secrets,
        remaining: Duration,
    ) -> Result<MySqlConnection, Unready> {
        let login = secrets.login().await.map_err(Unready::Secrets)?;
        let schema = Some(self.target.name.as_str());
        let mut connection = match connect(&self.target, &login, schema).await {
            Err(error) if is_access_denied(&error) => {
                // The password may have been rotated since it was read.
                let fresh = secrets.fresh_login().await.map_err(Unready::Secrets)?;
                let Some(login) = fresh else {
                    return Err(Unready::Database(error));
                };
                connect(&self.target, &login, schema)
                    .await
                    .map_err(Unready::Database)?
            }
            other => other.map_err(Unready::Database)?,
        };
        // Without it a query goes on in the server after its caller has gone.
        let seconds = query_time(remaining).as_secs();
        let statement = AssertSqlSafe(format!("SET max_statement_time = {seconds}"));
        let set = sqlx::raw_sql(statement).execute(&mut connection);
        within(CONNECT, set).await.map_err(Unready::Database)?;
        Ok(connection)
    }
}

/// How long a query may take, given what the invocation has left.
pub fn query_time(remaining: Duration) -> Duration {
    remaining
        .saturating_sub(Duration::from_secs(2))
        .clamp(Duration::from_secs(1), LONGEST_QUERY)
}

/// Why there is no connection.
#[derive(Debug)]
pub enum Unready {
    Secrets(String),
    Database(Error),
}

fn number(error: &Error) -> Option<u16> {
    Some(
        error
            .as_database_error()?
            .try_downcast_ref::<MySqlDatabaseError>()?
            .number(),
    )
}

/// Whether the connection is gone, so that another one may succeed.
pub fn is_lost(error: &Error) -> bool {
    match error {
        Error::Io(_) | Error::Tls(_) | Error::Protocol(_) | Error::WorkerCrashed => true,
        // Shutting down, killed, network failures, closed for idling.
        _ => matches!(number(error), Some(1053 | 1152 | 1158..=1161 | 1927 | 4031)),
    }
}

/// Whether the server stopped a query because it took too long.
pub fn is_too_slow(error: &Error) -> bool {
    matches!(number(error), Some(1969 | 3024))
}

/// Whether a unique key holds the value already.
pub fn is_duplicate(error: &Error) -> bool {
    number(error) == Some(1062)
}

/// Whether another transaction has locked what was asked for.
pub fn is_busy(error: &Error) -> bool {
    matches!(number(error), Some(1205 | 3572))
}

/// Whether a table or schema does not exist.
pub fn is_missing(error: &Error) -> bool {
    matches!(number(error), Some(1146 | 1049))
}

/// Whether the user may not read a table, which the server also says of one that does not exist.
pub fn is_forbidden(error: &Error) -> bool {
    number(error) == Some(1142)
}

/// Whether the user or password was refused.
pub fn is_access_denied(error: &Error) -> bool {
    matches!(number(error), Some(1044 | 1045 | 1698))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_ends_before_its_invocation() {
        assert_eq!(query_time(Duration::from_secs(30)), LONGEST_QUERY);
        assert_eq!(query_time(Duration::from_secs(10)), Duration::from_secs(8));
        assert_eq!(query_time(Duration::ZERO), Duration::from_secs(1));
    }

    #[test]
    fn only_a_broken_connection_counts_as_lost() {
        assert!(is_lost(&Error::Io(std::io::ErrorKind::BrokenPipe.into())));
        assert!(!is_lost(&Error::RowNotFound));
    }
}
