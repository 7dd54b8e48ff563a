//! The parameters in a group: reading what is set, and setting it.

use std::collections::BTreeMap;

use aws_sdk_rds::types::{ApplyMethod, Parameter};

use crate::aws::{Aws, During};
use crate::error::Result;
use crate::resources::Cx;

/// As many as one call takes.
const AT_ONCE: usize = 20;

/// Sets what differs from `found`, and gives the family's value back to what is not wanted.
pub async fn set(
    cx: &Cx<'_>,
    name: &str,
    found: &BTreeMap<String, String>,
    wanted: &BTreeMap<String, String>,
) -> Result<()> {
    let methods = apply_methods(cx.aws, name).await?;
    let parameter = |key: &String| {
        // Immediate is refused for a static parameter.
        let method = methods.get(key).unwrap_or(&ApplyMethod::Immediate);
        Parameter::builder()
            .parameter_name(key)
            .apply_method(method.clone())
    };
    let differing: Vec<Parameter> = wanted
        .iter()
        .filter(|(key, value)| found.get(*key) != Some(value))
        .map(|(key, value)| parameter(key).parameter_value(value).build())
        .collect();
    let extra: Vec<Parameter> = found
        .keys()
        .filter(|key| !wanted.contains_key(*key))
        .map(|key| parameter(key).build())
        .collect();
    for some in differing.chunks(AT_ONCE) {
        cx.aws
            .rds
            .modify_db_parameter_group()
            .db_parameter_group_name(name)
            .set_parameters(Some(some.to_vec()))
            .send()
            .await
            .during("ModifyDBParameterGroup", cx.id)?;
    }
    for some in extra.chunks(AT_ONCE) {
        cx.aws
            .rds
            .reset_db_parameter_group()
            .db_parameter_group_name(name)
            .set_parameters(Some(some.to_vec()))
            .send()
            .await
            .during("ResetDBParameterGroup", cx.id)?;
    }
    Ok(())
}

/// The parameters that somebody has set in the group.
pub async fn set_in(aws: &Aws, name: &str) -> Result<BTreeMap<String, String>> {
    let mut pages = aws
        .rds
        .describe_db_parameters()
        .db_parameter_group_name(name)
        .source("user")
        .into_paginator()
        .items()
        .send();
    let mut set = BTreeMap::new();
    while let Some(parameter) = pages.next().await {
        let parameter = parameter.during("DescribeDBParameters", name)?;
        if let (Some(key), Some(value)) = (parameter.parameter_name, parameter.parameter_value) {
            set.insert(key, value);
        }
    }
    Ok(set)
}

/// When a change of each parameter can take effect.
async fn apply_methods(aws: &Aws, name: &str) -> Result<BTreeMap<String, ApplyMethod>> {
    let mut pages = aws
        .rds
        .describe_db_parameters()
        .db_parameter_group_name(name)
        .into_paginator()
        .items()
        .send();
    let mut methods = BTreeMap::new();
    while let Some(parameter) = pages.next().await {
        let parameter = parameter.during("DescribeDBParameters", name)?;
        let method = match parameter.apply_type.as_deref() {
            Some("static") => ApplyMethod::PendingReboot,
            _ => ApplyMethod::Immediate,
        };
        methods.insert(parameter.parameter_name.unwrap_or_default(), method);
    }
    Ok(methods)
}
