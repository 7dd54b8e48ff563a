//! Adding one row. The columns are the parameters, so the contract's table is the `INSERT`'s too.

use serde::Serialize;
use sqlx::mysql::MySqlConnection;
use sqlx::{Connection as _, Error};

use crate::contract::{Answer, Call, Param};
use crate::database::is_duplicate;
use crate::fault::Fault;
use crate::params::Params;
use crate::sql::{self, Query};
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
    let given = || {
        specs
            .iter()
            .filter_map(|spec| Some((spec.name, params.get(spec.name)?)))
    };
    let columns: Vec<&str> = given().map(|(name, _)| name).collect();
    let mut query = Query::new(format!(
        "INSERT INTO {table} ({}) VALUES (",
        columns.join(", ")
    ));
    for (at, (_, value)) in given().enumerate() {
        if at > 0 {
            query.push(", ");
        }
        sql::bind(&mut query, value);
    }
    query.push(")");
    let inserted = query.build().execute(connection).await?;
    Ok(inserted.last_insert_id())
}

/// The row and its key, both or neither.
async fn insert_once(
    table: &'static str,
    specs: &'static [Param],
    key: &str,
    params: &Params,
    connection: &mut MySqlConnection,
) -> Result<u64, Error> {
    let mut transaction = connection.begin().await?;
    let id = insert_row(table, specs, params, &mut transaction).await?;
    let timestamp = params.time("timestamp").unwrap_or_else(Second::now);
    sqlx::query(
        "INSERT INTO idempotency_keys (log_table, idempotency_key, id, timestamp) VALUES (?, ?, ?, ?)",
    )
    .bind(table)
    .bind(key)
    .bind(id)
    .bind(timestamp.sql())
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(id)
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
