//! The API keys: only their digests are held, and every one is compared.

use std::sync::Arc;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};

/// The accepted keys.
pub struct Keys(Vec<Key>);

/// One of them, by its SHA-256 digest.
struct Key {
    digest: [u8; 32],
    id: Arc<str>,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    id: String,
    sha256: String,
}

impl Keys {
    /// From the `API_KEYS` variable: the keys themselves, separated by commas.
    pub fn from_plain(text: &str) -> Self {
        let keys = text.split(',').map(str::trim).filter(|key| !key.is_empty());
        let keys = keys.map(|key| Key {
            digest: digest(key),
            id: Arc::default(),
        });
        Self(keys.collect())
    }

    /// From the secret: `{"keys": [{"name": "…", "id": "…", "sha256": "<hex>"}]}`.
    pub fn from_json(text: &str) -> Result<Self, String> {
        // The parser's own message could quote a part of the secret.
        let shape = r#"the API keys' secret must be {"keys": [{"name", "sha256"}]} with hexadecimal digests"#;
        let document: Document = serde_json::from_str(text).map_err(|_| shape)?;
        let keys: Option<Vec<_>> = document
            .keys
            .into_iter()
            .map(|entry| {
                Some(Key {
                    digest: from_hex(&entry.sha256)?,
                    id: entry.id.into(),
                })
            })
            .collect();
        Ok(Self(keys.ok_or(shape)?))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The id of the accepted key that this one is, as API Gateway has it; empty where it is not
    /// known. All keys are compared, each in constant time, so the answer's time tells neither how
    /// much of a key was right nor which one it was.
    pub fn accept(&self, presented: &str) -> Option<Arc<str>> {
        let presented = digest(presented);
        let none = u32::MAX;
        let at = (0..).zip(&self.0).fold(none, |at, (index, key)| {
            u32::conditional_select(&at, &index, key.digest.ct_eq(&presented))
        });
        let key = self.0.get(usize::try_from(at).ok()?)?;
        Some(Arc::clone(&key.id))
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
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
        assert_eq!(keys.accept("alpha").as_deref(), Some(""));
        assert_eq!(keys.accept("beta").as_deref(), Some(""));
        for wrong in ["", "alph", "alpha,beta"] {
            assert_eq!(keys.accept(wrong), None);
        }
    }

    #[test]
    fn hashed_keys() {
        // sha256("abc")
        let abc = "BA7816BF8F01CFEA414140DE5DAE2223b00361a396177a9cb410ff61f20015ad";
        let keys = Keys::from_json(&format!(
            r#"{{"keys":[{{"id":"k0","sha256":"{other}"}},{{"name":"one","id":"k1","sha256":"{abc}"}}]}}"#,
            other = "0".repeat(64)
        ))
        .unwrap();
        assert_eq!(keys.accept("abc").as_deref(), Some("k1"));
        assert_eq!(keys.accept(abc), None);
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
        assert_eq!(Keys::from_json(r#"{"keys":[]}"#).unwrap().accept(""), None);
    }
}
