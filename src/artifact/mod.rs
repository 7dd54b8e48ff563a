//! What is published: the function's two zips. Built only when their sources have changed.

mod binary;
mod build;
mod package;
mod sources;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::config::{Architecture, Config};
use crate::error::{Error, Result};
use crate::events::Events;
use crate::migrations::{self, Migration};
use crate::resources::lambda::FUNCTIONS;

/// One deployable zip, as it is kept on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    pub path: PathBuf,
    /// Base64 of the zip's SHA-256, as Lambda's `CodeSha256` has it.
    pub code_sha256: String,
}

impl Artifact {
    /// The zip at `path`, as it is now.
    #[cfg(test)]
    pub fn of(path: PathBuf) -> Result<Self> {
        let zip = std::fs::read(&path).map_err(|error| cannot("read", &path, error))?;
        let code_sha256 = package::code_sha256(&zip);
        Ok(Self { path, code_sha256 })
    }

    /// The zip, where it is still the one that was built.
    pub fn zip(&self) -> Result<Vec<u8>> {
        let zip = std::fs::read(&self.path).map_err(|error| cannot("read", &self.path, error))?;
        if package::code_sha256(&zip) == self.code_sha256 {
            return Ok(zip);
        }
        let path = self.path.display();
        let error = Error::failed(format!("{path} is not what was built; it is not published"));
        Err(error.hint(format!(
            "remove it and run the same command again: `rm {path}`"
        )))
    }
}

/// By function name: `chatbot` and `migrator`.
#[derive(Debug, Clone, Default)]
pub struct Artifacts {
    pub by_name: BTreeMap<String, Artifact>,
    /// The migrations that the migrator carries, in order.
    pub migrations: Vec<Migration>,
}

impl Artifacts {
    /// Refuses where one of the zips is no longer what was built.
    pub fn check(&self) -> Result<()> {
        let mut artifacts = self.by_name.values();
        artifacts.try_for_each(|artifact| artifact.zip().map(drop))
    }
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
        by_name.insert(name, package::zip(&binary, &request.database_ca)?);
    }
    let by_name = keep(&store, fingerprint, &by_name)?;
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
                    path: PathBuf::new(),
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

/// What is written down of the last build.
#[derive(Serialize, Deserialize)]
struct Built {
    /// The fingerprint of the sources.
    sources: String,
    code_sha256: BTreeMap<String, String>,
}

const BUILT: &str = "built.json";

/// The zips of the last build, without reading them.
fn kept(store: &Path, fingerprint: &str) -> Option<BTreeMap<String, Artifact>> {
    let text = std::fs::read_to_string(store.join(BUILT)).ok()?;
    let built: Built = serde_json::from_str(&text).ok()?;
    let whole = built.code_sha256.keys().eq(FUNCTIONS) && built.sources == fingerprint;
    let by_name = located(store, built.code_sha256);
    (whole && by_name.values().all(|artifact| artifact.path.is_file())).then_some(by_name)
}

fn located(store: &Path, hashes: BTreeMap<String, String>) -> BTreeMap<String, Artifact> {
    let artifacts = hashes.into_iter().map(|(name, code_sha256)| {
        let path = store.join(format!("{name}.zip"));
        (name, Artifact { path, code_sha256 })
    });
    artifacts.collect()
}

/// What was built is written down last: a killed run leaves nothing of it, or what is true.
fn keep(
    store: &Path,
    sources: String,
    zips: &BTreeMap<&str, Vec<u8>>,
) -> Result<BTreeMap<String, Artifact>> {
    let write = |path: &Path, bytes: &[u8]| {
        std::fs::write(path, bytes).map_err(|error| cannot("write", path, error))
    };
    std::fs::create_dir_all(store).map_err(|error| cannot("create", store, error))?;
    let _ = std::fs::remove_file(store.join(BUILT));
    let mut code_sha256 = BTreeMap::new();
    for (name, zip) in zips {
        write(&store.join(format!("{name}.zip")), zip)?;
        code_sha256.insert((*name).to_owned(), package::code_sha256(zip));
    }
    let built = Built {
        sources,
        code_sha256,
    };
    let json = serde_json::to_vec(&built)
        .map_err(|error| Error::failed("cannot write down what was built").because(error))?;
    write(&store.join(BUILT), &json)?;
    Ok(located(store, built.code_sha256))
}

fn cannot(verb: &str, path: &Path, error: std::io::Error) -> Error {
    Error::environment(format!("cannot {verb} {}", path.display())).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zips() -> BTreeMap<&'static str, Vec<u8>> {
        FUNCTIONS
            .into_iter()
            .map(|name| (name, name.into()))
            .collect()
    }

    #[test]
    fn the_last_build_is_kept_until_its_sources_change_or_a_zip_is_gone() {
        let store = tempfile::tempdir().unwrap();
        let built = keep(store.path(), "sources".to_owned(), &zips()).unwrap();
        assert_eq!(kept(store.path(), "sources"), Some(built.clone()));
        assert_eq!(built["chatbot"].zip().unwrap(), b"chatbot");
        assert_eq!(kept(store.path(), "others"), None);
        std::fs::remove_file(&built["chatbot"].path).unwrap();
        assert_eq!(kept(store.path(), "sources"), None);
    }

    #[test]
    fn a_zip_that_was_changed_since_is_not_published() {
        let store = tempfile::tempdir().unwrap();
        let built = keep(store.path(), "sources".to_owned(), &zips()).unwrap();
        let path = built["chatbot"].path.clone();
        let artifacts = Artifacts {
            by_name: built,
            ..Artifacts::default()
        };
        artifacts.check().unwrap();
        std::fs::write(&path, "something else").unwrap();
        let error = artifacts.check().unwrap_err();
        let path = path.display();
        assert_eq!(
            error.message,
            format!("{path} is not what was built; it is not published")
        );
        assert!(error.hints[0].ends_with(&format!("`rm {path}`")));
    }
}
