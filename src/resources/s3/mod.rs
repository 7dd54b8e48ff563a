//! The buckets that the trail is kept in, and that tells who looked at it.

pub mod bucket;
mod bucket_policy;
mod emptying;
pub mod settings;
#[cfg(test)]
mod tests;

use crate::object::revision;
use crate::stack::Stack;

/// As much of the stack's name as fits a bucket's, which has 63 characters.
const LONGEST_PREFIX: usize = 40;
/// Tells stacks in other accounts and regions apart: a bucket's name is unique in the world.
const MARK: usize = 8;

/// What AWS calls the bucket with this logical name.
pub fn bucket_name(stack: &Stack, name: &str) -> String {
    let prefix = stack.prefix();
    let mark = revision(&format!("{} {} {prefix}", stack.account, stack.region).into());
    let short = prefix.get(..LONGEST_PREFIX).unwrap_or(&prefix);
    let mark = mark.get(..MARK).unwrap_or(&mark);
    format!("{}-{mark}-{name}", short.trim_end_matches('-'))
}

fn bucket_arn(stack: &Stack, name: &str) -> String {
    format!(
        "arn:{}:s3:::{}",
        stack.partition(),
        bucket_name(stack, name)
    )
}
