//! CloudTrail and where its files lie; GuardDuty and Security Hub.

use serde_json::Value;

use super::bill::{Bill, Quantity, count, gigabytes, units};
use crate::object::Id;

/// The first copy of management events is free; calls of the function are data events.
pub(super) fn trail(bill: &mut Bill<'_>, id: &Id, value: &Value) {
    bill.assume("no other trail of the account records its management events in this region");
    let selectors = value["events"].as_object().into_iter().flatten();
    let data = selectors
        .filter(|(_, fields)| {
            fields["eventCategory"]
                .as_array()
                .is_some_and(|categories| categories.iter().any(|category| category == "Data"))
        })
        .count();
    if data == 0 {
        return;
    }
    let requests = bill.requests();
    bill.add(
        "CloudTrail",
        id,
        "trail-data-event",
        units(requests),
        format!("{} calls of the function recorded", count(requests)),
    );
    bill.leave_out("CloudTrail: data events of objects in buckets");
}

pub(super) fn bucket(bill: &mut Bill<'_>, id: &Id, value: &Value) {
    let each = bill.usage.background_log_mb;
    let days = value["lifecycle"]["objects"].as_u64().unwrap_or(365);
    bill.assume(format!("{each} MB a month in each bucket"));
    let Quantity { of, per } = gigabytes((u128::from(each) << 20) * u128::from(days));
    bill.add(
        "S3",
        id,
        "s3-stored-gb-month",
        Quantity { of, per: per * 30 },
        format!("files of {days} days"),
    );
    bill.leave_out("S3: requests");
}

/// Paid by the account's events, traffic and accesses, whosever they are.
pub(super) fn detector(bill: &mut Bill<'_>, _id: &Id, _value: &Value) {
    bill.leave_out("GuardDuty: what it reads of the whole account (30 days free)");
}

/// Paid by the resources of the account that a control looks at.
pub(super) fn security_hub(bill: &mut Bill<'_>, _id: &Id, _value: &Value) {
    bill.leave_out(
        "Security Hub: checks of the whole account (30 days free), and AWS Config under them",
    );
}
