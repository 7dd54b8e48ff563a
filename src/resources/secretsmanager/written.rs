//! A secret that exists, brought to what is wanted.

use secrecy::{ExposeSecret, SecretString};

use super::content::Content;
use super::observed::found;
use super::secret::Secret;
use super::staging::{forget, once_back, promote, store};
use super::{NOT_FOUND, TAG_VERSION, aws_name, secret_tags};
use crate::aws::{During, Optional};
use crate::error::Result;
use crate::object::Attributes;
use crate::resources::{Cx, Found};
use crate::stack::Tags;

impl Secret {
    /// Brings an existing secret to what is wanted: the value first, then the tags that say so.
    pub(super) async fn write(
        &self,
        cx: &Cx<'_>,
        old: &Found<Self>,
        value: Option<SecretString>,
    ) -> Result<Attributes> {
        let content = Content::of(&cx.id.name);
        let settings =
            self.description != old.value.description || self.kms_key != old.value.kms_key;
        // A key's value has an id of its own, so it is not written together with the settings.
        let (key, value) = match self.version(content) {
            Some(version) => (value.map(|value| (version, value)), None),
            None => (None, value),
        };
        let mut version = None;
        if settings || value.is_some() {
            let call = cx
                .aws
                .secrets
                .update_secret()
                .secret_id(old.aws_id())
                .description(&self.description)
                .kms_key_id(&self.kms_key)
                .set_secret_string(value.map(|value| value.expose_secret().to_owned()));
            let attempt = || async { call.clone().send().await.during("UpdateSecret", cx.id) };
            version = once_back(cx, attempt).await?.version_id;
        }
        if let Some((new, value)) = key {
            let now = old.attribute("version");
            if new != now {
                store(cx, old.aws_id(), &new, &value).await?;
                promote(cx, old.aws_id(), now, &new).await?;
                forget(cx.aws, old.aws_id(), &new).await?;
            }
            version = Some(new);
        }
        let old_tags = old.value.all_tags(content);
        if version.is_some() || old_tags != self.all_tags(content) {
            self.tag(cx, &old_tags, version.as_deref()).await?;
        }
        let mut attributes = old.attributes.clone();
        if let Some(version) = version {
            attributes.insert("version".to_owned(), version);
        }
        Ok(attributes)
    }

    /// Sets the tags, with the version of the digests where they were written: of a key's secret
    /// the version tells by itself, and a password is no copy of anything.
    pub(super) async fn tag(&self, cx: &Cx<'_>, old: &Tags, version: Option<&str>) -> Result<()> {
        let name = aws_name(cx.stack, &cx.id.name);
        let content = Content::of(&cx.id.name);
        let mut tags = self.all_tags(content);
        let gone: Vec<String> = old
            .keys()
            .filter(|key| !tags.contains_key(*key))
            .cloned()
            .collect();
        if let Some(version) = version.filter(|_| content == Content::Digests) {
            tags.insert(TAG_VERSION.to_owned(), version.to_owned());
        }
        cx.aws
            .secrets
            .tag_resource()
            .secret_id(&name)
            .set_tags(Some(secret_tags(&tags)))
            .send()
            .await
            .during("TagResource", cx.id)?;
        if !gone.is_empty() {
            cx.aws
                .secrets
                .untag_resource()
                .secret_id(&name)
                .set_tag_keys(Some(gone))
                .send()
                .await
                .during("UntagResource", cx.id)?;
        }
        Ok(())
    }
}

/// The secret that has the name; this stack's own is brought back from deletion.
pub(super) async fn take_back(cx: &Cx<'_>, name: &str) -> Result<Option<Found<Secret>>> {
    let call = cx.aws.secrets.describe_secret().secret_id(name);
    let secret = call.send().await.during("DescribeSecret", cx.id);
    // Too new to be seen everywhere.
    let Some(secret) = secret.unless(NOT_FOUND)? else {
        return Ok(None);
    };
    let deleted = secret.deleted_date.is_some();
    let old = found(cx.stack, &cx.id.name, secret);
    if deleted && old.owned {
        let call = cx.aws.secrets.restore_secret().secret_id(name);
        call.send().await.during("RestoreSecret", cx.id)?;
    }
    Ok(Some(old))
}
