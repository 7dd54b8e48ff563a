//! Reads what the stack has in the account: every kind at once.

use futures::future::join_all;

use crate::aws::{Aws, Reader};
use crate::error::Result;
use crate::object::Object;
use crate::resources::Kinds;
use crate::stack::Stack;

/// The stack's objects of all kinds. If reads fail, the first failure in the order of kinds.
pub async fn observe(kinds: &Kinds, aws: &Aws, stack: &Stack) -> Result<Vec<Object>> {
    let reader = Reader::new(aws, stack);
    let reads = join_all(kinds.iter().map(|kind| kind.find(&reader))).await;
    let mut objects = Vec::new();
    for read in reads {
        objects.extend(read?);
    }
    Ok(objects)
}
