//! The VPC with all that stands in it.

use aws_sdk_ec2::types::{self, Filter};

use crate::audit::facts::{
    Acl, AclEntry, Endpoint, FlowLog, Group, Network, Opening, Read, Subnet,
};
use crate::aws::{Aws, During};
use crate::error::Result;
use crate::resources::iam::policy::parse;

pub async fn network(aws: &Aws, vpc: Option<&str>) -> Read<Network> {
    match vpc {
        Some(vpc) => Read::of(read(aws, vpc).await),
        None => Read::Absent,
    }
}

async fn read(aws: &Aws, vpc: &str) -> Result<Network> {
    let (cidrs, subnets, groups, acls, endpoints, flow_logs, ways_out) = tokio::try_join!(
        cidrs(aws, vpc),
        subnets(aws, vpc),
        groups(aws, vpc),
        acls(aws, vpc),
        endpoints(aws, vpc),
        flow_logs(aws, vpc),
        ways_out(aws, vpc),
    )?;
    Ok(Network {
        vpc: vpc.to_owned(),
        cidrs,
        subnets,
        groups,
        acls,
        endpoints,
        flow_logs,
        ways_out,
    })
}

fn inside(vpc: &str) -> Filter {
    Filter::builder().name("vpc-id").values(vpc).build()
}

async fn cidrs(aws: &Aws, vpc: &str) -> Result<Vec<String>> {
    let answer = aws.ec2.describe_vpcs().vpc_ids(vpc).send().await;
    let vpcs = answer.during("DescribeVpcs", vpc)?.vpcs.unwrap_or_default();
    Ok(vpcs.into_iter().filter_map(|vpc| vpc.cidr_block).collect())
}

async fn subnets(aws: &Aws, vpc: &str) -> Result<Vec<Subnet>> {
    let pages = aws
        .ec2
        .describe_subnets()
        .filters(inside(vpc))
        .into_paginator()
        .items()
        .send();
    let subnets = pages
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("DescribeSubnets", vpc)?;
    let subnet = |subnet: types::Subnet| Subnet {
        id: subnet.subnet_id.unwrap_or_default(),
        zone: subnet.availability_zone.unwrap_or_default(),
        public_addresses: subnet.map_public_ip_on_launch.unwrap_or_default(),
    };
    Ok(subnets.into_iter().map(subnet).collect())
}

async fn groups(aws: &Aws, vpc: &str) -> Result<Vec<Group>> {
    let call = aws.ec2.describe_security_groups().filters(inside(vpc));
    let pages = call.into_paginator().items().send();
    let groups = pages
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("DescribeSecurityGroups", vpc)?;
    let openings = |rules: Option<Vec<types::IpPermission>>| {
        rules.unwrap_or_default().into_iter().map(opening).collect()
    };
    let group = |group: types::SecurityGroup| Group {
        id: group.group_id.unwrap_or_default(),
        name: group.group_name.unwrap_or_default(),
        ingress: openings(group.ip_permissions),
        egress: openings(group.ip_permissions_egress),
    };
    Ok(groups.into_iter().map(group).collect())
}

fn opening(rule: types::IpPermission) -> Opening {
    let ranges = rule
        .ip_ranges
        .unwrap_or_default()
        .into_iter()
        .filter_map(|range| range.cidr_ip);
    let wide = rule.ipv6_ranges.unwrap_or_default().into_iter();
    let wide = wide.filter_map(|range| range.cidr_ipv6);
    let groups = rule.user_id_group_pairs.unwrap_or_default().into_iter();
    let groups = groups.filter_map(|pair| pair.group_id);
    let lists = rule.prefix_list_ids.unwrap_or_default().into_iter();
    let lists = lists.filter_map(|list| list.prefix_list_id);
    Opening {
        protocol: rule.ip_protocol.unwrap_or_else(|| "-1".to_owned()),
        from: rule.from_port.unwrap_or_default(),
        to: rule.to_port.unwrap_or(65_535),
        peers: ranges.chain(wide).chain(groups).chain(lists).collect(),
    }
}

