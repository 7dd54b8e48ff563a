//! Small parts that the queries share. Every value is bound; only names written here are text.

use sqlx::mysql::{MySql, MySqlRow};
use sqlx::{ColumnIndex, Decode, Encode, Error, QueryBuilder, Row as _, Type};

use crate::params::Value;
use crate::time::{Second, Window};

/// A query in the making.
pub type Query = QueryBuilder<MySql>;

/// Binds a checked parameter in the form in which its column holds it.
pub fn bind(query: &mut Query, value: &Value) {
    match value {
        Value::Text(text) => query.push_bind(text.clone()),
        Value::Integer(number) => query.push_bind(*number),
        Value::Number(number) => query.push_bind(*number),
        Value::Time(time) => query.push_bind(time.sql()),
        Value::Address(address) => query.push_bind(address.to_string()),
        Value::Several(names) => query.push_bind(names.join(",")),
    };
}

/// Adds `timestamp BETWEEN … AND …`: both ends are part of a window.
pub fn within(query: &mut Query, window: &Window) {
    query
        .push("timestamp BETWEEN ")
        .push_bind(window.start.sql());
    query.push(" AND ").push_bind(window.end.sql());
}

/// Adds `(…, …)` with every item bound.
pub fn list<T>(query: &mut Query, items: impl IntoIterator<Item = T>)
where
    T: for<'q> Encode<'q, MySql> + Type<MySql> + 'static,
{
    query.push("(");
    let mut items = items.into_iter();
    if let Some(first) = items.next() {
        query.push_bind(first);
    }
    for item in items {
        query.push(", ").push_bind(item);
    }
    query.push(")");
}

/// The pattern that matches what begins with `prefix`, for `LIKE … ESCAPE '!'`.
pub fn prefix_pattern(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 1);
    for character in prefix.chars() {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

/// Seconds from the first that a DATETIME can be until 1970.
const BEFORE_1970: i64 = 30_610_224_000;

/// SQL for the number of a row's bucket: seconds since 1970 divided by the width, which must be a
/// part of a day. (`UNIX_TIMESTAMP` knows no times before 1970 and few after 2106.)
pub fn bucket_of(width: i64) -> String {
    // Whole numbers are divided in half the time, but rounded towards zero.
    let of_1970 = BEFORE_1970 / width;
    format!("TIMESTAMPDIFF(SECOND, '1000-01-01', timestamp) DIV {width} - {of_1970}")
}

/// A column's value, by its name or its place.
pub fn get<'r, T: Decode<'r, MySql> + Type<MySql>>(
    row: &'r MySqlRow,
    column: impl ColumnIndex<MySqlRow>,
) -> Result<T, Error> {
    row.try_get(column)
}

/// A count: the server calls it signed, but it is never negative.
pub fn count(row: &MySqlRow, column: &'static str) -> Result<u64, Error> {
    Ok(u64::try_from(get::<i64>(row, column)?).unwrap_or(0))
}

/// A time.
pub fn second(row: &MySqlRow, column: &'static str) -> Result<Second, Error> {
    get(row, column).map(Second::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_taken_literally() {
        assert_eq!(prefix_pattern("/a_b%c!"), "/a!_b!%c!!%");
    }

    #[test]
    fn values_are_bound_not_written() {
        let mut query = Query::new("SELECT 1 WHERE a IN ");
        list(&mut query, ["x' OR 1=1".to_string(), "y".to_string()]);
        query.push(" AND b = ");
        bind(&mut query, &Value::Text("' OR ''='".into()));
        assert_eq!(query.sql().as_str(), "SELECT 1 WHERE a IN (?, ?) AND b = ?");
    }
}
