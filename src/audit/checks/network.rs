//! The VPC: what comes in, what goes out, and what is recorded of it.

use super::policies::public;
use super::{all_of, of};
use crate::audit::facts::{Acl, AclEntry, Facts, Group, Network, Opening};
use crate::audit::{Check, Finding, Part, Severity};

/// Ports of remote administration.
const ADMIN: [i32; 2] = [22, 3389];

pub const CHECKS: &[Check] = &[
    Check {
        row: 9,
        id: "default-group-empty",
        title: "The default security group admits nothing",
        standards: &["FSBP EC2.2", "CIS 3.0 5.4"],
        severity: Severity::High,
        part: Part::Network,
        held_by: &[
            ("default-security-group", "ingress"),
            ("default-security-group", "egress"),
        ],
        mend: "aws ec2 revoke-security-group-ingress --group-id {} --ip-permissions FILE",
        judge: |facts| {
            all_of(&facts.network, "VPC", |network| {
                let default = network
                    .groups
                    .iter()
                    .filter(|group| group.name == "default");
                default.map(empty).collect()
            })
        },
    },
    Check {
        row: 9,
        id: "no-open-ports",
        title: "No group admits the internet",
        standards: &[
            "Security Hub EC2.13",
            "Security Hub EC2.14",
            "FSBP EC2.18",
            "FSBP EC2.19",
            "CIS 3.0 5.2",
            "CIS 3.0 5.3",
        ],
        severity: Severity::Critical,
        part: Part::Network,
        held_by: &[("security-group-rules", "ingress")],
        mend: "aws ec2 revoke-security-group-ingress --group-id {} --ip-permissions FILE",
        judge: |facts| {
            groups(facts, |group| {
                let open = group.ingress.iter().filter(|rule| rule.is_to_all());
                let open: Vec<String> = open.map(Opening::to_string).collect();
                Finding::of(
                    &group.id,
                    open.is_empty(),
                    open.join("; "),
                    "nobody outside",
                )
            })
        },
    },
    Check {
        row: 9,
        id: "function-egress",
        title: "Functions reach the database and the endpoints alone",
        standards: &[],
        severity: Severity::High,
        part: Part::Stack,
        held_by: &[
            ("security-group-rules", "egress"),
            ("security-group-rules", "ingress"),
        ],
        mend: "aws ec2 revoke-security-group-egress --group-id {} --ip-permissions FILE",
        judge: function_egress,
    },
    Check {
        row: 9,
        id: "subnets-private",
        title: "Subnets give out no public addresses",
        standards: &["FSBP EC2.15"],
        severity: Severity::Medium,
        part: Part::Network,
        held_by: &[("subnet", "public_addresses")],
        mend: "aws ec2 modify-subnet-attribute --subnet-id {} --no-map-public-ip-on-launch",
        judge: |facts| {
            all_of(&facts.network, "VPC", |network| {
                let judge = |subnet: &crate::audit::facts::Subnet| {
                    let found = "public addresses on launch";
                    Finding::of(&subnet.id, !subnet.public_addresses, found, "none")
                };
                network.subnets.iter().map(judge).collect()
            })
        },
    },
    Check {
        row: 9,
        id: "no-way-out",
        title: "The functions' and the database's subnets have no way to the internet",
        standards: &["FSBP RDS.46"],
        severity: Severity::High,
        part: Part::Network,
        held_by: &[("route-table", "routes")],
        mend: "aws ec2 delete-route --route-table-id {} --destination-cidr-block 0.0.0.0/0",
        judge: |facts| of(&facts.network, "VPC", |network| no_way_out(facts, network)),
    },
    Check {
        row: 9,
        id: "network-acls",
        title: "Network ACLs admit no administration from the internet",
        standards: &["FSBP EC2.21", "CIS 3.0 5.1"],
        severity: Severity::Medium,
        part: Part::Network,
        held_by: &[("network-acl", "entries"), ("network-acl", "subnets")],
        mend: "aws ec2 replace-network-acl-entry --network-acl-id {} --ingress --rule-number 100 --protocol -1 --cidr-block VPC-RANGE --rule-action allow",
        judge: |facts| {
            all_of(&facts.network, "network ACL in use", |network| {
                let used = network.acls.iter().filter(|acl| !acl.subnets.is_empty());
                used.map(acl).collect()
            })
        },
    },
    Check {
        row: 9,
        id: "endpoint-policies",
        title: "Endpoints serve this account alone",
        standards: &[],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("vpc-endpoint", "policy")],
        mend: "aws ec2 modify-vpc-endpoint --vpc-endpoint-id {} --policy-document FILE",
        judge: |facts| {
            all_of(&facts.network, "VPC endpoint", |network| {
                let judge = |endpoint: &crate::audit::facts::Endpoint| {
                    let open = endpoint.policy.is_null() || !public(&endpoint.policy).is_empty();
                    let found = "it serves every account";
                    Finding::of(
                        &endpoint.id,
                        !open,
                        found,
                        "a policy that names the account",
                    )
                };
                network.endpoints.iter().map(judge).collect()
            })
        },
    },
    Check {
        row: 9,
        id: "endpoint-zones",
        title: "Interface endpoints stand in two zones, with private names",
        standards: &[],
        severity: Severity::Low,
        part: Part::Stack,
        held_by: &[("vpc-endpoint", "subnets"), ("vpc-endpoint", "private_dns")],
        mend: "aws ec2 modify-vpc-endpoint --vpc-endpoint-id {} --add-subnet-ids SUBNET --private-dns-enabled",
        judge: |facts| {
            all_of(&facts.network, "interface endpoint", |network| {
                let interfaces = network
                    .endpoints
                    .iter()
                    .filter(|endpoint| endpoint.interface);
                interfaces
                    .map(|endpoint| {
                        let (subnets, names) = (endpoint.subnets.len(), endpoint.private_dns);
                        let found = format!("{subnets} subnets, private names: {names}");
                        let right = subnets > 1 && names;
                        Finding::of(&endpoint.id, right, found, "two subnets and private names")
                    })
                    .collect()
            })
        },
    },
    Check {
        row: 9,
        id: "endpoint-ec2",
        title: "Calls to EC2 stay in the VPC",
        standards: &["FSBP EC2.10"],
        severity: Severity::Low,
        part: Part::Network,
        held_by: &[],
        mend: "",
        judge: |facts| {
            of(&facts.network, "VPC", |network| {
                let mut endpoints = network.endpoints.iter();
                if endpoints.any(|endpoint| endpoint.service.rsplit('.').next() == Some("ec2")) {
                    return Finding::pass(&network.vpc);
                }
                Finding::exception(
                    &network.vpc,
                    "nothing in this VPC calls EC2: its subnets have no way out, so there is no call to keep in",
                )
            })
        },
    },
    Check {
        row: 18,
        id: "flow-logs",
        title: "The VPC's traffic is recorded",
        standards: &["FSBP EC2.6", "CIS 3.0 3.7"],
        severity: Severity::Medium,
        part: Part::Network,
        held_by: &[("flow-log", "traffic")],
        mend: "aws ec2 create-flow-logs --resource-type VPC --resource-ids {} --traffic-type ALL --log-group-name GROUP --deliver-logs-permission-arn ROLE",
        judge: |facts| {
            of(&facts.network, "VPC", |network| {
                let mut logs = network.flow_logs.iter();
                let records = logs.any(|log| log.active && log.traffic != "ACCEPT");
                let found = match network.flow_logs.len() {
                    0 => "no flow log".to_owned(),
                    count => {
                        format!("{count} flow logs, none of them records rejected traffic")
                    }
                };
                Finding::of(
                    &network.vpc,
                    records,
                    found,
                    "one of all or of rejected traffic",
                )
            })
        },
    },
];

