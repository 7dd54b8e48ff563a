//! `[network]`.

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    pub cidr: Ipv4Net,
    /// Private subnets, one in each of so many availability zones.
    pub zones: u8,
    pub egress: Egress,
    /// Who talked to whom is recorded, in a VPC of the stack's own.
    pub flow_logs: bool,
    /// A VPC that somebody else keeps, instead of one of the stack's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<String>,
    /// Its private subnets, in two zones at least.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subnet_ids: Vec<String>,
}

impl Network {
    /// Whether the stack records what passes through its own VPC.
    pub fn records_flows(&self) -> bool {
        self.flow_logs && self.vpc_id.is_none()
    }

    /// How many subnets the stack uses, its own or others'.
    pub fn subnets(&self) -> usize {
        match self.vpc_id {
            Some(_) => self.subnet_ids.len(),
            None => usize::from(self.zones),
        }
    }
}

impl Default for Network {
    fn default() -> Self {
        Self {
            cidr: Ipv4Net::new_assert(std::net::Ipv4Addr::new(10, 42, 0, 0), 16),
            zones: 2,
            egress: Egress::Endpoints,
            flow_logs: true,
            vpc_id: None,
            subnet_ids: Vec::new(),
        }
    }
}

/// How the function reaches AWS's own services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Egress {
    /// Interface endpoints inside the VPC; no way to the internet.
    Endpoints,
}
