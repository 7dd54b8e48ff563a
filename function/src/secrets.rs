//! Secrets Manager, and what is kept of it between invocations.

use std::error::Error as _;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials as AwsCredentials, Region};
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::{Client, Config};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::deadline::Deadline;
use crate::fields;
use crate::keys::Keys;
use crate::log::{self, Level};
use crate::settings::{Credentials, Lookup, Source, environment};

/// In a private subnet a missing endpoint shows as a connection that never opens.
const CONNECT: Duration = Duration::from_secs(2);
const OPERATION: Duration = Duration::from_secs(4);
/// Wrong keys must not turn into a stream of Secrets Manager calls.
const REFRESH: Duration = Duration::from_secs(30);
/// How many wrong keys may come shortly before a new one, and that one still works at once.
const BURST: u32 = 4;
/// How long a request with a known key waits for a look at whether it has been revoked.
const LOOK: Duration = Duration::from_secs(1);

/// A client for Secrets Manager, made when the first secret is read.
#[derive(Default)]
pub struct Vault(Option<Client>);

#[derive(Deserialize)]
struct Login {
    username: String,
    password: SecretString,
}

impl Vault {
    pub(crate) fn client(&mut self) -> Result<&Client, String> {
        Ok(match &mut self.0 {
            Some(client) => client,
            none => none.insert(client(&environment)?),
        })
    }

    /// The current value of a secret; the error names the cause and no part of the secret.
    pub async fn read(&mut self, arn: &str) -> Result<SecretString, String> {
        let answer = self
            .client()?
            .get_secret_value()
            .secret_id(arn)
            .send()
            .await
            .map_err(|error| explain(&error))?;
        answer
            .secret_string
            .map(SecretString::from)
            .ok_or_else(|| "the secret holds no text".into())
    }

    /// A secret of the form `{"username", "password"}`.
    pub async fn login(&mut self, arn: &str) -> Result<Credentials, String> {
        parse_login(&self.read(arn).await?)
    }
}

pub(crate) fn parse_login(text: &SecretString) -> Result<Credentials, String> {
    // The parser's own message could quote a part of the secret.
    let login: Login = serde_json::from_str(text.expose_secret())
        .map_err(|_| r#"the database secret must be {"username", "password"}"#)?;
    Ok(Credentials {
        username: login.username,
        password: login.password,
    })
}

/// The environment's credentials stay valid for a sandbox's life, so no provider chain is needed.
fn client(lookup: Lookup) -> Result<Client, String> {
    let variable = |name: &str| lookup(name).ok_or_else(|| format!("{name} is not set"));
    let credentials = AwsCredentials::new(
        variable("AWS_ACCESS_KEY_ID")?,
        variable("AWS_SECRET_ACCESS_KEY")?,
        lookup("AWS_SESSION_TOKEN"),
        None,
        "environment",
    );
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_timeout(OPERATION)
        .build();
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(variable("AWS_REGION")?))
        .credentials_provider(credentials)
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(2));
    if let Some(url) =
        lookup("AWS_ENDPOINT_URL_SECRETS_MANAGER").or_else(|| lookup("AWS_ENDPOINT_URL"))
    {
        config = config.endpoint_url(url);
    }
    Ok(Client::from_conf(config.build()))
}

/// Not the SDK's own debug text: that can hold the raw answer.
pub(crate) fn explain<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    let (connect, operation) = (CONNECT.as_secs(), OPERATION.as_secs());
    match error {
        SdkError::ServiceError(context) => {
            let error = context.err();
            let code = error.code().unwrap_or("unknown error");
            format!(
                "Secrets Manager refused: {code}: {}",
                error.message().unwrap_or_default()
            )
        }
        SdkError::DispatchFailure(failure) => {
            let connector = failure.as_connector_error();
            let cause = connector
                .and_then(|error| error.source())
                .map(ToString::to_string)
                .unwrap_or_default();
            format!(
                "Secrets Manager cannot be reached (connecting may take {connect} s; \
                 a private subnet needs its interface endpoint): {cause}"
            )
        }
        SdkError::TimeoutError(_) => format!("Secrets Manager did not answer within {operation} s"),
        SdkError::ResponseError(_) => "Secrets Manager's answer cannot be read".into(),
        _ => "the request to Secrets Manager cannot be made".into(),
    }
}

