//! KMS and Secrets Manager.

use serde_json::Value;

use super::bill::{Bill, units};
use crate::object::Id;

pub(super) fn kms_key(bill: &mut Bill<'_>, id: &Id, value: &Value) {
    bill.add(
        "KMS",
        id,
        "kms-key-month",
        units(1u128),
        "customer managed key",
    );
    if value["rotation"] == true {
        bill.leave_out("KMS: what the first two yearly rotations of a key add");
    }
    bill.leave_out("KMS: requests for keys");
}

pub(super) fn secret(bill: &mut Bill<'_>, id: &Id, _value: &Value) {
    bill.add(
        "Secrets Manager",
        id,
        "secret-month",
        units(1u128),
        "secret",
    );
    bill.leave_out("Secrets Manager: requests for secrets");
}
