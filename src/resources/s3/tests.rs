//! What the buckets are like, and what S3 says in real accounts.

use super::bucket::{Bucket, LOGS, TRAIL};
use super::bucket_name;
use crate::aws::scripted::{Scene, Script};
use crate::object::attributes;
use crate::resources::{Found, Resource, sample};
use crate::stack::Stack;

fn stack(name: &str, account: &str) -> Stack {
    let config = format!("[stack]\nname = \"{name}\"\nregion = \"us-east-1\"");
    Stack::new(&toml::from_str(&config).unwrap(), account)
}

fn bucket(name: &str) -> Bucket {
    let mut buckets = sample::wanted::<Bucket>("", &[]).into_iter();
    buckets.find(|(of, _)| of == name).unwrap().1
}

#[test]
fn names_fit_s3_and_tell_accounts_apart() {
    // The longest that infra.toml may ask for.
    let long = "a".repeat(43);
    for name in [TRAIL, LOGS] {
        let one = bucket_name(&stack(&long, "111122223333"), name);
        let other = bucket_name(&stack(&long, "444455556666"), name);
        assert!(one.len() <= 63, "{one}");
        assert_ne!(one, other);
    }
}

#[test]
fn only_the_trail_and_its_access_log_are_written_and_only_over_tls() {
    for (name, service) in [
        (TRAIL, "cloudtrail.amazonaws.com"),
        (LOGS, "logging.s3.amazonaws.com"),
    ] {
        let bucket = bucket(name);
        for statement in bucket.policy["Statement"].as_array().unwrap() {
            if statement["Effect"] == "Deny" {
                assert_eq!(
                    statement["Condition"]["Bool"]["aws:SecureTransport"],
                    "false"
                );
            } else {
                assert_eq!(statement["Principal"]["Service"], service);
                assert!(statement["Condition"].to_string().contains("aws:SourceArn"));
            }
        }
        assert!(bucket.private && bucket.versioned);
        assert_eq!(bucket.lifecycle.objects, Some(365));
    }
    assert_eq!(
        bucket(TRAIL).kms_key.as_deref(),
        Some("${kms-key/main.arn}")
    );
    assert_eq!(bucket(TRAIL).access_log, Some(bucket(LOGS).name));
}

#[tokio::test]
async fn a_name_that_another_account_has_is_told() {
    let taken = "The requested bucket name is not available.";
    let script = Script::new().refuse("PUT /", 409, "BucketAlreadyExists", taken);
    let scene = Scene::new("bucket/trail", script);
    let error = bucket(TRAIL).create(&scene.cx()).await.unwrap_err();
    assert!(
        error.message.contains("exists already, in another account"),
        "{}",
        error.message
    );
}

/// An access log that was on its way arrives after the bucket was emptied.
#[tokio::test]
async fn what_arrives_while_it_goes_is_removed_too() {
    let listed = |key: &str| {
        format!(
            "<ListVersionsResult><Version><Key>{key}</Key><VersionId>1</VersionId></Version>\
             <DeleteMarker><Key>{key}</Key><VersionId>2</VersionId></DeleteMarker></ListVersionsResult>"
        )
    };
    let nothing = "<ListVersionsResult/>";
    let script = Script::new()
        .answer("DELETE /?policy", "")
        .answer("GET /?versions", listed("early"))
        .answer("POST /?delete", "<DeleteResult/>")
        .answer("GET /?versions", nothing)
        .refuse(
            "DELETE /",
            409,
            "BucketNotEmpty",
            "The bucket you tried to delete is not empty",
        )
        .answer("GET /?versions", listed("late"))
        .answer("POST /?delete", "<DeleteResult/>")
        .answer("GET /?versions", nothing)
        .answer("DELETE /", "");
    let scene = Scene::new("bucket/trail-logs", script);
    let found = Found::owned(LOGS, attributes([("id", "logs")]), bucket(LOGS));
    Bucket::delete(&scene.cx(), &found).await.unwrap();
    // The policy goes first: what lets others write.
    assert_eq!(scene.script.calls()[0], "DELETE /?policy");
    let removed = scene.script.bodies("POST /?delete");
    assert_eq!(removed.len(), 2);
    assert!(
        removed[1].contains("<Key>late</Key><VersionId>1</VersionId>"),
        "{removed:?}"
    );
    assert!(
        removed[1].contains("<VersionId>2</VersionId>"),
        "{removed:?}"
    );
}

/// Deleted as an account's list may have it: nobody removed it but S3 says so.
#[tokio::test]
async fn one_that_is_gone_already_is_deleted() {
    let gone = "The specified bucket does not exist";
    let script = Script::new().refuse("DELETE /?policy", 404, "NoSuchBucket", gone);
    let scene = Scene::new("bucket/trail", script);
    let found = Found::owned(TRAIL, attributes([("id", "trail")]), bucket(TRAIL));
    Bucket::delete(&scene.cx(), &found).await.unwrap();
}
