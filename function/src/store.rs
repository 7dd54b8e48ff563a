//! Adding one row. The columns are the parameters, so the contract's table is the `INSERT`'s too.

use serde::Serialize;

use crate::contract::{Answer, Call, Param};
use crate::database::is_duplicate;
use crate::fault::Fault;
use crate::sql::{self, Query};

#[derive(Serialize)]
struct Receipt {
    id: u64,
    stored: bool,
    duplicate: bool,
}

/// Inserts the call's parameters into `table`. The same idempotency key again answers the first row's id.
pub async fn insert(
    table: &'static str,
    specs: &'static [Param],
    call: Call<'_>,
) -> Result<Answer, Fault> {
    let given = || {
        specs
            .iter()
            .filter_map(|spec| Some((spec.name, call.params.get(spec.name)?)))
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
    let inserted = query.build().execute(&mut *call.connection).await;
    let stored = match (inserted, call.params.text("idempotency_key")) {
        (Err(error), Some(key)) if is_duplicate(&error) => {
            let mut query = Query::new(format!("SELECT id FROM {table} WHERE idempotency_key = "));
            let row = query
                .push_bind(key)
                .build()
                .fetch_one(&mut *call.connection)
                .await?;
            Receipt {
                id: sql::get(&row, "id")?,
                stored: true,
                duplicate: true,
            }
        }
        (inserted, _) => Receipt {
            id: inserted?.last_insert_id(),
            stored: true,
            duplicate: false,
        },
    };
    Answer::new(usize::from(!stored.duplicate), &stored)
}
