//! The rows that the questions are about.

use serde_json::{Value, json};

use crate::deployment::Binaries;
use crate::stack::Stack;

/// Fills the tables and lets the migrator do what it does in the background.
pub fn fill(binaries: &Binaries, stack: &Stack, rows: u64) {
    let _ = binaries;
    stack.execute(&format!(
        "INSERT INTO access_logs (timestamp, ip_address, method, endpoint, status_code, http_version,
            response_size, response_time_ms, user_agent, department, user_id)
         SELECT '2025-06-01' + INTERVAL FLOOR(seq * 2592000 / {rows}) SECOND,
            CONCAT('10.', FLOOR(RAND() * 4), '.', FLOOR(RAND() * 256), '.', FLOOR(RAND() * 8)), 'GET',
            CONCAT('/api/v1/items/', FLOOR(RAND() * 5000), '?page=', FLOOR(RAND() * 20)),
            ELT(1 + FLOOR(RAND() * 8), 200, 200, 200, 200, 200, 304, 404, 500), 'HTTP/1.1',
            FLOOR(RAND() * 50000), ROUND(RAND() * 800, 2),
            'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', 'sales',
            CONCAT('u-', FLOOR(RAND() * 5000))
         FROM seq_1_to_{rows}"
    ));
    stack.execute(
        "INSERT INTO error_logs (timestamp, log_level, error_code, error_message, severity_score)
         SELECT '2025-06-01' + INTERVAL FLOOR(seq * 259.2) SECOND, 'ERROR', 'DB_TIMEOUT', 'timed out', 5
         FROM seq_1_to_10000",
    );
}

/// A request worth storing.
pub fn entry() -> Value {
    json!({
        "timestamp": "2025-06-15 12:34:56",
        "ip_address": "203.0.113.7",
        "method": "GET",
        "endpoint": "/api/v1/orders/4711?expand=items",
        "status_code": 200,
        "http_version": "HTTP/1.1",
        "response_size": 5120,
        "response_time_ms": 12.5,
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "department": "sales",
        "user_id": "u-1042",
    })
}
