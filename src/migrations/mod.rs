//! The migrations folder: numbered SQL files, and what they would do to the version that serves.

pub mod breaking;
mod columns;
// Cut and read as the migrator does it, by the same code: the two crates share no other.
#[path = "../../function/src/migrate/splitter.rs"]
pub mod splitter;
#[path = "../../function/src/migrate/words.rs"]
mod words;

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// One file: `0005_regions.sql`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    pub file: String,
    pub sql: String,
}

impl Migration {
    /// What stands before the first underscore. Versions are compared as text.
    pub fn version(&self) -> &str {
        self.file.split('_').next().unwrap_or_default()
    }

    /// Its statements, numbered from 1.
    pub fn statements(&self) -> Result<Vec<Statement>> {
        let text = self.sql.trim_start_matches('\u{feff}');
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let statements = splitter::split(&text).map_err(|reason| {
            Error::usage(format!("the migration {}: {reason}", self.file))
                .hint("mend the file; nothing was changed")
        })?;
        let numbered = statements.into_iter().zip(1..);
        Ok(numbered
            .map(|(sql, number)| Statement {
                file: self.file.clone(),
                number,
                sql,
            })
            .collect())
    }
}

/// A statement and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub file: String,
    /// Counted from 1.
    pub number: usize,
    pub sql: String,
}

impl Statement {
    /// In one line, for people.
    pub fn brief(&self) -> String {
        const LONGEST: usize = 100;
        let lines = self.sql.lines().filter(|line| {
            let line = line.trim_start();
            !line.starts_with("--") && !line.starts_with('#')
        });
        let text: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
        let text = text.join(" ");
        if text.chars().count() <= LONGEST {
            return text;
        }
        let cut: String = text.chars().take(LONGEST - 1).collect();
        format!("{}…", cut.trim_end())
    }
}

/// The statements of several files, in order.
pub fn statements<'a>(files: impl IntoIterator<Item = &'a Migration>) -> Result<Vec<Statement>> {
    let all: Result<Vec<_>> = files.into_iter().map(Migration::statements).collect();
    Ok(all?.into_iter().flatten().collect())
}

/// The folder's files, in the order of their numbers.
pub fn read(dir: &Path) -> Result<Vec<Migration>> {
    let cannot = |path: &Path, error: std::io::Error| {
        Error::environment(format!("cannot read {}", path.display())).because(error)
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|error| cannot(dir, error))? {
        let path = entry.map_err(|error| cannot(dir, error))?.path();
        if path.extension().is_none_or(|extension| extension != "sql") {
            continue;
        }
        files.push(Migration {
            file: path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            sql: std::fs::read_to_string(&path).map_err(|error| cannot(&path, error))?,
        });
    }
    if files.is_empty() {
        return Err(Error::usage(format!(
            "no migrations (*.sql) in {}",
            dir.display()
        )));
    }
    files.sort_by(|one, other| one.file.cmp(&other.file));
    Ok(files)
}

/// A hash over the files' names and texts, whatever their line ends.
pub fn hash(files: &[Migration]) -> String {
    let mut hasher = Sha256::new();
    for migration in files {
        hasher.update(migration.file.as_bytes());
        hasher.update([0]);
        hasher.update(migration.sql.replace("\r\n", "\n").as_bytes());
        hasher.update([0]);
    }
    hex::encode(&hasher.finalize()[..6])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_do_not_change_the_hash_and_text_does() {
        let hash = |text: &str| {
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join("0001_a.sql"), text).unwrap();
            hash(&read(dir.path()).unwrap())
        };
        assert_eq!(hash("SELECT 1;\n"), hash("SELECT 1;\r\n"));
        assert_ne!(hash("SELECT 1;\n"), hash("SELECT 2;\n"));
    }

    #[test]
    fn a_directory_without_migrations_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let error = read(dir.path()).unwrap_err();
        assert!(error.message.contains("no migrations"));
    }

    #[test]
    fn a_file_that_cannot_be_cut_is_named() {
        let file = Migration {
            file: "0005_open.sql".to_owned(),
            sql: "SELECT 'a".to_owned(),
        };
        let error = file.statements().unwrap_err();
        assert!(error.message.contains("0005_open.sql"), "{error}");
        assert_eq!(file.version(), "0005");
    }
}
