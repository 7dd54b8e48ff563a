//! `wmctl down`

use std::process::ExitCode;

use clap::Args;

use super::Global;
use super::change::{Changing, carry_out};
use super::session::{Session, parse_ids};
use super::up::conclude;
use super::view::{Build, View};
use crate::apply::Outcome;
use crate::error::Result;
use crate::lease;
use crate::object::Ids;
use crate::plan;
use crate::report::{outcome_json, plan_json};

/// Remove the stack, but for what holds data
///
/// The database, the secrets and the key stay, with all that they stand on, unless --allow-destroy
/// names them. A last snapshot of the database is taken even then, and the key that encrypts it
/// stays. Deleted secrets can be restored for 30 days; a key's deletion can be cancelled for as
/// long.
#[derive(Debug, Args)]
pub struct Down {
    /// Delete what holds data, too, such as db-instance/main or secret/*
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    pub allow_destroy: Vec<String>,

    /// Delete the database without a last snapshot
    #[arg(long)]
    pub skip_final_snapshot: bool,

    #[command(flatten)]
    pub changing: Changing,
}

impl Down {
    pub async fn run(self, global: &Global) -> Result<ExitCode> {
        let destroy = parse_ids(&self.allow_destroy)?;
        let mut session = Session::open(global).await?;
        session.options.skip_final_snapshot = self.skip_final_snapshot;
        let view = Box::pin(session.view(Build::Never)).await?;
        let plan = planned(&session, &view, &destroy);
        session.printer.proposal(&plan);
        let (plan, outcome) = if plan.is_empty() {
            if view.leased {
                lease::clear(&session.aws, &session.stack).await?;
            }
            (plan, Outcome::default())
        } else {
            session.permitted(&plan).await?;
            session.confirm(&format!("Delete this from {}?", session.place()))?;
            let again = |view: &_| Ok(planned(&session, view, &destroy));
            carry_out(
                &session,
                plan,
                view.artifacts,
                "down",
                self.changing.wait,
                again,
            )
            .await?
        };
        let calls = session.aws.calls.count();
        let mut document = session.document();
        document["plan"] = plan_json(&plan);
        document["result"] = outcome_json(&outcome, calls);
        let printer = session.printer;
        session.close().await;
        if !plan.is_empty() {
            printer.outcome(&plan, &outcome, calls);
        }
        conclude(printer, &document, &outcome)
    }
}

fn planned(session: &Session, view: &View, destroy: &Ids) -> plan::Plan {
    plan::down(
        &session.kinds,
        &view.wanted,
        view.found.clone(),
        destroy,
        session.takes_last_snapshot(),
        &session.gaps,
    )
}
