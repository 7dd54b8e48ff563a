//! Whether anything that goes into the zips has changed.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Request, cannot};
use crate::error::{Error, Result};

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
    Ok(hex(&hasher.finalize()))
}

/// A hash over the migrations' names and texts, whatever their line ends.
pub fn migrations(dir: &Path) -> Result<String> {
    let mut files = Vec::new();
    collect(dir, &mut files)?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    if files.is_empty() {
        return Err(Error::usage(format!(
            "no migrations (*.sql) in {}",
            dir.display()
        )));
    }
    files.sort();
    let mut hasher = Sha256::new();
    for path in files {
        let content = fs::read_to_string(&path).map_err(|error| cannot("read", &path, error))?;
        hasher.update(
            path.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .as_bytes(),
        );
        hasher.update([0]);
        hasher.update(content.replace("\r\n", "\n").as_bytes());
        hasher.update([0]);
    }
    Ok(hex(&hasher.finalize()).chars().take(12).collect())
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

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_do_not_change_the_migrations_hash_and_text_does() {
        let hash = |text: &str| {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join("0001_a.sql"), text).unwrap();
            migrations(dir.path()).unwrap()
        };
        assert_eq!(hash("SELECT 1;\n"), hash("SELECT 1;\r\n"));
        assert_ne!(hash("SELECT 1;\n"), hash("SELECT 2;\n"));
    }

    #[test]
    fn a_directory_without_migrations_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(
            migrations(dir.path())
                .unwrap_err()
                .message
                .contains("no migrations")
        );
    }
}
