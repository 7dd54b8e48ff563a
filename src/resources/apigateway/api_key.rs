//! Who may call. A key's versions are one object (see [`super::versions`]); their values are in
//! no field, and are asked for only by what stores them.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::versions::{self, TAG_NUMBER, Version, Versions, versions};
use super::{NOT_FOUND, replace, tag, write};
use crate::aws::{During, Optional, Reader};
use crate::error::Result;
use crate::gaps;
use crate::object::{Attributes, attributes};
use crate::permissions::{Calls, allow};
use crate::resources::secretsmanager::generate_password;
use crate::resources::{Cx, Found, Resource, Scope};
use crate::stack::Tags;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Without the version that stands behind it in AWS, `-v1`: rotations count it up.
    pub name: String,
    /// Whether the current version is.
    pub enabled: bool,
    pub tags: Tags,
}

impl Resource for ApiKey {
    const KIND: &'static str = "api-key";
    const NEEDS: &'static [&'static str] = &[];
    const CALLS: Calls = Calls {
        find: &[allow(&["apigateway:GET"], &["apigateway:/apikeys"])],
        create: &[
            allow(&["apigateway:POST"], &["apigateway:/apikeys"]).tagged(),
            allow(&["apigateway:PATCH"], &["apigateway:/apikeys/*"]).ours(),
        ],
        update: &[
            allow(&["apigateway:PATCH"], &["apigateway:/apikeys/*"]).ours(),
            super::TAG,
        ],
        delete: &[allow(
            &["apigateway:DELETE", "apigateway:PATCH"],
            &["apigateway:/apikeys/*"],
        )
        .ours()],
    };
    const INTERRUPTS: Option<&'static str> = Some("every call with this key");

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let keys = scope.config.api.keys.iter();
        keys.map(|key| {
            let wanted = Self {
                name: scope.stack.name(&key.name),
                enabled: true,
                tags: scope.tags(Self::KIND, &key.name),
            };
            (key.name.clone(), wanted)
        })
        .collect()
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let all = versions(reader).await?.values();
        Ok(all.filter_map(|key| found(reader, key)).collect())
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let id = make(cx, 1, &self.tags).await?;
        Ok(of_one(&id, 1))
    }

    /// Where no version can be used any more, the next one is made.
    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        changed: &[String],
    ) -> Result<Attributes> {
        let id = found.aws_id();
        let number = found.attribute("version").parse().unwrap_or(1);
        if id.is_empty() {
            let id = make(cx, number, &self.tags).await?;
            return Ok(of_one(&id, number));
        }
        if changed.iter().any(|field| field == "tags") {
            tag(cx, &format!("apikeys/{id}"), &self.tags).await?;
        }
        let name = versions::aws_name(cx.stack, &cx.id.name, number);
        let patches: Vec<_> = changed
            .iter()
            .filter_map(|field| match field.as_str() {
                "name" => Some(replace("/name", &name)),
                "enabled" => Some(replace("/enabled", &self.enabled)),
                _ => None,
            })
            .collect();
        patch(cx, id, patches).await?;
        Ok(found.attributes.clone())
    }

    /// Every version.
    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        for id in found.attribute("versions").split(' ') {
            delete(cx, id).await?;
        }
        Ok(())
    }
}

fn found(reader: &Reader, key: &Versions) -> Option<Found<ApiKey>> {
    let current = key.current();
    let shown = current.or_else(|| key.all.last())?;
    let named = versions::parse(&reader.stack, &shown.aws_name);
    let ids = key.all.iter().map(|version| version.id.as_str());
    let ids: Vec<&str> = ids.collect();
    let ids = ids.join(" ");
    // Without an id it is yet to be known: a new version has to be made.
    let attributes = match current {
        None => attributes([
            ("versions", &ids),
            ("version", &key.next_number().to_string()),
        ]),
        Some(current) => attributes([
            ("id", &current.id),
            ("version", &current.number.to_string()),
            ("versions", &ids),
            ("accepted", &key.to_accept()),
            ("admitted", &key.to_admit()),
            ("created", &current.created.to_string()),
        ]),
    };
    Some(Found {
        name: key.name.clone(),
        owned: key.owned,
        attributes,
        value: ApiKey {
            name: match named {
                Some((name, ..)) if name == key.name => reader.stack.name(name),
                _ => shown.aws_name.clone(),
            },
            enabled: current.is_some_and(|current| current.enabled),
            tags: reader.stack.relevant(shown.tags.clone()),
        },
    })
}

/// The attributes of a key that has this version alone.
fn of_one(id: &str, number: u32) -> Attributes {
    attributes([
        ("id", id),
        ("accepted", id),
        ("admitted", id),
        ("versions", id),
        ("version", &number.to_string()),
    ])
}

/// Makes a version, with a value of our own making. Its id.
pub async fn make(cx: &Cx<'_>, number: u32, tags: &Tags) -> Result<String> {
    let value: SecretString = generate_password()?;
    let call = cx
        .aws
        .apigateway
        .create_api_key()
        .name(versions::aws_name(cx.stack, &cx.id.name, number))
        .enabled(true)
        .value(value.expose_secret())
        .set_tags(Some(tags.clone().into_iter().collect()))
        .tags(TAG_NUMBER, number.to_string());
    // The answer holds the value: nothing but the id is taken from it.
    let made = write(cx, || async {
        call.clone().send().await.during("CreateApiKey", cx.id)
    })
    .await?;
    Ok(made.id.unwrap_or_default())
}

/// Disables a version, and says so in its name, in one call.
pub async fn retire(cx: &Cx<'_>, version: &Version) -> Result<()> {
    let name = versions::retired_name(version);
    let mut patches = vec![replace("/name", &name)];
    if gaps::stores(cx.aws.emulator, ApiKey::KIND, "enabled") {
        patches.push(replace("/enabled", &false));
    }
    patch(cx, &version.id, patches).await
}

async fn patch(
    cx: &Cx<'_>,
    id: &str,
    patches: Vec<aws_sdk_apigateway::types::PatchOperation>,
) -> Result<()> {
    if patches.is_empty() {
        return Ok(());
    }
    let call = cx.aws.apigateway.update_api_key().api_key(id);
    let call = call.set_patch_operations(Some(patches));
    write(cx, || async {
        call.clone().send().await.during("UpdateApiKey", cx.id)
    })
    .await?;
    Ok(())
}

/// Deletes one version.
pub async fn delete(cx: &Cx<'_>, id: &str) -> Result<()> {
    let call = cx.aws.apigateway.delete_api_key().api_key(id);
    write(cx, || async {
        call.clone().send().await.during("DeleteApiKey", cx.id)
    })
    .await
    .unless(&[NOT_FOUND])?;
    Ok(())
}
