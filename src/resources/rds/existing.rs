//! An instance that infra.toml names and somebody else keeps: looked at, used, never changed.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter, IpPermission, SecurityGroup};
use aws_sdk_rds::types::{DbInstance, Endpoint};
use ipnet::Ipv4Net;

use super::lifecycle::{describe, status};
use super::observed::found;
use super::parameters::set_in;
use crate::aws::{During, Reader};
use crate::config::{Config, OTHER_CONNECTIONS};
use crate::error::{Error, Kind, Result};
use crate::object::{Attributes, Id};
use crate::stack::{TAG_ENVIRONMENT, TAG_ID, TAG_STACK};

/// The instance that `[database] instance` names, as `db-instance/main`.
pub(super) async fn existing(
    reader: &Reader,
    config: &Config,
) -> Result<Vec<(String, Attributes)>> {
    let Some(name) = &config.database.instance else {
        return Ok(Vec::new());
    };
    let instance = describe(&reader.aws, name).await?;
    let instance = instance.ok_or_else(|| unfit(name, "there is none of this name"))?;
    let port = usable(config, name, &instance)?;
    let groups: Vec<String> = instance
        .vpc_security_groups()
        .iter()
        .filter_map(|group| group.vpc_security_group_id.clone())
        .collect();
    let Some(group) = groups.first().cloned() else {
        return Err(unfit(name, "it has no security group"));
    };
    let (parameters, theirs, ours) = tokio::try_join!(
        parameters(reader, &instance),
        security_groups(reader, Some(groups), Vec::new()),
        security_groups(reader, None, our_group(reader)),
    )?;
    enough_connections(config, name, &parameters)?;
    let remarks = [
        exposed(name, &instance),
        unencrypted(name, &parameters),
        elsewhere(name, &instance, ours.first()),
        shut_out(reader, config, name, port, &theirs, ours.first()),
    ];
    for remark in remarks.into_iter().flatten() {
        reader.note(remark);
    }
    let mut attributes = found(&reader.stack, &instance).attributes;
    attributes.insert("security_group".to_owned(), group);
    Ok(vec![("main".to_owned(), attributes)])
}

fn unfit(name: &str, why: &str) -> Error {
    Error::new(
        Kind::Refused,
        format!("[database] instance = \"{name}\" cannot be used: {why}"),
    )
    .hint("nothing was changed; name another instance, or none for one of the stack's own")
}

/// The port, where the function can talk to the instance.
fn usable(config: &Config, name: &str, instance: &DbInstance) -> Result<i32> {
    let engine = instance.engine().unwrap_or_default();
    if !["mariadb", "mysql"].contains(&engine) {
        let why = format!("its engine is {engine}, and the function speaks to MariaDB and MySQL");
        return Err(unfit(name, &why));
    }
    let Some(port) = instance.endpoint().and_then(Endpoint::port) else {
        let why = format!("it has no address yet; it is {}", status(instance));
        return Err(unfit(name, &why));
    };
    if port != i32::from(config.database.port.0) {
        let why = format!("it listens on port {port}");
        return Err(unfit(name, &why).hint(format!("set `port = {port}` in [database]")));
    }
    Ok(port)
}

/// What is set in the instance's parameter group; the family's own values are not known.
async fn parameters(reader: &Reader, instance: &DbInstance) -> Result<BTreeMap<String, String>> {
    let group = instance.db_parameter_groups().first();
    match group.and_then(|group| group.db_parameter_group_name()) {
        // Nobody sets anything in a default group.
        Some(group) if !group.starts_with("default.") => set_in(&reader.aws, group).await,
        _ => Ok(BTreeMap::new()),
    }
}

fn our_group(reader: &Reader) -> Vec<Filter> {
    let stack = &reader.stack;
    let id = Id::new("security-group", "function").to_string();
    [
        (TAG_STACK, stack.name.as_str()),
        (TAG_ENVIRONMENT, stack.environment.as_str()),
        (TAG_ID, id.as_str()),
    ]
    .into_iter()
    .map(|(key, value)| {
        let filter = Filter::builder().name(format!("tag:{key}"));
        filter.values(value).build()
    })
    .collect()
}

async fn security_groups(
    reader: &Reader,
    ids: Option<Vec<String>>,
    filters: Vec<Filter>,
) -> Result<Vec<SecurityGroup>> {
    let call = reader.aws.ec2.describe_security_groups();
    let call = call.set_group_ids(ids).set_filters(Some(filters));
    let answer = call.send().await;
    let answer = answer.during("DescribeSecurityGroups", "the database")?;
    Ok(answer.security_groups.unwrap_or_default())
}

/// The budget of connections, where the instance's parameters name one.
fn enough_connections(
    config: &Config,
    name: &str,
    parameters: &BTreeMap<String, String>,
) -> Result<()> {
    let most = parameters.get("max_connections");
    // Otherwise it follows from the memory.
    let Some(most) = most.and_then(|most| most.parse::<u32>().ok()) else {
        return Ok(());
    };
    let at_once = config.function.reserved_concurrency;
    let needed = at_once.saturating_add(OTHER_CONNECTIONS);
    if needed <= most {
        return Ok(());
    }
    let why = format!("it takes {most} connections, and {at_once} functions at once need {needed}");
    Err(unfit(name, &why).hint("or lower [function] reserved_concurrency"))
}

