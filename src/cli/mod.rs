//! The command line. One command is one file.

mod audit;
mod call;
mod change;
mod cost;
mod down;
mod keys;
mod local;
mod maintain;
mod migrate;
mod plan;
mod planning;
mod policy;
mod rollback;
mod rotate_keys;
mod rotate_secrets;
mod safety;
mod session;
mod status;
mod stop;
mod unlock;
mod up;
pub(crate) mod view;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::error::{Error, Result};
use crate::report::Printer;

/// Deploys a security-first chatbot backend to AWS from one infra.toml
///
/// The account is brought to what infra.toml says, whatever it was before: network, database and
/// schema, secrets and keys, roles, functions, API and firewall. There is no state file: objects
/// are found by their names and their wmctl: tags.
#[derive(Debug, Parser)]
#[command(name = "wmctl", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  wmctl local start && wmctl up --local    the whole stack on this machine, without an account
  wmctl plan                               what would change, and why
  wmctl up                                 change it
  wmctl call get_traffic_summary           ask the endpoint as the chatbot does

Exit codes:
  0 done   1 failed   2 usage   3 infra.toml   4 this machine   5 access to AWS   6 refused
  7 audit found failures   130 interrupted";

/// What every command takes.
#[derive(Debug, Clone, Args)]
#[allow(clippy::struct_excessive_bools)] // independent switches
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The stack's description
    #[arg(long, global = true, value_name = "FILE", default_value = "infra.toml")]
    pub config: PathBuf,

    /// Work on the local cloud (see `wmctl local start`) instead of AWS
    #[arg(long, global = true, conflicts_with_all = ["endpoint_url", "profile"])]
    pub local: bool,

    /// Work on another endpoint that speaks AWS's API, such as an emulator
    #[arg(long, global = true, value_name = "URL")]
    pub endpoint_url: Option<String>,

    /// The AWS profile whose credentials to use
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,

    /// Write one JSON document to stdout, for scripts
    #[arg(long, global = true)]
    pub json: bool,

    /// Do not ask before changing anything
    #[arg(long, short, global = true)]
    pub yes: bool,

    /// Show every call to AWS
    #[arg(long, short, global = true)]
    pub verbose: bool,

    /// Steps to leave out where there is a control plane only
    #[arg(
        long,
        global = true,
        value_enum,
        value_delimiter = ',',
        value_name = "STEP,…"
    )]
    pub skip: Vec<Skip>,
}

/// A step that needs more than a control plane, or more of one than some have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Skip {
    /// Do not run migrations
    Migrate,
    /// Do not ask a new version for its health before callers reach it
    Health,
    /// Do not ask IAM beforehand whether the caller may do all that a plan takes
    Permissions,
}

impl Global {
    pub fn printer(&self) -> Printer {
        Printer {
            json: self.json,
            verbose: self.verbose,
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Up(up::Up),
    Plan(plan::Plan),
    Cost(cost::Cost),
    Down(down::Down),
    Migrate(migrate::Migrate),
    Rollback(rollback::Rollback),
    Maintain(maintain::Maintain),
    RotateSecrets(rotate_secrets::RotateSecrets),
    Status(status::Status),
    Audit(audit::Audit),
    Policy(policy::Policy),
    Call(call::Call),
    RotateKeys(rotate_keys::RotateKeys),
    #[command(subcommand)]
    Keys(keys::Keys),
    Unlock(unlock::Unlock),
    #[command(subcommand)]
    Local(local::Local),
}

/// Runs one command and says how it went.
pub fn run(cli: Cli) -> ExitCode {
    let printer = cli.global.printer();
    let outcome = runtime().and_then(|runtime| {
        runtime.block_on(async {
            match cli.command {
                Command::Up(command) => Box::pin(command.run(&cli.global)).await,
                Command::Plan(command) => command.run(&cli.global).await,
                Command::Cost(command) => command.run(&cli.global),
                Command::Down(command) => Box::pin(command.run(&cli.global)).await,
                Command::Migrate(command) => command.run(&cli.global).await,
                Command::Rollback(command) => Box::pin(command.run(&cli.global)).await,
                Command::Maintain(command) => command.run(&cli.global).await,
                Command::RotateSecrets(command) => command.run(&cli.global).await,
                Command::Status(command) => command.run(&cli.global).await,
                Command::Audit(command) => command.run(&cli.global).await,
                Command::Policy(command) => command.run(&cli.global).await,
                Command::Call(command) => command.run(&cli.global).await,
                Command::RotateKeys(command) => command.run(&cli.global).await,
                Command::Keys(command) => command.run(&cli.global).await,
                Command::Unlock(command) => command.run(&cli.global).await,
                Command::Local(command) => command.run(&cli.global).await,
            }
        })
    });
    match outcome {
        Ok(code) => code,
        Err(error) => {
            printer.error(&error);
            ExitCode::from(error.kind.exit_code())
        }
    }
}

/// More would only wait for AWS: what one call takes of a processor is a hundredth of its time.
const WORKERS: usize = 2;

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(|error| Error::environment("cannot start").because(error))
}
