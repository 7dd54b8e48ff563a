//! `wmctl keys`

use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::Global;
use super::session::Session;
use crate::error::{Error, Result};
use crate::resources::secretsmanager::{self, content::key_in};

/// Show an API key, on purpose
#[derive(Debug, Subcommand)]
pub enum Keys {
    Show(Show),
}

/// Print one API key, for whoever has to type it in somewhere
///
/// The value that callers read from the secret. It goes to a terminal only, so that it lands in
/// no log by accident; programs read the secret themselves, whose name `wmctl status` tells.
#[derive(Debug, Args)]
pub struct Show {
    /// Which of [[api.keys]]
    pub name: String,

    /// Print it where no terminal is, too
    #[arg(long, conflicts_with = "to_file")]
    pub force: bool,

    /// Write it to a new file that only you can read, and print nothing
    #[arg(long, value_name = "PATH")]
    pub to_file: Option<PathBuf>,
}

impl Keys {
    pub async fn run(self, global: &Global) -> Result<ExitCode> {
        match self {
            Keys::Show(show) => show.run(global).await,
        }
    }
}

impl Show {
    async fn run(self, global: &Global) -> Result<ExitCode> {
        let shows = self.to_file.is_none();
        if shows && !self.force && !std::io::stdout().is_terminal() {
            return Err(Error::usage("an API key is printed to a terminal only")
                .hint("--to-file PATH writes it to a file that only you can read; --force prints it here"));
        }
        let session = Session::open(global).await?;
        let secrets = session.key_secrets();
        let Some((_, secret)) = secrets.iter().find(|(name, _)| *name == self.name) else {
            let names: Vec<&str> = secrets.iter().map(|(name, _)| name.as_str()).collect();
            return Err(Error::usage(format!("no such API key: `{}`", self.name))
                .hint(format!("infra.toml has: {}", names.join(", "))));
        };
        let key = key_in(&secretsmanager::value(&session.aws, secret).await?, secret)?;
        let (printer, mut document) = (session.printer, session.document());
        session.close().await;
        document["name"] = json!(self.name);
        if let Some(path) = &self.to_file {
            write(path, &key)?;
            document["file"] = json!(path);
        } else {
            document["api_key"] = json!(key.expose_secret());
        }
        match (printer.json, &self.to_file) {
            (true, _) => printer.document(&document),
            (false, Some(path)) => printer.message(&format!("Written to {}.", path.display())),
            (false, None) => printer.data(key.expose_secret()),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A file that is there already may be anybody's to read, so it is not written over.
fn write(path: &Path, key: &SecretString) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let written = options
        .open(path)
        .and_then(|mut file| writeln!(file, "{}", key.expose_secret()));
    written.map_err(|error| {
        Error::environment(format!("cannot write the key to {}", path.display()))
            .hint("name a file that is not there yet")
            .because(error)
    })
}
