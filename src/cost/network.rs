//! What lies in the VPC.

use serde_json::Value;

use super::HOURS;
use super::bill::{Bill, units};
use crate::object::Id;

const SERVICE: &str = "VPC";

/// An interface in each of its zones, by the hour and by what goes through.
pub(super) fn vpc_endpoint(bill: &mut Bill<'_>, id: &Id, value: &Value) {
    let zones = value["subnets"].as_object().map_or(0, serde_json::Map::len);
    let zones = zones as u128;
    bill.assume("730 hours a month, on demand");
    bill.assume("1 GB a month through each interface endpoint");
    bill.add(
        SERVICE,
        id,
        "vpc-endpoint-hour",
        units(HOURS * zones),
        format!("interface endpoint in {zones} zones"),
    );
    bill.add(
        SERVICE,
        id,
        "vpc-endpoint-gb",
        units(1u128),
        "1 GB through the endpoint",
    );
}
