//! A directory with what infra.toml names, and a file to read in it.

// insta's own way to write snapshots.
#![allow(clippy::needless_raw_string_hashes)]

mod accepted;
mod files;
mod later;
mod refused;
mod values;

use std::path::Path;

use super::{Config, parse};
use crate::error::{Error, Kind};

fn project() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("function")).unwrap();
    std::fs::create_dir_all(dir.path().join("migrations")).unwrap();
    std::fs::write(dir.path().join("function/openapi.json"), "{}").unwrap();
    std::fs::write(dir.path().join("certificates.pem"), "").unwrap();
    dir
}

fn read(text: &str) -> Result<Config, Error> {
    let dir = project();
    parse(text, &dir.path().join("infra.toml")).map_err(|mut error| {
        error.message = nameless(&error.message, dir.path());
        error
    })
}

/// The message without the directory's name, which is another each time.
fn nameless(message: &str, dir: &Path) -> String {
    message.replace(&format!("{}/", dir.display()), "")
}

/// What is said of a text that must be refused.
fn refusal(text: &str) -> String {
    let error = read(text).unwrap_err();
    assert_eq!(error.kind, Kind::Config);
    error.message
}

/// What is said of lines beside a name and a region. They come first and so at line 3.
fn refusal_of(lines: &str) -> String {
    refusal(&with_stack(lines))
}

fn with_stack(lines: &str) -> String {
    format!("stack.name = \"chatbot\"\nstack.region = \"us-east-1\"\n{lines}")
}
