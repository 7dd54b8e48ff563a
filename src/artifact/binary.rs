//! Refuses a binary that Lambda could not start, before it is uploaded.

use std::path::Path;

use object::read::elf::{ElfFile64, FileHeader};
use object::{Architecture as Machine, Endianness, Object};

use crate::config::Architecture;
use crate::error::{Error, Result};

/// The C library of Amazon Linux 2023, which `provided.al2023` runs on.
const GLIBC: (u32, u32) = (2, 34);

/// Checks that `binary` is an ELF file for `architecture`, and unless it stays on this machine,
/// that it asks for no newer C library than Lambda's.
pub fn check(binary: &[u8], path: &Path, architecture: Architecture, native: bool) -> Result<()> {
    let wrong = |what: String| Error::failed(format!("{}: {what}", path.display()));
    let elf = ElfFile64::<Endianness>::parse(binary).map_err(|error| {
        wrong("not a 64-bit ELF binary, which is all that Lambda runs".to_owned()).because(error)
    })?;
    let (machine, name) = match architecture {
        Architecture::Arm64 => (Machine::Aarch64, "arm64"),
        Architecture::X86_64 => (Machine::X86_64, "x86_64"),
    };
    if elf.architecture() != machine {
        return Err(wrong(format!(
            "built for {:?}, while [function] architecture is {name}",
            elf.architecture()
        )));
    }
    let newest = newest_glibc(&elf)
        .map_err(|error| wrong("its dynamic section cannot be read".to_owned()).because(error))?;
    match newest {
        Some((major, minor)) if !native && (major, minor) > GLIBC => Err(wrong(format!(
            "needs glibc {major}.{minor}, and provided.al2023 has {}.{}",
            GLIBC.0, GLIBC.1
        ))
        .hint("build with cargo-zigbuild, which links for the older one: `pip install cargo-zigbuild ziglang`")),
        _ => Ok(()),
    }
}

/// The newest GLIBC version among the symbols that the binary needs.
fn newest_glibc(elf: &ElfFile64<'_, Endianness>) -> object::Result<Option<(u32, u32)>> {
    let endian = elf.endian();
    let sections = elf.elf_header().sections(endian, elf.data())?;
    let Some((mut needs, strings)) = sections.gnu_verneed(endian, elf.data())? else {
        return Ok(None);
    };
    let strings = sections.strings(endian, elf.data(), strings)?;
    let mut newest = None;
    while let Some((_, mut versions)) = needs.next()? {
        while let Some(version) = versions.next()? {
            let name = version.name(endian, strings)?;
            newest = newest.max(glibc_version(name));
        }
    }
    Ok(newest)
}

/// `GLIBC_2.34` as (2, 34).
fn glibc_version(name: &[u8]) -> Option<(u32, u32)> {
    let name = std::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?;
    let mut parts = name.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own_binary() -> Vec<u8> {
        std::fs::read(std::env::current_exe().unwrap()).unwrap()
    }

    fn other(architecture: Architecture) -> Architecture {
        match architecture {
            Architecture::Arm64 => Architecture::X86_64,
            Architecture::X86_64 => Architecture::Arm64,
        }
    }

    #[test]
    fn a_binary_of_this_machine_passes_for_this_machine_only() {
        let architecture = super::super::native_architecture().unwrap();
        let path = Path::new("bootstrap");
        check(&own_binary(), path, architecture, true).unwrap();
        let error = check(&own_binary(), path, other(architecture), true).unwrap_err();
        assert!(error.message.contains("[function] architecture"), "{error}");
    }

    #[test]
    fn what_is_no_elf_is_refused() {
        let error = check(
            b"#!/bin/sh",
            Path::new("bootstrap"),
            Architecture::Arm64,
            true,
        );
        assert!(error.unwrap_err().message.contains("not a 64-bit ELF"));
    }

    #[test]
    fn glibc_versions_compare_as_numbers() {
        assert_eq!(glibc_version(b"GLIBC_2.34"), Some((2, 34)));
        assert!(glibc_version(b"GLIBC_2.4") < glibc_version(b"GLIBC_2.34"));
        assert_eq!(glibc_version(b"GLIBC_PRIVATE"), None);
        assert_eq!(glibc_version(b"GCC_3.0"), None);
    }
}
