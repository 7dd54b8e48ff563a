//! The endpoint as the chatbot sees it.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::error::{Error, Kind, Result};
use crate::signer::Signer;

/// Where the chatbot calls.
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub url: String,
    /// The Host that it answers to, where it is not the URL's own.
    pub host: Option<String>,
    /// Where it asks who calls.
    pub signer: Option<Signer>,
}

impl Endpoint {
    /// Posts a call; the HTTP status and the answer.
    pub async fn post(&self, key: &SecretString, body: &Value) -> Result<(u16, String)> {
        let Self { url, host, signer } = self.clone();
        let (key, body) = (key.clone(), body.to_string());
        let signature = match signer {
            Some(signer) => {
                let headers = headers(&key, host.as_deref());
                signer.headers(&url, &headers, &body).await?
            }
            None => Vec::new(),
        };
        let call = move || {
            // What is on loopback is behind no proxy.
            let proxy = host.is_none().then(ureq::Proxy::try_from_env).flatten();
            let agent: ureq::Agent = ureq::Agent::config_builder()
                .proxy(proxy)
                .timeout_global(Some(Duration::from_secs(35)))
                .http_status_as_error(false)
                .build()
                .into();
            let mut request = agent.post(&url);
            for (name, value) in headers(&key, host.as_deref()) {
                request = request.header(name, value);
            }
            for (name, value) in signature {
                request = request.header(name, value);
            }
            let mut answer = request.send(body).map_err(|error| {
                Error::new(Kind::Access, format!("the endpoint {url} does not answer"))
                    .hint(
                        "`wmctl status` shows what is deployed; with --local, `wmctl local status`",
                    )
                    .because(error)
            })?;
            let text = answer
                .body_mut()
                .read_to_string()
                .map_err(|error| Error::new(Kind::Access, "the answer broke off").because(error))?;
            Ok((answer.status().as_u16(), text))
        };
        tokio::task::spawn_blocking(call)
            .await
            .map_err(|error| Error::failed("the call was aborted").because(error))?
    }
}

/// What is signed, where calls are, and sent.
fn headers<'a>(key: &'a SecretString, host: Option<&'a str>) -> Vec<(&'static str, &'a str)> {
    [
        ("Content-Type", "application/json"),
        ("x-api-key", key.expose_secret()),
    ]
    .into_iter()
    .chain(host.map(|host| ("Host", host)))
    .collect()
}
