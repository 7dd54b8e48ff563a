//! Creating once although an answer may be lost: look whether the object is there before the call
//! is made again.

use std::time::Duration;

use serde_json::Value;

use crate::aws::Reader;
use crate::aws::patience::clock::sleep;
use crate::diff::{diff, fields};
use crate::error::{Error, Result};
use crate::gaps::Gaps;
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
    gaps: &Gaps,
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
            let changed = fields(&gaps.hide(cx.id, diff(&found.value, &wanted)));
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::FutureExt;
    use futures::future::BoxFuture;
    use serde_json::json;

    use super::*;
    use crate::aws::scripted::{Scene, Script, waited};
    use crate::config::Config;
    use crate::object::{Id, Known, Wanted, attributes};
    use crate::resources::Scope;

    /// A kind whose first creations lose their answers.
    struct Lossy {
        lost: usize,
        /// What an attempt leaves although its answer is lost.
        leaves: Option<Value>,
        calls: Mutex<Vec<&'static str>>,
    }

    impl Lossy {
        fn new(lost: usize, leaves: Option<Value>) -> Self {
            Self {
                lost,
                leaves,
                calls: Mutex::default(),
            }
        }

        fn say(&self, call: &'static str) -> usize {
            let mut calls = self.calls.lock().unwrap();
            calls.push(call);
            calls.iter().filter(|made| **made == call).count()
        }
    }

    impl Kind for Lossy {
        fn name(&self) -> &'static str {
            "vpc"
        }
        fn needs(&self) -> &'static [&'static str] {
            &[]
        }
        fn data(&self) -> bool {
            false
        }
        fn calls(&self) -> crate::permissions::Calls {
            <crate::resources::ec2::vpc::Vpc as crate::resources::Resource>::CALLS
        }
        fn interrupts(&self) -> Option<&'static str> {
            None
        }
        fn shared(&self) -> bool {
            false
        }
        fn superseded(&self) -> bool {
            false
        }
        fn deletable(&self) -> bool {
            true
        }
        fn revision(&self, _: &Value) -> String {
            String::new()
        }
        fn on_change(&self, field: &str) -> OnChange {
            if field == "cidr" {
                OnChange::Replace
            } else {
                OnChange::InPlace
            }
        }
        fn wanted(&self, _: &Scope) -> Result<Vec<Wanted>> {
            Ok(Vec::new())
        }
        fn existing<'a>(&'a self, _: &'a Reader, _: &'a Config) -> BoxFuture<'a, Result<Known>> {
            async { Ok(Known::new()) }.boxed()
        }
        fn find<'a>(&'a self, _: &'a Reader) -> BoxFuture<'a, Result<Vec<Object>>> {
            self.say("find");
            let found = self.leaves.iter().map(|value| Object {
                id: Id::new("vpc", "main"),
                attributes: attributes([("id", "vpc-1")]),
                value: value.clone(),
                owned: true,
            });
            let found = found.collect();
            async { Ok(found) }.boxed()
        }
        fn create<'a>(&'a self, _: &'a Cx<'a>, _: Value) -> BoxFuture<'a, Result<Attributes>> {
            let lost = self.say("create") <= self.lost;
            async move {
                if lost {
                    let error = Error::failed("CreateVpc: no answer");
                    return Err(Error {
                        uncertain: true,
                        ..error
                    });
                }
                Ok(attributes([("id", "vpc-2")]))
            }
            .boxed()
        }
        fn update<'a>(
            &'a self,
            _: &'a Cx<'a>,
            _: Value,
            found: Object,
            changed: Vec<String>,
        ) -> BoxFuture<'a, Result<Attributes>> {
            self.say("update");
            assert_eq!(changed, ["dns"]);
            async { Ok(found.attributes) }.boxed()
        }
        fn delete<'a>(&'a self, _: &'a Cx<'a>, _: Object) -> BoxFuture<'a, Result<()>> {
            async { Ok(()) }.boxed()
        }
    }

    /// The id of what there is in the end, and the calls that led there.
    async fn made(kind: &Lossy) -> (Result<String>, Vec<&'static str>) {
        let scene = Scene::new("vpc/main", Script::new());
        let wanted = json!({"cidr": "10.0.0.0/16", "dns": true});
        let made = create(kind, &scene.cx(), wanted, None, &Gaps::default()).await;
        let calls = kind.calls.lock().unwrap().clone();
        (made.map(|made| made["id"].clone()), calls)
    }

    #[tokio::test]
    async fn what_a_lost_answer_left_is_finished_and_not_made_again() {
        let whole = json!({"cidr": "10.0.0.0/16", "dns": true});
        let (id, calls) = made(&Lossy::new(1, Some(whole))).await;
        assert_eq!(id.unwrap(), "vpc-1");
        assert_eq!(calls, ["create", "find"]);
        let half = json!({"cidr": "10.0.0.0/16", "dns": false});
        let (id, calls) = made(&Lossy::new(1, Some(half))).await;
        assert_eq!(id.unwrap(), "vpc-1");
        assert_eq!(calls, ["create", "find", "update"]);
    }

    #[tokio::test]
    async fn what_was_not_made_is_made_after_some_looks() {
        let (id, calls) = made(&Lossy::new(1, None)).await;
        assert_eq!(id.unwrap(), "vpc-2");
        assert_eq!(calls, ["create", "find", "find", "find", "create"]);
        assert!(waited() >= Duration::from_secs(10), "{:?}", waited());
    }

    #[tokio::test]
    async fn what_cannot_become_the_wanted_object_is_another_one() {
        let other = json!({"cidr": "10.9.0.0/16", "dns": true});
        let (id, _) = made(&Lossy::new(1, Some(other))).await;
        assert_eq!(id.unwrap(), "vpc-2");
    }

    #[tokio::test]
    async fn a_creation_that_stays_uncertain_fails_in_the_end() {
        let (id, calls) = made(&Lossy::new(9, None)).await;
        assert!(id.unwrap_err().uncertain);
        assert_eq!(calls.iter().filter(|call| **call == "create").count(), 3);
    }
}
