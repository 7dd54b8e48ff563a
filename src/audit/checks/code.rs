//! Controls that the account does not show: what only code does, and what is not built.

use crate::audit::{Check, Finding, Part, Severity};

const COMMON: Check = Check {
    row: 0,
    id: "",
    title: "",
    standards: &[],
    severity: Severity::Medium,
    part: Part::Stack,
    held_by: &[],
    mend: "",
    judge: |_| Vec::new(),
};

/// A check that says why nothing can be said.
macro_rules! unchecked {
    ($row:literal, $id:literal, $title:literal, $object:literal, $reason:literal) => {
        Check {
            row: $row,
            id: $id,
            title: $title,
            judge: |_| vec![Finding::unchecked($object, $reason)],
            ..COMMON
        }
    };
}

pub const CHECKS: &[Check] = &[
    unchecked!(
        1,
        "function-key-check",
        "The function compares keys itself, in constant time",
        "the function's code",
        "only code shows it; its tests hold it"
    ),
    unchecked!(
        5,
        "function-validation",
        "The function validates every request itself",
        "the function's code",
        "only code shows it; its tests and fuzzing hold it"
    ),
    unchecked!(
        11,
        "database-user",
        "The function's user may SELECT and INSERT alone, and by TLS",
        "the database",
        "it is private: nothing reaches it from here; the migrator grants, and `wmctl migrate` checks"
    ),
    unchecked!(
        20,
        "structured-logs",
        "Logs are structured and hold no secret",
        "the function's code",
        "only code shows it; its tests hold it"
    ),
    unchecked!(
        21,
        "parameterised-sql",
        "Every statement is parameterised",
        "the function's code",
        "only code shows it; its tests, and attacks by sqlmap, hold it"
    ),
    unchecked!(
        22,
        "cognito",
        "A Cognito user pool with multi-factor login",
        "not built here",
        "callers are told apart by their API keys; there are no users to log in"
    ),
    unchecked!(
        23,
        "agentcore",
        "An AgentCore gateway in front of the intents",
        "not built here",
        "the intents are served by the API alone"
    ),
    unchecked!(
        24,
        "incident-response",
        "One command to shut everything off",
        "not built here",
        "reserve a concurrency of 0 and disable the keys: aws lambda put-function-concurrency, aws apigateway update-api-key"
    ),
    unchecked!(
        25,
        "function-headers",
        "The function's answers carry the security headers",
        "the function's code",
        "only code shows it; its tests hold it"
    ),
    unchecked!(
        26,
        "dynamodb",
        "A DynamoDB table for a function that wants one",
        "not built here",
        "no function wants one"
    ),
    unchecked!(
        27,
        "cost",
        "The cost is shown before it is spent",
        "the plan",
        "the account shows bills, not plans; `wmctl plan` and `wmctl cost` show it"
    ),
];
