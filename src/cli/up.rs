//! `wmctl up`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::Global;
use super::change::{Changing, carry_out};
use super::planning::{Planning, Saved};
use super::safety::snapshot_first;
use super::session::Session;
use super::view::Build;
use crate::apply::Outcome;
use crate::checks::pending;
use crate::cost;
use crate::error::{Error, Kind, Result};
use crate::lease;
use crate::plan::Plan;
use crate::report::{Printer, outcome_json, plan_json};
use crate::resources::Resource;
use crate::resources::lambda::function::Function;
use crate::resources::lambda::schema;

/// Bring the account to what infra.toml says
///
/// Builds the function where its sources have changed, reads the account, shows the plan, asks,
/// and carries it out. Run it again after anything: it finds what is there and goes on.
///
/// With a FILE of `wmctl plan --out`, exactly that plan is carried out, without a question; or it
/// is refused, where the account or infra.toml has moved since.
#[derive(Debug, Args)]
pub struct Up {
    /// A plan to carry out as it is
    #[arg(value_name = "FILE", conflicts_with_all = [
        "allow_destroy", "adopt", "allow_breaking", "allow_slow", "snapshot", "no_snapshot",
    ])]
    pub file: Option<PathBuf>,

    #[command(flatten)]
    pub planning: Planning,

    #[command(flatten)]
    pub changing: Changing,
}

impl Up {
    pub async fn run(self, global: &Global) -> Result<ExitCode> {
        let mut saved = self.file.as_deref().map(Saved::load).transpose()?;
        let planning = saved
            .as_mut()
            .map_or(self.planning, |saved| std::mem::take(&mut saved.planning));
        planning.destroy()?;
        let mut session = Session::open(global).await?;
        let view = Box::pin(session.view(Build::IfChanged)).await?;
        let (plan, checked) = planning.plan(&session, &view)?;
        let costs = cost::of_plan(&session.config, &plan)?;
        if let Some(saved) = &saved {
            saved.confirm(&planning.document(&session, &plan, &costs))?;
        }
        session.printer.proposal(&plan);
        if !plan.is_empty() {
            session.printer.cost_of_proposal(&costs);
        }
        checked?;
        let verdicts = pending(&plan, &view.artifacts.migrations)?;
        session.options.snapshot = snapshot_first(&session, &planning.safety, &verdicts);
        session.options.allow_slow = planning.safety.allow_slow;
        let migrates = plan.changes().any(|step| step.id == schema::id());
        if session.options.snapshot && migrates {
            session
                .printer
                .message("A snapshot of the database is taken before it is migrated.");
        }
        let (plan, outcome) = if plan.is_empty() {
            if view.leased {
                lease::clear(&session.aws, &session.stack).await?;
            }
            let known = plan.known.clone();
            let outcome = Outcome {
                known,
                ..Outcome::default()
            };
            (plan, outcome)
        } else {
            if plan.changes().any(|step| step.id.kind == Function::KIND) {
                view.artifacts.check()?;
            }
            session.permitted(&plan).await?;
            if saved.is_some() {
                session.watched = true;
            } else {
                session.confirm(&format!("Change this in {}?", session.place()))?;
            }
            let again = |view: &_| {
                let (plan, checked) = planning.plan(&session, view)?;
                checked.map(|()| plan)
            };
            carry_out(
                &session,
                plan,
                view.artifacts,
                "up",
                self.changing.wait,
                again,
            )
            .await?
        };
        finish(session, &plan, &outcome).await
    }
}

/// Says what became of the plan, and where the endpoint and the keys are.
async fn finish(session: Session, plan: &Plan, outcome: &Outcome) -> Result<ExitCode> {
    let api = outcome.known.iter().find(|(id, _)| id.kind == "rest-api");
    let api = api
        .and_then(|(_, attributes)| attributes.get("id"))
        .cloned();
    let endpoint = api.map(|id| session.endpoint(&id));
    let keys = session.key_secrets();
    let calls = session.aws.calls.count();
    let mut document = session.endpoint_document(endpoint.as_ref());
    document["plan"] = plan_json(plan);
    document["result"] = outcome_json(outcome, calls);
    document["not_emulated"] = json!(session.gaps.met());
    let printer = session.printer;
    session.close().await;
    printer.outcome(plan, outcome, calls);
    let code = conclude(printer, &document, outcome)?;
    if let Some((url, host)) = endpoint.filter(|_| !printer.json) {
        printer.data(&format!("endpoint  {url}"));
        if let Some(host) = host {
            printer.data(&format!("host      {host}"));
        }
        for (name, secret) in keys {
            printer.data(&format!("api key   {name}: in the secret {secret}"));
        }
    }
    Ok(code)
}

/// Shows the document to a script; the exit code says how it went, as the error does to a person.
pub fn conclude(printer: Printer, document: &Value, outcome: &Outcome) -> Result<ExitCode> {
    if printer.json {
        printer.document(document);
        return Ok(if outcome.is_complete() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(failure(outcome).kind.exit_code())
        });
    }
    if outcome.is_complete() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(failure(outcome))
}

/// The error that an incomplete outcome ends with.
fn failure(outcome: &Outcome) -> Error {
    if outcome.interrupted && outcome.failed.is_empty() {
        return Error::new(Kind::Interrupted, "stopped; what was done stays")
            .hint("run the same command again to go on");
    }
    let kind = match outcome.failed.first() {
        Some((_, error)) if error.kind == Kind::Access => Kind::Access,
        _ => Kind::Failed,
    };
    Error::new(
        kind,
        format!(
            "{} of the plan's steps failed and {} were not tried; the others are done and stay",
            outcome.failed.len(),
            outcome.skipped.len()
        ),
    )
    .hint("mend the cause, then run the same command again: it goes on from here")
}
