//! The network.

use aws_sdk_ec2::types::{
    AttributeBooleanValue, Filter, IpPermission, IpRange, RouteTable, RuleAction, SecurityGroup,
    Tag, UserIdGroupPair,
};
use wmctl::aws::Emulator::Moto;

use super::{Account, Deletion, Drift, Fixed, Rows, drift};

const ENDPOINT: &str = "vpc-endpoint/secretsmanager";

pub fn rows() -> Rows {
    let mut drifts = vpc_and_subnets();
    drifts.extend(route_table());
    drifts.extend(groups());
    drifts.extend(endpoint());
    drifts.extend(acls());
    drifts.push(drift("flow-log/main", "tags.owner", |account| {
        Box::pin(retag(account, "flow-log/main"))
    }));
    Rows {
        drifts,
        deletions: deletions(),
        fixed: FIXED,
        lasting: &[
            ("vpc", "EC2 refuses while anything stands in it"),
            ("subnet", "EC2 refuses while interfaces stand in it"),
            (
                "security-group-rules",
                "a group without rules has an empty set of them",
            ),
            ("default-security-group", "it goes with its VPC alone"),
            ("default-network-acl", "it goes with its VPC alone"),
        ],
    }
}

const NEVER_MOVES: &str = "EC2 never moves one to another VPC";

const NEVER_CHANGES: &str = "EC2 has no call that changes a flow log";

const FIXED: &[Fixed] = &[
    ("vpc", "cidr", "the first range of a VPC stays"),
    ("subnet", "vpc", NEVER_MOVES),
    ("subnet", "cidr", "set when it is made"),
    ("subnet", "zone", "set when it is made"),
    ("route-table", "vpc", NEVER_MOVES),
    ("security-group", "vpc", NEVER_MOVES),
    ("security-group-rules", "group", "it is the group itself"),
    ("default-security-group", "vpc", NEVER_MOVES),
    ("network-acl", "vpc", NEVER_MOVES),
    ("default-network-acl", "vpc", NEVER_MOVES),
    ("flow-log", "vpc", NEVER_CHANGES),
    ("flow-log", "traffic", NEVER_CHANGES),
    ("flow-log", "log_group", NEVER_CHANGES),
    ("flow-log", "role", NEVER_CHANGES),
    ("flow-log", "interval_s", NEVER_CHANGES),
    ("vpc-endpoint", "vpc", NEVER_MOVES),
    ("vpc-endpoint", "service", "set when it is made"),
    ("vpc-endpoint", "state", "EC2's own"),
];

fn vpc_and_subnets() -> Vec<Drift> {
    vec![
        drift("vpc/main", "dns_support", |account| {
            Box::pin(async move {
                let call = account.aws.ec2.modify_vpc_attribute();
                let call = call
                    .vpc_id(account.id("vpc/main"))
                    .enable_dns_support(off());
                call.send().await.unwrap();
            })
        }),
        drift("vpc/main", "dns_hostnames", |account| {
            Box::pin(async move {
                let call = account.aws.ec2.modify_vpc_attribute();
                let call = call
                    .vpc_id(account.id("vpc/main"))
                    .enable_dns_hostnames(off());
                call.send().await.unwrap();
            })
        }),
        drift("vpc/main", "tags.owner", |account| {
            Box::pin(retag(account, "vpc/main"))
        }),
        drift("subnet/private-b", "public_addresses", |account| {
            Box::pin(async move {
                let call = account.aws.ec2.modify_subnet_attribute();
                let call = call.subnet_id(account.id("subnet/private-b"));
                let on = AttributeBooleanValue::builder().value(true).build();
                call.map_public_ip_on_launch(on).send().await.unwrap();
            })
        }),
        drift("subnet/private-a", "tags.owner", |account| {
            Box::pin(retag(account, "subnet/private-a"))
        }),
    ]
}

