//! The buckets that trails are kept in: evidence, which nobody may read, change or lose.

use aws_sdk_s3::types::ObjectOwnership;

use super::each;
use super::policies::{allows, is_for_all, public, statements};
use crate::audit::{Check, Finding, Part, Severity};
use crate::resources::s3::bucket::Bucket;

/// Days that evidence is kept at least.
const KEPT: i32 = 90;

pub const CHECKS: &[Check] = &[
    Check {
        row: 18,
        id: "trail-bucket-closed",
        title: "The trail's bucket is its owner's alone",
        standards: &["FSBP S3.8", "FSBP S3.12", "CIS 3.0 2.1.4", "CIS 3.0 3.3"],
        severity: Severity::Critical,
        part: Part::Stack,
        held_by: &[("bucket", "private"), ("bucket", "ownership")],
        mend: "aws s3api put-public-access-block --bucket {} …; aws s3api put-bucket-ownership-controls --bucket {} …",
        judge: |facts| {
            each(&facts.buckets, "bucket of a trail", |bucket| {
                let open = public(&bucket.policy);
                let found = match () {
                    () if !open.is_empty() => format!("{} lets everybody in", open.join(", ")),
                    () if !bucket.private => "public access is not blocked".to_owned(),
                    () => format!("access lists count ({})", bucket.ownership),
                };
                let owned = bucket.ownership == ObjectOwnership::BucketOwnerEnforced.as_str();
                let closed = open.is_empty() && bucket.private && owned;
                Finding::of(
                    &bucket.name,
                    closed,
                    found,
                    "no public access, no access lists",
                )
            })
        },
    },
    Check {
        row: 18,
        id: "trail-bucket-tls",
        title: "The trail's bucket is reached by TLS alone",
        standards: &["FSBP S3.5", "CIS 3.0 2.1.1"],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("bucket", "policy")],
        mend: "aws s3api put-bucket-policy --bucket {} --policy POLICY",
        judge: |facts| {
            each(&facts.buckets, "bucket of a trail", |bucket| {
                let found = "plain HTTP is not refused";
                Finding::of(&bucket.name, refuses_plain(bucket), found, "refused to all")
            })
        },
    },
    Check {
        row: 18,
        id: "trail-bucket-kept",
        title: "What the trail's bucket holds is kept for 90 days and longer, whoever overwrites it",
        standards: &["FSBP S3.13", "FSBP S3.14"],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("bucket", "versioned"), ("bucket", "lifecycle")],
        mend: "aws s3api put-bucket-versioning --bucket {} --versioning-configuration Status=Enabled",
        judge: |facts| {
            each(&facts.buckets, "bucket of a trail", |bucket| {
                let days = bucket.lifecycle.objects;
                let others = bucket.lifecycle.others.join(", ");
                let found = match days {
                    _ if !bucket.versioned => "no versions".to_owned(),
                    _ if !others.is_empty() => format!("somebody's rule: {others}"),
                    Some(days) => format!("gone after {days} days"),
                    None => String::new(),
                };
                let kept =
                    bucket.versioned && others.is_empty() && days.is_none_or(|days| days >= KEPT);
                Finding::of(&bucket.name, kept, found, "versions, for 90 days")
            })
        },
    },
    Check {
        row: 18,
        id: "trail-bucket-encrypted",
        title: "The trail's bucket is encrypted under a key of the account's",
        standards: &["FSBP S3.17"],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("bucket", "kms_key")],
        mend: "aws s3api put-bucket-encryption --bucket {} --server-side-encryption-configuration …",
        judge: |facts| {
            each(&facts.buckets, "bucket of a trail", |bucket| {
                let right = bucket.kms_key.is_some();
                Finding::of(
                    &bucket.name,
                    right,
                    "S3's own key",
                    "a key of the account's",
                )
            })
        },
    },
    Check {
        row: 18,
        id: "trail-bucket-logged",
        title: "Who looks into the trail's bucket is logged",
        standards: &["FSBP CloudTrail.7", "FSBP S3.9", "CIS 3.0 3.4"],
        severity: Severity::Low,
        part: Part::Stack,
        held_by: &[("bucket", "access_log")],
        mend: "aws s3api put-bucket-logging --bucket {} --bucket-logging-status …",
        judge: |facts| {
            each(&facts.buckets, "bucket of a trail", |bucket| {
                let right = bucket.access_log.is_some();
                Finding::of(
                    &bucket.name,
                    right,
                    "no access log",
                    "one in another bucket",
                )
            })
        },
    },
];

fn refuses_plain(bucket: &Bucket) -> bool {
    statements(&bucket.policy).any(|statement| {
        let plain = &statement["Condition"]["Bool"]["aws:SecureTransport"];
        !allows(statement) && is_for_all(statement) && (plain == "false" || plain == false)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::Verdict;
    use crate::audit::facts::{Facts, Read};
    use crate::resources::s3::bucket::Lifecycle;
    use crate::stack::Tags;

    fn locked() -> Bucket {
        Bucket {
            name: "trail".to_owned(),
            ownership: "BucketOwnerEnforced".to_owned(),
            private: true,
            versioned: true,
            kms_key: Some("arn:key".to_owned()),
            policy: json!({"Statement": [{
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }]}),
            lifecycle: Lifecycle::default(),
            access_log: Some("logs".to_owned()),
            tags: Tags::new(),
        }
    }

    fn failing(change: impl Fn(&mut Bucket)) -> Vec<&'static str> {
        let mut bucket = locked();
        change(&mut bucket);
        let facts = Facts {
            buckets: Read::Known(vec![bucket]),
            ..Facts::default()
        };
        let failed = |one: &Finding| matches!(one.verdict, Verdict::Fail { .. });
        let fails = |check: &&Check| (check.judge)(&facts).iter().any(failed);
        CHECKS.iter().filter(fails).map(|check| check.id).collect()
    }

    #[test]
    fn each_check_looks_at_its_own_lock() {
        assert_eq!(failing(|_| ()), Vec::<&str>::new());
        let closed = ["trail-bucket-closed"];
        assert_eq!(failing(|bucket| bucket.private = false), closed);
        assert_eq!(
            failing(|bucket| bucket.ownership = "ObjectWriter".to_owned()),
            closed
        );
        let admit = json!({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"});
        let open = |bucket: &mut Bucket| {
            let statements = bucket.policy["Statement"].as_array_mut().unwrap();
            statements.push(admit.clone());
        };
        assert_eq!(failing(open), closed);
        let plain = |bucket: &mut Bucket| bucket.policy = json!({"Statement": []});
        assert_eq!(failing(plain), ["trail-bucket-tls"]);
        let kept = ["trail-bucket-kept"];
        assert_eq!(failing(|bucket| bucket.versioned = false), kept);
        assert_eq!(failing(|bucket| bucket.lifecycle.objects = Some(89)), kept);
        let other = |bucket: &mut Bucket| bucket.lifecycle.others.push("other".to_owned());
        assert_eq!(failing(other), kept);
        assert_eq!(
            failing(|bucket| bucket.kms_key = None),
            ["trail-bucket-encrypted"]
        );
        assert_eq!(
            failing(|bucket| bucket.access_log = None),
            ["trail-bucket-logged"]
        );
    }
}
