//! Reads what the account has, for this stack: every kind at once, each a task of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join;
use tokio::task::JoinSet;

use crate::aws::{Aws, Reader};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::lease;
use crate::object::{Known, Object};
use crate::resources::Kinds;
use crate::stack::Stack;

/// What one look at the account found.
#[derive(Debug, Default)]
pub struct Observed {
    /// The stack's objects, and those that have a name of ours without our tags.
    pub objects: Vec<Object>,
    /// What infra.toml names and somebody else keeps.
    pub existing: Known,
    /// Why something of that cannot be referred to, which does not matter where all goes.
    pub unfit: Option<Error>,
    /// What the operator should know of it.
    pub notes: Vec<String>,
    /// Somebody changes the stack, or was cut off doing it.
    pub leased: bool,
}

/// The stack's objects of all kinds. If reads fail, the first failure in the order of kinds.
pub async fn observe(kinds: &Kinds, aws: &Aws, stack: &Stack, config: &Config) -> Result<Observed> {
    let (reader, config) = (Arc::new(Reader::new(aws, stack)), Arc::new(config.clone()));
    let mut reads = JoinSet::new();
    for (order, kind) in kinds.iter().enumerate() {
        let (reader, config) = (Arc::clone(&reader), Arc::clone(&config));
        reads.spawn(async move {
            let read = join(kind.find(&reader), kind.existing(&reader, &config)).await;
            (order, read)
        });
    }
    let reads: BTreeMap<_, _> = reads.join_all().await.into_iter().collect();
    let mut observed = Observed::default();
    for (objects, existing) in reads.into_values() {
        observed.objects.extend(objects?);
        match existing {
            Ok(existing) => observed.existing.extend(existing),
            Err(error) => observed.unfit = observed.unfit.or(Some(error)),
        }
    }
    observed.notes = reader.notes();
    observed.leased = Box::pin(lease::exists(&reader)).await?;
    Ok(observed)
}