/// The database's login as it was read last.
#[derive(Default)]
struct KeptLogin {
    value: Option<Credentials>,
    /// When the secret said the same as before.
    same: Option<Instant>,
}

impl KeptLogin {
    /// Whether the secret may be read anew now.
    fn is_due(&self, now: Instant) -> bool {
        self.same
            .is_none_or(|last| now.duration_since(last) >= REFRESH)
    }
}

/// How often the keys may be read anew because of an unknown one: [`BURST`] times at once, and
/// once more for every [`REFRESH`] that passes.
struct Budget {
    left: u32,
    since: Instant,
}

impl Budget {
    fn new(now: Instant) -> Self {
        Self {
            left: BURST,
            since: now,
        }
    }

    fn take(&mut self, now: Instant) -> bool {
        while self.left < BURST && now.duration_since(self.since) >= REFRESH {
            self.left += 1;
            self.since += REFRESH;
        }
        if self.left == BURST {
            self.since = now;
        }
        let some = self.left > 0;
        self.left = self.left.saturating_sub(1);
        some
    }
}

/// The accepted keys as they were read last.
struct KeptKeys {
    keys: Keys,
    /// When they are looked at again, although nothing asks for it: one may have been revoked.
    due: Instant,
}

/// The chatbot's secrets.
pub struct Secrets {
    vault: Vault,
    login: Source<Credentials>,
    login_kept: KeptLogin,
    keys: Source<SecretString>,
    keys_kept: Option<KeptKeys>,
    /// How long keys are kept without a look.
    keys_age: Duration,
    unknown: Budget,
}

impl Secrets {
    /// `keys_age` is how long the accepted keys are kept until they are read anew.
    pub fn new(login: Source<Credentials>, keys: Source<SecretString>, keys_age: Duration) -> Self {
        Self {
            vault: Vault::default(),
            login,
            login_kept: KeptLogin::default(),
            keys,
            keys_kept: None,
            keys_age,
            unknown: Budget::new(Instant::now()),
        }
    }

    /// The id of the presented key, if it is accepted. An unknown one may be newer than what is
    /// kept; a known one may have been revoked, so what is kept is read anew when it is old. A
    /// refresh that fails refuses nobody whose key is known.
    pub async fn accept(
        &mut self,
        presented: &str,
        deadline: &Deadline,
    ) -> Result<Option<Arc<str>>, String> {
        let now = Instant::now();
        let due = self.keys_kept.as_ref().is_some_and(|kept| kept.due <= now);
        let known = self.keys(deadline).await?.accept(presented);
        if matches!(self.keys, Source::Plain(_)) {
            return Ok(known);
        }
        let patience = match (&known, due) {
            (Some(_), false) => return Ok(known),
            (Some(_), true) => LOOK,
            (None, _) if self.unknown.take(now) => OPERATION,
            (None, _) => return Ok(None),
        };
        match self.read_keys(deadline, patience).await {
            Ok(keys) => Ok(self.keep(keys).accept(presented)),
            Err(cause) => {
                if let Some(kept) = &mut self.keys_kept {
                    kept.due = now + REFRESH;
                }
                let fields = fields! { detail: cause };
                log::write(Level::Error, "the API keys cannot be read anew", fields);
                Ok(known)
            }
        }
    }

    /// The accepted keys.
    pub async fn keys(&mut self, deadline: &Deadline) -> Result<&Keys, String> {
        let Some(kept) = self.keys_kept.take() else {
            let keys = self.read_keys(deadline, OPERATION).await?;
            return Ok(self.keep(keys));
        };
        Ok(&self.keys_kept.insert(kept).keys)
    }

