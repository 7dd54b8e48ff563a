//! Whether a silent query is at work, or waited for in vain.
//!
//! A server that hangs and a connection that died without a word look like a long query. After a
//! while of silence a second connection asks the server about the first.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Error, Row as _};

use crate::database::{PING, connect, within};
use crate::deadline::Deadline;
use crate::secrets::Secrets;
use crate::settings::Target;

/// Silence that is no reason to ask.
const SILENCE: Duration = Duration::from_millis(1500);
/// How long an answer may be on its way once the server has nothing more to do.
const TRANSIT: Duration = Duration::from_millis(500);
/// How long asking may take, connecting included.
const QUESTION: Duration = Duration::from_millis(1500);

/// Watches over the queries of one connection.
pub struct Watch<'a> {
    target: &'a Target,
    /// The server's number for the connection.
    id: u64,
    second: Option<MySqlConnection>,
}

/// Why waiting for a query is over.
#[derive(Debug)]
pub enum Silence {
    /// The server answers, but knows of no query at work: the connection is dead.
    Dead,
    /// The server does not answer.
    Away(Error),
    /// The query is at work, but the invocation's time is over.
    Late,
}

/// What the server says of the connection.
#[derive(Debug, PartialEq)]
enum State {
    /// Or so it must be assumed: the server answers, but not this question.
    Working,
    /// Waiting for a query, after the one with this number.
    Idle(i64),
    Gone,
}

impl<'a> Watch<'a> {
    pub fn new(target: &'a Target, id: u64) -> Self {
        Self {
            target,
            id,
            second: None,
        }
    }

    /// Waits for what a query gives for as long as the server is at work on it.
    pub async fn wait<T>(
        mut self,
        secrets: &mut Secrets,
        deadline: &Deadline,
        query: impl Future<Output = T>,
    ) -> Result<T, Silence> {
        // The server ends a query by itself a little earlier; several in a row it does not.
        let end = Instant::now() + Duration::from_secs(deadline.query_seconds() + 1);
        let mut query = pin!(query);
        let mut silence = SILENCE;
        let mut before = State::Working;
        loop {
            let time = silence.min(end.saturating_duration_since(Instant::now()));
            if let Ok(done) = tokio::time::timeout(time, query.as_mut()).await {
                return Ok(done);
            }
            let state = tokio::select! {
                biased;
                done = query.as_mut() => return Ok(done),
                state = self.ask(secrets, deadline) => state.map_err(Silence::Away)?,
            };
            let over = match &state {
                State::Gone => Some(Silence::Dead),
                // The same after another while, so nothing was on its way.
                State::Idle(_) if state == before => Some(Silence::Dead),
                _ if Instant::now() >= end => Some(Silence::Late),
                _ => None,
            };
            if let Some(over) = over {
                self.kill().await;
                return Err(over);
            }
            silence = if state == State::Working {
                SILENCE
            } else {
                TRANSIT
            };
            before = state;
        }
    }

    async fn ask(&mut self, secrets: &mut Secrets, deadline: &Deadline) -> Result<State, Error> {
        match within(QUESTION, Box::pin(self.state(secrets, deadline))).await {
            // Refused, for too many connections perhaps: it is there, and that was the question.
            Err(Error::Database(_)) => Ok(State::Working),
            other => other,
        }
    }

    async fn state(&mut self, secrets: &mut Secrets, deadline: &Deadline) -> Result<State, Error> {
        let second = match &mut self.second {
            Some(second) => second,
            none => {
                let login = secrets.login(deadline).await;
                let login = login.map_err(|cause| Error::Configuration(cause.into()))?;
                none.insert(connect(self.target, &login, None).await?)
            }
        };
        let question = "SELECT command = 'Sleep', CAST(query_id AS SIGNED) \
                        FROM information_schema.processlist WHERE id = ?";
        let row = sqlx::query(question).bind(self.id);
        let Some(row) = row.fetch_optional(second).await? else {
            return Ok(State::Gone);
        };
        Ok(if row.try_get_unchecked::<i64, _>(0)? == 0 {
            State::Working
        } else {
            State::Idle(row.try_get_unchecked(1)?)
        })
    }

    /// Ends what no one waits for any more; it would go on in the server.
    async fn kill(&mut self) {
        if let Some(second) = &mut self.second {
            let statement = AssertSqlSafe(format!("KILL {}", self.id));
            // What cannot be ended here ends by its own limit.
            let _ = within(PING, sqlx::raw_sql(statement).execute(second)).await;
        }
    }
}
