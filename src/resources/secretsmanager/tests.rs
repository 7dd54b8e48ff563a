//! Passwords, and secrets that wait for their deletion.

use secrecy::ExposeSecret;
use serde_json::json;

use super::content::Content;
use super::secret::Secret;
use super::staging::version_of;
use super::{PASSWORD_LENGTH, generate_password, secret_tags};
use crate::aws::scripted::{Scene, Script};
use crate::error::{Kind, Result};
use crate::resources::{Resource, sample};

const SCHEDULED: &str = "You can't create this secret because a secret with this name is already \
                         scheduled for deletion.";
const MARKED: &str = "You can't perform this operation on the secret because it was marked for \
                      deletion.";
const INVALID: &str = "InvalidRequestException";

fn wanted(name: &str) -> Secret {
    let secrets = sample::wanted::<Secret>("[[api.keys]]\nname = \"web\"", &[]);
    let mut secret = secrets.into_iter().find(|(of, _)| of == name).unwrap().1;
    for (name, source) in &mut secret.sources {
        if name == "web" {
            "key1".clone_into(source);
        }
    }
    secret
}

/// A name that waits for its deletion, with the tags of this secret.
fn tombstone(secret: &Secret, ours: bool) -> Script {
    let tags = secret_tags(&secret.all_tags(Content::Digests));
    let tags: Vec<_> = tags
        .iter()
        .filter(|_| ours)
        .map(|tag| json!({"Key": tag.key(), "Value": tag.value()}))
        .collect();
    let described = json!({
        "ARN": "arn:s", "Name": "chat-prod/s", "DeletedDate": 1_767_225_600,
        "Description": secret.description, "KmsKeyId": secret.kms_key, "Tags": tags,
        "VersionIdsToStages": {"v1": ["AWSCURRENT"]},
    });
    Script::new()
        .refuse("CreateSecret", 400, INVALID, SCHEDULED)
        .answer("DescribeSecret", described.to_string())
        .answer(
            "RestoreSecret",
            r#"{"ARN": "arn:s", "Name": "chat-prod/s"}"#,
        )
}

#[test]
fn passwords_are_long_random_and_plain() -> Result<()> {
    let (one, two) = (generate_password()?, generate_password()?);
    assert_eq!(one.expose_secret().len(), PASSWORD_LENGTH);
    assert!(
        one.expose_secret()
            .chars()
            .all(|c| c.is_ascii_alphanumeric())
    );
    assert_ne!(one.expose_secret(), two.expose_secret());
    Ok(())
}

/// Note 5 of the field, and the database still knows the user by that password.
#[tokio::test]
async fn a_password_that_was_to_be_deleted_comes_back_as_it_was() {
    let secret = wanted("database-app");
    let scene = Scene::new("secret/database-app", tombstone(&secret, true));
    let attributes = secret.create(&scene.cx()).await.unwrap();
    assert_eq!(attributes["version"], "v1");
    assert_eq!(
        scene.script.calls(),
        ["CreateSecret", "DescribeSecret", "RestoreSecret"]
    );
}

#[tokio::test]
async fn a_key_that_was_to_be_deleted_comes_back_with_its_value_of_now() {
    let secret = wanted("api-key-web");
    let script = tombstone(&secret, true)
        .answer("GET /apikeys/key1", r#"{"id": "key1", "value": "hidden"}"#)
        .refuse("PutSecretValue", 400, INVALID, MARKED)
        .answer("PutSecretValue", r#"{"VersionId": "v2"}"#)
        .answer("UpdateSecretVersionStage", "{}")
        .answer("UpdateSecretVersionStage", "{}")
        .answer("TagResource", "{}");
    let scene = Scene::new("secret/api-key-web", script);
    let attributes = secret.create(&scene.cx()).await.unwrap();
    let version = version_of("key1");
    assert_eq!(attributes["version"], version);
    assert_eq!(
        scene.script.calls(),
        [
            "GET /apikeys/key1",
            "CreateSecret",
            "DescribeSecret",
            "RestoreSecret",
            "PutSecretValue",
            "PutSecretValue",
            "UpdateSecretVersionStage",
            "UpdateSecretVersionStage",
            "TagResource"
        ]
    );
    let [moved, left] = &scene.script.bodies("UpdateSecretVersionStage")[..] else {
        panic!("it is promoted, and pending no more");
    };
    assert!(left.contains("AWSPENDING"), "{left}");
    for part in [&version, "AWSCURRENT", r#""RemoveFromVersionId":"v1""#] {
        assert!(moved.contains(part), "{moved}");
    }
}

#[tokio::test]
async fn a_name_that_anothers_secret_blocks_is_refused() {
    let secret = wanted("database-app");
    let scene = Scene::new("secret/database-app", tombstone(&secret, false));
    let error = secret.create(&scene.cx()).await.unwrap_err();
    assert_eq!(error.kind, Kind::Refused);
    assert!(error.causes()[0].contains(SCHEDULED), "{error:?}");
    assert_eq!(scene.script.calls(), ["CreateSecret", "DescribeSecret"]);
}
