//! The account: clients, what they share, and reading it.

mod failure;
mod http;
mod once;
pub mod patience;
pub mod purpose;
mod reader;
#[cfg(test)]
pub(crate) mod scripted;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_apigateway::types::RestApi;

pub use failure::{During, Failure, Optional};
pub use http::Calls;
pub use reader::{Reader, RestApiId};

use self::once::Once;
use crate::error::{Error, Kind, Result};
use crate::events::Events;
use crate::signer::Signer;

/// Which cloud the calls go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Aws,
    /// The project's own local cloud, at this URL.
    Local(String),
    /// Something else that speaks AWS's API, at this URL.
    Endpoint(String),
}

impl Target {
    pub fn url(&self) -> Option<&str> {
        match self {
            Target::Aws => None,
            Target::Local(url) | Target::Endpoint(url) => Some(url),
        }
    }

    pub fn is_aws(&self) -> bool {
        *self == Target::Aws
    }
}

/// One client for each service, over one HTTP connection pool.
#[derive(Clone)]
pub struct Aws {
    pub target: Target,
    pub emulator: Option<Emulator>,
    pub account: String,
    /// Who the credentials belong to.
    pub caller: String,
    /// Signs with them what is no call of AWS's API.
    pub signer: Option<Signer>,
    pub calls: Arc<Calls>,
    /// The account's REST APIs, read while the caller's identity was asked for: nothing leads to
    /// more reads, one behind the other.
    early: Arc<Mutex<Option<Vec<RestApi>>>>,
    pub apigateway: aws_sdk_apigateway::Client,
    pub cloudtrail: aws_sdk_cloudtrail::Client,
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    pub ec2: aws_sdk_ec2::Client,
    pub events: aws_sdk_eventbridge::Client,
    pub guardduty: aws_sdk_guardduty::Client,
    pub iam: aws_sdk_iam::Client,
    pub kms: aws_sdk_kms::Client,
    pub lambda: aws_sdk_lambda::Client,
    pub logs: aws_sdk_cloudwatchlogs::Client,
    pub rds: aws_sdk_rds::Client,
    pub s3: aws_sdk_s3::Client,
    pub secrets: aws_sdk_secretsmanager::Client,
    pub securityhub: aws_sdk_securityhub::Client,
    pub sns: aws_sdk_sns::Client,
    pub waf: aws_sdk_wafv2::Client,
}

/// An emulator that is known to lose some of what it is told, see `gaps`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Emulator {
    MiniStack,
    Moto,
    Other,
}

/// How to reach the account.
#[derive(Debug, Clone)]
pub struct Access {
    pub target: Target,
    pub region: String,
    pub profile: Option<String>,
}

impl Aws {
    /// Makes the clients and asks whose credentials they have: the first call, so that wrong
    /// credentials, a wrong region and a missing network show before anything else is tried.
    pub async fn connect(access: &Access, events: &Events) -> Result<Self> {
        let calls = Arc::new(Calls::default());
        let config = sdk_config(access, calls.clone(), events).await;
        // Nothing is under way yet that patience could save.
        let sts = aws_sdk_sts::config::Builder::from(&config)
            .retry_config(RetryConfig::standard().with_max_attempts(2))
            .build();
        let sts = aws_sdk_sts::Client::from_conf(sts);
        let gateway = aws_sdk_apigateway::Client::new(&config);
        // On their way while the other clients are made.
        let identity = spawn(async move {
            let identity = sts.get_caller_identity().send().await;
            identity.during("GetCallerIdentity", "the account")
        });
        let early = spawn(async move { Ok(rest_apis(&gateway).await.ok()) });
        let url = access.target.url().map(str::to_owned);
        let emulator = spawn(async move {
            match url {
                Some(url) => detect(&url).await.map(Some),
                None => Ok(None),
            }
        });
        let clients = Self::with(&config, access.target.clone(), calls);
        let (emulator, identity, early) = tokio::try_join!(emulator, identity, early)?;
        clients.put_early(early);
        Ok(Self {
            emulator,
            account: identity.account.unwrap_or_default(),
            caller: identity.arn.unwrap_or_default(),
            ..clients
        })
    }

    fn put_early(&self, apis: Option<Vec<RestApi>>) {
        *self.early.lock().unwrap_or_else(PoisonError::into_inner) = apis;
    }

    /// What the first look need not ask for again.
    fn take_early(&self) -> Option<Vec<RestApi>> {
        let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
        early.take()
    }

