//! `wmctl rotate-keys`

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use futures::future::try_join_all;
use serde_json::json;

use super::change::{duration, with_lease};
use super::session::Session;
use super::stop::stoppable;
use super::{Global, Skip};
use crate::artifact::Artifacts;
use crate::config::ApiKey;
use crate::endpoint::Endpoint;
use crate::error::{Error, Kind, Result};
use crate::object::Known;
use crate::resources::apigateway::versions::Role;
use crate::rotation::last_use::LastUse;
use crate::rotation::next::{Next, Phase, Wish, next, phase, probes_first};
use crate::rotation::report::{Report, report};
use crate::rotation::steps::{Keys, Site, missing, observe};
use crate::rotation::{now, shown};

/// Put a new API key in the place of the old one, without a failed request
///
/// The new key is made, stored beside the old one, admitted by the function and the gateway, and
/// probed at the live endpoint. Once it works everywhere it is promoted: from then on its secret
/// holds the new value. Both keys stay valid for the overlap, so that every caller has time to
/// read its secret again; [[api.keys]] overlap in infra.toml sets how long.
///
/// Run it again when the overlap is over: it disables the old key, and deletes it after the grace
/// period. Where something is left to do, it does that and makes no new key. It can be stopped at
/// any moment and run again on any machine: all state is in AWS.
///
/// Quotas count per key: during the overlap callers have the usage plan's allowance twice.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[allow(clippy::struct_excessive_bools)] // one switch for each thing to do instead
pub struct RotateKeys {
    /// Which of [[api.keys]]; where left out, those with something left to do, or else all
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,

    /// Show every key's versions, ages, last uses and stages, and change nothing
    #[arg(long, group = "instead")]
    pub status: bool,

    /// End the overlap now, or the grace period; asks if the old key was used within the hour
    #[arg(long, group = "instead")]
    pub finish: bool,

    /// Go back to the old key, as long as the new one is not promoted
    #[arg(long, group = "instead")]
    pub abort: bool,

    /// Revoke the old key at once, for a key that has leaked
    ///
    /// In an overlap the old key goes. Otherwise a new key is made, promoted without being probed,
    /// and the present one deleted: callers fail until they read their secret again, and until
    /// the gateway knows the new key, which takes from seconds to half an hour.
    #[arg(long, group = "instead")]
    pub emergency: bool,

    /// Stay until the old key is deleted, through the overlap and the grace period
    #[arg(long, conflicts_with_all = ["status", "abort"])]
    pub wait: bool,

    /// How long it may take until the new key works everywhere
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "40m")]
    pub probe_limit: Duration,

    /// Wait so long for another run on the same stack to end
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "0s")]
    pub wait_lease: Duration,
}

const EXAMPLES: &str = "\
Examples:
  wmctl rotate-keys chatbot            begin; run it again when the overlap is over
  wmctl rotate-keys chatbot --wait     the same in one run
  wmctl rotate-keys --status --json    versions, stages and last uses, for scripts
  wmctl rotate-keys chatbot --abort    stay with the old key
  wmctl rotate-keys --emergency        a key has leaked";

impl RotateKeys {
    pub async fn run(self, global: &Global) -> Result<ExitCode> {
        let session = Session::open(global).await?;
        let keys = observe(&session.aws, &session.stack).await?;
        let chosen = self.chosen(&session, &keys)?;
        if !self.status {
            let wishes = chosen.iter().map(|rules| {
                let wish = self.wish(&keys, rules)?;
                Ok((rules, wish))
            });
            let wishes = wishes.collect::<Result<Vec<(&ApiKey, Wish)>>>()?;
            let endpoint = endpoint(&session, global, &keys, &wishes).await?;
            self.confirm(&session, &keys, &wishes).await?;
            self.rotate(&session, endpoint, &wishes).await?;
        }
        finish(session, &chosen).await
    }

