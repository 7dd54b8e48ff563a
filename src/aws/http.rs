//! The one way to the network: counts calls, shows them with `-v`, and keeps to the pace that
//! AWS's control planes allow.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

use super::{once, purpose};
use crate::events::{Event, Events};

/// After this long without a call, a connection is not used again. A server drops one that idles,
/// a load balancer after a minute, and a call sent at that moment is lost: one that creates
/// something could not be repeated. A build in the middle of a run makes such a pause.
const IDLE: Duration = Duration::from_secs(20);

/// How many calls went out.
#[derive(Debug, Default)]
pub struct Calls(AtomicU64);

impl Calls {
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A client that counts into `calls`; `paced` keeps AWS's control-plane rates. Where nothing is
/// encrypted, this system's certificates need not be read: that takes longer than many a call.
pub fn client(calls: Arc<Calls>, events: Events, paced: bool, plain: bool) -> SharedHttpClient {
    let builder = Builder::new().pool_idle_timeout(IDLE);
    let inner = if plain {
        builder.build_http()
    } else {
        builder
            .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
            .build_https()
    };
    around(inner, calls, events, paced)
}

/// The same around a client that is there.
pub(super) fn around(
    inner: SharedHttpClient,
    calls: Arc<Calls>,
    events: Events,
    paced: bool,
) -> SharedHttpClient {
    SharedHttpClient::new(Client {
        inner,
        shared: Arc::new(Shared {
            calls,
            events,
            paces: paced.then(paces),
        }),
    })
}

#[derive(Debug)]
struct Client {
    inner: SharedHttpClient,
    shared: Arc<Shared>,
}

struct Shared {
    calls: Arc<Calls>,
    events: Events,
    paces: Option<Vec<Pace>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl HttpClient for Client {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            inner: self.inner.http_connector(settings, components),
            shared: self.shared.clone(),
        })
    }
}

#[derive(Debug)]
struct Connector {
    inner: SharedHttpConnector,
    shared: Arc<Shared>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let name = describe(&request);
        let purpose = purpose::shown();
        let inner = self.inner.clone();
        let shared = self.shared.clone();
        HttpConnectorFuture::new(async move {
            if let Some(paces) = &shared.paces {
                for pace in paces.iter().filter(|pace| (pace.applies)(&name)) {
                    pace.wait().await;
                }
            }
            shared.calls.0.fetch_add(1, Ordering::Relaxed);
            let started = Instant::now();
            let answer = if once::creates(&name) {
                once::send(inner, request).await
            } else {
                inner.call(request).await
            };
            let outcome = match &answer {
                Ok(response) => response.status().as_u16().to_string(),
                Err(_) => "no answer".to_owned(),
            };
            shared.events.send(Event::Detail(format!(
                "{name} → {outcome} in {} ms{purpose}",
                started.elapsed().as_millis()
            )));
            answer
        })
    }
}

/// Service and operation, as far as the request tells without its body, which may be secret.
pub(super) fn describe(request: &HttpRequest) -> String {
    let uri = request.uri();
    let (authority, path) = uri
        .split_once("://")
        .map_or(uri, |(_, rest)| rest)
        .split_once('/')
        .unwrap_or((uri, ""));
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let service = signing_service(request).unwrap_or(authority);
    if let Some(target) = request.headers().get("x-amz-target") {
        return format!("{service} {target}");
    }
    if let Some(action) = form_action(request) {
        return format!("{service} {action}");
    }
    let part = subresource(service, query);
    format!("{service} {} /{path}{part}", request.method())
}

/// `?versioning`: S3 tells its operations apart by a parameter without a value.
fn subresource(service: &str, query: &str) -> String {
    let mut parameters = query
        .split('&')
        .map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
    let bare = parameters.find(|(name, value)| !name.is_empty() && value.is_empty());
    match bare {
        Some((name, _)) if service == "s3" => format!("?{name}"),
        _ => String::new(),
    }
}

/// The service in the signature's scope: all services of an emulator share one address.
fn signing_service(request: &HttpRequest) -> Option<&str> {
    let scope = request
        .headers()
        .get("authorization")?
        .split("Credential=")
        .nth(1)?;
    scope.split('/').nth(3)
}

/// The action of a query-protocol call; nothing else of its body is looked at.
fn form_action(request: &HttpRequest) -> Option<String> {
    let body = std::str::from_utf8(request.body().bytes()?).ok()?;
    let action = body.strip_prefix("Action=")?.split('&').next()?;
    Some(action.to_owned())
}

/// How often operations may be called: so many at once, and then one every `interval`.
struct Pace {
    applies: fn(&str) -> bool,
    interval: Duration,
    burst: u32,
    /// When the calls let through so far will have been paid for at one every `interval`.
    paid: Mutex<Option<Instant>>,
}

