//! The functions, the roles behind them and the API, and the secrets that they name.

use std::collections::BTreeSet;

use aws_sdk_lambda::types::{FunctionConfiguration, TracingMode};
use futures::future::try_join_all;
use serde_json::Value;

use crate::audit::checks::policies::{allows, statements, texts};
use crate::audit::facts::{Function, Gateway, Read, Role};
use crate::aws::{Aws, During, Emulator, Optional};
use crate::error::Result;
use crate::resources::iam::policy::parse;

const NOT_FOUND: &[&str] = &["ResourceNotFoundException"];
const NO_ROLE: &[&str] = &["NoSuchEntity"];

pub async fn functions(aws: &Aws, names: &[String]) -> Read<Vec<Function>> {
    let reads = names.iter().map(|name| function(aws, name));
    match try_join_all(reads).await {
        Ok(found) => {
            let found: Vec<Function> = found.into_iter().flatten().collect();
            if found.is_empty() {
                return Read::Absent;
            }
            Read::Known(found)
        }
        Err(error) => Read::Unread(super::why(&error)),
    }
}

async fn function(aws: &Aws, name: &str) -> Result<Option<Function>> {
    let lambda = &aws.lambda;
    let call = lambda.get_function().function_name(name);
    let answer = call
        .send()
        .await
        .during("GetFunction", name)
        .unless(NOT_FOUND)?;
    let Some(answer) = answer else {
        return Ok(None);
    };
    let (policy, aliases) = tokio::try_join!(policy(aws, name, None), aliases(aws, name))?;
    let of_aliases = aliases
        .iter()
        .map(|alias| self::policy(aws, name, Some(alias)));
    let policies = try_join_all(of_aliases).await?;
    let reserved = answer
        .concurrency
        .and_then(|concurrency| concurrency.reserved_concurrent_executions);
    let found = answer
        .configuration
        .unwrap_or_else(|| FunctionConfiguration::builder().build());
    let vpc = found.vpc_config;
    let vpc = vpc.as_ref();
    let subnets = vpc.map(|vpc| vpc.subnet_ids().to_vec());
    let subnets = subnets.unwrap_or_default();
    let vpc_id = match subnets.first() {
        // moto tells one VPC for all functions.
        Some(subnet) if aws.emulator == Some(Emulator::Moto) => vpc_of(aws, subnet).await?,
        _ => vpc.and_then(|vpc| vpc.vpc_id.clone()),
    };
    Ok(Some(Function {
        name: found.function_name.unwrap_or_default(),
        arn: found.function_arn.unwrap_or_default(),
        runtime: found.runtime.map_or_else(
            || "a container image".to_owned(),
            |runtime| runtime.as_str().to_owned(),
        ),
        role: found.role.unwrap_or_default(),
        environment: found
            .environment
            .and_then(|environment| environment.variables)
            .unwrap_or_default()
            .into_iter()
            .collect(),
        kms_key: found.kms_key_arn.filter(|key| !key.is_empty()),
        vpc: vpc_id.filter(|id| !id.is_empty()),
        subnets,
        groups: vpc
            .map(|vpc| vpc.security_group_ids().to_vec())
            .unwrap_or_default(),
        tracing: found.tracing_config.and_then(|tracing| tracing.mode) == Some(TracingMode::Active),
        log_group: found
            .logging_config
            .and_then(|logging| logging.log_group)
            .unwrap_or_else(|| format!("/aws/lambda/{name}")),
        reserved,
        urls: urls(aws, name).await,
        policy: merged(policies.into_iter().chain([policy])),
    }))
}

async fn vpc_of(aws: &Aws, subnet: &str) -> Result<Option<String>> {
    let call = aws.ec2.describe_subnets().subnet_ids(subnet);
    let answer = call.send().await.during("DescribeSubnets", subnet);
    let found = answer.unless(&["InvalidSubnetID.NotFound"])?;
    let subnet = found.and_then(|answer| answer.subnets.unwrap_or_default().into_iter().next());
    Ok(subnet.and_then(|subnet| subnet.vpc_id))
}

/// One document with the statements of all.
fn merged(policies: impl Iterator<Item = Value>) -> Value {
    let statements = policies.flat_map(|policy| statements(&policy).cloned().collect::<Vec<_>>());
    serde_json::json!({"Statement": statements.collect::<Vec<_>>()})
}

