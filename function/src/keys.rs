//! The API keys: only their digests are held, and every one is compared.

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

/// SHA-256 digests of the accepted keys.
pub struct Keys(Vec<[u8; 32]>);

#[derive(Deserialize)]
struct Document {
    keys: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    sha256: String,
}

impl Keys {
    /// From the `API_KEYS` variable: the keys themselves, separated by commas.
    pub fn from_plain(text: &str) -> Self {
        let keys = text.split(',').map(str::trim).filter(|key| !key.is_empty());
        Self(keys.map(digest).collect())
    }

    /// From the secret: `{"keys": [{"name": "…", "sha256": "<hex>"}]}`.
    pub fn from_json(text: &str) -> Result<Self, String> {
        // The parser's own message could quote a part of the secret.
        let shape = r#"the API keys' secret must be {"keys": [{"name", "sha256"}]} with hexadecimal digests"#;
        let document: Document = serde_json::from_str(text).map_err(|_| shape)?;
        let digests: Option<Vec<_>> = document
            .keys
            .iter()
            .map(|key| from_hex(&key.sha256))
            .collect();
        Ok(Self(digests.ok_or(shape)?))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the key is one of the accepted ones. All are compared, each in constant time,
    /// so the answer's time tells neither how much of a key was right nor which one it was.
    pub fn accept(&self, presented: &str) -> bool {
        let presented = digest(presented);
        let any = self
            .0
            .iter()
            .fold(Choice::from(0), |any, key| any | key.ct_eq(&presented));
        any.into()
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn plain_keys() {
        let keys = Keys::from_plain("alpha, beta,,");
        assert_eq!(keys.len(), 2);
        assert!(keys.accept("alpha") && keys.accept("beta"));
        assert!(!keys.accept("") && !keys.accept("alph") && !keys.accept("alpha,beta"));
    }

    #[test]
    fn hashed_keys() {
        // sha256("abc")
        let abc = "BA7816BF8F01CFEA414140DE5DAE2223b00361a396177a9cb410ff61f20015ad";
        let keys = Keys::from_json(&format!(
            r#"{{"keys":[{{"name":"one","sha256":"{abc}"}}]}}"#
        ))
        .unwrap();
        assert!(keys.accept("abc"));
        assert!(!keys.accept(abc));
    }

    #[test]
    fn a_malformed_secret_is_refused_without_quoting_it() {
        for text in [
            "",
            "[]",
            r#"{"keys":[{"sha256":"sesame"}]}"#,
            r#"{"keys":["sesame"]}"#,
        ] {
            let error = Keys::from_json(text).err().expect("refused");
            assert!(!error.contains("sesame"));
        }
    }

    #[test]
    fn no_keys_accept_nothing() {
        assert!(!Keys::from_json(r#"{"keys":[]}"#).unwrap().accept(""));
    }
}
