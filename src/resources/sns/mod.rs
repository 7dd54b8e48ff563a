//! Who is told of an alarm.

pub mod subscription;
pub mod topic;

use crate::stack::Stack;

/// The topic's ARN, known before the topic is made, and the same after another is made in its
/// place.
pub fn topic_arn(stack: &Stack) -> String {
    stack.arn("sns", &stack.prefix())
}

#[cfg(test)]
mod tests;
