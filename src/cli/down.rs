//! `wmctl down`

use std::process::ExitCode;

use clap::Args;

use super::Global;
use super::session::{Build, Session, parse_ids};
use super::up::{carry_out, conclude, outcome_json, outcome_text};
use crate::apply::Outcome;
use crate::error::Result;
use crate::plan;
use crate::report::{plan_json, plan_text};

/// Remove the stack, but for what holds data
///
/// The database stays, with all that it stands on, unless --allow-destroy names it; a last
/// snapshot is taken even then, and the key that encrypts it stays. Secrets can be restored for
/// 30 days; the key's deletion, too, can be cancelled for as long.
#[derive(Debug, Args)]
pub struct Down {
    /// Delete an object that holds data, too, such as db-instance/main
    #[arg(long, value_name = "ID")]
    pub allow_destroy: Vec<String>,

    /// Delete the database without a last snapshot
    #[arg(long)]
    pub skip_final_snapshot: bool,
}

impl Down {
    pub async fn run(self, global: &Global) -> Result<ExitCode> {
        let destroy = parse_ids(&self.allow_destroy)?;
        let mut session = Session::open(global).await?;
        session.options.skip_final_snapshot = self.skip_final_snapshot;
        let view = session.view(Build::Never).await?;
        let plan = plan::down(
            &session.kinds,
            &view.wanted,
            view.found.clone(),
            &destroy,
            session.takes_last_snapshot(),
            &session.gaps,
        );
        session.printer.message(&plan_text(&plan));
        let outcome = if plan.is_empty() {
            Outcome::default()
        } else {
            session.confirm(&format!("Delete this from {}?", session.place()))?;
            carry_out(&session, &plan, &view).await?
        };
        let calls = session.aws.calls.count();
        let mut document = session.document();
        document["plan"] = plan_json(&plan);
        document["result"] = outcome_json(&outcome, calls);
        let printer = session.printer;
        session.close().await;
        if !plan.is_empty() {
            printer.message(&outcome_text(&outcome, calls));
        }
        conclude(printer, &document, &outcome)
    }
}
