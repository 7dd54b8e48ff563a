//! Who may write to the buckets: each one AWS service, for the stack's own sake, over TLS.

use serde_json::{Value, json};

use super::bucket::{LOGS, TRAIL};
use super::bucket_arn;
use crate::resources::cloudtrail::trail_arn;
use crate::resources::iam::policy::document;
use crate::stack::Stack;

/// CloudTrail looks whether it may write before a trail is made, and writes below the account.
pub fn keeps_trail(stack: &Stack) -> Value {
    let bucket = bucket_arn(stack, TRAIL);
    let of_trail = json!({"aws:SourceArn": trail_arn(stack)});
    document([
        json!({
            "Sid": "TrailLooks",
            "Effect": "Allow",
            "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": "s3:GetBucketAcl",
            "Resource": bucket,
            "Condition": {"StringEquals": of_trail},
        }),
        json!({
            "Sid": "TrailWrites",
            "Effect": "Allow",
            "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": format!("{bucket}/AWSLogs/{}/*", stack.account),
            "Condition": {"StringEquals": {
                "aws:SourceArn": trail_arn(stack),
                "s3:x-amz-acl": "bucket-owner-full-control",
            }},
        }),
        over_tls(&bucket),
    ])
}

pub fn keeps_logs(stack: &Stack) -> Value {
    let bucket = bucket_arn(stack, LOGS);
    document([
        json!({
            "Sid": "AccessLogs",
            "Effect": "Allow",
            "Principal": {"Service": "logging.s3.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": format!("{bucket}/*"),
            "Condition": {
                "ArnLike": {"aws:SourceArn": bucket_arn(stack, TRAIL)},
                "StringEquals": {"aws:SourceAccount": stack.account},
            },
        }),
        over_tls(&bucket),
    ])
}

fn over_tls(bucket: &str) -> Value {
    json!({
        "Sid": "OverTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket, format!("{bucket}/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    })
}
