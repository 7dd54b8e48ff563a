//! Log groups, made before anything writes to them so that they have a retention.

mod finding;
pub mod log_group;

use crate::stack::Stack;

/// What Lambda calls the group of a function.
pub fn function_group(stack: &Stack, function: &str) -> String {
    format!("/aws/lambda/{}", stack.name(function))
}

fn access_group(stack: &Stack) -> String {
    format!("/aws/apigateway/{}", stack.name("access"))
}

#[cfg(test)]
mod tests;