fn groups(facts: &Facts, judge: impl Fn(&Group) -> Finding) -> Vec<Finding> {
    all_of(&facts.network, "security group", |network| {
        network.groups.iter().map(judge).collect()
    })
}

fn empty(group: &Group) -> Finding {
    let rules = group.ingress.iter().chain(&group.egress);
    let rules: Vec<String> = rules.map(Opening::to_string).collect();
    Finding::of(&group.id, rules.is_empty(), rules.join("; "), "no rules")
}

/// Only to groups: a range, however narrow, may be given to somebody else tomorrow.
fn function_egress(facts: &Facts) -> Vec<Finding> {
    let functions = facts.functions.known().cloned().unwrap_or_default();
    let used: Vec<String> = functions
        .into_iter()
        .flat_map(|function| function.groups)
        .collect();
    let ports: Vec<i32> = match facts.databases.known() {
        Some(databases) => databases
            .iter()
            .map(|database| database.port)
            .chain([443])
            .collect(),
        None => vec![443, 3306],
    };
    all_of(&facts.network, "function's security group", |network| {
        let groups = network
            .groups
            .iter()
            .filter(|group| used.contains(&group.id));
        groups
            .map(|group| {
                let narrow = |rule: &Opening| {
                    let known = rule.protocol == "tcp"
                        && rule.from == rule.to
                        && ports.contains(&rule.from);
                    known
                        && rule
                            .peers
                            .iter()
                            .all(|peer| peer.starts_with("sg-") || peer.starts_with("pl-"))
                };
                let wide = group
                    .egress
                    .iter()
                    .filter(|rule| !narrow(rule))
                    .chain(&group.ingress);
                let wide: Vec<String> = wide.map(Opening::to_string).collect();
                let wanted = "out to the database's port and 443, by group; nothing in";
                Finding::of(&group.id, wide.is_empty(), wide.join("; "), wanted)
            })
            .collect()
    })
}

fn no_way_out(facts: &Facts, network: &Network) -> Finding {
    let functions = facts.functions.known().into_iter().flatten();
    let databases = facts.databases.known().into_iter().flatten();
    let used: Vec<&String> = functions
        .flat_map(|function| &function.subnets)
        .chain(databases.flat_map(|database| &database.subnets))
        .collect();
    let open = network
        .ways_out
        .iter()
        .find(|(_, subnets)| subnets.iter().any(|subnet| used.contains(&subnet)));
    match open {
        Some((table, _)) => Finding::fail(table, "a route to an internet gateway", "none"),
        None => Finding::pass(&network.vpc),
    }
}

/// The first entry that speaks of the whole internet decides.
fn acl(acl: &Acl) -> Finding {
    let mut entries: Vec<&AclEntry> = acl.ingress.iter().collect();
    entries.sort_by_key(|entry| entry.number);
    let all = entries
        .iter()
        .find(|entry| entry.cidr == "0.0.0.0/0" || entry.cidr == "::/0");
    let open = all.is_some_and(|entry| entry.allow);
    let found = format!("ports {} and {} from everywhere", ADMIN[0], ADMIN[1]);
    Finding::of(&acl.id, !open, found, "the VPC's own range only")
}
