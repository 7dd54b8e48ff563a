//! Lambda.

use serde_json::Value;

use super::bill::{Bill, Quantity, count, units};
use crate::object::Id;

const SERVICE: &str = "Lambda";

/// The chatbot, by its calls. The migrator runs some seconds a day.
pub(super) fn function(bill: &mut Bill<'_>, id: &Id, value: &Value) {
    if id.name != "chatbot" {
        bill.leave_out("Lambda: the migrator's runs");
        return;
    }
    let requests = bill.requests();
    let milliseconds = bill.usage.function_ms;
    let memory = value["memory_mb"].as_u64().unwrap_or_default();
    let architecture = value["architecture"].as_str().unwrap_or_default();
    bill.assume(format!("{milliseconds} ms for each call of the function"));
    bill.add(
        SERVICE,
        id,
        "lambda-request",
        units(requests),
        format!("{} calls", count(requests)),
    );
    bill.add(
        SERVICE,
        id,
        &format!("lambda-gb-second {architecture}"),
        Quantity {
            of: requests * u128::from(milliseconds) * u128::from(memory),
            per: 1000 * 1024,
        },
        format!("{memory} MB, {architecture}, {milliseconds} ms each"),
    );
    let metrics = bill.usage.function_metrics;
    bill.assume(format!(
        "{metrics} metrics written by the function, the whole month"
    ));
    bill.add(
        "CloudWatch",
        id,
        "metric-month",
        units(metrics),
        format!("{metrics} metrics of the function"),
    );
}
