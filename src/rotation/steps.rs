//! Doing one step. Each can be repeated: what an interrupted run left is found and finished.

use std::collections::BTreeMap;
use std::time::Duration;

use super::next::Step;
use super::{now, probe};
use crate::artifact::Artifacts;
use crate::aws::{Aws, Reader};
use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::object::{Id, Known};
use crate::resources::apigateway::reading::plan_keys;
use crate::resources::apigateway::versions::{self, Depth, Versions};
use crate::resources::apigateway::{api_key, usage_plan_key};
use crate::resources::secretsmanager::content::{self, of_key};
use crate::resources::secretsmanager::staging;
use crate::resources::{Cx, Options};
use crate::stack::Stack;

/// What rotating works with.
pub struct Site<'a> {
    pub aws: &'a Aws,
    pub stack: &'a Stack,
    pub events: &'a Events,
    pub options: &'a Options,
    pub artifacts: Artifacts,
    pub known: Known,
    /// Where a new key is probed; none where there is no data plane.
    pub endpoint: Option<Endpoint>,
    /// How long it may take until a new key works.
    pub patience: Duration,
}

/// The stack's keys and its usage plan.
pub struct Keys {
    pub by_name: BTreeMap<String, Versions>,
    pub plan: Option<String>,
}

/// Reads the state of every key.
pub async fn observe(aws: &Aws, stack: &Stack) -> Result<Keys> {
    let reader = Reader::new(aws, stack);
    let read = versions::read(&reader, Depth::All);
    let (by_name, plans) = tokio::try_join!(read, plan_keys(&reader))?;
    let plan = plans.keys().next().cloned();
    Ok(Keys { by_name, plan })
}

impl Site<'_> {
    fn cx<'a>(&'a self, id: &'a Id) -> Cx<'a> {
        Cx {
            aws: self.aws,
            stack: self.stack,
            id,
            events: self.events,
            artifacts: &self.artifacts,
            known: &self.known,
            options: self.options,
            database_server: None,
        }
    }

    /// Does one step for a key.
    pub async fn carry_out(
        &self,
        key: &Versions,
        plan: Option<&str>,
        step: &Step,
        stopped: &dyn Fn() -> bool,
    ) -> Result<()> {
        let (name, id) = (key.name.as_str(), Id::new("api-key", &key.name));
        let secret_id = Id::new("secret", of_key(name));
        let secret = self.stack.secret_name(&of_key(name));
        let (cx, of_secret) = (self.cx(&id), self.cx(&secret_id));
        let plan = || plan.ok_or_else(|| missing("the usage plan"));
        match step {
            Step::Create { number } => {
                let tags = self.stack.tags(&id);
                api_key::make(&cx, *number, &tags).await.map(drop)
            }
            Step::Store(id) => {
                let value = content::api_key(self.aws, name, id).await?;
                let value = content::stored(name, &value);
                staging::store(&of_secret, &secret, &staging::version_of(id), &value).await
            }
            Step::Accept(ids) => {
                let id = Id::new("secret", content::DIGESTS);
                staging::accept(&self.cx(&id), name, ids).await
            }
            Step::Admit(key) => usage_plan_key::admit(&cx, plan()?, key).await,
            Step::Probe(key) => {
                let Some(endpoint) = &self.endpoint else {
                    return Ok(());
                };
                let value = content::api_key(self.aws, name, key).await?;
                let id = id.to_string();
                probe::probe(endpoint, &value, self.patience, (self.events, &id), stopped).await
            }
            Step::Promote { from, to } => staging::promote(&of_secret, &secret, from, to).await,
            Step::Note(key) => staging::note(self.aws, &secret, key, now()).await,
            Step::Disable(key_id) => {
                let version = key.all.iter().find(|version| version.id == *key_id);
                let version = version.ok_or_else(|| missing(&format!("{id} ({key_id})")))?;
                api_key::retire(&cx, version).await
            }
            Step::Expel(key) => usage_plan_key::shut_out(&cx, plan()?, key).await,
            Step::Delete(key) => api_key::delete(&cx, key).await,
            Step::Forget(version) => staging::forget(self.aws, &secret, version).await,
        }
    }
}

/// What `wmctl up` makes, and is not there.
pub fn missing(what: &str) -> Error {
    Error::failed(format!("{what} is not there")).hint("run `wmctl up` first")
}
