//! The kinds of AWS objects as the engine takes them: without their types.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;

use super::{Cx, Found, OnChange, Resource, Scope};
use crate::aws::Reader;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::object::{Attributes, Id, Known, Object, Wanted, revision};
use crate::permissions::Calls;

/// A [`Resource`] with its type erased, for the engine.
pub trait Kind: Send + Sync {
    fn name(&self) -> &'static str;
    fn needs(&self) -> &'static [&'static str];
    fn data(&self) -> bool;
    fn calls(&self) -> Calls;
    fn interrupts(&self) -> Option<&'static str>;
    fn shared(&self) -> bool;
    fn superseded(&self) -> bool;
    fn deletable(&self) -> bool;
    /// The hash that stands for the content of an object with this value.
    fn revision(&self, value: &Value) -> String;
    fn on_change(&self, field: &str) -> OnChange;
    fn wanted(&self, scope: &Scope) -> Result<Vec<Wanted>>;
    fn existing<'a>(
        &'a self,
        reader: &'a Reader,
        config: &'a Config,
    ) -> BoxFuture<'a, Result<Known>>;
    fn find<'a>(&'a self, reader: &'a Reader) -> BoxFuture<'a, Result<Vec<Object>>>;
    fn create<'a>(&'a self, cx: &'a Cx<'a>, value: Value) -> BoxFuture<'a, Result<Attributes>>;
    fn update<'a>(
        &'a self,
        cx: &'a Cx<'a>,
        value: Value,
        found: Object,
        changed: Vec<String>,
    ) -> BoxFuture<'a, Result<Attributes>>;
    fn delete<'a>(&'a self, cx: &'a Cx<'a>, found: Object) -> BoxFuture<'a, Result<()>>;
}

struct Typed<R>(PhantomData<fn() -> R>);

/// What is known of a kind at compile time, as the engine takes it.
pub(super) fn of<R: Resource>() -> &'static dyn Kind {
    &Typed::<R>(PhantomData)
}

impl<R: Resource> Kind for Typed<R> {
    fn name(&self) -> &'static str {
        R::KIND
    }

    fn needs(&self) -> &'static [&'static str] {
        R::NEEDS
    }

    fn data(&self) -> bool {
        R::DATA
    }

    fn calls(&self) -> Calls {
        R::CALLS
    }

    fn interrupts(&self) -> Option<&'static str> {
        R::INTERRUPTS
    }

    fn shared(&self) -> bool {
        R::SHARED
    }

    fn superseded(&self) -> bool {
        R::SUPERSEDED
    }

    fn deletable(&self) -> bool {
        R::DELETABLE
    }

    fn revision(&self, value: &Value) -> String {
        let mut value = value.clone();
        if let Value::Object(fields) = &mut value {
            fields.retain(|name, _| !R::UNVERSIONED.contains(&name.as_str()));
        }
        revision(&value)
    }

    fn on_change(&self, field: &str) -> OnChange {
        R::on_change(field)
    }

    fn wanted(&self, scope: &Scope) -> Result<Vec<Wanted>> {
        R::wanted(scope)
            .into_iter()
            .map(|(name, value)| {
                Ok(Wanted {
                    after: R::after(&name).into_iter().collect(),
                    id: Id::new(R::KIND, name),
                    value: to_value(&value)?,
                })
            })
            .collect()
    }

    fn existing<'a>(
        &'a self,
        reader: &'a Reader,
        config: &'a Config,
    ) -> BoxFuture<'a, Result<Known>> {
        async move {
            let existing = R::existing(reader, config).await?.into_iter();
            Ok(existing
                .map(|(name, attributes)| (Id::new(R::KIND, name), attributes))
                .collect())
        }
        .boxed()
    }

    fn find<'a>(&'a self, reader: &'a Reader) -> BoxFuture<'a, Result<Vec<Object>>> {
        async move {
            R::find(reader)
                .await?
                .into_iter()
                .map(|found| {
                    Ok(Object {
                        id: Id::new(R::KIND, found.name),
                        attributes: found.attributes,
                        value: to_value(&found.value)?,
                        owned: found.owned,
                    })
                })
                .collect()
        }
        .boxed()
    }

    fn create<'a>(&'a self, cx: &'a Cx<'a>, value: Value) -> BoxFuture<'a, Result<Attributes>> {
        async move { typed::<R>(cx.id, value)?.create(cx).await }.boxed()
    }

    fn update<'a>(
        &'a self,
        cx: &'a Cx<'a>,
        value: Value,
        found: Object,
        changed: Vec<String>,
    ) -> BoxFuture<'a, Result<Attributes>> {
        async move {
            let found = typed_found::<R>(found)?;
            typed::<R>(cx.id, value)?.update(cx, &found, &changed).await
        }
        .boxed()
    }

    fn delete<'a>(&'a self, cx: &'a Cx<'a>, found: Object) -> BoxFuture<'a, Result<()>> {
        async move { R::delete(cx, &typed_found::<R>(found)?).await }.boxed()
    }
}

pub(super) fn to_value<R: Resource>(value: &R) -> Result<Value> {
    serde_json::to_value(value)
        .map_err(|error| Error::failed(format!("a {} is not JSON", R::KIND)).because(error))
}

fn typed<R: Resource>(id: &Id, value: Value) -> Result<R> {
    serde_json::from_value(value)
        .map_err(|error| Error::failed(format!("{id} has an impossible value")).because(error))
}

fn typed_found<R: Resource>(found: Object) -> Result<Found<R>> {
    Ok(Found {
        value: typed(&found.id, found.value)?,
        name: found.id.name,
        attributes: found.attributes,
        owned: found.owned,
    })
}

/// The kinds by name.
pub struct Kinds(BTreeMap<&'static str, &'static dyn Kind>);

impl Kinds {
    pub fn get(&self, name: &str) -> Option<&'static dyn Kind> {
        self.0.get(name).copied()
    }

    /// But for those that a cloud does not have.
    #[must_use]
    pub fn without(mut self, missing: &[&str]) -> Self {
        self.0.retain(|name, _| !missing.contains(name));
        self
    }

    pub fn iter(&self) -> impl Iterator<Item = &'static dyn Kind> {
        self.0.values().copied()
    }
}

impl FromIterator<&'static dyn Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = &'static dyn Kind>>(kinds: I) -> Self {
        Self(kinds.into_iter().map(|kind| (kind.name(), kind)).collect())
    }
}
