//! Who prices which kind. A kind that is missing here fails the tests.

use serde_json::Value;

use super::bill::Bill;
use super::{audit, database, edge, function, keys, logs, network};
use crate::object::Id;

pub(super) type Price = fn(&mut Bill<'_>, &Id, &Value);

const PRICED: &[(&str, Price)] = &[
    ("alarm", logs::alarm),
    ("bucket", audit::bucket),
    ("db-instance", database::instance),
    ("detector", audit::detector),
    ("function", function::function),
    ("kms-key", keys::kms_key),
    ("log-group", logs::log_group),
    ("metric-filter", logs::metric_filter),
    ("secret", keys::secret),
    ("security-hub", audit::security_hub),
    ("stage", edge::stage),
    ("topic", logs::topic),
    ("trail", audit::trail),
    ("vpc-endpoint", network::vpc_endpoint),
    ("web-acl", edge::web_acl),
];

/// AWS takes nothing for the object itself, however much it is used.
const FREE: &[&str] = &[
    "api-account",
    "api-key",
    "api-resource",
    "db-parameter-group",
    "db-subnet-group",
    "default-network-acl",
    "default-security-group",
    "deployment",
    // Of those that we make, on a schedule or on what AWS's own services tell.
    "event-rule",
    // What flow logs and the firewall's log write is paid with their log groups.
    "flow-log",
    "web-acl-logging",
    "function-alias",
    "function-permission",
    "function-version",
    "gateway-response",
    "iam-role",
    "kms-alias",
    "method",
    "model",
    "network-acl",
    "preflight",
    "request-validator",
    "rest-api",
    "route-table",
    "schema",
    "secret-policy",
    "secret-rotation",
    "security-group",
    "security-group-rules",
    "subnet",
    "topic-subscription",
    "usage-plan",
    "usage-plan-key",
    "vpc",
    "web-acl-association",
];

pub(super) fn price(bill: &mut Bill<'_>, id: &Id, value: &Value) {
    match PRICED.iter().find(|(kind, _)| *kind == id.kind) {
        Some((_, price)) => price(bill, id, value),
        None if FREE.contains(&id.kind.as_str()) => {}
        // The tests let no kind come here; a total that leaves one out has to say so.
        None => bill.add("Other", id, &id.kind, super::bill::units(1u128), ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources;

    #[test]
    fn every_kind_is_either_priced_or_free() {
        for kind in resources::all().iter() {
            let name = kind.name();
            let priced = PRICED.iter().filter(|(kind, _)| *kind == name).count();
            let free = FREE.iter().filter(|kind| **kind == name).count();
            assert_eq!(priced + free, 1, "{name}");
        }
    }
}
