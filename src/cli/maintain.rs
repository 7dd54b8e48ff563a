//! `wmctl maintain`

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::Global;
use super::change::{Changing, with_lease};
use super::session::Session;
use crate::error::Result;
use crate::resources::lambda::maintenance::{Maintenance, maintain};

/// Bring the logs' partitions and summaries up to date, from inside the database's network
///
/// The deployed migrator does this by itself once an hour: it makes monthly partitions ahead of
/// time, drops logs that are older than [database] log_retention_days, and folds new rows into the
/// roll-ups that summaries are answered from. Run it by hand after many rows were stored at once.
/// It is repeated until nothing is left to do; stop it whenever you must, and run it again.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Maintain {
    /// Make the roll-ups anew from all rows, after rows were changed or deleted by hand
    ///
    /// Until it is done, summaries read the rows themselves: right, and slow.
    #[arg(long)]
    pub rebuild: bool,

    #[command(flatten)]
    pub changing: Changing,
}

const EXAMPLES: &str = "\
Examples:
  wmctl maintain                     fold what was stored since the last run
  wmctl maintain --rebuild --yes     begin anew, without a question
  wmctl maintain --json              partitions added and dropped, rows folded and left";

impl Maintain {
    pub async fn run(self, global: &Global) -> Result<ExitCode> {
        let session = Session::open(global).await?;
        if self.rebuild {
            session.confirm(&format!(
                "Rebuild the summaries of all logs in {}? They are slow until it is done.",
                session.place()
            ))?;
        }
        let migrator = session.stack.name("migrator");
        let (aws, events) = (&session.aws, &session.events);
        let done = with_lease(&session, "maintain", self.changing.wait, async |stopped| {
            maintain(aws, events, &migrator, self.rebuild, stopped).await
        })
        .await?;
        let mut document = session.document();
        document["maintenance"] = json!(done);
        let printer = session.printer;
        session.close().await;
        if printer.json {
            printer.document(&document);
        } else {
            printer.data(&text(&done));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn text(done: &Maintenance) -> String {
    let mut text = String::new();
    for (what, partitions) in [
        ("added", &done.partitions_added),
        ("dropped", &done.partitions_dropped),
    ] {
        if !partitions.is_empty() {
            let _ = writeln!(text, "{what:<8} {}", partitions.join(", "));
        }
    }
    let _ = write!(
        text,
        "{} rows folded, {} days merged, {} rows left",
        done.rows_folded, done.days_merged, done.rows_left
    );
    text
}
