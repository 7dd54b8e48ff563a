//! The calls that bring a function to its settings, one after the other.

use aws_sdk_lambda::operation::create_function::CreateFunctionOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    Architecture as LambdaArchitecture, Environment, FunctionCode, LoggingConfig, Runtime,
    TracingConfig, TracingMode, VpcConfig,
};

use super::function::Function;
use super::{once_idle, ready, settled};
use crate::aws::During;
use crate::config::Architecture;
use crate::error::{Error, Result};
use crate::resources::Cx;

impl Function {
    pub(super) async fn make(&self, cx: &Cx<'_>) -> Result<CreateFunctionOutput> {
        let zip = zip(cx)?;
        let call = cx
            .aws
            .lambda
            .create_function()
            .function_name(&self.name)
            .runtime(Runtime::from(self.runtime.as_str()))
            .handler(&self.handler)
            .role(&self.role)
            .architectures(architecture(self.architecture))
            .memory_size(signed(self.memory_mb))
            .timeout(signed(self.timeout_s))
            .environment(self.environment())
            .kms_key_arn(&self.kms_key)
            .vpc_config(self.vpc_config())
            .tracing_config(self.tracing_config())
            .logging_config(self.logging_config())
            .code(FunctionCode::builder().zip_file(zip).build())
            .set_tags(Some(self.all_tags().into_iter().collect()));
        settled(cx, "role, key and network to be usable", || async {
            call.clone().send().await.during("CreateFunction", cx.id)
        })
        .await
    }

    fn environment(&self) -> Environment {
        Environment::builder()
            .set_variables(Some(self.environment.clone().into_iter().collect()))
            .build()
    }

    fn vpc_config(&self) -> VpcConfig {
        VpcConfig::builder()
            .set_subnet_ids(Some(self.subnets.clone()))
            .set_security_group_ids(Some(self.security_groups.clone()))
            .build()
    }

    fn tracing_config(&self) -> TracingConfig {
        TracingConfig::builder()
            .mode(if self.tracing {
                TracingMode::Active
            } else {
                TracingMode::PassThrough
            })
            .build()
    }

    fn logging_config(&self) -> LoggingConfig {
        LoggingConfig::builder().log_group(&self.log_group).build()
    }

    pub(super) async fn configure(&self, cx: &Cx<'_>) -> Result<()> {
        let call = cx
            .aws
            .lambda
            .update_function_configuration()
            .function_name(&self.name)
            .runtime(Runtime::from(self.runtime.as_str()))
            .handler(&self.handler)
            .role(&self.role)
            .memory_size(signed(self.memory_mb))
            .timeout(signed(self.timeout_s))
            .environment(self.environment())
            .kms_key_arn(&self.kms_key)
            .vpc_config(self.vpc_config())
            .tracing_config(self.tracing_config())
            .logging_config(self.logging_config());
        settled(cx, "role, key and network to be usable", || async {
            call.clone()
                .send()
                .await
                .during("UpdateFunctionConfiguration", cx.id)
        })
        .await?;
        ready(cx, &self.name, None).await
    }

    pub(super) async fn upload(&self, cx: &Cx<'_>) -> Result<()> {
        let zip = zip(cx)?;
        let call = cx
            .aws
            .lambda
            .update_function_code()
            .function_name(&self.name)
            .architectures(architecture(self.architecture))
            .zip_file(zip);
        settled(cx, "the last update to end", || async {
            call.clone()
                .send()
                .await
                .during("UpdateFunctionCode", cx.id)
        })
        .await?;
        ready(cx, &self.name, None).await
    }

    pub(super) async fn reserve(&self, cx: &Cx<'_>) -> Result<()> {
        let Some(reserved) = self.reserved_concurrency else {
            return Ok(());
        };
        let call = cx.aws.lambda.put_function_concurrency();
        let call = call
            .function_name(&self.name)
            .reserved_concurrent_executions(signed(reserved));
        let reserved = once_idle(cx, || async {
            let answer = call.clone().send().await;
            answer.during("PutFunctionConcurrency", cx.id)
        });
        match reserved.await {
            Err(error) if error.is("InvalidParameterValueException", "UnreservedConcurrent") => {
                Err(error.hint("lower [function] reserved_concurrency").hint(
                    "or ask for a higher quota: Service Quotas, AWS Lambda, Concurrent executions",
                ))
            }
            other => other.map(|_| ()),
        }
    }

    /// Takes the key away from the function for a moment: given it again, Lambda makes a new
    /// grant for the role as it is now. The environment holds no secrets meanwhile or ever.
    pub(super) async fn forget_grant(&self, cx: &Cx<'_>) -> Result<()> {
        let call = cx.aws.lambda.update_function_configuration();
        let call = call.function_name(&self.name).kms_key_arn("");
        settled(cx, "the new role to be usable", || async {
            let answer = call.clone().send().await;
            answer.during("UpdateFunctionConfiguration", cx.id)
        })
        .await?;
        ready(cx, &self.name, None).await
    }

    pub(super) async fn tag(&self, cx: &Cx<'_>, arn: &str) -> Result<()> {
        let call = cx.aws.lambda.tag_resource().resource(arn);
        let call = call.set_tags(Some(self.all_tags().into_iter().collect()));
        once_idle(cx, || async {
            call.clone().send().await.during("TagResource", cx.id)
        })
        .await?;
        Ok(())
    }
}

fn zip(cx: &Cx<'_>) -> Result<Blob> {
    let artifact = cx.artifacts.by_name.get(&cx.id.name);
    let artifact =
        artifact.ok_or_else(|| Error::failed(format!("{}: no zip was built for it", cx.id)))?;
    artifact.zip().map(Blob::new)
}

fn architecture(architecture: Architecture) -> LambdaArchitecture {
    match architecture {
        Architecture::Arm64 => LambdaArchitecture::Arm64,
        Architecture::X86_64 => LambdaArchitecture::X8664,
    }
}

/// Lambda's numbers are small; what is too large for it is refused there.
fn signed(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}
