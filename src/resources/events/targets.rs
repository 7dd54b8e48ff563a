//! What a rule invokes. A call for several targets is answered with success even where some of
//! them were refused.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::types::{self, RetryPolicy};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{NOT_FOUND, settled};
use crate::aws::{During, Failure, Optional, Reader};
use crate::error::{Error, Result};
use crate::resources::Cx;

/// A run that could not be started is given up when the next is due: it would do the same.
const MAX_AGE_S: i32 = 3600;
const RETRIES: i32 = 2;
/// EventBridge's own, where a target names none.
const DEFAULT_MAX_AGE_S: i32 = 86_400;
const DEFAULT_RETRIES: i32 = 185;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    pub arn: String,
    /// What the target gets instead of the event, always the same.
    pub input: String,
    pub max_age_s: i32,
    pub retries: i32,
    /// None: functions let EventBridge in by their own policies, and a role may be in the way.
    pub role: Option<String>,
}

impl Target {
    pub fn of(arn: &str, input: &Value) -> Self {
        Self {
            arn: arn.to_owned(),
            input: input.to_string(),
            max_age_s: MAX_AGE_S,
            retries: RETRIES,
            role: None,
        }
    }

    fn to_sdk(&self, id: &str) -> Result<types::Target> {
        let retries = RetryPolicy::builder()
            .maximum_event_age_in_seconds(self.max_age_s)
            .maximum_retry_attempts(self.retries);
        types::Target::builder()
            .id(id)
            .arn(&self.arn)
            .input(&self.input)
            .retry_policy(retries.build())
            .build()
            .map_err(|error| Error::failed("a rule's target cannot be built").because(error))
    }

    fn from_sdk(target: types::Target) -> (String, Self) {
        let policy = target.retry_policy;
        let policy = policy.unwrap_or_else(|| RetryPolicy::builder().build());
        let found = Self {
            arn: target.arn,
            input: target.input.unwrap_or_default(),
            max_age_s: policy
                .maximum_event_age_in_seconds
                .unwrap_or(DEFAULT_MAX_AGE_S),
            retries: policy.maximum_retry_attempts.unwrap_or(DEFAULT_RETRIES),
            role: target.role_arn,
        };
        (target.id, found)
    }
}

/// The rule's targets by id; `None` where there is no such rule.
pub(super) async fn list(reader: &Reader, rule: &str) -> Result<Option<BTreeMap<String, Target>>> {
    let mut targets = BTreeMap::new();
    let mut next = None;
    loop {
        let call = reader.aws.events.list_targets_by_rule();
        let call = call.rule(rule).set_next_token(next);
        let page = call.send().await.during("ListTargetsByRule", rule);
        let Some(page) = page.unless(NOT_FOUND)? else {
            return Ok(None);
        };
        let found = page.targets.unwrap_or_default().into_iter();
        targets.extend(found.map(Target::from_sdk));
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(Some(targets));
        }
    }
}

/// Adds the targets, or replaces those that have their ids, with all their settings.
pub(super) async fn put(cx: &Cx<'_>, targets: &BTreeMap<String, Target>) -> Result<()> {
    let entries: Result<Vec<_>> = targets.iter().map(|(id, one)| one.to_sdk(id)).collect();
    let call = cx.aws.events.put_targets();
    let call = call.rule(cx.stack.name(&cx.id.name));
    let call = call.set_targets(Some(entries?));
    settled(cx, || async {
        let answer = call.clone().send().await.during("PutTargets", cx.id)?;
        let refused = answer.failed_entries.unwrap_or_default().into_iter().next();
        let refused = refused.map(|entry| (entry.target_id, entry.error_code, entry.error_message));
        whole(cx, "PutTargets", refused)
    })
    .await
}

/// Those that are gone already are passed over, and so is a rule that is.
pub(super) async fn remove(cx: &Cx<'_>, ids: impl Iterator<Item = &String>) -> Result<()> {
    let ids: Vec<String> = ids.cloned().collect();
    if ids.is_empty() {
        return Ok(());
    }
    let call = cx.aws.events.remove_targets();
    let call = call.rule(cx.stack.name(&cx.id.name)).set_ids(Some(ids));
    let removed = settled(cx, || async {
        let answer = call.clone().send().await.during("RemoveTargets", cx.id)?;
        let refused = answer.failed_entries.unwrap_or_default().into_iter().next();
        let refused = refused.map(|entry| (entry.target_id, entry.error_code, entry.error_message));
        whole(cx, "RemoveTargets", refused)
    });
    removed.await.unless(NOT_FOUND)?;
    Ok(())
}

/// Id, code and message of a target that was refused.
type Refused = (Option<String>, Option<String>, Option<String>);

/// An error where a target was refused although the call was not.
fn whole(cx: &Cx<'_>, operation: &str, refused: Option<Refused>) -> Result<()> {
    let Some((id, code, message)) = refused else {
        return Ok(());
    };
    let failure = Failure {
        operation: operation.to_owned(),
        code: code.unwrap_or_else(|| "Unknown".to_owned()),
        message: message.unwrap_or_else(|| "no message".to_owned()),
        request_id: None,
    };
    let mut error = Error::failed(format!(
        "{operation} refused for {}, target {}: {}: {}",
        cx.id,
        id.unwrap_or_default(),
        failure.code,
        failure.message
    ));
    error.aws = Some(Box::new(failure));
    Err(error)
}