impl Pace {
    fn new(interval_ms: u64, burst: u32, applies: fn(&str) -> bool) -> Self {
        Self {
            applies,
            interval: Duration::from_millis(interval_ms),
            burst,
            paid: Mutex::new(None),
        }
    }

    async fn wait(&self) {
        let slot = self.slot(&mut *self.paid.lock().await, Instant::now());
        sleep_until(slot).await;
    }

    /// When a call that is to be made now may be made.
    fn slot(&self, paid: &mut Option<Instant>, now: Instant) -> Instant {
        let start = paid.unwrap_or(now).max(now);
        *paid = Some(start + self.interval);
        let ahead = self.interval * self.burst.saturating_sub(1);
        start.checked_sub(ahead).unwrap_or(now).max(now)
    }
}

/// API Gateway's fixed quotas per account and region: 10 calls a second and 40 at once for all
/// operations together, and some that are far slower.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>
fn paces() -> Vec<Pace> {
    /// Whether this is a call with this method on a path of these segments; `*` is any one.
    fn is(name: &str, method: &str, path: &str) -> bool {
        let call = name
            .strip_prefix("apigateway ")
            .and_then(|rest| rest.strip_prefix(method))
            .and_then(|rest| rest.strip_prefix(" /"));
        call.is_some_and(|call| {
            let (call, path) = (call.split('/'), path.split('/'));
            call.clone().count() == path.clone().count()
                && call
                    .zip(path)
                    .all(|(is, wanted)| wanted == "*" || is == wanted)
        })
    }
    vec![
        Pace::new(100, 40, |name| name.starts_with("apigateway ")),
        Pace::new(3_000, 1, |name| is(name, "POST", "restapis")),
        Pace::new(30_000, 1, |name| is(name, "DELETE", "restapis/*")),
        Pace::new(5_000, 1, |name| is(name, "POST", "restapis/*/deployments")),
        Pace::new(200, 5, |name| {
            is(name, "POST", "restapis/*/resources/*")
                || is(name, "DELETE", "restapis/*/resources/*")
        }),
        Pace::new(400, 5, |name| is(name, "GET", "restapis/*/resources")),
        Pace::new(200, 5, |name| {
            is(name, "POST", "apikeys") || is(name, "DELETE", "apikeys/*")
        }),
        Pace::new(20_000, 1, |name| is(name, "PATCH", "usageplans/*")),
        Pace::new(20_000, 1, |name| is(name, "PATCH", "account")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slowest(name: &str) -> u128 {
        paces()
            .iter()
            .filter(|pace| (pace.applies)(name))
            .map(|pace| pace.interval.as_millis())
            .max()
            .unwrap_or_default()
    }

    #[test]
    fn slow_operations_get_their_documented_pace() {
        assert_eq!(slowest("apigateway POST /restapis"), 3_000);
        assert_eq!(slowest("apigateway DELETE /restapis/abc"), 30_000);
        assert_eq!(slowest("apigateway DELETE /restapis/abc/models/x"), 100);
        assert_eq!(slowest("apigateway POST /restapis/abc/deployments"), 5_000);
        assert_eq!(slowest("apigateway GET /restapis/abc/deployments"), 100);
        assert_eq!(slowest("apigateway POST /restapis/abc/resources/x"), 200);
        assert_eq!(slowest("apigateway GET /restapis/abc/resources"), 400);
        assert_eq!(slowest("apigateway POST /apikeys"), 200);
        assert_eq!(slowest("apigateway PATCH /usageplans/abc"), 20_000);
        assert_eq!(slowest("apigateway PATCH /account"), 20_000);
        assert_eq!(slowest("apigateway GET /usageplans"), 100);
        assert_eq!(slowest("ec2 CreateVpc"), 0);
    }

    #[test]
    fn a_burst_goes_through_and_what_follows_is_paced() {
        let (mut paid, start) = (None, Instant::now());
        let waits = |pace: &Pace, paid: &mut Option<Instant>, now, calls: usize| {
            let slots = (0..calls).map(|_| pace.slot(paid, now) - now);
            slots.map(|wait| wait.as_millis()).collect::<Vec<_>>()
        };
        let pace = Pace::new(100, 3, |_| true);
        assert_eq!(waits(&pace, &mut paid, start, 6), [0, 0, 0, 100, 200, 300]);
        // A rest pays for another burst, and however long it is, not for more than one.
        let later = start + Duration::from_mins(1);
        assert_eq!(waits(&pace, &mut paid, later, 5), [0, 0, 0, 100, 200]);
        let single = Pace::new(100, 1, |_| true);
        assert_eq!(waits(&single, &mut None, start, 3), [0, 100, 200]);
    }
}