async fn acls(aws: &Aws, vpc: &str) -> Result<Vec<Acl>> {
    let call = aws.ec2.describe_network_acls().filters(inside(vpc));
    let pages = call.into_paginator().items().send();
    let acls = pages
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("DescribeNetworkAcls", vpc)?;
    let entry = |entry: types::NetworkAclEntry| AclEntry {
        number: entry.rule_number.unwrap_or_default(),
        allow: entry.rule_action == Some(types::RuleAction::Allow),
        cidr: entry
            .cidr_block
            .or(entry.ipv6_cidr_block)
            .unwrap_or_default(),
    };
    let acl = |acl: types::NetworkAcl| Acl {
        id: acl.network_acl_id.unwrap_or_default(),
        subnets: acl
            .associations
            .unwrap_or_default()
            .into_iter()
            .filter_map(|tie| tie.subnet_id)
            .collect(),
        ingress: acl
            .entries
            .unwrap_or_default()
            .into_iter()
            .filter(|entry| entry.egress != Some(true))
            .map(entry)
            .collect(),
    };
    Ok(acls.into_iter().map(acl).collect())
}

async fn endpoints(aws: &Aws, vpc: &str) -> Result<Vec<Endpoint>> {
    let call = aws.ec2.describe_vpc_endpoints().filters(inside(vpc));
    let pages = call.into_paginator().items().send();
    let endpoints = pages
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("DescribeVpcEndpoints", vpc)?;
    let endpoint = |endpoint: types::VpcEndpoint| Endpoint {
        interface: endpoint.vpc_endpoint_type == Some(types::VpcEndpointType::Interface),
        private_dns: endpoint.private_dns_enabled.unwrap_or_default(),
        policy: endpoint
            .policy_document
            .map_or(serde_json::Value::Null, |text| parse(&text)),
        subnets: endpoint.subnet_ids.unwrap_or_default(),
        service: endpoint.service_name.unwrap_or_default(),
        id: endpoint.vpc_endpoint_id.unwrap_or_default(),
    };
    // A deleted one is listed for a while.
    let alive = |endpoint: &types::VpcEndpoint| {
        let state = endpoint.state().map(|state| state.as_str().to_lowercase());
        !state.is_some_and(|state| state.starts_with("delet"))
    };
    Ok(endpoints.into_iter().filter(alive).map(endpoint).collect())
}

async fn flow_logs(aws: &Aws, vpc: &str) -> Result<Vec<FlowLog>> {
    let of_vpc = Filter::builder().name("resource-id").values(vpc).build();
    let pages = aws
        .ec2
        .describe_flow_logs()
        .filter(of_vpc)
        .into_paginator()
        .items()
        .send();
    let logs = pages
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("DescribeFlowLogs", vpc)?;
    let log = |log: types::FlowLog| FlowLog {
        active: log.flow_log_status.as_deref() == Some("ACTIVE"),
        traffic: log
            .traffic_type
            .map_or_else(String::new, |kind| kind.as_str().to_owned()),
    };
    // Some endpoints pass over the filter.
    let ours = logs
        .into_iter()
        .filter(|log| log.resource_id() == Some(vpc));
    Ok(ours.map(log).collect())
}

/// A subnet without a table of its own uses the VPC's main one.
async fn ways_out(aws: &Aws, vpc: &str) -> Result<Vec<(String, Vec<String>)>> {
    let call = aws.ec2.describe_route_tables().filters(inside(vpc));
    let pages = call.into_paginator().items().send();
    let tables = pages
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("DescribeRouteTables", vpc)?;
    let leads_out = |table: &&types::RouteTable| {
        let mut routes = table.routes().iter();
        routes.any(|route| {
            route
                .gateway_id()
                .is_some_and(|gateway| gateway.starts_with("igw-"))
        })
    };
    Ok(tables
        .iter()
        .filter(leads_out)
        .map(|table| {
            let ties = table.associations().iter();
            let subnets = ties.filter_map(|tie| tie.subnet_id.clone()).collect();
            (table.route_table_id.clone().unwrap_or_default(), subnets)
        })
        .collect())
}
