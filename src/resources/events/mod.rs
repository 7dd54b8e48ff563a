//! What EventBridge runs by itself, on a schedule.

pub mod rule;
mod targets;

use std::time::Duration;

use crate::aws::patience::patiently;
use crate::error::{Error, Result};
use crate::resources::Cx;
use crate::stack::Stack;

/// The rule's ARN, known before the rule is made: who lets it in is made first.
pub fn rule_arn(stack: &Stack, name: &str) -> String {
    stack.arn("events", &format!("rule/{}", stack.name(name)))
}

const NOT_FOUND: &[&str] = &["ResourceNotFoundException"];
/// Changes of one rule end within moments.
const SETTLING: Duration = Duration::from_mins(2);

/// Makes a call and repeats it while another change of the rule is under way.
async fn settled<T, F>(cx: &Cx<'_>, call: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let busy = |error: &Error| error.code() == Some("ConcurrentModificationException");
    let what = "another change of the rule to end";
    let outcome = patiently(cx.events, cx.id, what, SETTLING, busy, call).await;
    outcome.map_err(|error| match error.code() {
        Some("ManagedRuleException") => {
            error.hint("another AWS service keeps this rule: give the stack another name")
        }
        Some("LimitExceededException") => error
            .hint("delete rules that are not in use")
            .hint("or ask for a higher quota: Service Quotas, Amazon EventBridge, Rules"),
        _ => error,
    })
}

#[cfg(test)]
mod tests;
