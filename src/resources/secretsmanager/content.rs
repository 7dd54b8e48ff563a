//! What stands in each secret, made where it is written and kept nowhere else.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::generate_password;
use crate::aws::{Aws, During};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::resources::rds::ADMIN;

/// The source of a database user's secret.
const USERNAME: &str = "username";

/// The kinds of content, told by the secret's logical name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// `{"username", "password"}`; the password is made up.
    Credentials,
    /// `{"name", "api_key"}`, for operators and clients.
    Key,
    /// `{"keys": [{"name", "id", "sha256"}]}`: all that the function needs to know of the keys.
    Digests,
}

/// The digests' logical name.
pub const DIGESTS: &str = "api-keys";

/// The logical name of one API key's secret.
pub fn of_key(name: &str) -> String {
    format!("api-key-{name}")
}

impl Content {
    pub fn of(secret: &str) -> Self {
        match secret {
            DIGESTS => Self::Digests,
            _ if secret.starts_with("api-key-") => Self::Key,
            _ => Self::Credentials,
        }
    }

    /// Whether the value follows from its sources. Passwords do not, and may be rotated.
    pub fn is_derived(self) -> bool {
        self != Self::Credentials
    }

    /// The value, from its sources: a user's name, or API keys' ids by name, of each key all that
    /// are valid.
    pub async fn make(self, aws: &Aws, sources: &BTreeMap<String, String>) -> Result<SecretString> {
        if self == Self::Credentials {
            return credentials(sources);
        }
        let ids = sources
            .iter()
            .flat_map(|(name, ids)| ids.split(' ').map(move |id| (name.as_str(), id)));
        let keys = try_join_all(ids.map(|(name, id)| async move {
            let value = api_key(aws, name, id).await?;
            Ok::<_, Error>(Key { name, id, value })
        }))
        .await?;
        match (self, keys.as_slice()) {
            (Self::Key, [key]) => Ok(stored(key.name, &key.value)),
            _ => Ok(digests(&keys)),
        }
    }
}

struct Key<'a> {
    name: &'a str,
    id: &'a str,
    value: SecretString,
}

/// A key as its secret holds it.
pub fn stored(name: &str, value: &SecretString) -> SecretString {
    let value = json!({"name": name, "api_key": value.expose_secret()});
    value.to_string().into()
}

/// The key in such a secret; the error quotes nothing of it.
pub fn key_in(stored: &SecretString, secret: &str) -> Result<SecretString> {
    #[derive(Deserialize)]
    struct Stored {
        api_key: SecretString,
    }
    // The parser's own message could quote the value.
    serde_json::from_str::<Stored>(stored.expose_secret())
        .map(|stored| stored.api_key)
        .map_err(|_| {
            Error::failed(format!("the secret {secret} holds no API key"))
                .hint("`wmctl up` writes it again")
        })
}

/// The secrets that infra.toml asks for, and what each is made of.
pub fn wanted(config: &Config) -> Vec<(String, &'static str, BTreeMap<String, String>)> {
    let user = |name: &str| BTreeMap::from([(USERNAME.to_owned(), name.to_owned())]);
    let key = |name: &String| (name.clone(), format!("${{api-key/{name}}}"));
    let valid = |name: &String| (name.clone(), format!("${{api-key/{name}.accepted}}"));
    let keys = config.api.keys.iter().map(|key| &key.name);
    let mut secrets = Vec::new();
    if config.database.instance.is_none() {
        secrets.push((
            "database-admin".to_owned(),
            "The database's administrator, for migrations alone",
            user(ADMIN),
        ));
    }
    secrets.extend([
        (
            "database-app".to_owned(),
            "The database user of the function",
            user(&config.database.app_user),
        ),
        (
            DIGESTS.to_owned(),
            "Digests of the API keys that the function accepts",
            keys.clone().map(valid).collect(),
        ),
    ]);
    secrets.extend(keys.map(|name| {
        (
            of_key(name),
            "One API key, for whoever calls with it",
            BTreeMap::from([key(name)]),
        )
    }));
    secrets
}

fn credentials(sources: &BTreeMap<String, String>) -> Result<SecretString> {
    let password = generate_password()?;
    let value = json!({
        "username": sources.get(USERNAME),
        "password": password.expose_secret(),
    });
    Ok(value.to_string().into())
}

/// The value of a key of API Gateway.
pub async fn api_key(aws: &Aws, name: &str, id: &str) -> Result<SecretString> {
    aws.apigateway
        .get_api_key()
        .api_key(id)
        .include_value(true)
        .send()
        .await
        .during("GetApiKey", format!("api-key/{name}"))?
        .value
        .map(SecretString::from)
        .ok_or_else(|| Error::failed(format!("api-key/{name} has no value")))
}

/// Sorted by name, as the sources are.
fn digests(keys: &[Key<'_>]) -> SecretString {
    let keys: Vec<_> = keys
        .iter()
        .map(|key| {
            let digest = Sha256::digest(key.value.expose_secret());
            json!({"name": key.name, "id": key.id, "sha256": hex::encode(digest)})
        })
        .collect();
    json!({ "keys": keys }).to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_the_content() {
        assert_eq!(Content::of("database-app"), Content::Credentials);
        assert_eq!(Content::of("api-keys"), Content::Digests);
        assert_eq!(Content::of(&of_key("s")), Content::Key);
    }

    #[test]
    fn the_function_gets_digests_only() {
        let key = |name, id, value: &str| Key {
            name,
            id,
            value: value.into(),
        };
        let value = digests(&[key("one", "k1", "abc"), key("two", "k2", "d")]);
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let start =
            format!(r#"{{"keys":[{{"name":"one","id":"k1","sha256":"{abc}"}},{{"name":"two""#);
        assert!(value.expose_secret().starts_with(&start));
    }

    #[test]
    fn a_malformed_secret_is_not_quoted() {
        let error = key_in(&SecretString::from("hunter2"), "a/b").unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"));
        let stored = stored("web", &"hunter2".into());
        assert_eq!(key_in(&stored, "a/b").unwrap().expose_secret(), "hunter2");
    }

    #[test]
    fn credentials_have_a_name_and_a_password() -> Result<()> {
        let value = credentials(&BTreeMap::from([(USERNAME.to_owned(), "app".to_owned())]))?;
        let value = value.expose_secret();
        assert!(value.starts_with(r#"{"username":"app","password":""#));
        Ok(())
    }
}
