//! The whole set of rules of each security group. One that nobody asked for is drift.

use aws_sdk_ec2::types::SecurityGroup as Ec2Group;
use serde::{Deserialize, Serialize};

use super::rule::{Direction, Rule, rules_of, sync};
use super::security_group::ours;
use super::settled;
use crate::aws::{During, Reader};
use crate::error::Result;
use crate::object::{Attributes, attributes};
use crate::permissions::{ALL, Calls, allow};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroupRules {
    pub group: String,
    pub ingress: Vec<Rule>,
    pub egress: Vec<Rule>,
}

impl Resource for SecurityGroupRules {
    const KIND: &'static str = "security-group-rules";
    const NEEDS: &'static [&'static str] = &["security-group"];
    const CALLS: Calls = Calls {
        find: &[allow(&["ec2:DescribeSecurityGroups"], ALL)],
        create: &[allow(
            &[
                "ec2:AuthorizeSecurityGroupEgress",
                "ec2:AuthorizeSecurityGroupIngress",
                "ec2:RevokeSecurityGroupEgress",
                "ec2:RevokeSecurityGroupIngress",
            ],
            &["ec2:security-group/*"],
        )
        .ours()],
        update: &[allow(
            &[
                "ec2:AuthorizeSecurityGroupEgress",
                "ec2:AuthorizeSecurityGroupIngress",
                "ec2:RevokeSecurityGroupEgress",
                "ec2:RevokeSecurityGroupIngress",
            ],
            &["ec2:security-group/*"],
        )
        .ours()],
        delete: &[allow(
            &[
                "ec2:RevokeSecurityGroupEgress",
                "ec2:RevokeSecurityGroupIngress",
            ],
            &["ec2:security-group/*"],
        )
        .ours()],
    };
    const SUPERSEDED: bool = true;

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let port = scope.config.database.port.0;
        let [function, database, endpoints] =
            ["function", "database", "endpoints"].map(|name| format!("${{security-group/{name}}}"));
        let own_database = scope.config.database.instance.is_none();
        let server = if own_database {
            database.clone()
        } else {
            "${db-instance/main.security_group}".to_owned()
        };
        let rules = |group: &str, ingress, egress| {
            let mut rules = Self {
                group: group.to_owned(),
                ingress,
                egress,
            };
            rules.ingress.sort();
            rules.egress.sort();
            rules
        };
        let mut sets = vec![
            (
                "function".to_owned(),
                rules(
                    &function,
                    vec![],
                    vec![
                        Rule::tcp(port, &server, "To the database"),
                        Rule::tcp(443, &endpoints, "To AWS services"),
                    ],
                ),
            ),
            (
                "endpoints".to_owned(),
                rules(
                    &endpoints,
                    vec![Rule::tcp(443, &function, "From the functions")],
                    vec![],
                ),
            ),
        ];
        if own_database {
            let from = vec![Rule::tcp(port, &function, "From the functions")];
            sets.push(("database".to_owned(), rules(&database, from, vec![])));
        }
        sets
    }

    /// A group without rules has an empty set of them, which is found too: wanted rules are then
    /// an update, and the group's end has nothing left to undo.
    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let groups = ours(reader).await?.into_iter();
        // Until a group is ours, its rules are not: the plan shows them once it has been adopted.
        let owned = groups.filter(|(_, owned, _)| *owned);
        Ok(owned
            .map(|(name, _, group)| {
                let id = group.group_id.as_deref().unwrap_or_default();
                let (ingress, egress) = both(group);
                let value = Self {
                    group: id.to_owned(),
                    ingress,
                    egress,
                };
                Found::owned(name, attributes([("id", id)]), value)
            })
            .collect())
    }

    fn on_change(field: &str) -> OnChange {
        match field {
            "group" => OnChange::Supersede,
            _ => OnChange::InPlace,
        }
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        // A new group has none, and one that has just been adopted may have any.
        let groups = settled(cx, || async {
            let call = cx.aws.ec2.describe_security_groups();
            let answer = call.group_ids(&self.group).send().await;
            answer.during("DescribeSecurityGroups", cx.id)
        })
        .await?
        .security_groups;
        let group = groups.and_then(|mut groups| groups.pop());
        let (ingress, egress) = group.as_ref().map(both).unwrap_or_default();
        sync(cx, &self.group, Direction::Ingress, &ingress, &self.ingress).await?;
        sync(cx, &self.group, Direction::Egress, &egress, &self.egress).await?;
        Ok(attributes([("id", &self.group)]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        _changed: &[String],
    ) -> Result<Attributes> {
        let (id, was) = (found.aws_id(), &found.value);
        sync(cx, id, Direction::Ingress, &was.ingress, &self.ingress).await?;
        sync(cx, id, Direction::Egress, &was.egress, &self.egress).await?;
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let (id, was) = (found.aws_id(), &found.value);
        sync(cx, id, Direction::Ingress, &was.ingress, &[]).await?;
        sync(cx, id, Direction::Egress, &was.egress, &[]).await
    }
}

fn both(group: &Ec2Group) -> (Vec<Rule>, Vec<Rule>) {
    let rules = |direction| rules_of(group, direction);
    (rules(Direction::Ingress), rules(Direction::Egress))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::sample;

    #[test]
    fn only_the_function_reaches_out_and_only_to_two_peers() {
        let rules = sample::wanted::<SecurityGroupRules>("", &["us-east-1a", "us-east-1b"]);
        let peers = |rules: &[Rule]| {
            let peer = |rule: &Rule| (rule.from_port.unwrap(), rule.peer.clone());
            rules.iter().map(peer).collect::<Vec<_>>()
        };
        let of = |name: &str| &rules.iter().find(|(n, _)| n == name).unwrap().1;
        assert_eq!(peers(&of("function").ingress), []);
        assert_eq!(
            peers(&of("function").egress),
            [
                (443, "${security-group/endpoints}".to_owned()),
                (3306, "${security-group/database}".to_owned())
            ]
        );
        let function = "${security-group/function}".to_owned();
        assert_eq!(peers(&of("database").ingress), [(3306, function.clone())]);
        assert_eq!(peers(&of("endpoints").ingress), [(443, function)]);
        assert!(of("database").egress.is_empty() && of("endpoints").egress.is_empty());
    }
}
