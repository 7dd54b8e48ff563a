//! One key from step to step, until there is nothing left to do or something to wait for.

use std::time::Instant;

use super::last_use::{LastUse, last_use};
use super::next::{Next, Step, Wish, after, next};
use super::steps::{Site, missing, observe};
use crate::aws::patience::clock::sleep;
use crate::config;
use crate::error::{Error, Kind, Result};
use crate::events::Event;
use crate::object::Id;

/// How often a step with an uncertain end is tried.
const TRIES: u32 = 3;
/// How often a step that was done is looked for.
const LOOKS: u32 = 10;
/// AWS's lists may not show at once what was just made.
const SETTLING: std::time::Duration = std::time::Duration::from_secs(3);

impl Site<'_> {
    /// Goes on with one key. Before an old key is disabled, `agree` is asked, with its last use.
    pub async fn rotate(
        &self,
        rules: &config::ApiKey,
        mut wish: Wish,
        agree: &dyn Fn(&LastUse) -> Result<()>,
        stopped: &dyn Fn() -> bool,
    ) -> Result<Next> {
        let id = Id::new("api-key", &rules.name).to_string();
        let mut probed = false;
        // The last step, and how it failed, if so.
        let mut last: Option<(Step, Option<Error>)> = None;
        let mut tries = 1;
        loop {
            let keys = observe(self.aws, self.stack).await?;
            let plan = keys.plan.as_deref();
            let key = keys.by_name.get(&rules.name).filter(|key| key.owned);
            let key = key.filter(|key| key.current().is_some());
            let key = key.ok_or_else(|| missing(&id))?;
            let step = match next(key, wish, rules, probed, super::now()) {
                Next::Step(step) => step,
                end => return Ok(end),
            };
            // What failed and is no longer the next step was done all the same; what was done and
            // is still the next step does not show yet.
            match last.take() {
                Some((before, None)) if before == step => {
                    if tries == LOOKS {
                        let what = step.doing();
                        return Err(Error::failed(format!("{id}: {what} took no effect"))
                            .hint("run the same command again to go on"));
                    }
                    tries += 1;
                    last = Some((before, None));
                    sleep(SETTLING).await;
                    continue;
                }
                Some((before, Some(error))) if before == step => {
                    if !error.uncertain || tries == TRIES {
                        return Err(error);
                    }
                    tries += 1;
                }
                _ => tries = 1,
            }
            if stopped() {
                return Err(stop());
            }
            if matches!(step, Step::Disable(_)) && wish != Wish::Emergency {
                let old = step.id();
                agree(&last_use(self.aws, self.stack, plan, old).await?)?;
            }
            if matches!(step, Step::Probe(_)) && self.endpoint.is_none() {
                self.events
                    .alert(format!("{id}: the new key is not probed"));
                probed = true;
                continue;
            }
            let started = Instant::now();
            self.events.started(&id, step.doing());
            match self.carry_out(key, plan, &step, stopped).await {
                Ok(()) => {
                    self.events.done(&id, step.past(), started.elapsed());
                    probed |= matches!(step, Step::Probe(_));
                    wish = after(wish, &step);
                    last = Some((step, None));
                }
                Err(error) if error.kind == Kind::Interrupted => return Err(error),
                Err(error) => {
                    let text = error.to_string();
                    self.events.send(Event::Failed {
                        id: id.clone(),
                        error: text,
                    });
                    if error.uncertain && self.aws.target.is_aws() {
                        sleep(2 * SETTLING).await;
                    }
                    last = Some((step, Some(error)));
                }
            }
        }
    }
}

fn stop() -> Error {
    Error::new(
        Kind::Interrupted,
        "stopped; every key is as it was, or further",
    )
    .hint("run the same command again to go on")
}

impl Step {
    /// The key that it is about.
    fn id(&self) -> &str {
        match self {
            Step::Store(id)
            | Step::Accept(id)
            | Step::Admit(id)
            | Step::Probe(id)
            | Step::Note(id)
            | Step::Disable(id)
            | Step::Expel(id)
            | Step::Delete(id)
            | Step::Forget(id) => id,
            Step::Create { .. } | Step::Promote { .. } => "",
        }
    }

    fn doing(&self) -> &'static str {
        match self {
            Step::Create { .. } => "creating the new key",
            Step::Store(_) => "storing it as pending",
            Step::Accept(_) => "telling the function which keys to accept",
            Step::Admit(_) => "adding it to the usage plan",
            Step::Probe(_) => "probing the endpoint with it",
            Step::Promote { .. } => "promoting it",
            Step::Note(_) => "beginning the overlap",
            Step::Disable(_) => "disabling the old key",
            Step::Expel(_) => "taking it out of the usage plan",
            Step::Delete(_) => "deleting it",
            Step::Forget(_) => "forgetting the pending key",
        }
    }

    fn past(&self) -> &'static str {
        match self {
            Step::Create { .. } => "new key created",
            Step::Store(_) => "new key stored as pending",
            Step::Accept(_) => "function told which keys to accept",
            Step::Admit(_) => "new key in the usage plan",
            Step::Probe(_) => "new key works",
            Step::Promote { .. } => "new key promoted",
            Step::Note(_) => "overlap begun",
            Step::Disable(_) => "old key disabled",
            Step::Expel(_) => "old key out of the usage plan",
            Step::Delete(_) => "key deleted",
            Step::Forget(_) => "pending key forgotten",
        }
    }
}
