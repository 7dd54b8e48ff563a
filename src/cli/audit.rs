//! `wmctl audit`

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::Global;
use super::session::{Session, base};
use crate::audit::read::{Subject, facts};
use crate::audit::{Facts, Report, audit};
use crate::aws::{Access, Aws, Target};
use crate::config;
use crate::error::{Error, Kind, Result};
use crate::events::Events;
use crate::local::Local;
use crate::report::{Printer, Progress, sarif};
use crate::resources::lambda::FUNCTIONS;

/// Check the live account against every security control, and say what mends it
///
/// Reads what AWS has, whatever infra.toml or the last run said, and judges it by the controls of
/// this project and the standards behind them (AWS Foundational Security Best Practices, CIS AWS
/// Foundations 3.0). Nothing is changed.
///
/// Each control passes; fails, with what was found, what is wanted and the command that mends it;
/// is an accepted exception, with its reason; or cannot be checked here.
///
/// It works on stacks that wmctl did not make, too: name their parts, and the rest is reached from
/// them. Then there need be no infra.toml.
#[derive(Debug, Args)]
pub struct Audit {
    /// A REST API to look at instead of the stack's, by id or name
    #[arg(long, value_name = "ID")]
    pub api: Option<String>,

    /// Functions to look at instead of the stack's
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub function: Vec<String>,

    /// A VPC to look at instead of the one that the functions stand in
    #[arg(long, value_name = "ID")]
    pub vpc: Option<String>,

    /// The region of what is named so; infra.toml's where not given
    #[arg(long, value_name = "REGION", env = "AWS_REGION")]
    pub region: Option<String>,

    /// Write SARIF 2.1.0 to stdout, for pages that show code scanning
    #[arg(long, conflicts_with = "json")]
    pub sarif: bool,
}

impl Audit {
    pub async fn run(self, global: &Global) -> Result<ExitCode> {
        let printer = Printer {
            json: global.json || self.sarif,
            ..global.printer()
        };
        let (facts, place) = if self.names_parts() {
            Box::pin(self.parts(global, printer)).await?
        } else {
            Box::pin(stack(global)).await?
        };
        let report = audit(&facts);
        printer.message(&format!("Audit of {place}"));
        if self.sarif {
            printer.document(&sarif(&report));
        } else if global.json {
            let tally = report.tally();
            printer.document(&json!({
                "version": 1,
                "place": place,
                "account": facts.account,
                "summary": tally,
                "findings": report.lines,
            }));
        } else {
            printer.audit(&report);
        }
        conclude(printer, &report)
    }

    fn names_parts(&self) -> bool {
        self.api.is_some() || !self.function.is_empty() || self.vpc.is_some()
    }

    /// What was named, and what that leads to.
    async fn parts(&self, global: &Global, printer: Printer) -> Result<(Facts, String)> {
        let region = match &self.region {
            Some(region) => region.clone(),
            None => {
                config::load(&global.config)
                    .map_err(|error| error.hint("or say where: --region REGION"))?
                    .stack
                    .region
            }
        };
        let target = match (global.local, &global.endpoint_url) {
            (true, _) => Target::Local(Local::open(&base(&global.config)?)?.endpoint_url()),
            (false, Some(url)) => Target::Endpoint(url.clone()),
            (false, None) => Target::Aws,
        };
        let (events, receiver) = Events::channel();
        let progress = Progress::draw(receiver, printer);
        let access = Access {
            target,
            region: region.clone(),
            profile: global.profile.clone(),
        };
        let aws = Aws::connect(&access, &events).await?;
        let place = match aws.target.url() {
            Some(url) => format!("{url}, account {}, {region}", aws.account),
            None => format!("AWS account {}, {region}, as {}", aws.account, aws.caller),
        };
        let subject = Subject {
            region,
            api: self.api.clone(),
            functions: self.function.clone(),
            vpc: self.vpc.clone(),
            ..Subject::default()
        };
        let facts = Box::pin(facts(&aws, &subject)).await;
        drop((events, aws));
        progress.finish().await;
        there(&facts, "check the names, and --region")?;
        Ok((facts, place))
    }
}

/// The stack that infra.toml is for.
async fn stack(global: &Global) -> Result<(Facts, String)> {
    let session = Session::open(global).await?;
    let stack = &session.stack;
    let mut secrets: Vec<String> = session
        .key_secrets()
        .into_iter()
        .map(|(_, name)| name)
        .collect();
    secrets.extend(["api-keys", "database-app"].map(|name| stack.secret_name(name)));
    let database = &session.config.database;
    match &database.admin_secret {
        Some(theirs) => secrets.push(theirs.clone()),
        None => secrets.push(stack.secret_name("database-admin")),
    }
    let subject = Subject {
        region: stack.region.clone(),
        api: session.api_id().await?,
        functions: FUNCTIONS.map(|name| stack.name(name)).to_vec(),
        vpc: session.config.network.vpc_id.clone(),
        databases: vec![database.instance.clone().unwrap_or_else(|| stack.prefix())],
        secrets,
        config: Some(session.config.clone()),
    };
    let facts = Box::pin(facts(&session.aws, &subject)).await;
    let place = session.place();
    session.close().await;
    there(&facts, "`wmctl up` makes the stack")?;
    Ok((facts, place))
}

/// An audit of nothing would pass.
fn there(facts: &Facts, hint: &str) -> Result<()> {
    use crate::audit::Read::Absent;
    if facts.gateway == Absent && facts.functions == Absent && facts.network == Absent {
        return Err(Error::usage("there is nothing to audit").hint(hint));
    }
    Ok(())
}

/// The exit code says whether a control fails.
fn conclude(printer: Printer, report: &Report) -> Result<ExitCode> {
    let failed = report.tally().failed;
    if failed == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    if printer.json {
        return Ok(ExitCode::from(Kind::Audit.exit_code()));
    }
    let what = if failed == 1 {
        "control fails"
    } else {
        "controls fail"
    };
    Err(Error::new(Kind::Audit, format!("{failed} {what}"))
        .hint("each says above what mends it; nothing was changed"))
}
