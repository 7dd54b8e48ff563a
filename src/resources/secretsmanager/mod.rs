//! Secrets: the database's two users, the API keys, and the digests that the function checks.

pub mod age;
pub mod content;
mod existing;
pub mod logins;
mod observed;
pub mod rotation;
pub mod secret;
pub mod secret_policy;
pub mod staging;
mod written;

use aws_sdk_secretsmanager::types::Tag;
use rand::SeedableRng;
use rand::distr::{Alphanumeric, SampleString};
use rand::rngs::StdRng;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::aws::{Aws, During};
use crate::error::{Error, Result};
use crate::permissions::{Grant, When, allow};
use crate::stack::{Stack, Tags};

/// What a key does for the stack's secrets, in the operator's name. Which key they are under is not
/// told by its tags: those of a new key may take minutes to count.
pub(crate) const DECRYPT: Grant = allow(&["kms:Decrypt"], &["kms:key/*"]).when(OF_SECRETS);
pub(crate) const ENCRYPT: Grant =
    allow(&["kms:Decrypt", "kms:GenerateDataKey"], &["kms:key/*"]).when(OF_SECRETS);
const OF_SECRETS: &[When] = &[When::OfSecrets, When::Via("secretsmanager")];

/// The values of the stack's secrets.
pub(crate) const READ: Grant = allow(
    &["secretsmanager:GetSecretValue"],
    &["secretsmanager:secret:{stack}/*"],
);

/// One tag for each of a value's sources, and the version of the value that was made of them.
const TAG_SOURCE: &str = "wmctl:source/";
const TAG_VERSION: &str = "wmctl:version";
const NOT_FOUND: &[&str] = &["ResourceNotFoundException"];
/// RDS takes at most 41 characters for `MariaDB`.
const PASSWORD_LENGTH: usize = 40;

/// The current value of a secret, by name or ARN.
pub async fn value(aws: &Aws, secret_id: &str) -> Result<SecretString> {
    aws.secrets
        .get_secret_value()
        .secret_id(secret_id)
        // The default; but an emulator takes that for the version that was written last.
        .version_stage("AWSCURRENT")
        .send()
        .await
        .during("GetSecretValue", secret_id)?
        .secret_string
        .map(SecretString::from)
        .ok_or_else(|| Error::failed(format!("the secret {secret_id} holds no text")))
}

#[derive(Deserialize)]
struct Credentials {
    username: String,
    password: SecretString,
}

/// The password in a secret of the form `{"username", "password"}`.
pub async fn password(aws: &Aws, secret_id: &str) -> Result<SecretString> {
    Ok(credentials(aws, secret_id).await?.password)
}

/// The user in such a secret.
pub async fn username(aws: &Aws, secret_id: &str) -> Result<String> {
    Ok(credentials(aws, secret_id).await?.username)
}

async fn credentials(aws: &Aws, secret_id: &str) -> Result<Credentials> {
    let value = value(aws, secret_id).await?;
    // The parser's own message could quote a part of the secret.
    serde_json::from_str(value.expose_secret()).map_err(|_| {
        Error::failed(format!(
            "the secret {secret_id} is not {{\"username\", \"password\"}}"
        ))
        .hint("restore its previous version in the Secrets Manager console")
    })
}

/// Forty random letters and digits.
pub fn generate_password() -> Result<SecretString> {
    let mut random = StdRng::try_from_os_rng().map_err(|error| {
        Error::environment("the operating system gives no random numbers").because(error)
    })?;
    Ok(Alphanumeric
        .sample_string(&mut random, PASSWORD_LENGTH)
        .into())
}

fn aws_name(stack: &Stack, name: &str) -> String {
    format!("{}/{name}", stack.prefix())
}

fn secret_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

/// A described secret's tags.
fn tags_of(tags: Option<&[Tag]>) -> Tags {
    tags.unwrap_or_default()
        .iter()
        .filter_map(|tag| Some((tag.key.clone()?, tag.value.clone().unwrap_or_default())))
        .collect()
}

#[cfg(test)]
mod tests;