    /// The keys of infra.toml that this run is about.
    fn chosen(&self, session: &Session, keys: &Keys) -> Result<Vec<ApiKey>> {
        let all = &session.config.api.keys;
        if let Some(unknown) = self
            .names
            .iter()
            .find(|name| all.iter().all(|key| key.name != **name))
        {
            let names: Vec<&str> = all.iter().map(|key| key.name.as_str()).collect();
            return Err(Error::usage(format!("no such API key: `{unknown}`"))
                .hint(format!("infra.toml has: {}", names.join(", "))));
        }
        let named = |key: &&ApiKey| self.names.contains(&key.name);
        let begun = |key: &&ApiKey| {
            let versions = keys.by_name.get(&key.name);
            versions.is_some_and(|versions| versions.all.len() > 1)
        };
        let any = |which: &dyn Fn(&&ApiKey) -> bool| all.iter().any(|key| which(&key));
        let of = |which: &dyn Fn(&&ApiKey) -> bool| all.iter().filter(which).cloned().collect();
        Ok(match (self.names.is_empty(), self.status) {
            (false, _) => of(&named),
            (true, false) if any(&begun) => of(&begun),
            _ => all.clone(),
        })
    }

    fn wish(&self, keys: &Keys, rules: &ApiKey) -> Result<Wish> {
        let name = &rules.name;
        let key = keys
            .by_name
            .get(name)
            .ok_or_else(|| missing(&format!("api-key/{name}")))?;
        let pending = !key.of(Role::Pending).is_empty();
        if self.abort {
            return match next(key, Wish::Abort, rules, false, now()) {
                Next::Step(_) => Ok(Wish::Abort),
                _ => Err(
                    Error::usage(format!("{name} has no new key that could be given up"))
                        .hint("before the promotion --abort goes back; after it, rotate once more"),
                ),
            };
        }
        if self.finish {
            return match phase(key) {
                Some(Phase::Overlap) if !pending => Ok(Wish::EndOverlap),
                Some(Phase::Grace) if !pending => Ok(Wish::EndGrace),
                _ => Err(
                    Error::usage(format!("{name} has no overlap and no grace period to end"))
                        .hint("`wmctl rotate-keys --status` shows where each key stands"),
                ),
            };
        }
        let idle = !pending && phase(key) != Some(Phase::Overlap);
        Ok(match (self.emergency, idle) {
            (true, true) if phase(key).is_none() => Wish::Replace,
            (true, _) => Wish::Emergency,
            (false, _) => Wish::Begin,
        })
    }

    /// Says what will be done, and asks.
    async fn confirm(
        &self,
        session: &Session,
        keys: &Keys,
        wishes: &[(&ApiKey, Wish)],
    ) -> Result<()> {
        for (rules, wish) in wishes {
            let Some(key) = keys.by_name.get(&rules.name) else {
                continue;
            };
            if matches!(wish, Wish::Replace | Wish::Emergency) {
                let old = key.of(Role::Old);
                let going = old.first().copied().or(key.current());
                let Some(going) = going else { continue };
                let plan = keys.plan.as_deref();
                let used = crate::rotation::last_use::last_use(
                    &session.aws,
                    &session.stack,
                    plan,
                    &going.id,
                );
                let used = used.await?.text();
                let new = if old.is_empty() {
                    ", and until the gateway knows the new key: that takes from seconds to half an hour"
                } else {
                    ""
                };
                session.events.note(format!(
                    "Version {} of {} is revoked at once (last used {used}). Whoever calls with it gets 403 until it reads the secret {} again{new}.",
                    going.number, rules.name, session.stack.secret_name(&format!("api-key-{}", rules.name))
                ));
            }
        }
        let names: Vec<&str> = wishes
            .iter()
            .map(|(rules, _)| rules.name.as_str())
            .collect();
        let names = names.join(", ");
        let question = if self.abort {
            format!("Give up the new key of {names} in {}?", session.place())
        } else if self.emergency {
            format!("Revoke at once in {}?", session.place())
        } else if self.finish {
            format!("End the wait for {names} in {} now?", session.place())
        } else {
            format!(
                "Rotate {names} in {}? In the overlap both keys are valid, each with a quota of its own.",
                session.place()
            )
        };
        session.confirm(&question)
    }

    async fn rotate(
        &self,
        session: &Session,
        endpoint: Option<Endpoint>,
        wishes: &[(&ApiKey, Wish)],
    ) -> Result<()> {
        let site = self.site(session, endpoint);
        let mut waiting: Vec<(&ApiKey, i64)> = Vec::new();
        for (rules, wish) in wishes {
            if let Some(until) = self.one(session, &site, rules, *wish).await? {
                waiting.push((rules, until));
            }
        }
        while let Some(next) = waiting
            .iter()
            .map(|(_, until)| *until)
            .min()
            .filter(|_| self.wait)
        {
            sleep_until(session, next).await?;
            let mut left = Vec::new();
            for (rules, until) in waiting {
                let until = if until > now() {
                    Some(until)
                } else {
                    self.one(session, &site, rules, Wish::GoOn).await?
                };
                left.extend(until.map(|until| (rules, until)));
            }
            waiting = left;
        }
        Ok(())
    }

