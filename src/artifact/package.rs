//! A zip that is the same, byte for byte, whenever its content is.

use std::io::{Cursor, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::error::{Error, Result};

/// `bootstrap`, which the runtime starts, and the authorities that it trusts for the database.
pub fn zip(binary: &[u8], database_ca: &[u8]) -> Result<Vec<u8>> {
    let failed =
        |error: zip::result::ZipError| Error::failed("cannot write the zip").because(error);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, mode, bytes) in [
        ("bootstrap", 0o755, binary),
        ("database-ca.pem", 0o644, database_ca),
    ] {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(9))
            .last_modified_time(DateTime::default())
            .unix_permissions(mode);
        writer.start_file(name, options).map_err(failed)?;
        writer
            .write_all(bytes)
            .map_err(|error| Error::failed("cannot write the zip").because(error))?;
    }
    Ok(writer.finish().map_err(failed)?.into_inner())
}

/// The hash that Lambda will give the zip.
pub fn code_sha256(zip: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(zip))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn the_same_content_gives_the_same_bytes() {
        let one = zip(b"binary", b"ca").unwrap();
        let two = zip(b"binary", b"ca").unwrap();
        assert_eq!(code_sha256(&one), code_sha256(&two));
        let other = zip(b"other", b"ca").unwrap();
        assert_ne!(code_sha256(&one), code_sha256(&other));
    }

    #[test]
    fn the_bootstrap_is_executable_and_dated_1980() {
        let zipped = zip(b"binary", b"ca").unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(zipped)).unwrap();
        let mut file = archive.by_name("bootstrap").unwrap();
        assert_eq!(file.unix_mode().unwrap() & 0o777, 0o755);
        assert_eq!(file.last_modified().unwrap().year(), 1980);
        let mut content = String::new();
        file.read_to_string(&mut content).unwrap();
        assert_eq!(content, "binary");
    }
}
