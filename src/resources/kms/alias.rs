//! The key's name.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::reading::keys;
use super::{NOT_FOUND, alias_name, settles};
use crate::aws::patience::patiently;
use crate::aws::{During, Optional, Reader};
use crate::error::Result;
use crate::object::{Attributes, attributes};
use crate::permissions::{Calls, allow};
use crate::resources::{Cx, Found, Resource, Scope};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alias {
    pub key: String,
}

/// The alias and the key behind it, whose tags may take minutes to count where it is new.
const BOTH: &[&str] = &["kms:alias/{stack}", "kms:key/*"];

impl Resource for Alias {
    const KIND: &'static str = "kms-alias";
    const NEEDS: &'static [&'static str] = &["kms-key"];
    const CALLS: Calls = Calls {
        find: &[allow(&["kms:DescribeKey"], &["kms:key/*"])],
        create: &[allow(&["kms:CreateAlias", "kms:UpdateAlias"], BOTH)],
        update: &[allow(&["kms:UpdateAlias"], BOTH)],
        delete: &[allow(&["kms:DeleteAlias"], BOTH)],
    };

    fn wanted(_scope: &Scope) -> Vec<(String, Self)> {
        let key = "${kms-key/main}".to_owned();
        vec![("main".to_owned(), Self { key })]
    }

    /// An alias takes no tags. It is ours where the key behind it is, and where we have a key
    /// that should be behind it: then somebody has moved it.
    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let (keys, stack) = (keys(reader).await?, &reader.stack);
        let alias = keys.behind_alias.clone().map(|key| Found {
            name: "main".to_owned(),
            attributes: attributes([("id", &alias_name(stack))]),
            value: Self { key },
            owned: keys.held.iter().any(|key| stack.owns(&key.tags)),
        });
        Ok(alias.into_iter().collect())
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let name = alias_name(cx.stack);
        let call = cx.aws.kms.create_alias();
        let call = call.alias_name(&name).target_key_id(&self.key);
        let created = patiently(
            cx.events,
            cx.id,
            "the new key to be known everywhere",
            Duration::from_mins(2),
            settles,
            || async { call.clone().send().await.during("CreateAlias", cx.id) },
        )
        .await
        .unless(&["AlreadyExistsException"])?;
        // A run that ended here a moment ago may have made an alias that reads do not show yet.
        if created.is_none() {
            self.point(cx).await?;
        }
        Ok(attributes([("id", &name)]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        _changed: &[String],
    ) -> Result<Attributes> {
        self.point(cx).await?;
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let call = cx.aws.kms.delete_alias().alias_name(found.aws_id());
        call.send()
            .await
            .during("DeleteAlias", cx.id)
            .unless(NOT_FOUND)?;
        Ok(())
    }
}

impl Alias {
    async fn point(&self, cx: &Cx<'_>) -> Result<()> {
        cx.aws
            .kms
            .update_alias()
            .alias_name(alias_name(cx.stack))
            .target_key_id(&self.key)
            .send()
            .await
            .during("UpdateAlias", cx.id)?;
        Ok(())
    }
}
