//! RDS.

use serde_json::Value;

use super::HOURS;
use super::bill::{Bill, gigabytes, units};
use crate::object::Id;

const SERVICE: &str = "RDS";

/// What one look at the operating system writes into its log, about.
const MONITORING_BYTES: u128 = 5 * 1024;

pub(super) fn instance(bill: &mut Bill<'_>, id: &Id, value: &Value) {
    let class = value["instance_class"].as_str().unwrap_or_default();
    let multi_az = value["multi_az"] == true;
    let copies: u128 = if multi_az { 2 } else { 1 };
    let zones = if multi_az { ", in two zones" } else { "" };
    bill.assume("730 hours a month, on demand");
    // AWS rounds the price of both halves to a tenth of a cent.
    let both = format!("db-instance-hour-multi-az {class}");
    let (price, hours) = if multi_az && bill.knows(&both) {
        (both, HOURS)
    } else {
        (format!("db-instance-hour {class}"), HOURS * copies)
    };
    bill.add(SERVICE, id, &price, units(hours), format!("{class}{zones}"));
    if multi_az {
        bill.assume("storage in two zones costs twice as much, and so does an instance whose price for both the table does not have");
    }
    let storage = value["storage_gb"].as_u64().unwrap_or_default();
    let storage_type = value["storage_type"].as_str().unwrap_or_default();
    bill.add(
        SERVICE,
        id,
        &format!("db-storage-gb-month {storage_type}"),
        units(u128::from(storage) * copies),
        format!("{storage} GB {storage_type}{zones}"),
    );
    bill.assume("backups are no larger than the database's storage, and so are free");
    let seconds = value["monitoring_s"].as_u64().unwrap_or_default();
    if seconds > 0 {
        let looks = HOURS * 3600 / u128::from(seconds);
        bill.assume("5 KB for each look of enhanced monitoring");
        bill.add(
            "CloudWatch",
            id,
            "logs-ingested-gb",
            gigabytes(looks * MONITORING_BYTES * copies),
            format!("enhanced monitoring each {seconds} s"),
        );
    }
    bill.leave_out("CPU credits of burstable instances beyond those that they earn");
}