    fn keep(&mut self, keys: Keys) -> &Keys {
        let due = Instant::now() + self.keys_age;
        &self.keys_kept.insert(KeptKeys { keys, due }).keys
    }

    async fn read_keys(&mut self, deadline: &Deadline, most: Duration) -> Result<Keys, String> {
        match &self.keys {
            Source::Plain(text) => Ok(Keys::from_plain(text.expose_secret())),
            Source::Arn(arn) => {
                let reading = Box::pin(self.vault.read(arn));
                let text = in_time(deadline, most, reading).await?;
                Keys::from_json(text.expose_secret())
            }
        }
    }

    /// The database user's name and password.
    pub async fn login(&mut self, deadline: &Deadline) -> Result<Credentials, String> {
        if let Some(login) = &self.login_kept.value {
            return Ok(login.clone());
        }
        let login = match &self.login {
            Source::Plain(login) => login.clone(),
            Source::Arn(arn) => {
                in_time(deadline, OPERATION, Box::pin(self.vault.login(arn))).await?
            }
        };
        Ok(self.login_kept.value.insert(login).clone())
    }

    /// Another login than the one that the database has refused; `None` where there is none.
    ///
    /// Of two users one keeps its password while the other gets a new one, so what is kept works
    /// through a rotation, and what the secret says works always. Whoever slept through two of them
    /// reads anew, as often as there is something new; what says the same again is left alone for
    /// [`REFRESH`]. A login needs no greatest age for that: no sandbox lives for as long as lies
    /// between two rotations by schedule.
    pub async fn fresh_login(
        &mut self,
        refused: &Credentials,
        deadline: &Deadline,
    ) -> Result<Option<Credentials>, String> {
        let Source::Arn(arn) = &self.login else {
            return Ok(None);
        };
        let now = Instant::now();
        if !self.login_kept.is_due(now) {
            return Ok(None);
        }
        let login = in_time(deadline, OPERATION, Box::pin(self.vault.login(arn))).await?;
        if is_same(&login, refused) {
            self.login_kept.same = Some(now);
            return Ok(None);
        }
        self.login_kept.same = None;
        Ok(Some(self.login_kept.value.insert(login).clone()))
    }
}

fn is_same(one: &Credentials, other: &Credentials) -> bool {
    one.username == other.username && one.password.expose_secret() == other.password.expose_secret()
}

/// What is read, unless the caller would have to wait too long for it.
async fn in_time<T>(
    deadline: &Deadline,
    most: Duration,
    reading: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    tokio::time::timeout(deadline.patience(most), reading)
        .await
        .unwrap_or_else(|_| Err("Secrets Manager did not answer in time".into()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_login_that_stayed_the_same_is_left_alone_for_thirty_seconds() {
        let mut kept = KeptLogin::default();
        let start = Instant::now();
        assert!(kept.is_due(start));
        kept.same = Some(start);
        assert!(!kept.is_due(start + REFRESH / 2));
        assert!(kept.is_due(start + REFRESH));
    }

    #[test]
    fn some_unknown_keys_at_once_and_then_one_in_thirty_seconds() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        let mut taken = |at: Duration| budget.take(start + at);
        assert!((0..BURST).all(|_| taken(Duration::ZERO)));
        assert!(!taken(REFRESH / 2));
        assert!(taken(REFRESH));
        assert!(!taken(REFRESH));
        // However long nobody came, no more than that.
        assert!((0..BURST).all(|_| taken(REFRESH * 100)));
        assert!(!taken(REFRESH * 100));
    }

    #[test]
    fn a_client_needs_credentials_and_a_region() {
        assert_eq!(
            client(&|_| None).err().unwrap(),
            "AWS_ACCESS_KEY_ID is not set"
        );
        assert!(client(&|name| Some(format!("http://127.0.0.1/{name}"))).is_ok());
    }
}
