//! The database's certificate, so that clients encrypt and verify as they do with RDS.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::state::{private_dir, write_private};
use crate::error::{Error, Result};

pub(super) fn ca_file(root: &Path) -> PathBuf {
    root.join("tls/ca.pem")
}

pub(super) fn certificate_file(root: &Path) -> PathBuf {
    root.join("tls/server.pem")
}

pub(super) fn key_file(root: &Path) -> PathBuf {
    root.join("tls/server-key.pem")
}

/// Makes an authority and a certificate for this machine's own names, once. The authority's key
/// is thrown away after its one signature: what trusts `ca.pem` trusts this server and nothing
/// that anyone could sign later, so neither needs an expiry date that would one day stop
/// a local database.
pub(super) fn ensure(root: &Path) -> Result<()> {
    if [ca_file(root), certificate_file(root), key_file(root)]
        .iter()
        .all(|file| file.exists())
    {
        return Ok(());
    }
    private_dir(&root.join("tls"))?;
    let [ca, certificate, key] = generate().map_err(|error| {
        Error::failed("the database's certificate could not be made").because(error)
    })?;
    // The authority last: the certificate it comes with is complete by then.
    write_private(&key_file(root), key.as_bytes())?;
    write_private(&certificate_file(root), certificate.as_bytes())?;
    write_private(&ca_file(root), ca.as_bytes())
}

fn generate() -> Result<[String; 3], rcgen::Error> {
    let mut authority = CertificateParams::default();
    authority
        .distinguished_name
        .push(DnType::CommonName, "wmctl local database CA");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority_key = KeyPair::generate()?;
    let ca = authority.self_signed(&authority_key)?;

    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut server = CertificateParams::new(names)?;
    server
        .distinguished_name
        .push(DnType::CommonName, "localhost");
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    let server_key = KeyPair::generate()?;
    let certificate = server.signed_by(&server_key, &Issuer::new(authority, authority_key))?;
    Ok([ca.pem(), certificate.pem(), server_key.serialize_pem()])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn made_once_and_again_when_a_part_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let read = || std::fs::read_to_string(ca_file(dir.path())).unwrap();
        ensure(dir.path()).unwrap();
        let first = read();
        ensure(dir.path()).unwrap();
        assert_eq!(first, read());
        std::fs::remove_file(key_file(dir.path())).unwrap();
        ensure(dir.path()).unwrap();
        assert_ne!(first, read());
        let mode = key_file(dir.path())
            .metadata()
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
