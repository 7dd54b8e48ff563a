//! What is published: the function's two zips. Built only when their sources have changed.

mod binary;
mod build;
mod package;
mod sources;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::config::{Architecture, Config};
use crate::error::{Error, Result};
use crate::events::Events;
use crate::migrations::{self, Migration};
use crate::resources::lambda::FUNCTIONS;

/// One deployable zip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    pub zip: Vec<u8>,
    /// Base64 of the zip's SHA-256, as Lambda's `CodeSha256` has it.
    pub code_sha256: String,
}

/// By function name: `chatbot` and `migrator`.
#[derive(Debug, Clone, Default)]
pub struct Artifacts {
    pub by_name: BTreeMap<String, Artifact>,
    /// The migrations that the migrator carries, in order.
    pub migrations: Vec<Migration>,
}

/// What the zips are built for.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The directory of infra.toml.
    pub base: &'a Path,
    pub config: &'a Config,
    /// This machine's own architecture and C library will do: nothing leaves it.
    pub native: bool,
    /// PEM of the authorities that sign the database's certificate.
    pub database_ca: Vec<u8>,
}

impl Request<'_> {
    fn architecture(&self) -> Architecture {
        self.config.function.architecture
    }

    fn crate_dir(&self) -> PathBuf {
        self.base.join(&self.config.function.source)
    }

    fn migrations_dir(&self) -> PathBuf {
        self.base.join(&self.config.migrations.dir)
    }

    /// Where the last build's zips are kept, by target.
    fn store(&self) -> PathBuf {
        let target = format!("{:?}", self.architecture()).to_lowercase();
        let libc = if self.native { "native" } else { "al2023" };
        self.base
            .join(".wmctl/build")
            .join(format!("{target}-{libc}"))
    }
}

/// This machine's architecture, where Lambda has it too.
pub fn native_architecture() -> Result<Architecture> {
    match std::env::consts::ARCH {
        "x86_64" => Ok(Architecture::X86_64),
        "aarch64" => Ok(Architecture::Arm64),
        other => Err(Error::environment(format!(
            "Lambda has no {other}, so a function built here cannot run on the local cloud"
        ))
        .hint("use an x86_64 or aarch64 machine")),
    }
}

/// The zips for `request`: the kept ones where no source has changed since, else built anew.
pub async fn artifacts(request: &Request<'_>, events: &Events) -> Result<Artifacts> {
    let migrations = migrations::read(&request.migrations_dir())?;
    let fingerprint = sources::fingerprint(request)?;
    let store = request.store();
    if let Some(by_name) = kept(&store, &fingerprint) {
        return Ok(Artifacts {
            by_name,
            migrations,
        });
    }
    let started = Instant::now();
    events.note("compiling the function; the first time takes some minutes");
    events.started("build", "compiling");
    let binaries = build::compile(request, events).await?;
    let mut by_name = BTreeMap::new();
    for name in FUNCTIONS {
        let path = binaries
            .get(name)
            .ok_or_else(|| Error::failed(format!("the function crate has no binary `{name}`")))?;
        let binary = std::fs::read(path).map_err(|error| cannot("read", path, error))?;
        binary::check(&binary, path, request.architecture(), request.native)?;
        by_name.insert(
            name.to_owned(),
            package::zip(&binary, &request.database_ca)?,
        );
    }
    keep(&store, &fingerprint, &by_name)?;
    events.done("build", "compiled and packed", started.elapsed());
    Ok(Artifacts {
        by_name,
        migrations,
    })
}

/// The zips of the last build. Where the sources have changed since, their hash is not known.
pub fn last(request: &Request<'_>) -> Result<Artifacts> {
    let migrations = migrations::read(&request.migrations_dir())?;
    let fingerprint = sources::fingerprint(request)?;
    let unknown = || {
        FUNCTIONS
            .into_iter()
            .map(|name| {
                let artifact = Artifact {
                    zip: Vec::new(),
                    code_sha256: "(known after the build)".to_owned(),
                };
                (name.to_owned(), artifact)
            })
            .collect()
    };
    let by_name = kept(&request.store(), &fingerprint).unwrap_or_else(unknown);
    Ok(Artifacts {
        by_name,
        migrations,
    })
}

const FINGERPRINT: &str = "sources.sha256";

fn kept(store: &Path, fingerprint: &str) -> Option<BTreeMap<String, Artifact>> {
    let last = std::fs::read_to_string(store.join(FINGERPRINT)).ok()?;
    if last != fingerprint {
        return None;
    }
    FUNCTIONS
        .into_iter()
        .map(|name| {
            let zip = std::fs::read(store.join(format!("{name}.zip"))).ok()?;
            Some((name.to_owned(), package::hashed(zip)))
        })
        .collect()
}

/// The fingerprint comes last: a killed run leaves none, or one that is true.
fn keep(store: &Path, fingerprint: &str, by_name: &BTreeMap<String, Artifact>) -> Result<()> {
    let stamp = store.join(FINGERPRINT);
    let write = |path: &Path, bytes: &[u8]| {
        std::fs::write(path, bytes).map_err(|error| cannot("write", path, error))
    };
    std::fs::create_dir_all(store).map_err(|error| cannot("create", store, error))?;
    let _ = std::fs::remove_file(&stamp);
    for (name, artifact) in by_name {
        write(&store.join(format!("{name}.zip")), &artifact.zip)?;
    }
    write(&stamp, fingerprint.as_bytes())
}

fn cannot(verb: &str, path: &Path, error: std::io::Error) -> Error {
    Error::environment(format!("cannot {verb} {}", path.display())).because(error)
}
