//! Embeds the numbered SQL files into the migrator.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

// Cargo reads a build script's instructions from its standard output.
#[allow(clippy::print_stdout)]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=MIGRATIONS_DIR");
    println!("cargo::rerun-if-changed=build.rs");
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .ok_or("the crate has no parent folder")?;
    let folder = match env::var_os("MIGRATIONS_DIR") {
        // An absolute path replaces the workspace's.
        Some(folder) if !folder.is_empty() => workspace.join(PathBuf::from(folder)),
        _ => workspace.join("migrations"),
    };
    println!("cargo::rerun-if-changed={}", folder.display());

    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or("a migration's name is not UTF-8")?;
        // Editors and file managers leave such files behind.
        if name.starts_with('.') {
            continue;
        }
        let (version, title) = parse(name).ok_or_else(|| {
            format!("{}: a migration is named like 0001_access_logs.sql: four digits, an underscore, then a to z, 0 to 9 and _", path.display())
        })?;
        files.push((version.to_string(), title.to_string(), path.clone()));
    }
    files.sort();
    if let Some([first, second]) = files.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(format!(
            "{} and {} have the same number",
            first.2.display(),
            second.2.display()
        )
        .into());
    }

    let mut code = String::from("pub static MIGRATIONS: &[Migration] = &[\n");
    for (version, title, path) in &files {
        println!("cargo::rerun-if-changed={}", path.display());
        writeln!(
            code,
            "    Migration {{ version: {version:?}, name: {title:?}, sql: include_str!({:?}) }},",
            path.to_str()
                .ok_or("the migrations folder's path is not UTF-8")?
        )?;
    }
    code.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("migrations.rs"), code)?;
    Ok(())
}

fn parse(name: &str) -> Option<(&str, &str)> {
    let (version, title) = name.strip_suffix(".sql")?.split_once('_')?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let good = version.len() == 4
        && version.bytes().all(|byte| byte.is_ascii_digit())
        && (1..=190).contains(&title.len())
        && title.bytes().all(plain);
    good.then_some((version, title))
}
