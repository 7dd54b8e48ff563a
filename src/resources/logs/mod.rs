//! Log groups, made before anything writes to them so that they have a retention.

pub mod finding;
pub mod log_group;
pub mod metric_filter;

use crate::stack::Stack;

/// The stack's log groups, and the names of those that API Gateway makes: it puts an API's id
/// there, which nobody knows before.
const GROUPS: &[&str] = &[
    "logs:log-group:/aws/*/{stack}-*",
    "logs:log-group:/aws/rds/instance/{stack}/*",
    "logs:log-group:API-Gateway-Execution-Logs_*",
    "logs:log-group:aws-waf-logs-{stack}*",
];

/// What Lambda calls the group of a function.
pub fn function_group(stack: &Stack, function: &str) -> String {
    format!("/aws/lambda/{}", stack.name(function))
}

/// VPC flow logs. It does not begin like RDS's or Lambda's, whose services would write to it.
pub fn flow_group(stack: &Stack) -> String {
    format!("/aws/vpc/{}", stack.name("flow-logs"))
}

pub fn trail_group(stack: &Stack) -> String {
    format!("/aws/cloudtrail/{}", stack.name("trail"))
}

/// AWS WAF takes no group whose name begins otherwise.
fn waf_group(stack: &Stack) -> String {
    format!("aws-waf-logs-{}", stack.prefix())
}

/// What RDS calls the group of one of an instance's logs.
fn database_group(stack: &Stack, log: &str) -> String {
    format!("/aws/rds/instance/{}/{log}", stack.prefix())
}

fn access_group(stack: &Stack) -> String {
    format!("/aws/apigateway/{}", stack.name("access"))
}

#[cfg(test)]
mod tests;
