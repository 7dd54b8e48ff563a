//! Creating once although an answer may be lost: look whether the object is there before the call
//! is made again.

use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use crate::aws::Reader;
use crate::diff::{diff, fields};
use crate::error::{Error, Result};
use crate::object::{Attributes, Object};
use crate::resources::{Cx, Kind, OnChange};

/// How often a creation is tried whose outcome is uncertain each time.
const TRIES: u32 = 3;

/// AWS's lists may not show at once what was just made.
const LOOKS: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_secs(3),
    Duration::from_secs(7),
];

/// Creates the object, or finishes what an uncertain attempt left of it. `old` is what it
/// supersedes.
pub(super) async fn create(
    kind: &dyn Kind,
    cx: &Cx<'_>,
    wanted: Value,
    old: Option<&Object>,
) -> Result<Attributes> {
    let mut tries = 1;
    loop {
        let error = match kind.create(cx, wanted.clone()).await {
            Err(error) if error.uncertain && tries < TRIES => error,
            other => return other,
        };
        tries += 1;
        let what = format!("a look at whether it was made: {}", error.message);
        cx.events.waiting(&cx.id.to_string(), what);
        if let Some(found) = look(kind, cx, &wanted, old).await.map_err(|_| error)? {
            let changed = fields(&diff(&found.value, &wanted));
            return if changed.is_empty() {
                Ok(found.attributes)
            } else {
                kind.update(cx, wanted, found, changed).await
            };
        }
    }
}

/// The object that the attempt made, if it did. What differs where nothing can be changed in
/// place is another one.
async fn look(
    kind: &dyn Kind,
    cx: &Cx<'_>,
    wanted: &Value,
    old: Option<&Object>,
) -> Result<Option<Object>, Error> {
    let looks = if cx.aws.target.is_aws() {
        &LOOKS[..]
    } else {
        &LOOKS[..1]
    };
    for pause in looks {
        sleep(*pause).await;
        let reader = Reader::new(cx.aws, cx.stack);
        let made = kind.find(&reader).await?.into_iter().find(|object| {
            object.id == *cx.id
                && object.owned
                && old.is_none_or(|old| old.attributes != object.attributes)
                && fields(&diff(&object.value, wanted))
                    .iter()
                    .all(|field| kind.on_change(field) == OnChange::InPlace)
        });
        if made.is_some() {
            return Ok(made);
        }
    }
    Ok(None)
}
