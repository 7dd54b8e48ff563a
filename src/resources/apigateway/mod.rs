//! The endpoint: one REST API with its definition, stage, plan and keys.
//!
//! What is defined on the API is a draft: callers see the deployment that the stage points to.

pub mod account;
pub mod api_key;
pub(crate) mod api_policy;
pub mod api_resource;
pub mod deployment;
mod draft04;
pub mod gateway_response;
pub mod method;
pub mod model;
pub mod preflight;
pub(crate) mod reading;
#[cfg(test)]
mod refusals;
pub mod request_validator;
pub mod rest_api;
pub mod stage;
pub mod usage_plan;
pub mod usage_plan_key;
pub mod versions;

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::time::Duration;

use aws_sdk_apigateway::types::{Op, PatchOperation};
use serde::{Deserialize, Serialize};

pub(super) use self::reading::stage_arns;
use crate::aws::During;
use crate::aws::patience::patiently;
use crate::config::Throttle;
use crate::error::{Error, Result};
use crate::permissions::{Calls, Grant, allow};
use crate::resources::Cx;
use crate::stack::{Stack, Tags};

/// Tags have a path of their own, in which the tagged object's ARN is one segment.
const TAG: Grant = allow(&["apigateway:PUT"], &["apigateway:/tags/*"]);

/// What any method of the API takes, whoever answers it.
const METHOD_CALLS: Calls = Calls {
    find: &[allow(
        &["apigateway:GET"],
        &["apigateway:/restapis/*/resources"],
    )],
    create: METHOD_WRITES,
    update: METHOD_WRITES,
    delete: &[METHOD_DELETE],
};
const METHOD_WRITES: &[Grant] = &[allow(&["apigateway:PUT"], METHODS).ours(), METHOD_DELETE];
const METHOD_DELETE: Grant = allow(&["apigateway:DELETE"], METHODS).ours();
const METHODS: &[&str] = &["apigateway:/restapis/*/resources/*/methods/*"];

const NOT_FOUND: &str = "NotFoundException";

/// Requests per second, and how many may come at once, as API Gateway counts them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    pub rate: f64,
    pub burst: i32,
}

impl From<Throttle> for Limit {
    fn from(throttle: Throttle) -> Self {
        Self {
            rate: throttle.rate.into(),
            burst: whole(throttle.burst),
        }
    }
}

/// A configured number as API Gateway has it.
fn whole(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Makes a call that changes something, again where it met another change: API Gateway refuses
/// one while another to the same API is under way, and slows callers down for minutes.
async fn write<T, F>(cx: &Cx<'_>, attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    patiently(
        cx.events,
        cx.id,
        "other changes to the API to end",
        Duration::from_mins(15),
        is_busy,
        attempt,
    )
    .await
}

fn is_busy(error: &Error) -> bool {
    error.code() == Some("TooManyRequestsException")
        || ["ConflictException", "BadRequestException"]
            .iter()
            .any(|code| {
                error.is(code, "concurrent modification") || error.is(code, "try again later")
            })
}

/// A change of one property. Slashes inside a segment of `path` must be [`escaped`].
fn patch(op: Op, path: impl Into<String>, value: impl Into<Option<String>>) -> PatchOperation {
    PatchOperation::builder()
        .op(op)
        .path(path)
        .set_value(value.into())
        .build()
}

fn replace(path: &str, value: &impl ToString) -> PatchOperation {
    patch(Op::Replace, path, value.to_string())
}

/// One segment of a JSON pointer.
fn escaped(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}

/// `arn:{partition}:apigateway:{region}::/{path}`: API Gateway's own ARNs name no account.
fn arn(stack: &Stack, path: &str) -> String {
    service_arn(stack, &format!(":/{path}"))
}

fn service_arn(stack: &Stack, rest: &str) -> String {
    format!(
        "arn:{}:apigateway:{}:{rest}",
        stack.partition(),
        stack.region
    )
}

/// Brings an object's tags to what is wanted.
async fn tag(cx: &Cx<'_>, path: &str, tags: &Tags) -> Result<()> {
    let call = cx
        .aws
        .apigateway
        .tag_resource()
        .resource_arn(arn(cx.stack, path))
        .set_tags(Some(tags.clone().into_iter().collect()));
    write(cx, || async {
        call.clone().send().await.during("TagResource", cx.id)
    })
    .await?;
    Ok(())
}

fn sorted<V>(map: Option<HashMap<String, V>>) -> BTreeMap<String, V> {
    map.unwrap_or_default().into_iter().collect()
}

/// The logical name of a path: `/chatbot` is `chatbot`, and so that a reference can name it,
/// whatever else a path may hold becomes a hyphen.
fn path_name(path: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    };
    match path.trim_matches('/') {
        "" => "root".to_owned(),
        inner => inner.chars().map(plain).collect(),
    }
}

fn stage_path(api: &str, stage: &str) -> String {
    format!("restapis/{api}/stages/{stage}")
}

/// A patch on one line, for tests.
#[cfg(test)]
fn shown(patch: PatchOperation) -> String {
    let op = patch
        .op
        .map_or_else(String::new, |op| op.as_str().to_owned());
    format!(
        "{op} {} {}",
        patch.path.unwrap_or_default(),
        patch.value.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_in_a_pointer_are_escaped() {
        assert_eq!(escaped("application/json"), "application~1json");
        assert_eq!(escaped("a~b/c"), "a~0b~1c");
    }

    #[test]
    fn paths_have_names_that_references_can_hold() {
        assert_eq!(path_name("/chatbot"), "chatbot");
        assert_eq!(path_name("/v1.0"), "v1-0");
        assert_eq!(path_name("/a/{proxy+}"), "a--proxy--");
        assert_eq!(path_name("/"), "root");
    }
}
