//! The one connection that a sandbox holds: made when first needed, checked after a thaw.

use std::future::Future;
use std::time::{Duration, Instant, SystemTime};

use secrecy::ExposeSecret as _;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Error, Row as _};

use crate::deadline::Deadline;
use crate::secrets::Secrets;
use crate::settings::{Credentials, Target, Tls};
use crate::watch::Watch;

const CONNECT: Duration = Duration::from_secs(2);
/// How long a server that works may take for next to nothing.
pub const PING: Duration = Duration::from_secs(1);
/// Longer idle than this, the sandbox may have been frozen and its connection may be dead.
const TRUSTED_IDLE: Duration = Duration::from_secs(2);

/// Whatever the server's defaults are: a transaction sees one moment, and waits for no lock for long.
/// Idle for a quarter of an hour, a connection is closed: its sandbox may never thaw, and the server
/// holds only so many.
const SESSION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ; \
                       SET innodb_lock_wait_timeout = 3, wait_timeout = 900";

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
    // Rare, and large: not to be a part of every invocation's future.
    Box::pin(within(CONNECT, options.connect())).await
}

/// A future's result, or an I/O error once `time` is over.
pub async fn within<T>(
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
    held: Option<Held>,
}

/// A connection and what is known of it.
struct Held {
    connection: MySqlConnection,
    /// The server's number for it.
    id: u64,
    /// What the server may spend on one of its queries, in seconds.
    query_seconds: u64,
    used: (Instant, SystemTime),
}

impl Database {
    pub fn new(target: Target) -> Self {
        Self { target, held: None }
    }

    /// A connection that works as far as can be known, and what watches over its queries.
    /// `certain` asks the server even when the connection was used just now: for a write that
    /// could not be repeated. The deadline bounds what the server may spend on one query.
    pub async fn ready(
        &mut self,
        secrets: &mut Secrets,
        certain: bool,
        deadline: &Deadline,
    ) -> Result<(&mut MySqlConnection, Watch<'_>), Unready> {
        let kept = match self.held.take() {
            Some(mut held) => held.check(certain, deadline).await.is_ok().then_some(held),
            None => None,
        };
        let mut held = match kept {
            Some(held) => held,
            None => self.open(secrets, deadline).await?,
        };
        held.used = (Instant::now(), SystemTime::now());
        let watch = Watch::new(&self.target, held.id);
        Ok((&mut self.held.insert(held).connection, watch))
    }

    /// Gives the connection up, so that the next use opens another.
    pub fn discard(&mut self) {
        self.held = None;
    }

    async fn open(&self, secrets: &mut Secrets, deadline: &Deadline) -> Result<Held, Unready> {
        let mut login = secrets.login(deadline).await.map_err(Unready::Secrets)?;
        let mut connection = loop {
            let connecting = connect(&self.target, &login, Some(&self.target.name));
            match within(deadline.patience(CONNECT), connecting).await {
                Ok(connection) => break connection,
                Err(error) if is_access_denied(&error) => {
                    // The password may have been rotated since it was read, and again since.
                    let fresh = secrets.fresh_login(&login, deadline).await;
                    login = match fresh.map_err(Unready::Secrets)? {
                        Some(fresh) => fresh,
                        None => return Err(Unready::Database(error)),
                    };
                }
                Err(error) => return Err(Unready::Database(error)),
            }
        };
        // Without a limit a query goes on in the server after its caller has gone.
        let query_seconds = deadline.query_seconds();
        let statement = format!(
            "{SESSION}; {}; SELECT CONNECTION_ID()",
            limit(query_seconds)
        );
        let row = sqlx::raw_sql(AssertSqlSafe(statement)).fetch_one(&mut connection);
        let row = within(deadline.patience(PING), row).await;
        let id = row.and_then(|row| row.try_get_unchecked(0));
        Ok(Held {
            connection,
            id: id.map_err(Unready::Database)?,
            query_seconds,
            used: (Instant::now(), SystemTime::now()),
        })
    }
}

impl Held {
    /// Makes sure of the connection where that is called for. The limit follows each invocation's
    /// own deadline, and setting it shows too that the server is there.
    async fn check(&mut self, certain: bool, deadline: &Deadline) -> Result<(), Error> {
        let time = deadline.patience(PING);
        let query_seconds = deadline.query_seconds();
        if query_seconds != self.query_seconds {
            let set = sqlx::raw_sql(AssertSqlSafe(limit(query_seconds)));
            within(time, set.execute(&mut self.connection)).await?;
            self.query_seconds = query_seconds;
        } else if certain || self.may_have_slept() {
            within(time, self.connection.ping()).await?;
        }
        Ok(())
    }

    /// By either clock: the one that only runs forwards may stand still in a frozen sandbox.
    fn may_have_slept(&self) -> bool {
        let (instant, time) = self.used;
        instant.elapsed() > TRUSTED_IDLE
            || time.elapsed().is_ok_and(|elapsed| elapsed > TRUSTED_IDLE)
    }
}

fn limit(seconds: u64) -> String {
    format!("SET max_statement_time = {seconds}")
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

/// The error's own words for the log, with its number, up to a value that they quote: it is part of
/// the request, or the name and the address of who was refused.
pub fn cause(error: &Error) -> String {
    let text = error.to_string();
    ["entry '", "value: '", "near '", "user '", "User ", "Host '"]
        .iter()
        .filter_map(|quote| Some(text.find(quote)? + quote.len()))
        .min()
        .map_or_else(|| text.clone(), |end| format!("{}…", &text[..end]))
}

/// Whether the connection is gone, so that another one may succeed.
pub fn is_lost(error: &Error) -> bool {
    match error {
        Error::Io(_) | Error::Tls(_) | Error::Protocol(_) | Error::WorkerCrashed => true,
        // Shutting down, killed, network failures, closed for idling.
        _ => matches!(number(error), Some(1053 | 1152 | 1158..=1161 | 1927 | 4031)),
    }
}

/// Whether the server undid a statement, or did not begin it, for a reason that passes: a lock
/// held too long, a deadlock, an interruption, no space, read-only while another server takes over,
/// too many statements or connections.
pub fn is_undone(error: &Error) -> bool {
    matches!(
        number(error),
        Some(1021 | 1040 | 1041 | 1114 | 1203 | 1205 | 1213 | 1226 | 1290 | 1317 | 1461 | 1836)
    )
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
    fn only_a_broken_connection_counts_as_lost() {
        assert!(is_lost(&Error::Io(std::io::ErrorKind::BrokenPipe.into())));
        assert!(!is_lost(&Error::RowNotFound));
        assert!(!is_undone(&Error::RowNotFound));
    }
}