fn exposed(name: &str, instance: &DbInstance) -> Option<String> {
    let public = instance.publicly_accessible() == Some(true);
    public
        .then(|| format!("{name} is publicly accessible: its password can be tried from anywhere"))
}

/// Every such server speaks TLS, and the function speaks nothing else.
fn unencrypted(name: &str, parameters: &BTreeMap<String, String>) -> Option<String> {
    let required = parameters
        .get("require_secure_transport")
        .is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("on"));
    (!required).then(|| {
        format!("{name} lets clients in without TLS, too: `require_secure_transport` is not 1 in its parameter group")
    })
}

fn elsewhere(name: &str, instance: &DbInstance, ours: Option<&SecurityGroup>) -> Option<String> {
    let theirs = instance.db_subnet_group()?.vpc_id()?;
    let ours = ours?.vpc_id()?;
    (theirs != ours).then(|| {
        format!("{name} stands in {theirs}, and the function in {ours}: it needs a way there, such as a peering")
    })
}

/// Which group has to be let in, where none of the instance's groups does so.
fn shut_out(
    reader: &Reader,
    config: &Config,
    name: &str,
    port: i32,
    theirs: &[SecurityGroup],
    ours: Option<&SecurityGroup>,
) -> Option<String> {
    let id = ours.and_then(|group| group.group_id());
    let network = config.network.cidr;
    let open = theirs
        .iter()
        .flat_map(SecurityGroup::ip_permissions)
        .any(|rule| covers(rule, port) && lets_in(rule, id, network));
    if open {
        return None;
    }
    let function = reader.stack.name("function");
    let function = match id {
        Some(id) => format!("{id} ({function})"),
        None => format!("{function}, which `up` makes,"),
    };
    let groups: Vec<&str> = theirs.iter().filter_map(|group| group.group_id()).collect();
    Some(format!(
        "{name}: let the security group {function} in on TCP port {port}: none of {} does so, and nothing here changes them",
        groups.join(", ")
    ))
}

fn covers(rule: &IpPermission, port: i32) -> bool {
    match rule.ip_protocol() {
        Some("-1") => true,
        Some("tcp" | "6") => {
            rule.from_port().is_some_and(|from| from <= port)
                && rule.to_port().is_some_and(|to| port <= to)
        }
        _ => false,
    }
}

