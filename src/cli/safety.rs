//! What `up` and `migrate` ask before a migration that takes something away.

use clap::Args;

use super::session::Session;
use crate::error::{Error, Kind, Result};
use crate::migrations::breaking::Verdict;

#[derive(Debug, Default, Args)]
#[allow(clippy::struct_excessive_bools)] // independent switches
pub struct Safety {
    /// Allow migrations that the version that serves may not survive
    #[arg(long)]
    pub allow_breaking: bool,

    /// Execute even statements that keep writers waiting for long, or that seem to take longer
    /// than the migrator may run
    #[arg(long)]
    pub allow_slow: bool,

    /// Take a snapshot of the database before migrations; on AWS, one is taken anyway before any
    /// that loses data
    #[arg(long, conflicts_with = "no_snapshot")]
    pub snapshot: bool,

    /// Take no snapshot of the database, whatever migrations lose
    #[arg(long)]
    pub no_snapshot: bool,
}

/// Refuses migrations that may break the version that serves, unless that was allowed.
pub fn refuse_breaking(verdicts: &[Verdict], allowed: bool) -> Result<()> {
    let breaking: Vec<String> = verdicts
        .iter()
        .filter(|verdict| verdict.breaks)
        .map(Verdict::shown)
        .collect();
    if allowed || breaking.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        Kind::Refused,
        format!(
            "the version that serves may not survive these migrations:\n{}",
            breaking.join("\n")
        ),
    )
    .hint(
        "nothing was changed; expand first, deploy what no longer uses the old, and contract with \
         a later `up`",
    )
    .hint("or, where no version that serves uses it any more: --allow-breaking"))
}

/// Whether a snapshot comes first: an emulator's would hold nothing, and a database that somebody
/// else keeps is theirs to back up.
pub fn snapshot_first(session: &Session, safety: &Safety, verdicts: &[Verdict]) -> bool {
    let ours = session.config.database.instance.is_none();
    let real = session.aws.emulator.is_none();
    let destroys = verdicts.iter().any(|verdict| verdict.destroys);
    safety.snapshot || (ours && real && destroys && !safety.no_snapshot)
}
