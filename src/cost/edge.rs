//! API Gateway, its tracing, and the firewall before it.

use serde_json::Value;

use super::bill::{Bill, count, gigabytes, units};
use crate::object::Id;

/// Of each method with detailed metrics: requests, two latencies, two kinds of errors.
const STAGE_METRICS: u128 = 5;

pub(super) fn stage(bill: &mut Bill<'_>, id: &Id, value: &Value) {
    let requests = bill.requests();
    bill.add(
        "API Gateway",
        id,
        "api-request",
        units(requests),
        format!("{} requests", count(requests)),
    );
    let response = bill.usage.response_bytes;
    bill.assume(format!("{} bytes in a response", count(response)));
    bill.add(
        "Data transfer",
        id,
        "transfer-out-gb",
        gigabytes(requests * u128::from(response)),
        format!("{} bytes to the internet for each request", count(response)),
    );
    if value["metrics"] == true {
        bill.add(
            "CloudWatch",
            id,
            "metric-month",
            units(STAGE_METRICS),
            format!("{STAGE_METRICS} detailed metrics of the method"),
        );
    }
    if value["tracing"] == true {
        bill.assume("every request is traced: more than X-Ray's sampling would let through");
        bill.add(
            "X-Ray",
            id,
            "trace",
            units(requests),
            format!("{} traces", count(requests)),
        );
    }
}

pub(super) fn web_acl(bill: &mut Bill<'_>, id: &Id, value: &Value) {
    const SERVICE: &str = "WAF";
    let rules = value["rules"].as_array().map_or(0, Vec::len) as u128;
    let requests = bill.requests();
    bill.add(SERVICE, id, "web-acl-month", units(1u128), "web ACL");
    bill.add(
        SERVICE,
        id,
        "web-acl-rule-month",
        units(rules),
        format!("{rules} rules"),
    );
    bill.add(
        SERVICE,
        id,
        "web-acl-request",
        units(requests),
        format!("{} requests", count(requests)),
    );
}
