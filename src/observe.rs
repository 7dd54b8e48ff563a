//! Reads what the account has, for this stack: every kind at once.

use futures::future::{join, join_all};

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
    let reader = Reader::new(aws, stack);
    let reads = join_all(
        kinds
            .iter()
            .map(|kind| join(kind.find(&reader), kind.existing(&reader, config))),
    )
    .await;
    let mut observed = Observed::default();
    for read in reads {
        let (objects, existing) = read;
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
