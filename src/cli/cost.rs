//! `wmctl cost`

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::Global;
use super::session::{base, contract};
use crate::artifact::Artifacts;
use crate::config;
use crate::cost::of_wanted;
use crate::error::Result;
use crate::object::Wanted;
use crate::report::cost_json;
use crate::resources::{self, Scope};
use crate::stack::Stack;

/// Show what the stack of infra.toml costs in a month, by service and line by line
///
/// Needs no credentials and calls nothing: prices are from a table that is built in, with its
/// date, and what the stack is used for is from [cost] in infra.toml. What that rests on is said,
/// and so is every price that the table does not have. `wmctl plan` shows the difference to what
/// the account has now.
#[derive(Debug, Args)]
pub struct Cost {}

/// Stands for an account that need not be known.
const NO_ACCOUNT: &str = "000000000000";

impl Cost {
    // The others take themselves, too.
    #[allow(clippy::unused_self)]
    pub fn run(self, global: &Global) -> Result<ExitCode> {
        let config = config::load(&global.config)?;
        let stack = Stack::new(&config, NO_ACCOUNT);
        let contract = contract(&base(&global.config)?, &config)?;
        let zones: Vec<String> = ('a'..='z')
            .take(config.network.subnets())
            .map(|letter| format!("{}{letter}", stack.region))
            .collect();
        let scope = Scope {
            config: &config,
            stack: &stack,
            artifacts: &Artifacts::default(),
            contract: &contract,
            zones: &zones,
        };
        let mut wanted: Vec<Wanted> = Vec::new();
        for kind in resources::all().iter() {
            wanted.extend(kind.wanted(&scope)?);
        }
        let costs = of_wanted(&config, &wanted)?;
        let printer = global.printer();
        if printer.json {
            printer.document(&json!({
                "version": 1,
                "stack": stack.name,
                "environment": stack.environment,
                "region": stack.region,
                "cost": cost_json(&costs),
            }));
        } else {
            printer.costs(&costs, true);
        }
        Ok(ExitCode::SUCCESS)
    }
}
