//! Secrets as the account has them, but for their values.

use std::collections::BTreeSet;

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};
use futures::future::try_join_all;

use super::content::Content;
use super::logins::written;
use super::secret::Secret;
use super::{NOT_FOUND, TAG_SOURCE, TAG_VERSION, aws_name, tags_of};
use crate::aws::{During, Optional, Reader};
use crate::error::{Error, Result};
use crate::object::attributes;
use crate::resources::Found;
use crate::stack::{Stack, Tags};

/// The logical names of the secrets that are listed below the stack's prefix. Asked once.
pub async fn listed(reader: &Reader) -> Result<&BTreeSet<String>> {
    reader.secrets.get_or_try_init(|| list(reader)).await
}

async fn list(reader: &Reader) -> Result<BTreeSet<String>> {
    let prefix = aws_name(&reader.stack, "");
    let filter = Filter::builder()
        .key(FilterNameStringType::Name)
        .values(&prefix)
        .build();
    let mut pages = reader
        .aws
        .secrets
        .list_secrets()
        .filters(filter)
        .into_paginator()
        .send();
    let mut names = BTreeSet::new();
    while let Some(page) = pages.next().await {
        let page = page.during("ListSecrets", &prefix)?;
        let secrets = page.secret_list.unwrap_or_default();
        names.extend(
            secrets
                .into_iter()
                .filter_map(|secret| Some(secret.name?.strip_prefix(&prefix)?.to_owned())),
        );
    }
    Ok(names)
}

/// Those of the named secrets that exist and are not waiting for their deletion.
pub async fn described<'a>(
    reader: &'a Reader,
    names: &'a BTreeSet<String>,
) -> Result<Vec<Found<Secret>>> {
    let describe = |name: &'a String| async move {
        let aws_name = aws_name(&reader.stack, name);
        let call = reader.aws.secrets.describe_secret().secret_id(&aws_name);
        let secret = call
            .send()
            .await
            .during("DescribeSecret", &aws_name)
            .unless(NOT_FOUND)?;
        let alive = secret.filter(|secret| secret.deleted_date.is_none());
        Ok::<_, Error>(alive.map(|secret| found(&reader.stack, name, secret)))
    };
    let secrets = try_join_all(names.iter().map(describe)).await?;
    Ok(secrets.into_iter().flatten().collect())
}

pub fn found(stack: &Stack, name: &str, secret: DescribeSecretOutput) -> Found<Secret> {
    let version = written(&secret);
    let current = secret
        .version_ids_to_stages
        .unwrap_or_default()
        .into_iter()
        .find(|(_, stages)| stages.iter().any(|stage| stage == "AWSCURRENT"))
        .map_or_else(String::new, |(version, _)| version);
    let mut tags = tags_of(secret.tags.as_deref());
    let owned = stack.owns(&tags);
    let written = tags.remove(TAG_VERSION);
    let (sources, tags): (Tags, Tags) = tags
        .into_iter()
        .partition(|(key, _)| key.starts_with(TAG_SOURCE));
    let sources = sources
        .into_iter()
        .map(|(key, source)| (key[TAG_SOURCE.len()..].to_owned(), source))
        .collect();
    Found {
        name: name.to_owned(),
        attributes: attributes([
            ("id", &secret.name.unwrap_or_default()),
            ("arn", &secret.arn.unwrap_or_default()),
            ("version", &version),
        ]),
        value: Secret {
            description: secret.description.unwrap_or_default(),
            kms_key: secret.kms_key_id.unwrap_or_default(),
            sources,
            intact: Content::of(name) != Content::Digests || written.as_ref() == Some(&current),
            tags: stack.relevant(tags),
        },
        owned,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_secretsmanager::types::Tag;

    use super::*;
    use crate::resources::sample::wanted;
    use crate::resources::secretsmanager::secret_tags;

    fn described(secret: &Secret, written: &str, current: &str) -> DescribeSecretOutput {
        let mut tags = secret_tags(&secret.all_tags(Content::Digests));
        tags.push(Tag::builder().key(TAG_VERSION).value(written).build());
        DescribeSecretOutput::builder()
            .name("chat-prod/api-keys")
            .description(&secret.description)
            .kms_key_id(&secret.kms_key)
            .set_tags(Some(tags))
            .version_ids_to_stages("v0", vec!["AWSPREVIOUS".to_owned()])
            .version_ids_to_stages(current, vec!["AWSCURRENT".to_owned()])
            .build()
    }

    #[test]
    fn a_secret_is_found_as_it_was_wanted_until_somebody_else_writes_it() {
        let secrets = wanted::<Secret>("", &[]);
        let (name, secret) = secrets.iter().find(|(name, _)| name == "api-keys").unwrap();
        let stack = Stack {
            name: "chat".to_owned(),
            environment: "prod".to_owned(),
            region: "us-east-1".to_owned(),
            account: "111122223333".to_owned(),
            tags: Tags::new(),
        };
        let ours = found(&stack, name, described(secret, "v1", "v1"));
        assert!(ours.owned);
        assert_eq!(ours.value, *secret);
        assert_eq!(ours.attribute("version"), "v1");
        let theirs = found(&stack, name, described(secret, "v1", "v2"));
        assert!(!theirs.value.intact);
    }
}
