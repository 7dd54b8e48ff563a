//! What the environment says. Read once, when a sandbox starts.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use crate::log::Level;

/// Seconds.
const KEYS_AGE: u64 = 300;

/// How the connection to the database is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// The server's certificate must be valid for its name.
    VerifyIdentity,
    /// Encrypted, but any certificate is accepted.
    Required,
    /// Plain text: only towards this very machine.
    Disabled,
}

/// The database server and the schema in it.
#[derive(Debug, Clone)]
pub struct Target {
    pub host: String,
    pub port: u16,
    pub name: String,
    pub tls: Tls,
    /// Certificate authorities accepted besides the system's, in PEM.
    pub ca_file: Option<PathBuf>,
}

/// Where a secret comes from: a plain variable, or Secrets Manager.
#[derive(Debug, Clone)]
pub enum Source<T> {
    Plain(T),
    Arn(String),
}

/// A user name and its password.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub username: String,
    pub password: SecretString,
}

/// The chatbot's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    pub target: Target,
    pub credentials: Source<Credentials>,
    pub keys: Source<SecretString>,
    /// How long a revoked key may still be accepted here; the gateway refuses it earlier.
    pub keys_age: Duration,
    pub limits: Limits,
}

/// Bounds on what comes in and what goes out.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a request body, after base64 decoding.
    pub payload: usize,
    /// The largest `limit` a list accepts.
    pub query: i64,
    /// Bytes of an answer's body.
    pub response: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload: 1_048_576,
            query: 1000,
            response: 1_048_576,
        }
    }
}

/// Looks a variable up; an empty one counts as unset.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The process environment as a [`Lookup`].
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Settings {
    /// Reads the chatbot's settings; the error is one sentence without secrets.
    pub fn read(lookup: Lookup) -> Result<Self, String> {
        let defaults = Limits::default();
        let limits = Limits {
            payload: number(lookup, "MAX_PAYLOAD_SIZE", defaults.payload)?,
            query: number(lookup, "MAX_QUERY_LIMIT", defaults.query)?,
            response: number(lookup, "MAX_RESPONSE_SIZE", defaults.response)?,
        };
        if limits.payload == 0 || limits.query < 1 || limits.response == 0 {
            return Err(
                "MAX_PAYLOAD_SIZE, MAX_QUERY_LIMIT and MAX_RESPONSE_SIZE must be positive".into(),
            );
        }
        Ok(Self {
            target: Target::read(lookup)?,
            credentials: match lookup("DB_SECRET_ARN") {
                Some(arn) => Source::Arn(arn),
                None => Source::Plain(Credentials {
                    username: required(lookup, "DB_USER")?,
                    password: required(lookup, "DB_PASSWORD")?.into(),
                }),
            },
            keys: match lookup("API_KEYS_SECRET_ARN") {
                Some(arn) => Source::Arn(arn),
                None => Source::Plain(required(lookup, "API_KEYS")?.into()),
            },
            keys_age: Duration::from_secs(number(lookup, "API_KEYS_MAX_AGE", KEYS_AGE)?),
            limits,
        })
    }
}

impl Target {
    /// Reads where the database is and how to reach it.
    pub fn read(lookup: Lookup) -> Result<Self, String> {
        let host = required(lookup, "DB_HOST")?;
        let tls = match lookup("DB_TLS").as_deref() {
            None | Some("verify-identity") => Tls::VerifyIdentity,
            Some("required") => Tls::Required,
            Some("disabled") if is_loopback(&host) => Tls::Disabled,
            Some("disabled") => {
                return Err("DB_TLS=disabled is accepted only for a loopback host".into());
            }
            Some(_) => return Err("DB_TLS must be verify-identity, required or disabled".into()),
        };
        let name = required(lookup, "DB_NAME")?;
        if !is_identifier(&name) {
            return Err("DB_NAME must be 1 to 64 letters, digits and underscores".into());
        }
        Ok(Self {
            port: number(lookup, "DB_PORT", 3306)?,
            ca_file: lookup("DB_CA_FILE")
                .map(PathBuf::from)
                .or_else(|| bundled_ca(lookup)),
            host,
            name,
            tls,
        })
    }
}

/// The log level; anything unknown means `info`, for a typing error must not silence the logs.
pub fn log_level(lookup: Lookup) -> Level {
    lookup("LOG_LEVEL")
        .and_then(|name| Level::parse(&name))
        .unwrap_or(Level::Info)
}

/// Whether a name can stand in DDL, where nothing can be bound.
pub fn is_identifier(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A variable that must be set.
pub fn required(lookup: Lookup, name: &str) -> Result<String, String> {
    lookup(name).ok_or_else(|| format!("{name} is not set"))
}

fn number<T: std::str::FromStr>(lookup: Lookup, name: &str, default: T) -> Result<T, String> {
    match lookup(name) {
        None => Ok(default),
        Some(text) => text
            .trim()
            .parse()
            .map_err(|_| format!("{name} must be a whole number in range")),
    }
}

/// The deployment package carries the database's authorities beside the binary.
fn bundled_ca(lookup: Lookup) -> Option<PathBuf> {
    let path = Path::new(&lookup("LAMBDA_TASK_ROOT")?).join("database-ca.pem");
    path.is_file().then_some(path)
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn read(changes: &[(&str, &str)]) -> Result<Settings, String> {
        let mut all = vec![
            ("DB_HOST", "127.0.0.1"),
            ("DB_NAME", "chatbot_db"),
            ("DB_USER", "app"),
            ("DB_PASSWORD", "secret"),
            ("API_KEYS", "one,two"),
        ];
        all.extend_from_slice(changes);
        Settings::read(&|name| {
            let last = all.iter().rev().find(|(key, _)| *key == name);
            last.map(|(_, value)| (*value).to_string())
                .filter(|value| !value.is_empty())
        })
    }

    #[test]
    fn secure_defaults() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.target.tls, Tls::VerifyIdentity);
        assert_eq!(settings.target.port, 3306);
        assert_eq!(settings.limits.query, 1000);
        assert!(matches!(settings.credentials, Source::Plain(_)));
    }

    #[test]
    fn plain_text_only_to_this_machine() {
        assert_eq!(
            read(&[("DB_TLS", "disabled")]).unwrap().target.tls,
            Tls::Disabled
        );
        assert_eq!(
            read(&[("DB_TLS", "disabled"), ("DB_HOST", "::1")])
                .unwrap()
                .target
                .tls,
            Tls::Disabled
        );
        assert!(
            read(&[("DB_TLS", "disabled"), ("DB_HOST", "db.example")])
                .unwrap_err()
                .contains("loopback")
        );
        assert!(read(&[("DB_TLS", "none")]).is_err());
    }

    #[test]
    fn refuses_what_is_missing_or_malformed() {
        assert_eq!(read(&[("DB_HOST", "")]).unwrap_err(), "DB_HOST is not set");
        assert!(read(&[("DB_PORT", "99999")]).is_err());
        assert!(read(&[("DB_NAME", "a`b")]).is_err());
        assert!(read(&[("MAX_QUERY_LIMIT", "0")]).is_err());
        assert!(read(&[("API_KEYS", "")]).is_err());
    }

    #[test]
    fn secrets_manager_comes_first() {
        let settings = read(&[
            ("DB_SECRET_ARN", "arn:db"),
            ("API_KEYS_SECRET_ARN", "arn:keys"),
        ])
        .unwrap();
        assert!(matches!(settings.credentials, Source::Arn(arn) if arn == "arn:db"));
        assert!(matches!(settings.keys, Source::Arn(arn) if arn == "arn:keys"));
    }
}