    /// The clients, for an account that is not known yet.
    fn with(config: &SdkConfig, target: Target, calls: Arc<Calls>) -> Self {
        // An emulator's host has no name for each bucket.
        let by_path = !target.is_aws();
        // Each service has a configuration of its own type.
        macro_rules! client {
            ($service:ident $(. $setting:ident ($value:expr))*) => {
                $service::Client::from_conf(
                    $service::config::Builder::from(config)
                        .retry_classifier(Once)
                        $(.$setting($value))*
                        .build(),
                )
            };
        }
        Self {
            target,
            emulator: None,
            account: String::new(),
            caller: String::new(),
            signer: Signer::new(config),
            calls,
            early: Arc::default(),
            apigateway: client!(aws_sdk_apigateway),
            cloudtrail: client!(aws_sdk_cloudtrail),
            cloudwatch: client!(aws_sdk_cloudwatch),
            ec2: client!(aws_sdk_ec2),
            events: client!(aws_sdk_eventbridge),
            guardduty: client!(aws_sdk_guardduty),
            iam: client!(aws_sdk_iam),
            kms: client!(aws_sdk_kms),
            lambda: client!(aws_sdk_lambda),
            logs: client!(aws_sdk_cloudwatchlogs),
            rds: client!(aws_sdk_rds),
            s3: client!(aws_sdk_s3.force_path_style(by_path)),
            secrets: client!(aws_sdk_secretsmanager),
            securityhub: client!(aws_sdk_securityhub),
            sns: client!(aws_sdk_sns),
            waf: client!(aws_sdk_wafv2),
        }
    }
}

/// Begins at once, whatever the caller does until it waits for the end.
fn spawn<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> impl Future<Output = Result<T>> {
    let task = tokio::spawn(work);
    async {
        let ended = task.await;
        ended.map_err(|error| Error::failed("a task was cut off").because(error))?
    }
}

/// Every REST API of the account in the region.
async fn rest_apis(gateway: &aws_sdk_apigateway::Client) -> Result<Vec<RestApi>> {
    let pages = gateway.get_rest_apis().limit(500).into_paginator();
    let apis = pages.items().send().collect::<Result<Vec<_>, _>>().await;
    apis.during("GetRestApis", "the account")
}

/// The SDK's own retries, of throttling and of passing faults.
fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(6)
        .with_max_backoff(Duration::from_secs(20))
}

async fn sdk_config(access: &Access, calls: Arc<Calls>, events: &Events) -> SdkConfig {
    let url = access.target.url();
    let plain = url.is_some_and(|url| url.starts_with("http://"));
    let client = http::client(calls, events.clone(), access.target.is_aws(), plain);
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new(access.region.clone()))
        .http_client(client)
        .retry_config(retries())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(5))
                .operation_attempt_timeout(Duration::from_secs(90))
                .build(),
        );
    if let Some(profile) = &access.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = url {
        loader = loader.endpoint_url(url);
        // An emulator takes any credentials, so none need be set up for one on this machine.
        let given = access.profile.is_some() || std::env::var_os("AWS_ACCESS_KEY_ID").is_some();
        if matches!(access.target, Target::Local(_)) || !given {
            loader = loader.credentials_provider(Credentials::from_keys("test", "test", None));
        }
    }
    loader.load().await
}

/// Bytes.
const PAGE: usize = 4096;

/// How often an endpoint is asked that takes the question and gives no answer. One that has just
/// started on a busy machine can leave the first question lying for seconds.
const QUESTIONS: usize = 6;

/// Whether another question may be answered: the last one was lost, and not for want of a listener.
fn is_lost(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Timeout(at) => *at != ureq::Timeout::Connect,
        ureq::Error::Io(error) => error.kind() != std::io::ErrorKind::ConnectionRefused,
        _ => false,
    }
}

/// Asks an endpoint which emulator it is, by the page that each serves about itself.
async fn detect(url: &str) -> Result<Emulator> {
    let base = url.trim_end_matches('/').to_owned();
    let probe = move || {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .proxy(None)
            .timeout_connect(Some(Duration::from_secs(3)))
            .timeout_global(Some(Duration::from_secs(5)))
            .http_status_as_error(false)
            // The pages are small, and room for more takes time to clear.
            .input_buffer_size(PAGE)
            .output_buffer_size(PAGE)
            .build()
            .into();
        let serves = |path: &str| {
            let ask = || {
                let answer = agent.get(format!("{base}{path}")).call()?;
                Ok(answer.status().is_success())
            };
            let again = |answer: &std::result::Result<_, _>| answer.as_ref().is_err_and(is_lost);
            (1..QUESTIONS).fold(
                ask(),
                |answer, _| if again(&answer) { ask() } else { answer },
            )
        };
        Ok(if serves("/_ministack/health")? {
            Emulator::MiniStack
        } else if serves("/moto-api/config")? {
            Emulator::Moto
        } else {
            Emulator::Other
        })
    };
    tokio::task::spawn_blocking(probe)
        .await
        .map_err(|error| Error::failed("the endpoint could not be probed").because(error))?
        .map_err(|error: ureq::Error| {
            Error::new(Kind::Access, format!("nothing answers at {url}"))
                .hint("with --local: `wmctl local start`; otherwise check --endpoint-url")
                .because(error)
        })
}
