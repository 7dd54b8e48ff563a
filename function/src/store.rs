//! Adding one row. The columns are the parameters, so the contract's table is the `INSERT`'s too.

use serde::Serialize;
use sqlx::Error;
use sqlx::mysql::MySqlConnection;

use crate::contract::{Answer, Call, Param};
use crate::database::is_duplicate;
use crate::fault::Fault;
use crate::params::Params;
use crate::sql::{self, Query, get};
use crate::time::Second;

#[derive(Serialize)]
struct Receipt {
    id: u64,
    stored: bool,
    duplicate: bool,
}

/// Inserts the call's parameters into `table`. The same idempotency key again answers the first
/// row's id.
pub async fn insert(
    table: &'static str,
    specs: &'static [Param],
    call: Call<'_>,
) -> Result<Answer, Fault> {
    let Call {
        params, connection, ..
    } = call;
    let (id, duplicate) = match params.text("idempotency_key") {
        None => (insert_row(table, specs, params, connection).await?, false),
        Some(key) => match insert_once(table, specs, key, params, connection).await {
            Err(error) if is_duplicate(&error) => (first(table, key, connection).await?, true),
            inserted => (inserted?, false),
        },
    };
    let receipt = Receipt {
        id,
        stored: true,
        duplicate,
    };
    Answer::new(usize::from(!duplicate), &receipt)
}

async fn insert_row(
    table: &'static str,
    specs: &'static [Param],
    params: &Params,
    connection: &mut MySqlConnection,
) -> Result<u64, Error> {
    let mut query = Query::new("");
    push_insert(&mut query, table, specs, params);
    let inserted = query.build().execute(connection).await?;
    Ok(inserted.last_insert_id())
}

/// The row and its key, both or neither, in one statement: the way to the server and back takes
/// longer than the work. A duplicate key leaves nothing open; after any other error the connection
/// is given up, and with it what the server may have begun.
async fn insert_once(
    table: &'static str,
    specs: &'static [Param],
    key: &str,
    params: &Params,
    connection: &mut MySqlConnection,
) -> Result<u64, Error> {
    let timestamp = params.time("timestamp").unwrap_or_else(Second::now);
    let mut query = Query::new(
        "BEGIN NOT ATOMIC \
         DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END; \
         START TRANSACTION; ",
    );
    push_insert(&mut query, table, specs, params);
    query
        .push("; INSERT INTO idempotency_keys (log_table, idempotency_key, id, timestamp) VALUES (")
        .push_bind(table)
        .push(", ")
        .push_bind(key.to_string())
        .push(", LAST_INSERT_ID(), ")
        .push_bind(timestamp.sql())
        .push("); COMMIT; SELECT LAST_INSERT_ID(); END");
    get(&query.build().fetch_one(connection).await?, 0)
}

fn push_insert(query: &mut Query, table: &str, specs: &[Param], params: &Params) {
    let given = || {
        specs
            .iter()
            .filter_map(|spec| Some((spec.name, params.get(spec.name)?)))
    };
    let columns: Vec<&str> = given().map(|(name, _)| name).collect();
    query.push(format_args!(
        "INSERT INTO {table} ({}) VALUES (",
        columns.join(", ")
    ));
    for (at, (_, value)) in given().enumerate() {
        if at > 0 {
            query.push(", ");
        }
        sql::bind(query, value);
    }
    query.push(")");
}

/// The id that a key stands for.
async fn first(
    table: &'static str,
    key: &str,
    connection: &mut MySqlConnection,
) -> Result<u64, Error> {
    sqlx::query_scalar(
        "SELECT id FROM idempotency_keys WHERE log_table = ? AND idempotency_key = ?",
    )
    .bind(table)
    .bind(key)
    .fetch_one(connection)
    .await
}
