//! What is measured: the binaries as they are deployed.

use std::collections::HashMap;
use std::io::Cursor;
use std::path::PathBuf;
use std::process::Command;

use zip::write::SimpleFileOptions;

use crate::lambda::Function;

/// The binaries, built as `wmctl up` builds them, but for this machine's C library.
pub struct Binaries {
    folder: PathBuf,
}

impl Binaries {
    pub fn build() -> Self {
        // Apart: what only an example needs must not become part of the functions.
        for which in ["--bins", "--examples"] {
            let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
            let arguments = [
                "build",
                "--package",
                "function",
                "--profile",
                "function",
                which,
            ];
            let mut command = Command::new(&cargo);
            command.args(arguments);
            // What cargo told this benchmark of its package would make some crates build anew.
            for (name, _) in std::env::vars() {
                if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                    command.env_remove(name);
                }
            }
            let status = command.status();
            assert!(status.expect("cargo runs").success(), "cargo build {which}");
        }
        // A benchmark is target/release/deps/NAME-….
        let own = std::env::current_exe().expect("its own path");
        let target = own.ancestors().nth(3).expect("the target folder");
        Self {
            folder: target.join("function"),
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    pub fn chatbot(&self, environment: &HashMap<String, String>) -> Function {
        Function::start(&self.path("chatbot"), environment)
    }

    pub fn migrator(&self, environment: &HashMap<String, String>) -> Function {
        Function::start(&self.path("migrator"), environment)
    }

    /// A function that does nothing.
    pub fn echo(&self) -> Function {
        Function::start(&self.path("examples/echo"), &HashMap::new())
    }

    /// Bytes of the package that is uploaded, less the authorities that go with it.
    pub fn zipped(&self, name: &str) -> u64 {
        let binary = std::fs::read(self.folder.join(name)).expect("the binary");
        let options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .compression_level(Some(9));
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        writer.start_file("bootstrap", options).expect("a zip");
        std::io::Write::write_all(&mut writer, &binary).expect("a zip");
        writer.finish().expect("a zip").into_inner().len() as u64
    }
}
