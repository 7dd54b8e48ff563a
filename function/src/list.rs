//! Lists of stored rows: newest first, in pages that a cursor joins without gap or overlap.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use sqlx::Error;
use sqlx::mysql::MySqlRow;

use crate::contract::{Answer, Call};
use crate::cursor::Cursor;
use crate::fault::{Detail, Fault, Refusal};
use crate::params::Params;
use crate::room::Room;
use crate::sql::{self, Query};

/// A table that can be listed.
pub trait Record: Serialize + Sized {
    const TABLE: &'static str;
    const COLUMNS: &'static str;
    const FILTERS: &'static [Filter];

    fn read(row: &MySqlRow) -> Result<Self, Error>;
    fn position(&self) -> Cursor;
}

/// How a parameter selects rows.
pub struct Filter {
    pub param: &'static str,
    pub column: &'static str,
    pub how: How,
}

/// How a column is compared with its parameter.
pub enum How {
    Equal,
    AtLeast,
    Prefix,
}

impl Filter {
    pub const fn equal(column: &'static str) -> Self {
        Self {
            param: column,
            column,
            how: How::Equal,
        }
    }
}

#[derive(Serialize)]
struct Page {
    logs: Vec<Box<RawValue>>,
    count: usize,
    truncated: bool,
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
}

/// Room for everything in an answer that is not a row.
const FRAME: usize = 320;

/// One page of the rows that a call selects.
pub async fn page<R: Record>(call: Call<'_>) -> Result<Answer, Fault> {
    let selection = format!("{}\n{}", R::TABLE, call.params.selection());
    let after = match call.params.text("cursor") {
        None => None,
        Some(text) => Some(Cursor::read(text, &selection).ok_or_else(|| foreign(text))?),
    };
    let limit = call.params.limit(call.limits);
    let mut query = select::<R>(call.params, after, limit + 1);
    let rows = query.build().fetch_all(&mut *call.connection).await?;

    let mut page = Page {
        logs: Vec::new(),
        count: 0,
        truncated: false,
        next_cursor: None,
        hint: None,
    };
    let mut room = Room::new(call.limits, FRAME);
    let mut last = None;
    for row in &rows {
        let record = R::read(row)?;
        if page.logs.len() == limit {
            page.truncated = true;
            break;
        }
        let text = match room.write(&record)? {
            Some(text) => text,
            // One row always goes out, or the cursor would stand still.
            None if page.logs.is_empty() => to_raw_value(&record)?,
            None => {
                page.truncated = true;
                break;
            }
        };
        last = Some(record.position());
        page.logs.push(text);
    }
    page.count = page.logs.len();
    if page.truncated {
        page.next_cursor = last.map(|last| last.write(&selection));
        page.hint = Some(
            "More rows match: repeat the call with next_cursor as cursor, or narrow the filters.",
        );
    }
    Answer::new(page.count, &page)
}

fn select<R: Record>(params: &Params, after: Option<Cursor>, rows: usize) -> Query {
    let mut query = Query::new(format!(
        "SELECT {} FROM {} WHERE TRUE",
        R::COLUMNS,
        R::TABLE
    ));
    for Filter { param, column, how } in R::FILTERS {
        let Some(value) = params.get(param) else {
            continue;
        };
        query.push(" AND ").push(column);
        match how {
            How::Equal => sql::bind(query.push(" = "), value),
            How::AtLeast => sql::bind(query.push(" >= "), value),
            How::Prefix => {
                let pattern = sql::prefix_pattern(params.text(param).unwrap_or_default());
                query.push(" LIKE ").push_bind(pattern).push(" ESCAPE '!'");
            }
        }
    }
    if let Some(start) = params.time("start_time") {
        query.push(" AND timestamp >= ").push_bind(start.sql());
    }
    if let Some(end) = params.time("end_time") {
        query.push(" AND timestamp <= ").push_bind(end.sql());
    }
    if let Some(Cursor { timestamp, id }) = after {
        // The first comparison is what an index can use.
        query.push(" AND timestamp <= ").push_bind(timestamp.sql());
        query.push(" AND (timestamp < ").push_bind(timestamp.sql());
        query.push(" OR id < ").push_bind(id).push(")");
    }
    query.push(" ORDER BY timestamp DESC, id DESC LIMIT ");
    query.push_bind(u64::try_from(rows).unwrap_or(u64::MAX));
    query
}

fn foreign(received: &str) -> Fault {
    Fault::Refused(Refusal::invalid(vec![Detail {
        field: "cursor".into(),
        expected: "the next_cursor of an answer to the same call with the same filters".into(),
        received: crate::params::summary(&received.into()),
        example: serde_json::Value::Null,
    }]))
}