async fn aliases(aws: &Aws, name: &str) -> Result<Vec<String>> {
    let pages = aws
        .lambda
        .list_aliases()
        .function_name(name)
        .into_paginator()
        .items()
        .send();
    let aliases = pages
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("ListAliases", name)?;
    Ok(aliases.into_iter().filter_map(|alias| alias.name).collect())
}

async fn policy(aws: &Aws, name: &str, alias: Option<&String>) -> Result<Value> {
    let call = aws
        .lambda
        .get_policy()
        .function_name(name)
        .set_qualifier(alias.cloned());
    let answer = call
        .send()
        .await
        .during("GetPolicy", name)
        .unless(NOT_FOUND)?;
    let text = answer.and_then(|answer| answer.policy);
    Ok(text.map_or(Value::Null, |text| parse(&text)))
}

async fn urls(aws: &Aws, name: &str) -> Read<Vec<String>> {
    if aws.emulator == Some(Emulator::Moto) {
        return Read::Unread("not emulated: moto does not list them".to_owned());
    }
    let call = aws.lambda.list_function_url_configs().function_name(name);
    let pages = call.into_paginator().items().send();
    let urls = pages
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("ListFunctionUrlConfigs", name);
    let urls = urls.unless(NOT_FOUND).map(Option::unwrap_or_default);
    Read::of(urls.map(|urls| urls.into_iter().map(|url| url.function_arn).collect()))
}

/// The role of each function, and the one that API Gateway logs as.
pub async fn roles(
    aws: &Aws,
    functions: &[Function],
    gateway: Option<&Gateway>,
) -> Read<Vec<Role>> {
    let mut arns: BTreeSet<&str> = functions
        .iter()
        .map(|function| function.role.as_str())
        .collect();
    arns.extend(gateway.and_then(|gateway| gateway.log_role.as_deref()));
    let names = arns.into_iter().filter_map(|arn| arn.rsplit('/').next());
    let reads: Vec<_> = names
        .filter(|name| !name.is_empty())
        .map(|name| role(aws, name))
        .collect();
    if reads.is_empty() {
        return Read::Absent;
    }
    Read::of(
        try_join_all(reads)
            .await
            .map(|roles| roles.into_iter().flatten().collect()),
    )
}

async fn role(aws: &Aws, name: &str) -> Result<Option<Role>> {
    let iam = &aws.iam;
    let answer = iam
        .get_role()
        .role_name(name)
        .send()
        .await
        .during("GetRole", name);
    let Some(role) = answer.unless(NO_ROLE)?.and_then(|answer| answer.role) else {
        return Ok(None);
    };
    let attached = iam.list_attached_role_policies().role_name(name);
    let attached = attached.into_paginator().items().send();
    let attached = attached
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("ListAttachedRolePolicies", name)?;
    let names = iam
        .list_role_policies()
        .role_name(name)
        .into_paginator()
        .items()
        .send();
    let names = names
        .collect::<Result<Vec<_>, _>>()
        .await
        .during("ListRolePolicies", name)?;
    let reads = names.into_iter().map(|policy| async move {
        let call = iam.get_role_policy().role_name(name).policy_name(&policy);
        let answer = call.send().await.during("GetRolePolicy", name)?;
        Ok((policy, parse(&answer.policy_document)))
    });
    let policies: Vec<(String, Value)> = try_join_all(reads).await?;
    Ok(Some(Role {
        name: name.to_owned(),
        trust: role
            .assume_role_policy_document
            .map_or(Value::Null, |text| parse(&text)),
        attached: attached
            .into_iter()
            .filter_map(|policy| policy.policy_arn)
            .collect(),
        policies: policies.into_iter().collect(),
    }))
}

/// The secrets that the functions' variables and roles name.
pub fn secrets(functions: &[Function], roles: Option<&Vec<Role>>) -> BTreeSet<String> {
    let is_secret = |arn: &str| arn.contains(":secretsmanager:") && !arn.contains('*');
    let variables = functions
        .iter()
        .flat_map(|function| function.environment.values());
    let mut names: BTreeSet<String> = variables
        .filter(|value| is_secret(value))
        .cloned()
        .collect();
    for role in roles.into_iter().flatten() {
        for statement in role
            .policies
            .values()
            .flat_map(statements)
            .filter(|one| allows(one))
        {
            let resources = texts(statement, "Resource").into_iter();
            names.extend(resources.filter(|arn| is_secret(arn)).map(str::to_owned));
        }
    }
    names
}