fn route_table() -> Vec<Drift> {
    const TABLE: &str = "route-table/private";
    vec![
        drift(TABLE, "subnets", |account| {
            Box::pin(async move {
                let call = account.aws.ec2.disassociate_route_table();
                let call = call.association_id(association(account, "subnet/private-a").await);
                call.send().await.unwrap();
            })
        }),
        // Given to another table.
        drift(TABLE, "subnets", |account| {
            Box::pin(async move {
                let ec2 = &account.aws.ec2;
                let call = ec2.create_route_table().vpc_id(account.id("vpc/main"));
                let other = call.send().await.unwrap().route_table.unwrap();
                let call = ec2.replace_route_table_association();
                let call = call.association_id(association(account, "subnet/private-b").await);
                let call = call.set_route_table_id(other.route_table_id);
                call.send().await.unwrap();
            })
        }),
        // A way to the internet.
        drift(TABLE, "routes", |account| {
            Box::pin(async move {
                let ec2 = &account.aws.ec2;
                let made = ec2.create_internet_gateway().send().await.unwrap();
                let gateway = made.internet_gateway.unwrap().internet_gateway_id.unwrap();
                let call = ec2.attach_internet_gateway().vpc_id(account.id("vpc/main"));
                call.internet_gateway_id(&gateway).send().await.unwrap();
                let call = ec2.create_route().route_table_id(account.id(TABLE));
                let call = call.destination_cidr_block("0.0.0.0/0").gateway_id(gateway);
                call.send().await.unwrap();
            })
        }),
        drift(TABLE, "tags.owner", |account| {
            Box::pin(retag(account, TABLE))
        }),
    ]
}

fn groups() -> Vec<Drift> {
    const DEFAULT: &str = "default-security-group/main";
    vec![
        drift("security-group/database", "tags.owner", |account| {
            Box::pin(retag(account, "security-group/database"))
        }),
        // One rule more.
        drift("security-group-rules/database", "ingress", |account| {
            Box::pin(admit(account, "security-group/database", from_everywhere()))
        }),
        // The one rule that there was.
        drift("security-group-rules/endpoints", "ingress", |account| {
            Box::pin(async move {
                let function = account.id("security-group/function");
                let function = UserIdGroupPair::builder().group_id(function);
                // MiniStack takes a rule for another where its description is left out.
                let function = function.description("From the functions").build();
                let https = IpPermission::builder().ip_protocol("tcp");
                let https = https.from_port(443).to_port(443);
                let call = account.aws.ec2.revoke_security_group_ingress();
                let call = call.group_id(account.id("security-group/endpoints"));
                let call = call.ip_permissions(https.user_id_group_pairs(function).build());
                call.send().await.unwrap();
            })
        }),
        drift("security-group-rules/function", "egress", |account| {
            Box::pin(let_out(
                account,
                "security-group/function",
                from_everywhere(),
            ))
        }),
        drift(DEFAULT, "ingress", |account| {
            Box::pin(async move {
                let own = UserIdGroupPair::builder().group_id(account.id(DEFAULT));
                let all = IpPermission::builder().ip_protocol("-1");
                let all = all.user_id_group_pairs(own.build()).build();
                admit(account, DEFAULT, all).await;
            })
        }),
        drift(DEFAULT, "egress", |account| {
            Box::pin(let_out(account, DEFAULT, from_everywhere()))
        }),
        drift(DEFAULT, "tags.owner", |account| {
            Box::pin(retag(account, DEFAULT))
        }),
    ]
}

fn endpoint() -> Vec<Drift> {
    vec![
        drift(ENDPOINT, "subnets", |account| {
            Box::pin(async move {
                let call = account.aws.ec2.modify_vpc_endpoint();
                let call = call.vpc_endpoint_id(account.id(ENDPOINT));
                let call = call.remove_subnet_ids(account.id("subnet/private-b"));
                call.send().await.unwrap();
            })
        }),
        // One group more, that admits others.
        drift(ENDPOINT, "groups", |account| {
            Box::pin(async move {
                let call = account.aws.ec2.modify_vpc_endpoint();
                let call = call.vpc_endpoint_id(account.id(ENDPOINT));
                let call = call.add_security_group_ids(account.id("security-group/database"));
                call.send().await.unwrap();
            })
        }),
        Drift {
            except: &[(Moto, "ModifyVpcEndpoint leaves private DNS as it is")],
            ..drift(ENDPOINT, "private_dns", |account| {
                Box::pin(async move {
                    let call = account.aws.ec2.modify_vpc_endpoint();
                    let call = call.vpc_endpoint_id(account.id(ENDPOINT));
                    call.private_dns_enabled(false).send().await.unwrap();
                })
            })
        },
        drift(ENDPOINT, "policy", |account| {
            Box::pin(async move {
                let all = r#"{"Version": "2012-10-17", "Statement": [
                    {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
                ]}"#;
                let call = account.aws.ec2.modify_vpc_endpoint();
                let call = call.vpc_endpoint_id(account.id(ENDPOINT));
                call.policy_document(all).send().await.unwrap();
            })
        }),
        drift(ENDPOINT, "tags.owner", |account| {
            Box::pin(retag(account, ENDPOINT))
        }),
    ]
}