    /// Goes on with one key, as far as can be. When there is something to do again.
    async fn one(
        &self,
        session: &Session,
        site: &Site<'_>,
        rules: &ApiKey,
        wish: Wish,
    ) -> Result<Option<i64>> {
        let agree = |used: &LastUse| {
            if wish == Wish::EndOverlap && used.is_recent() {
                let question = format!(
                    "The old key of {} was last used {}. Disable it all the same?",
                    rules.name,
                    used.text()
                );
                return session.confirm(&question);
            }
            if used.is_recent() {
                session.events.note(format!(
                    "The old key of {} was last used {}, and is now disabled: whoever uses it must read its secret again.",
                    rules.name, used.text()
                ));
            }
            Ok(())
        };
        let end = with_lease(session, "rotate-keys", self.wait_lease, async |stopped| {
            site.rotate(rules, wish, &agree, stopped).await
        });
        Ok(match Box::pin(end).await? {
            Next::Wait { until, .. } => Some(until),
            Next::Step(_) | Next::Done => None,
        })
    }

    fn site<'a>(&self, session: &'a Session, endpoint: Option<Endpoint>) -> Site<'a> {
        Site {
            aws: &session.aws,
            stack: &session.stack,
            events: &session.events,
            options: &session.options,
            artifacts: Artifacts::default(),
            known: Known::new(),
            endpoint,
            patience: self.probe_limit,
        }
    }
}

/// Where new keys are probed. Whom it would not have is refused before anything is begun; a leaked
/// key goes all the same.
async fn endpoint(
    session: &Session,
    global: &Global,
    keys: &Keys,
    wishes: &[(&ApiKey, Wish)],
) -> Result<Option<Endpoint>> {
    let api = session
        .api_id()
        .await?
        .ok_or_else(|| missing("the endpoint"))?;
    if global.skip.contains(&Skip::Health) {
        return Ok(None);
    }
    let begins = wishes.iter().any(|(rules, wish)| {
        let key = keys.by_name.get(&rules.name);
        key.is_some_and(|key| probes_first(key, *wish))
    });
    match session.callable(&api) {
        Err(error) if begins => Err(error.hint(
            "or add `--skip health`: the new key is then promoted without being probed, and callers may fail until the gateway knows it",
        )),
        Err(error) => {
            let emergency = |(_, wish): &(&ApiKey, Wish)| {
                matches!(wish, Wish::Replace | Wish::Emergency)
            };
            if wishes.iter().any(emergency) {
                let note = format!("The new key is not probed: {error}.");
                session.events.alert(note);
            }
            Ok(None)
        }
        endpoint => endpoint.map(Some),
    }
}

/// Waits without the lease, so that others can change the stack meanwhile.
async fn sleep_until(session: &Session, until: i64) -> Result<()> {
    let left = u64::try_from(until - now()).unwrap_or(0);
    session
        .events
        .waiting("rotate-keys", format!("{} to come", shown(until)));
    stoppable(&session.events, |mut stop| async move {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(left)) => Ok(()),
            _ = stop.wait_for(|stop| *stop) => Err(Error::new(
                Kind::Interrupted,
                "stopped while waiting; both keys are as they were",
            )
            .hint("run `wmctl rotate-keys` again to go on")),
        }
    })
    .await?
}

/// Shows where each key stands now.
async fn finish(session: Session, chosen: &[ApiKey]) -> Result<ExitCode> {
    let keys = observe(&session.aws, &session.stack).await?;
    let reports = chosen
        .iter()
        .map(|rules| report(&session.aws, &session.stack, &keys, rules));
    let reports: Vec<Report> = try_join_all(reports).await?;
    let mut document = session.document();
    document["api_keys"] = json!(reports);
    let printer = session.printer;
    session.close().await;
    if printer.json {
        printer.document(&document);
    } else {
        let texts: Vec<String> = reports.iter().map(Report::text).collect();
        printer.data(&texts.join("\n"));
    }
    Ok(ExitCode::SUCCESS)
}
