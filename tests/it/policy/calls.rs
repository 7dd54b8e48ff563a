//! Calls as `--verbose` shows them, and what IAM calls them.

use std::collections::BTreeSet;

/// One call that a run made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// `ec2:CreateVpc`.
    pub action: String,
    /// API Gateway's resources are the paths of its calls.
    pub path: Option<String>,
    /// The step: `creating`, and the kind of the object. None for what a command calls itself.
    pub step: Option<(String, String)>,
}

/// The calls of a run that was told to show them.
pub fn of(stderr: &str) -> BTreeSet<Call> {
    stderr.lines().filter_map(call).collect()
}

fn call(line: &str) -> Option<Call> {
    let (call, outcome) = line.trim().split_once(" → ")?;
    let (service, operation) = call.split_once(' ')?;
    let step = outcome.split_once(" (").and_then(|(_, step)| {
        let (doing, id) = step.trim_end_matches(')').split_once(' ')?;
        Some((doing.to_owned(), id.split('/').next()?.to_owned()))
    });
    let (action, path) = match operation.split_once(" /") {
        None => (operation.rsplit('.').next()?.to_owned(), None),
        Some((method, path)) => match service {
            "apigateway" => (method.to_owned(), Some(format!("/{path}"))),
            "lambda" => (lambda(method, path).to_owned(), None),
            "s3" => (s3(method, path).to_owned(), None),
            "guardduty" | "securityhub" => (detector(method, path).to_owned(), None),
            _ => panic!("{line}"),
        },
    };
    let service = match service {
        "monitoring" => "cloudwatch",
        other => other,
    };
    Some(Call {
        action: format!("{service}:{action}"),
        path,
        step,
    })
}

fn lambda(method: &str, path: &str) -> &'static str {
    let parts: Vec<&str> = path.split('/').collect();
    match (method, &parts[1..]) {
        ("GET", ["account-settings"]) => "GetAccountSettings",
        ("POST", ["functions"]) => "CreateFunction",
        ("GET", ["functions", _]) => "GetFunction",
        ("DELETE", ["functions", _]) => "DeleteFunction",
        ("PUT", ["functions", _, "code"]) => "UpdateFunctionCode",
        ("GET", ["functions", _, "configuration"]) => "GetFunctionConfiguration",
        ("PUT", ["functions", _, "configuration"]) => "UpdateFunctionConfiguration",
        ("PUT", ["functions", _, "concurrency"]) => "PutFunctionConcurrency",
        ("GET", ["functions", _, "versions"]) => "ListVersionsByFunction",
        ("POST", ["functions", _, "versions"]) => "PublishVersion",
        ("GET", ["functions", _, "aliases"]) => "ListAliases",
        ("POST", ["functions", _, "aliases"]) => "CreateAlias",
        ("GET", ["functions", _, "aliases", _]) => "GetAlias",
        ("PUT", ["functions", _, "aliases", _]) => "UpdateAlias",
        ("DELETE", ["functions", _, "aliases", _]) => "DeleteAlias",
        ("GET", ["functions", _, "policy"]) => "GetPolicy",
        ("POST", ["functions", _, "policy"]) => "AddPermission",
        ("DELETE", ["functions", _, "policy", _]) => "RemovePermission",
        ("GET", ["functions", _, "urls"]) => "ListFunctionUrlConfigs",
        ("DELETE", ["functions", _, "url"]) => "DeleteFunctionUrlConfig",
        ("POST", ["functions", _, "invocations"]) => "InvokeFunction",
        ("POST", ["tags", ..]) => "TagResource",
        _ => panic!("lambda {method} /{path}"),
    }
}

fn detector(method: &str, path: &str) -> &'static str {
    let parts: Vec<&str> = path.split('/').collect();
    match (method, &parts[..]) {
        ("GET", ["detector"]) => "ListDetectors",
        ("GET", ["detector", _]) => "GetDetector",
        ("GET", ["accounts"]) => "DescribeHub",
        ("POST", ["standards", "get"]) => "GetEnabledStandards",
        ("GET", ["tags", ..]) => "ListTagsForResource",
        _ => panic!("{method} /{path}"),
    }
}

fn s3(method: &str, path: &str) -> &'static str {
    let part = path.split_once('?').map_or("", |(_, part)| part);
    match (method, part) {
        ("PUT", "") => "CreateBucket",
        ("DELETE", "") => "DeleteBucket",
        ("GET", "encryption") => "GetEncryptionConfiguration",
        ("PUT", "encryption") => "PutEncryptionConfiguration",
        ("GET", "lifecycle") => "GetLifecycleConfiguration",
        ("PUT", "lifecycle") => "PutLifecycleConfiguration",
        ("GET", "logging") => "GetBucketLogging",
        ("PUT", "logging") => "PutBucketLogging",
        ("GET", "ownershipControls") => "GetBucketOwnershipControls",
        ("PUT", "ownershipControls") => "PutBucketOwnershipControls",
        ("DELETE", "policy") => "DeleteBucketPolicy",
        ("GET", "policy") => "GetBucketPolicy",
        ("PUT", "policy") => "PutBucketPolicy",
        ("GET", "publicAccessBlock") => "GetBucketPublicAccessBlock",
        ("PUT", "publicAccessBlock") => "PutBucketPublicAccessBlock",
        ("GET", "tagging") => "GetBucketTagging",
        ("PUT", "tagging") => "PutBucketTagging",
        ("GET", "versioning") => "GetBucketVersioning",
        ("PUT", "versioning") => "PutBucketVersioning",
        ("GET", "versions") => "ListBucketVersions",
        ("POST", "delete") => "DeleteObjectVersion",
        _ => panic!("s3 {method} /{path}"),
    }
}
