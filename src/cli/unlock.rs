//! `wmctl unlock`

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::Global;
use super::session::Session;
use crate::error::{Error, Kind, Result};
use crate::lease;

/// End a lease that a dead run left behind
///
/// Shows who holds it, on which host and since when, and asks. A run on the same machine that
/// finds the lease of an ended process takes it over by itself, and so does any run after ten
/// minutes without a renewal: this is for those who cannot wait.
#[derive(Debug, Args)]
pub struct Unlock {}

impl Unlock {
    pub async fn run(self, global: &Global) -> Result<ExitCode> {
        let session = Session::open(global).await?;
        let holder = lease::holder(&session.aws, &session.stack).await?;
        let mut document = session.document();
        if let Some(holder) = &holder {
            let shown = holder.describe();
            session.printer.message(&format!("Held by {shown}"));
            session.confirm(
                "If that run still lives, two would change the stack at once. End its lease?",
            )?;
            if !lease::unlock(&session.aws, &session.stack, holder).await? {
                return Err(Error::new(
                    Kind::Refused,
                    "the lease has passed on meanwhile; nothing was changed",
                )
                .hint("run `wmctl unlock` again to see who holds it now"));
            }
            document["ended"] = json!({
                "owner": holder.owner,
                "host": holder.host,
                "command": holder.command,
                "since": holder.since,
                "until": holder.until,
            });
        }
        let printer = session.printer;
        session.close().await;
        if printer.json {
            printer.document(&document);
        } else {
            printer.data(match holder {
                Some(_) => "The lease is ended.",
                None => "Nobody holds a lease.",
            });
        }
        Ok(ExitCode::SUCCESS)
    }
}
