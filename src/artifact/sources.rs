//! Whether anything that goes into the zips has changed.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Request, cannot};
use crate::error::Result;

/// A hash over every file that the build reads, and how it is built.
pub fn fingerprint(request: &Request<'_>) -> Result<String> {
    let mut files = Vec::new();
    collect(&request.crate_dir(), &mut files)?;
    collect(&request.migrations_dir(), &mut files)?;
    for name in ["Cargo.toml", "Cargo.lock"] {
        let path = request.base.join(name);
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    let mut hasher = Sha256::new();
    hasher.update(env!("CARGO_PKG_VERSION"));
    hasher.update(format!("{:?} {}\0", request.architecture(), request.native));
    hasher.update(Sha256::digest(&request.database_ca));
    for path in files {
        let content = fs::read(&path).map_err(|error| cannot("read", &path, error))?;
        let name = path.strip_prefix(request.base).unwrap_or(&path);
        hasher.update(name.to_string_lossy().as_bytes());
        hasher.update([0]);
        hasher.update(Sha256::digest(&content));
    }
    Ok(hex::encode(hasher.finalize()))
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(dir).map_err(|error| cannot("read", dir, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| cannot("read", dir, error))?;
        let path = entry.path();
        // Tests change nothing in what is published; `target` is what builds leave behind.
        let skipped = ["target", "tests", "benches", ".git"]
            .iter()
            .any(|name| entry.file_name() == *name);
        if path.is_dir() && !skipped {
            collect(&path, files)?;
        } else if path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}
