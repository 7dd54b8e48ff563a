//! `wmctl local`

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::Global;
use super::session::base;
use crate::error::Result;
use crate::events::Events;
use crate::local::{self, Options, Status};
use crate::report::{Printer, Progress};

/// The local cloud: an emulator of AWS and a real MariaDB, on loopback
#[derive(Debug, Subcommand)]
pub enum Local {
    /// Start what is not running, and wait until it answers
    Start(Start),
    /// Stop it; everything in it is kept
    Stop,
    /// Show what runs, and where
    Status,
}

#[derive(Debug, Args)]
pub struct Start {
    /// Port of the AWS endpoint, from now on
    #[arg(long, value_name = "PORT")]
    pub gateway_port: Option<u16>,

    /// Port of the database server, from now on
    #[arg(long, value_name = "PORT")]
    pub database_port: Option<u16>,
}

impl Local {
    pub async fn run(self, global: &Global) -> Result<ExitCode> {
        let printer = global.printer();
        let cloud = local::Local::open(&base(&global.config)?)?;
        let (events, receiver) = Events::channel();
        let progress = Progress::draw(receiver, printer);
        let done = match self {
            Local::Start(start) => {
                let options = Options {
                    gateway_port: start.gateway_port,
                    database_port: start.database_port,
                };
                cloud.start(&options, &events).await
            }
            Local::Stop => match cloud.stop(&events).await {
                Ok(()) => cloud.status().await,
                Err(error) => Err(error),
            },
            Local::Status => cloud.status().await,
        };
        drop(events);
        progress.finish().await;
        show(printer, &done?);
        Ok(ExitCode::SUCCESS)
    }
}

fn show(printer: Printer, status: &Status) {
    if printer.json {
        printer.document(&serde_json::to_value(status).unwrap_or_default());
        return;
    }
    for (name, daemon) in [("aws", &status.gateway), ("database", &status.database)] {
        let state = match (daemon.running, daemon.pid) {
            (true, Some(pid)) => format!("running on 127.0.0.1:{}, pid {pid}", daemon.port),
            (true, None) => format!("running on 127.0.0.1:{}", daemon.port),
            (false, _) => "not running".to_owned(),
        };
        printer.data(&format!("{name:<9} {state}; log {}", daemon.log.display()));
    }
}