fn acls() -> Vec<Drift> {
    const PRIVATE: &str = "network-acl/private";
    const DEFAULT: &str = "default-network-acl/main";
    vec![
        // A subnet under the ACL that it was made with.
        drift(PRIVATE, "subnets", |account| {
            Box::pin(async move {
                let call = account.aws.ec2.describe_network_acls();
                let call = call.network_acl_ids(account.id(PRIVATE));
                let acl = call.send().await.unwrap().network_acls.unwrap().remove(0);
                let tie = acl.associations.unwrap().remove(0);
                let call = account.aws.ec2.replace_network_acl_association();
                let call = call.network_acl_id(account.id(DEFAULT));
                let call = call.set_association_id(tie.network_acl_association_id);
                call.send().await.unwrap();
            })
        }),
        // One that admits the internet, before the one that is ours.
        drift(PRIVATE, "entries.ingress 90", |account| {
            Box::pin(enter(account, PRIVATE, 90, false))
        }),
        drift(PRIVATE, "entries.egress 100", |account| {
            Box::pin(async move {
                let call = account.aws.ec2.delete_network_acl_entry();
                let call = call.network_acl_id(account.id(PRIVATE));
                let call = call.rule_number(100).egress(true);
                call.send().await.unwrap();
            })
        }),
        drift(PRIVATE, "tags.owner", |account| {
            Box::pin(retag(account, PRIVATE))
        }),
        drift(DEFAULT, "entries.ingress 100", |account| {
            Box::pin(enter(account, DEFAULT, 100, false))
        }),
        drift(DEFAULT, "entries.egress 100", |account| {
            Box::pin(enter(account, DEFAULT, 100, true))
        }),
        drift(DEFAULT, "tags.owner", |account| {
            Box::pin(retag(account, DEFAULT))
        }),
    ]
}

/// Admits everything, from or to everywhere.
async fn enter(account: &Account, acl: &str, number: i32, egress: bool) {
    let call = account.aws.ec2.create_network_acl_entry();
    let call = call.network_acl_id(account.id(acl)).rule_number(number);
    let call = call.egress(egress).protocol("-1").cidr_block("0.0.0.0/0");
    let call = call.rule_action(RuleAction::Allow);
    call.send().await.unwrap();
}

fn deletions() -> Vec<Deletion> {
    vec![
        Deletion {
            id: "flow-log/main",
            also: &[],
            except: &[],
            deed: |account| {
                Box::pin(async move {
                    let call = account.aws.ec2.delete_flow_logs();
                    let call = call.flow_log_ids(account.id("flow-log/main"));
                    call.send().await.unwrap();
                })
            },
        },
        Deletion {
            id: "network-acl/private",
            also: &[],
            except: &[],
            deed: |account| {
                Box::pin(async move {
                    let (ec2, acl) = (&account.aws.ec2, account.id("network-acl/private"));
                    let call = ec2.describe_network_acls().network_acl_ids(acl);
                    let acls = call.send().await.unwrap().network_acls.unwrap();
                    for tie in acls[0].associations() {
                        let call = ec2.replace_network_acl_association();
                        let call = call.network_acl_id(account.id("default-network-acl/main"));
                        let call = call.association_id(tie.network_acl_association_id().unwrap());
                        call.send().await.unwrap();
                    }
                    let call = ec2.delete_network_acl().network_acl_id(acl);
                    call.send().await.unwrap();
                })
            },
        },
        Deletion {
            id: "route-table/private",
            also: &[],
            except: &[],
            deed: |account| {
                Box::pin(async move {
                    let ec2 = &account.aws.ec2;
                    for subnet in ["subnet/private-a", "subnet/private-b"] {
                        let call = ec2.disassociate_route_table();
                        let call = call.association_id(association(account, subnet).await);
                        call.send().await.unwrap();
                    }
                    let call = ec2.delete_route_table();
                    let call = call.route_table_id(account.id("route-table/private"));
                    call.send().await.unwrap();
                })
            },
        },
        Deletion {
            id: "security-group/endpoints",
            // Its rules go with it, and whoever refers to it is told its new id.
            also: &[
                "security-group-rules/endpoints",
                "security-group-rules/function",
                ENDPOINT,
            ],
            except: &[],
            deed: |account| Box::pin(delete_group(account, "security-group/endpoints")),
        },
        Deletion {
            id: ENDPOINT,
            also: &[],
            except: &[],
            deed: |account| {
                Box::pin(async move {
                    let call = account.aws.ec2.delete_vpc_endpoints();
                    let call = call.vpc_endpoint_ids(account.id(ENDPOINT));
                    call.send().await.unwrap();
                })
            },
        },
    ]
}

