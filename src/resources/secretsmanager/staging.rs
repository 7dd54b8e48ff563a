//! The versions of an API key's secret. Each has an id that follows from the key's own, so the
//! stages alone tell which key is current, and one call makes another the current one.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_secretsmanager::types::Tag;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::content::{DIGESTS, of_key};
use super::observed::described;
use super::{NOT_FOUND, TAG_SOURCE, aws_name, tags_of};
use crate::aws::patience::patiently;
use crate::aws::{Aws, During, Optional, Reader};
use crate::error::{Error, Result};
use crate::resources::{Cx, Resource};

pub(super) const CURRENT: &str = "AWSCURRENT";
pub(super) const PENDING: &str = "AWSPENDING";

/// When which key was promoted: `2026-01-31T12:00:00Z {id}`.
pub const TAG_PROMOTED: &str = "wmctl:promoted";

/// What the secrets tell of one key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stages {
    /// The id of the secret's current version.
    pub current: Option<String>,
    /// Those of pending versions that are not current. (An emulator may have several.)
    pub pending: BTreeSet<String>,
    /// The current version, where the pending stage was left on it.
    pub left: Option<String>,
    /// The key that was promoted last, and when.
    pub promoted: Option<(String, i64)>,
    /// The ids of keys whose digests the function was given.
    pub accepted: BTreeSet<String>,
}

/// The id of the secret's version that holds the key with this id.
pub fn version_of(key_id: &str) -> String {
    let digest = hex::encode(Sha256::digest(format!("api-key {key_id}")));
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    parts.map(|part| digest[part].to_owned()).join("-")
}

/// Reads what the secrets tell of a key; nothing where they are not there.
pub async fn stages(reader: &Reader, name: &str) -> Result<Stages> {
    let secret = aws_name(&reader.stack, &of_key(name));
    let call = reader.aws.secrets.describe_secret().secret_id(&secret);
    let one = async {
        let secret = call.send().await.during("DescribeSecret", &secret);
        secret.unless(NOT_FOUND)
    };
    let names = BTreeSet::from([DIGESTS.to_owned()]);
    let (secret, digests) = tokio::try_join!(one, described(reader, &names))?;
    let source = digests
        .first()
        .and_then(|found| found.value.sources.get(name));
    let accepted = source.into_iter().flat_map(|ids| ids.split(' '));
    let mut stages = Stages {
        accepted: accepted.map(str::to_owned).collect(),
        ..Stages::default()
    };
    let Some(secret) = secret.filter(|secret| secret.deleted_date.is_none()) else {
        return Ok(stages);
    };
    let tags = tags_of(secret.tags.as_deref());
    stages.promoted = tags.get(TAG_PROMOTED).and_then(|text| {
        let (time, id) = text.split_once(' ')?;
        let time = DateTime::from_str(time, Format::DateTime).ok()?;
        Some((id.to_owned(), time.secs()))
    });
    for (version, labels) in secret.version_ids_to_stages.unwrap_or_default() {
        let is = |label: &str| labels.iter().any(|other| other == label);
        if is(CURRENT) {
            stages.left = is(PENDING).then(|| version.clone());
            stages.current = Some(version);
        } else if is(PENDING) {
            stages.pending.insert(version);
        }
    }
    Ok(stages)
}

/// Stores a key's value beside the current one. Repeatable: the same key is the same version.
pub async fn store(cx: &Cx<'_>, secret: &str, version: &str, value: &SecretString) -> Result<()> {
    put(cx, secret, version, value, PENDING).await
}

/// Stores a value under a stage.
pub(super) async fn put(
    cx: &Cx<'_>,
    secret: &str,
    version: &str,
    value: &SecretString,
    stage: &str,
) -> Result<()> {
    let call = cx
        .aws
        .secrets
        .put_secret_value()
        .secret_id(secret)
        .client_request_token(version)
        .secret_string(value.expose_secret())
        .version_stages(stage);
    let attempt = || async { call.clone().send().await.during("PutSecretValue", cx.id) };
    once_back(cx, attempt).await.map(drop)
}

/// Makes a call to a secret that may have been brought back from its deletion just now.
pub(super) async fn once_back<T, F>(cx: &Cx<'_>, attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    patiently(
        cx.events,
        cx.id,
        "the secret to be taken back",
        Duration::from_mins(2),
        |error| error.is("InvalidRequestException", "marked for deletion"),
        attempt,
    )
    .await
}

/// Makes the stored version the current one, in the place of `from`.
pub async fn promote(cx: &Cx<'_>, secret: &str, from: &str, to: &str) -> Result<()> {
    let call = cx
        .aws
        .secrets
        .update_secret_version_stage()
        .secret_id(secret)
        .version_stage(CURRENT)
        .move_to_version_id(to)
        .set_remove_from_version_id((!from.is_empty()).then(|| from.to_owned()));
    match call.send().await.during("UpdateSecretVersionStage", cx.id) {
        // An attempt may have been carried out although its answer was lost.
        Err(error) if error.code() == Some("InvalidParameterException") => {
            let call = cx.aws.secrets.describe_secret().secret_id(secret);
            let now = call.send().await.during("DescribeSecret", cx.id)?;
            let versions = now.version_ids_to_stages.unwrap_or_default();
            match versions.get(to) {
                Some(labels) if labels.iter().any(|label| label == CURRENT) => Ok(()),
                _ => Err(error),
            }
        }
        other => other.map(drop),
    }
}

/// Takes the pending stage off a version; one without any other stage is then forgotten.
pub async fn forget(aws: &Aws, secret: &str, version: &str) -> Result<()> {
    aws.secrets
        .update_secret_version_stage()
        .secret_id(secret)
        .version_stage(PENDING)
        .remove_from_version_id(version)
        .send()
        .await
        .during("UpdateSecretVersionStage", secret)
        .unless(&["InvalidParameterException", "ResourceNotFoundException"])?;
    Ok(())
}

/// Keeps the time at which a key was promoted.
pub async fn note(aws: &Aws, secret: &str, key_id: &str, now: i64) -> Result<()> {
    let time = DateTime::from_secs(now).fmt(Format::DateTime);
    let time = time.map_err(|error| Error::failed("the clock is wrong").because(error))?;
    let tag = Tag::builder()
        .key(TAG_PROMOTED)
        .value(format!("{time} {key_id}"));
    let call = aws.secrets.tag_resource().secret_id(secret);
    let noted = call.tags(tag.build()).send().await;
    noted.during("TagResource", secret).map(drop)
}

/// Gives the function the digests of these versions of a key, by a space, and of other keys those
/// that it has. `cx` is of the digests' secret.
pub async fn accept(cx: &Cx<'_>, name: &str, ids: &str) -> Result<()> {
    let reader = Reader::new(cx.aws, cx.stack);
    let names = BTreeSet::from([DIGESTS.to_owned()]);
    let found = described(&reader, &names).await?.pop();
    let Some(found) = found.filter(|found| found.owned) else {
        return Err(Error::failed(format!("{} is not there", cx.id)).hint("run `wmctl up` first"));
    };
    let mut wanted = found.value.clone();
    wanted.intact = true;
    wanted.sources.insert(name.to_owned(), ids.to_owned());
    let changed = ["sources".to_owned()];
    wanted.update(cx, &found, &changed).await.map(drop)
}

/// The name of the tag that tells which keys a secret's value is made of.
pub fn source_tag(name: &str) -> String {
    format!("{TAG_SOURCE}{name}")
}
