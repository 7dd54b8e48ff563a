//! Reading a function back.

use std::collections::BTreeMap;

use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::types::{
    Architecture as LambdaArchitecture, FunctionConfiguration, TracingMode,
};
use futures::future::try_join_all;

use super::function::{Function, TAG_ROLE};
use super::{FUNCTIONS, NOT_FOUND, failure, url};
use crate::aws::{During, Optional, Reader};
use crate::config::Architecture;
use crate::error::{Error, Result};
use crate::object::attributes;
use crate::resources::Found;
use crate::stack::Tags;

fn unsigned(value: Option<i32>) -> u32 {
    value
        .and_then(|value| u32::try_from(value).ok())
        .unwrap_or_default()
}

/// What Lambda says of the functions, asked once: their children and the schema's trace hang on
/// the same answers.
pub(super) async fn described(
    reader: &Reader,
) -> Result<&BTreeMap<&'static str, GetFunctionOutput>> {
    let describe = |name| async move {
        let aws_name = reader.stack.name(name);
        let call = reader.aws.lambda.get_function().function_name(&aws_name);
        let answer = call.send().await.during("GetFunction", &aws_name);
        Ok::<_, Error>(answer.unless(NOT_FOUND)?.map(|answer| (name, answer)))
    };
    let functions = reader.functions.get_or_try_init(|| async {
        let answers = try_join_all(FUNCTIONS.map(describe)).await?;
        Ok::<_, Error>(answers.into_iter().flatten().collect())
    });
    functions.await
}

pub(super) fn tags_of(function: &GetFunctionOutput) -> Tags {
    function
        .tags
        .clone()
        .unwrap_or_default()
        .into_iter()
        .collect()
}

/// Whether the function with this logical name is the stack's. What hangs on one that only has
/// the name is not ours to change or delete.
pub(super) async fn is_ours(reader: &Reader, name: &str) -> Result<bool> {
    let function = described(reader).await?.get(name);
    Ok(function.is_some_and(|function| reader.stack.owns(&tags_of(function))))
}

/// The function with this logical name.
pub(super) async fn read(reader: &Reader, name: &str) -> Result<Option<Found<Function>>> {
    let aws_name = reader.stack.name(name);
    let (functions, urls) =
        tokio::try_join!(described(reader), url::qualifiers(reader, &aws_name))?;
    let Some(answer) = functions.get(name).cloned() else {
        return Ok(None);
    };
    let tags = tags_of(&answer);
    let reserved = answer
        .concurrency
        .and_then(|concurrency| concurrency.reserved_concurrent_executions);
    let configuration = answer
        .configuration
        .unwrap_or_else(|| FunctionConfiguration::builder().build());
    let arn = configuration.function_arn.clone().unwrap_or_default();
    let owned = reader.stack.owns(&tags);
    let value = Function {
        reserved_concurrency: reserved.map(|reserved| unsigned(Some(reserved))),
        role_id: tags.get(TAG_ROLE).cloned().unwrap_or_default(),
        urls,
        tags: reader.stack.relevant(tags),
        ..from_configuration(configuration)
    };
    Ok(Some(Found {
        name: name.to_owned(),
        attributes: attributes([("id", &aws_name), ("arn", &arn)]),
        value,
        owned,
    }))
}

/// As far as the configuration tells.
fn from_configuration(configuration: FunctionConfiguration) -> Function {
    let failed = failure(
        (configuration.state(), configuration.state_reason()),
        (
            configuration.last_update_status(),
            configuration.last_update_status_reason(),
        ),
    );
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
        reserved_concurrency: None,
        role_id: String::new(),
        urls: Vec::new(),
        failed,
        tags: Tags::new(),
    }
}
