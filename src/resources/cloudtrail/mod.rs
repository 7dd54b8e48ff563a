//! The trail: who called what in the account, in every region, in files that cannot be forged.

mod reading;
#[cfg(test)]
mod tests;
pub mod trail;

use crate::stack::Stack;

/// Its ARN, which the bucket's and the key's policies name before there is a trail.
pub fn trail_arn(stack: &Stack) -> String {
    stack.arn("cloudtrail", &format!("trail/{}", stack.prefix()))
}
