//! `wmctl plan`

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::Global;
use super::session::{Build, Session, parse_ids};
use crate::error::Result;
use crate::report::{plan_json, plan_text};

/// Show what `up` would change, and why, without changing it
#[derive(Debug, Args)]
pub struct Plan {
    /// Do not compile: where the function's sources have changed, its hash is shown as unknown
    #[arg(long)]
    pub no_build: bool,

    /// Exit with 2 where there are changes, for CI
    #[arg(long)]
    pub detailed_exitcode: bool,

    /// Allow an object that holds data to be replaced or deleted, such as db-instance/main
    #[arg(long, value_name = "ID")]
    pub allow_destroy: Vec<String>,

    /// Take over an object that has our name and not our tags, such as log-group/chatbot
    #[arg(long, value_name = "ID")]
    pub adopt: Vec<String>,
}

impl Plan {
    pub async fn run(self, global: &Global) -> Result<ExitCode> {
        let destroy = parse_ids(&self.allow_destroy)?;
        let adopt = parse_ids(&self.adopt)?;
        let session = Session::open(global).await?;
        let build = if self.no_build {
            Build::Never
        } else {
            Build::IfChanged
        };
        let view = session.view(build).await?;
        let plan = session.plan(&view, &adopt)?;
        let refused = crate::checks::check(&session.kinds, &plan, &destroy, &view.facts);
        let mut document = session.document();
        document["plan"] = plan_json(&plan);
        document["not_emulated"] = json!(session.gaps.met());
        document["calls"] = json!(session.aws.calls.count());
        let printer = session.printer;
        let place = session.place();
        let gaps = session.gaps.met();
        session.close().await;
        if printer.json {
            printer.document(&document);
        } else {
            printer.message(&format!("Plan for {place}"));
            printer.data(&plan_text(&plan));
            for gap in gaps {
                printer.message(&format!("not emulated: {gap}"));
            }
        }
        refused?;
        Ok(if self.detailed_exitcode && !plan.is_empty() {
            ExitCode::from(2)
        } else {
            ExitCode::SUCCESS
        })
    }
}
