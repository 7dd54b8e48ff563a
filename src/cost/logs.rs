//! CloudWatch: logs, alarms, and who is told.

use serde_json::Value;

use super::bill::{Bill, Quantity, count, gigabytes, units};
use crate::object::Id;

const SERVICE: &str = "CloudWatch";

/// The groups that every request writes to.
const BY_REQUEST: [&str; 4] = ["chatbot", "api-access", "api-execution", "waf"];

/// Kept for ever is counted as the first year of it.
const LONGEST_DAYS: u64 = 365;

/// What comes in, and what is kept of it once as much goes as comes.
pub(super) fn log_group(bill: &mut Bill<'_>, id: &Id, value: &Value) {
    let bytes = if BY_REQUEST.contains(&id.name.as_str()) {
        let each = bill.usage.log_bytes_per_request;
        bill.assume(format!(
            "{} bytes for each request in each log of requests",
            count(each)
        ));
        bill.requests() * u128::from(each)
    } else {
        let each = bill.usage.background_log_mb;
        bill.assume(format!("{each} MB a month in each other log"));
        u128::from(each) << 20
    };
    bill.add(
        SERVICE,
        id,
        "logs-ingested-gb",
        gigabytes(bytes),
        format!("{} MB of logs", count(bytes >> 20)),
    );
    let days = value["retention_days"].as_u64();
    if days.is_none() {
        bill.assume("logs without a retention as after their first year");
    }
    let days = days.unwrap_or(LONGEST_DAYS);
    bill.assume("logs stay as long as their retention says, at 15 % of their size");
    let Quantity { of, per } = gigabytes(bytes * u128::from(days) * 15);
    bill.add(
        SERVICE,
        id,
        "logs-stored-gb-month",
        Quantity {
            of,
            per: per * 30 * 100,
        },
        format!("logs of {days} days"),
    );
}

/// By the metrics that it looks at.
pub(super) fn alarm(bill: &mut Bill<'_>, id: &Id, value: &Value) {
    let queried = value["queries"].as_object().into_iter().flatten();
    let queried = queried.filter(|(_, query)| query["metric"].is_object());
    let metrics = queried.count() + usize::from(value["metric"].is_object());
    let what = match metrics {
        1 => "alarm on a metric".to_owned(),
        several => format!("alarm on {several} metrics"),
    };
    bill.add(
        SERVICE,
        id,
        "alarm-metric-month",
        units(metrics as u128),
        what,
    );
}

pub(super) fn metric_filter(bill: &mut Bill<'_>, id: &Id, _value: &Value) {
    bill.add(
        SERVICE,
        id,
        "metric-month",
        units(1u128),
        "metric of a filter",
    );
}

pub(super) fn topic(bill: &mut Bill<'_>, _id: &Id, _value: &Value) {
    bill.leave_out("SNS: e-mails of alarms");
}
