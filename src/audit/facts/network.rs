//! The VPC's.

use serde_json::Value;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Network {
    pub vpc: String,
    pub cidrs: Vec<String>,
    pub subnets: Vec<Subnet>,
    pub groups: Vec<Group>,
    pub acls: Vec<Acl>,
    pub endpoints: Vec<Endpoint>,
    pub flow_logs: Vec<FlowLog>,
    /// Route tables with a way to the internet, and the subnets that use them.
    pub ways_out: Vec<(String, Vec<String>)>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Subnet {
    pub id: String,
    pub zone: String,
    pub public_addresses: bool,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Group {
    pub id: String,
    pub name: String,
    pub ingress: Vec<Opening>,
    pub egress: Vec<Opening>,
}

/// What a security group lets through. `-1` is every protocol.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Opening {
    pub protocol: String,
    pub from: i32,
    pub to: i32,
    /// Ranges, groups and prefix lists.
    pub peers: Vec<String>,
}

impl Opening {
    pub fn is_to_all(&self) -> bool {
        self.peers
            .iter()
            .any(|peer| peer == "0.0.0.0/0" || peer == "::/0")
    }

    pub fn holds(&self, port: i32) -> bool {
        self.protocol == "-1" || (self.from..=self.to).contains(&port)
    }
}

impl std::fmt::Display for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let peers = self.peers.join(", ");
        match (self.protocol.as_str(), self.from, self.to) {
            ("-1", ..) => write!(f, "everything with {peers}"),
            (protocol, from, to) if from == to => write!(f, "{protocol} {from} with {peers}"),
            (protocol, from, to) => write!(f, "{protocol} {from} to {to} with {peers}"),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Acl {
    pub id: String,
    pub subnets: Vec<String>,
    pub ingress: Vec<AclEntry>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct AclEntry {
    pub number: i32,
    pub allow: bool,
    pub cidr: String,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Endpoint {
    pub id: String,
    pub service: String,
    pub interface: bool,
    pub private_dns: bool,
    pub subnets: Vec<String>,
    pub policy: Value,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct FlowLog {
    pub active: bool,
    pub traffic: String,
}
