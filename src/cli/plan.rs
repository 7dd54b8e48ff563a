//! `wmctl plan`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::Global;
use super::planning::{Planning, save};
use super::session::Session;
use super::view::Build;
use crate::cost;
use crate::error::Result;

/// Show what `up` would change, and why, without changing it
#[derive(Debug, Args)]
pub struct Plan {
    /// Do not compile: where the function's sources have changed, its hash is shown as unknown
    #[arg(long)]
    pub no_build: bool,

    /// Exit with 2 where there are changes, for CI
    #[arg(long)]
    pub detailed_exitcode: bool,

    /// Keep the plan in a file, for `wmctl up FILE` to carry out exactly that
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    #[command(flatten)]
    pub planning: Planning,
}

impl Plan {
    pub async fn run(self, global: &Global) -> Result<ExitCode> {
        let session = Session::open(global).await?;
        let build = if self.no_build {
            Build::Never
        } else {
            Build::IfChanged
        };
        let view = Box::pin(session.view(build)).await?;
        let (plan, checked) = self.planning.plan(&session, &view)?;
        let costs = cost::of_plan(&session.config, &plan)?;
        let mut document = self.planning.document(&session, &plan, &costs);
        if let (Some(out), Ok(())) = (&self.out, &checked) {
            save(out, &document)?;
        }
        document["calls"] = json!(session.aws.calls.count());
        let printer = session.printer;
        let place = session.place();
        let gaps = session.gaps.met();
        session.close().await;
        if printer.json {
            printer.document(&document);
        } else {
            printer.message(&format!("Plan for {place}"));
            printer.plan(&plan);
            printer.costs(&costs, false);
            for gap in gaps {
                printer.message(&format!("not emulated: {gap}"));
            }
        }
        checked?;
        if let Some(out) = &self.out {
            printer.message(&format!(
                "Kept in {0}; `wmctl up {0}` carries out exactly this.",
                out.display()
            ));
        }
        Ok(if self.detailed_exitcode && !plan.is_empty() {
            ExitCode::from(2)
        } else {
            ExitCode::SUCCESS
        })
    }
}
