//! Lists of stored rows: newest first, in pages that a cursor joins without gap or overlap.

use futures::TryStreamExt as _;
use serde::ser::{Error as _, SerializeMap as _};
use serde::{Serialize, Serializer};
use sqlx::mysql::MySqlRow;

use crate::contract::{Answer, Call};
use crate::cursor::Cursor;
use crate::fault::{Detail, Fault, Refusal};
use crate::params::Params;
use crate::room::Room;
use crate::sql::{self, Query, get};
use crate::time::Second;
use crate::untrusted::Escaped;

/// A table that can be listed, with an `id` and a `timestamp`.
pub struct Table {
    pub name: &'static str,
    /// What else an entry shows, in this order.
    pub columns: &'static [Column],
    pub filters: &'static [Filter],
}

/// A column, by what it holds.
pub enum Column {
    /// What someone else wrote.
    Text(&'static str),
    /// A whole number that is not negative.
    Whole(&'static str),
    Number(&'static str),
}

impl Column {
    const fn name(&self) -> &'static str {
        match self {
            Self::Text(name) | Self::Whole(name) | Self::Number(name) => name,
        }
    }
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

/// One row, written into the answer as it is read, without a copy in between.
struct Entry<'r> {
    position: Cursor,
    columns: &'static [Column],
    row: &'r MySqlRow,
}

impl<'r> Entry<'r> {
    fn read(row: &'r MySqlRow, columns: &'static [Column]) -> Result<Self, sqlx::Error> {
        let position = Cursor {
            id: get(row, 0)?,
            timestamp: get(row, 1).map(Second::new)?,
        };
        Ok(Self {
            position,
            columns,
            row,
        })
    }
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.position.id)?;
        map.serialize_entry("timestamp", &self.position.timestamp)?;
        for (at, column) in (2..).zip(self.columns) {
            let name = column.name();
            match column {
                Column::Text(_) => {
                    let text: Option<&str> = get(self.row, at).map_err(S::Error::custom)?;
                    map.serialize_entry(name, &text.map(Escaped))?;
                }
                Column::Whole(_) => {
                    let number: Option<u64> = get(self.row, at).map_err(S::Error::custom)?;
                    map.serialize_entry(name, &number)?;
                }
                Column::Number(_) => {
                    let number: Option<f64> = get(self.row, at).map_err(S::Error::custom)?;
                    map.serialize_entry(name, &number)?;
                }
            }
        }
        map.end()
    }
}

/// What follows the rows.
#[derive(Serialize)]
struct Tail {
    count: usize,
    truncated: bool,
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
}

/// Room for everything in an answer that is not a row.
const FRAME: usize = 320;
const HINT: &str =
    "More rows match: repeat the call with next_cursor as cursor, or narrow the filters.";

/// One page of the rows that a call selects.
pub async fn page(table: &'static Table, call: Call<'_>) -> Result<Answer, Fault> {
    let selection = format!("{}\n{}", table.name, call.params.selection());
    let after = match call.params.text("cursor") {
        None => None,
        Some(text) => Some(Cursor::read(text, &selection).ok_or_else(|| foreign(text))?),
    };
    let limit = call.params.limit(call.limits);
    let mut query = select(table, call.params, after, limit + 1);
    let mut rows = query.build().fetch(&mut *call.connection);

    let mut answer = String::from(r#"{"logs":["#);
    let mut room = Room::new(call.limits, FRAME);
    let mut last = None;
    let (mut count, mut truncated) = (0, false);
    while let Some(row) = rows.try_next().await? {
        let entry = Entry::read(&row, table.columns)?;
        // What does not fit is read all the same: the connection must be free afterwards.
        truncated = truncated || count == limit || !room.append(&mut answer, &entry)?;
        if !truncated {
            last = Some(entry.position);
            count += 1;
        }
    }
    let next = last.filter(|_| truncated);
    let tail = Tail {
        count,
        truncated,
        next_cursor: next.map(|last| last.write(&selection)),
        hint: truncated.then_some(HINT),
    };
    // The rest of the object that the rows began.
    answer.push_str("],");
    answer.push_str(&serde_json::to_string(&tail)?[1..]);
    Ok(Answer {
        data: answer,
        rows: count,
    })
}

fn select(table: &Table, params: &Params, after: Option<Cursor>, rows: usize) -> Query {
    let mut query = Query::new("SELECT id, timestamp");
    for column in table.columns {
        query.push(", ").push(column.name());
    }
    query.push(" FROM ").push(table.name).push(" WHERE TRUE");
    for Filter { param, column, how } in table.filters {
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