fn off() -> AttributeBooleanValue {
    AttributeBooleanValue::builder().value(false).build()
}

async fn retag(account: &Account, id: &str) {
    let tag = Tag::builder().key("owner").value("other").build();
    let call = account.aws.ec2.create_tags().resources(account.id(id));
    call.tags(tag).send().await.unwrap();
}

/// The id of what ties a subnet to its route table.
async fn association(account: &Account, subnet: &str) -> String {
    let subnet = account.id(subnet);
    let of_subnet = Filter::builder().name("association.subnet-id");
    let call = account.aws.ec2.describe_route_tables();
    let call = call.filters(of_subnet.values(subnet).build());
    let tables = call.send().await.unwrap().route_tables.unwrap();
    let mut ties = tables.iter().flat_map(RouteTable::associations);
    let tie = ties.find(|tie| tie.subnet_id() == Some(subnet)).unwrap();
    tie.route_table_association_id().unwrap().to_owned()
}

/// SSH, for the whole internet.
fn from_everywhere() -> IpPermission {
    let everywhere = IpRange::builder().cidr_ip("0.0.0.0/0").build();
    let ssh = IpPermission::builder().ip_protocol("tcp");
    ssh.from_port(22).to_port(22).ip_ranges(everywhere).build()
}

async fn admit(account: &Account, group: &str, permission: IpPermission) {
    let call = account.aws.ec2.authorize_security_group_ingress();
    let call = call.group_id(account.id(group)).ip_permissions(permission);
    call.send().await.unwrap();
}

async fn let_out(account: &Account, group: &str, permission: IpPermission) {
    let call = account.aws.ec2.authorize_security_group_egress();
    let call = call.group_id(account.id(group)).ip_permissions(permission);
    call.send().await.unwrap();
}

async fn group(account: &Account, id: &str) -> SecurityGroup {
    let call = account.aws.ec2.describe_security_groups();
    let answer = call.group_ids(account.id(id)).send().await.unwrap();
    answer.security_groups.unwrap().remove(0)
}

/// As EC2 allows it: no longer used by the endpoint, nor named in another group's rules.
async fn delete_group(account: &Account, id: &str) {
    let ec2 = &account.aws.ec2;
    let call = ec2.modify_vpc_endpoint();
    let call = call.vpc_endpoint_id(account.id(ENDPOINT));
    let call = call.add_security_group_ids(account.id("default-security-group/main"));
    let call = call.remove_security_group_ids(account.id(id));
    call.send().await.unwrap();
    let function = group(account, "security-group/function").await;
    let egress = function.ip_permissions_egress.unwrap_or_default();
    let naming = egress.into_iter().filter(|permission| {
        let mut pairs = permission.user_id_group_pairs().iter();
        pairs.any(|pair| pair.group_id() == Some(account.id(id)))
    });
    let call = ec2.revoke_security_group_egress();
    let call = call.group_id(account.id("security-group/function"));
    let call = call.set_ip_permissions(Some(naming.collect()));
    call.send().await.unwrap();
    let call = ec2.delete_security_group().group_id(account.id(id));
    call.send().await.unwrap();
}
