//! `wmctl policy`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::Global;
use super::session::Session;
use crate::config::{self, Config};
use crate::error::{Error, Result};
use crate::permissions::Place;
use crate::permissions::policy::{QUOTA, policies, size};
use crate::report::Printer;
use crate::resources;
use crate::stack::Stack;

/// Print the IAM policy of whoever runs `up`: what it takes, and no more
///
/// Written from the calls that each kind of object declares, for the names, tags and region of
/// infra.toml's stack. It covers every command; with --read-only, those that change nothing: `plan`,
/// `status` and `audit`, which see no secret's value. (`status` then cannot ask the function for
/// its health, since whoever may invoke it may store logs.)
///
/// IAM takes 6,144 characters in a managed policy. Where one document has more, several are
/// printed, as a JSON array: attach them all.
#[derive(Debug, Args)]
pub struct Policy {
    /// Only what `plan`, `status` and `audit` need
    #[arg(long)]
    pub read_only: bool,

    /// The account that the policy is for; that of the credentials where not given
    #[arg(long, value_name = "ID", value_parser = account)]
    pub account: Option<String>,

    /// Write each document to a file of its own in this directory: wmctl-1.json, …
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

impl Policy {
    pub async fn run(self, global: &Global) -> Result<ExitCode> {
        let (config, account) = match &self.account {
            Some(account) => (config::load(&global.config)?, account.clone()),
            None => credentials(global).await?,
        };
        let stack = Stack::new(&config, &account);
        let place = Place {
            stack: &stack,
            config: &config,
        };
        let policies = policies(&place, &resources::all(), self.read_only);
        let printer = global.printer();
        for (number, policy) in (1..).zip(&policies) {
            printer.message(&format!(
                "policy {number} of {}: {} of {QUOTA} characters",
                policies.len(),
                size(policy)
            ));
        }
        match &self.out {
            Some(directory) => write(printer, directory, &policies)?,
            None => match policies.as_slice() {
                [policy] => printer.document(policy),
                several => printer.document(&json!(several)),
            },
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn credentials(global: &Global) -> Result<(Config, String)> {
    let session = Session::open(global)
        .await
        .map_err(|error| error.hint("or name the account: --account ID"))?;
    let found = (session.config.clone(), session.stack.account.clone());
    session.close().await;
    Ok(found)
}

fn write(printer: Printer, directory: &Path, policies: &[Value]) -> Result<()> {
    std::fs::create_dir_all(directory).map_err(|error| {
        Error::environment(format!("cannot make {}", directory.display())).because(error)
    })?;
    for (number, policy) in (1..).zip(policies) {
        let path = directory.join(format!("wmctl-{number}.json"));
        std::fs::write(&path, format!("{policy:#}\n")).map_err(|error| {
            Error::environment(format!("cannot write {}", path.display())).because(error)
        })?;
        printer.data(&path.display().to_string());
    }
    Ok(())
}

fn account(text: &str) -> Result<String, String> {
    let digits = text.len() == 12 && text.chars().all(|digit| digit.is_ascii_digit());
    digits
        .then(|| text.to_owned())
        .ok_or_else(|| format!("`{text}` is no account: it has 12 digits"))
}
