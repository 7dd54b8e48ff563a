//! What IAM calls the action that a call of the SDK needs.

use std::any::type_name;

/// `ec2:CreateVpc`, for the error `E` of an operation, whose path names the service. None outside
/// the SDK's services.
pub fn of<E>(operation: &str) -> Option<String> {
    let service = type_name::<E>().strip_prefix("aws_sdk_")?;
    let service = service.split("::").next()?;
    let service = match service {
        "cloudwatchlogs" => "logs",
        "eventbridge" => "events",
        other => other,
    };
    Some(format!("{service}:{}", named(service, operation)))
}

/// Most actions are called as their operations are.
fn named<'a>(service: &str, operation: &'a str) -> &'a str {
    match (service, operation) {
        ("apigateway", operation) => verb(operation),
        ("lambda", "Invoke") => "InvokeFunction",
        ("s3", "DeleteObjects") => "DeleteObjectVersion",
        ("s3", "GetBucketEncryption") => "GetEncryptionConfiguration",
        ("s3", "GetBucketLifecycleConfiguration") => "GetLifecycleConfiguration",
        ("s3", "GetPublicAccessBlock") => "GetBucketPublicAccessBlock",
        ("s3", "ListObjectVersions") => "ListBucketVersions",
        ("s3", "PutBucketEncryption") => "PutEncryptionConfiguration",
        ("s3", "PutBucketLifecycleConfiguration") => "PutLifecycleConfiguration",
        ("s3", "PutPublicAccessBlock") => "PutBucketPublicAccessBlock",
        (_, operation) => operation,
    }
}

/// API Gateway's actions are the methods of HTTP.
fn verb(operation: &str) -> &'static str {
    let starts = |with: &[&str]| with.iter().any(|with| operation.starts_with(with));
    if starts(&["Create"]) {
        "POST"
    } else if starts(&["Delete", "Untag"]) {
        "DELETE"
    } else if starts(&["Put", "Tag"]) {
        "PUT"
    } else if starts(&["Update"]) {
        "PATCH"
    } else {
        "GET"
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatchlogs::operation::create_log_group::CreateLogGroupError;
    use aws_sdk_ec2::operation::create_vpc::CreateVpcError;
    use aws_sdk_eventbridge::operation::put_rule::PutRuleError;
    use aws_sdk_lambda::operation::invoke::InvokeError;
    use aws_sdk_s3::operation::put_public_access_block::PutPublicAccessBlockError;

    use super::*;

    #[test]
    fn actions_are_called_as_iam_calls_them() {
        let expected = [
            (of::<CreateVpcError>("CreateVpc"), "ec2:CreateVpc"),
            (
                of::<CreateLogGroupError>("CreateLogGroup"),
                "logs:CreateLogGroup",
            ),
            (of::<PutRuleError>("PutRule"), "events:PutRule"),
            (of::<InvokeError>("Invoke"), "lambda:InvokeFunction"),
            (
                of::<PutPublicAccessBlockError>("PutPublicAccessBlock"),
                "s3:PutBucketPublicAccessBlock",
            ),
        ];
        for (action, wanted) in expected {
            assert_eq!(action.as_deref(), Some(wanted));
        }
        assert_eq!(of::<std::io::Error>("CreateVpc"), None);
    }

    #[test]
    fn api_gateways_are_verbs() {
        for (operation, verb) in [
            ("CreateRestApi", "POST"),
            ("UpdateStage", "PATCH"),
            ("PutMethod", "PUT"),
            ("TagResource", "PUT"),
            ("DeleteModel", "DELETE"),
            ("GetStages", "GET"),
        ] {
            assert_eq!(super::verb(operation), verb);
        }
    }
}