fn lets_in(rule: &IpPermission, group: Option<&str>, network: Ipv4Net) -> bool {
    let by_group = rule
        .user_id_group_pairs()
        .iter()
        .any(|pair| group.is_some() && pair.group_id() == group);
    let by_range = rule.ip_ranges().iter().any(|range| {
        let range: Option<Ipv4Net> = range.cidr_ip().and_then(|range| range.parse().ok());
        range.is_some_and(|range| range.contains(&network))
    });
    by_group || by_range
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::scripted::{Scene, Script};

    const MORE: &str = "[database]\ninstance = \"shared\"\nadmin_secret = \"rds!db-1\"\n";

    fn config(more: &str) -> Config {
        let text = format!("[stack]\nname = \"chat\"\nregion = \"us-east-1\"\n{MORE}{more}");
        toml::from_str(&text).unwrap()
    }

    fn instance(more: &str) -> String {
        format!(
            "<DescribeDBInstancesResponse><DescribeDBInstancesResult><DBInstances><DBInstance>\
             <DBInstanceIdentifier>shared</DBInstanceIdentifier><Engine>mariadb</Engine>\
             <DBInstanceStatus>available</DBInstanceStatus>\
             <DbiResourceId>db-ABC</DbiResourceId>\
             <VpcSecurityGroups><VpcSecurityGroupMembership>\
             <VpcSecurityGroupId>sg-theirs</VpcSecurityGroupId></VpcSecurityGroupMembership>\
             </VpcSecurityGroups>\
             <DBParameterGroups><DBParameterGroup><DBParameterGroupName>shared</DBParameterGroupName>\
             </DBParameterGroup></DBParameterGroups>{more}\
             </DBInstance></DBInstances></DescribeDBInstancesResult></DescribeDBInstancesResponse>"
        )
    }

    fn on_port(port: u16) -> String {
        format!("<Endpoint><Address>shared.rds</Address><Port>{port}</Port></Endpoint>")
    }

    fn parameters(parameters: &[(&str, &str)]) -> String {
        let parameters: Vec<String> = parameters
            .iter()
            .map(|(name, value)| {
                format!(
                    "<Parameter><ParameterName>{name}</ParameterName>\
                     <ParameterValue>{value}</ParameterValue></Parameter>"
                )
            })
            .collect();
        let parameters = parameters.concat();
        format!(
            "<DescribeDBParametersResponse><DescribeDBParametersResult><Parameters>{parameters}\
             </Parameters></DescribeDBParametersResult></DescribeDBParametersResponse>"
        )
    }

    fn groups(group: &str, rules: &str) -> String {
        format!(
            "<DescribeSecurityGroupsResponse><securityGroupInfo><item><groupId>{group}</groupId>\
             <vpcId>vpc-1</vpcId><ipPermissions>{rules}</ipPermissions></item></securityGroupInfo>\
             </DescribeSecurityGroupsResponse>"
        )
    }

    fn from_group(group: &str, port: u16) -> String {
        format!(
            "<item><ipProtocol>tcp</ipProtocol><fromPort>{port}</fromPort><toPort>{port}</toPort>\
             <groups><item><groupId>{group}</groupId></item></groups></item>"
        )
    }

    async fn look(script: Script, more: &str) -> (Result<Vec<(String, Attributes)>>, Vec<String>) {
        let scene = Scene::new("db-instance/main", script);
        let reader = Reader::new(&scene.aws, &scene.stack);
        let found = Box::pin(existing(&reader, &config(more))).await;
        (found, reader.notes())
    }

    #[tokio::test]
    async fn a_fit_instance_is_used_without_a_word() {
        let script = Script::new()
            .answer("DescribeDBInstances", instance(&on_port(3306)))
            .answer(
                "DescribeDBParameters",
                parameters(&[
                    ("max_connections", "100"),
                    ("require_secure_transport", "1"),
                ]),
            )
            .answer(
                "DescribeSecurityGroups",
                groups("sg-theirs", &from_group("sg-ours", 3306)),
            )
            .answer("DescribeSecurityGroups", groups("sg-ours", ""));
        let (found, notes) = look(script, "").await;
        let (name, attributes) = found.unwrap().remove(0);
        assert_eq!(
            (name.as_str(), attributes["id"].as_str()),
            ("main", "shared")
        );
        assert_eq!(attributes["endpoint"], "shared.rds");
        assert_eq!(attributes["security_group"], "sg-theirs");
        assert_eq!(notes, Vec::<String>::new());
    }

    #[tokio::test]
    async fn what_an_operator_should_know_is_noted() {
        let public = "<PubliclyAccessible>true</PubliclyAccessible>\
                      <DBSubnetGroup><VpcId>vpc-2</VpcId></DBSubnetGroup>";
        let script = Script::new()
            .answer(
                "DescribeDBInstances",
                instance(&format!("{public}{}", on_port(3306))),
            )
            .answer("DescribeDBParameters", parameters(&[]))
            .answer(
                "DescribeSecurityGroups",
                groups("sg-theirs", &from_group("sg-ours", 3307)),
            )
            .answer("DescribeSecurityGroups", groups("sg-ours", ""));
        let (found, notes) = look(script, "").await;
        found.unwrap();
        let texts = [
            "shared is publicly accessible",
            "shared lets clients in without TLS",
            "shared stands in vpc-2, and the function in vpc-1",
            "shared: let the security group sg-ours (chat-prod-function) in on TCP port 3306",
        ];
        assert_eq!(notes.len(), texts.len(), "{notes:#?}");
        for (note, text) in notes.iter().zip(texts) {
            assert!(note.starts_with(text), "{note}");
        }
    }

    #[tokio::test]
    async fn what_cannot_work_is_refused_before_anything_changes() {
        let absent = Script::new().refuse(
            "DescribeDBInstances",
            404,
            "DBInstanceNotFound",
            "DBInstance shared not found.",
        );
        let on = |port| Script::new().answer("DescribeDBInstances", instance(&on_port(port)));
        let short = on(3306)
            .answer(
                "DescribeDBParameters",
                parameters(&[("max_connections", "55")]),
            )
            .answer("DescribeSecurityGroups", groups("sg-theirs", ""))
            .answer("DescribeSecurityGroups", groups("sg-ours", ""));
        let making = Script::new().answer("DescribeDBInstances", instance(""));
        for (script, why) in [
            (absent, "there is none of this name"),
            (on(3307), "it listens on port 3307"),
            (
                short,
                "it takes 55 connections, and 50 functions at once need 56",
            ),
            (making, "it has no address yet; it is available"),
        ] {
            let error = look(script, "").await.0.unwrap_err();
            assert_eq!(error.kind, Kind::Refused);
            assert!(error.message.ends_with(why), "{error}");
        }
    }

    #[tokio::test]
    async fn a_range_that_holds_the_network_lets_the_function_in() {
        let range = "<item><ipProtocol>-1</ipProtocol><ipRanges><item><cidrIp>10.0.0.0/8</cidrIp>\
                     </item></ipRanges></item>";
        let script = Script::new()
            .answer("DescribeDBInstances", instance(&on_port(3306)))
            .answer(
                "DescribeDBParameters",
                parameters(&[("require_secure_transport", "ON")]),
            )
            .answer("DescribeSecurityGroups", groups("sg-theirs", range))
            .answer(
                "DescribeSecurityGroups",
                "<DescribeSecurityGroupsResponse><securityGroupInfo/></DescribeSecurityGroupsResponse>",
            );
        let (found, notes) = look(script, "").await;
        found.unwrap();
        assert_eq!(notes, Vec::<String>::new());
    }
}
