//! Reading a function back.

use aws_sdk_lambda::types::{
    Architecture as LambdaArchitecture, FunctionConfiguration, TracingMode,
};

use super::NOT_FOUND;
use super::function::Function;
use crate::aws::{During, Optional, Reader};
use crate::config::Architecture;
use crate::error::Result;
use crate::object::attributes;
use crate::resources::Found;
use crate::stack::Tags;

fn unsigned(value: Option<i32>) -> u32 {
    value
        .and_then(|value| u32::try_from(value).ok())
        .unwrap_or_default()
}

/// The function with this logical name.
pub(super) async fn read(reader: &Reader<'_>, name: &str) -> Result<Option<Found<Function>>> {
    let aws_name = reader.stack.name(name);
    let answer = reader
        .aws
        .lambda
        .get_function()
        .function_name(&aws_name)
        .send()
        .await
        .during("GetFunction", &aws_name)
        .unless(NOT_FOUND)?;
    let Some(answer) = answer else {
        return Ok(None);
    };
    let configuration = answer
        .configuration
        .unwrap_or_else(|| FunctionConfiguration::builder().build());
    let tags: Tags = answer.tags.unwrap_or_default().into_iter().collect();
    let owned = reader.stack.owned_id(&tags).is_some();
    let reserved = answer
        .concurrency
        .and_then(|concurrency| concurrency.reserved_concurrent_executions);
    let arn = configuration.function_arn.clone().unwrap_or_default();
    let value = from_configuration(
        configuration,
        reserved.map(|reserved| unsigned(Some(reserved))),
        reader.stack.relevant(tags),
    );
    Ok(Some(Found {
        name: name.to_owned(),
        attributes: attributes([("id", &aws_name), ("arn", &arn)]),
        value,
        owned,
    }))
}

fn from_configuration(
    configuration: FunctionConfiguration,
    reserved_concurrency: Option<u32>,
    tags: Tags,
) -> Function {
    let vpc = configuration.vpc_config;
    Function {
        name: configuration.function_name.unwrap_or_default(),
        code_sha256: configuration.code_sha256.unwrap_or_default(),
        architecture: match configuration.architectures.unwrap_or_default().first() {
            Some(LambdaArchitecture::Arm64) => Architecture::Arm64,
            _ => Architecture::X86_64,
        },
        runtime: configuration
            .runtime
            .map_or_else(String::new, |runtime| runtime.as_str().to_owned()),
        handler: configuration.handler.unwrap_or_default(),
        role: configuration.role.unwrap_or_default(),
        memory_mb: unsigned(configuration.memory_size),
        timeout_s: unsigned(configuration.timeout),
        environment: configuration
            .environment
            .and_then(|environment| environment.variables)
            .unwrap_or_default()
            .into_iter()
            .collect(),
        kms_key: configuration.kms_key_arn.unwrap_or_default(),
        subnets: vpc
            .as_ref()
            .map(|vpc| vpc.subnet_ids().to_vec())
            .unwrap_or_default(),
        security_groups: vpc
            .map(|vpc| vpc.security_group_ids().to_vec())
            .unwrap_or_default(),
        tracing: configuration
            .tracing_config
            .and_then(|tracing| tracing.mode)
            == Some(TracingMode::Active),
        log_group: configuration
            .logging_config
            .and_then(|logging| logging.log_group)
            .unwrap_or_default(),
        reserved_concurrency,
        tags,
    }
}
