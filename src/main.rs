//! Parse, run, exit.

use std::process::ExitCode;

use clap::Parser;
use wmctl::cli::Cli;

fn main() -> ExitCode {
    wmctl::cli::run(Cli::parse())
}
