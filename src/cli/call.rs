//! `wmctl call`

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Global;
use super::session::Session;
use crate::error::{Error, Kind, Result};
use crate::resources::secretsmanager;

/// Call the endpoint with an intent, as the chatbot does
///
/// The API key is read from its secret. The answer is printed as it came; the exit code is 1
/// where it says `"success": false`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wmctl call get_traffic_summary
  wmctl call get_access_logs status_code=404 limit=10
  wmctl call store_access_log timestamp='2026-01-31 12:00:00' ip_address=192.0.2.1 \\
      method=GET endpoint=/login status_code=401

A value is read as JSON where it is a number, true, false, a list or a quoted string, and as text
otherwise.")]
pub struct Call {
    /// The intent, such as get_traffic_summary
    pub intent: String,

    /// Its parameters, as key=value
    #[arg(value_name = "KEY=VALUE")]
    pub params: Vec<String>,

    /// Which of [[api.keys]] to call with; the first where left out
    #[arg(long, value_name = "NAME")]
    pub key: Option<String>,
}

impl Call {
    pub async fn run(self, global: &Global) -> Result<ExitCode> {
        let body = json!({"intent": self.intent, "params": params(&self.params)?});
        let session = Session::open(global).await?;
        let keys = session.key_secrets();
        let (_, secret) = match &self.key {
            Some(wanted) => keys.iter().find(|(name, _)| name == wanted),
            None => keys.first(),
        }
        .ok_or_else(|| {
            let names: Vec<&str> = keys.iter().map(|(name, _)| name.as_str()).collect();
            Error::usage("no such API key").hint(format!("infra.toml has: {}", names.join(", ")))
        })?;
        let api_id = session.api_id().await?.ok_or_else(|| {
            Error::failed(format!(
                "the stack {} has no endpoint yet",
                session.stack.prefix()
            ))
            .hint("run `wmctl up` first")
        })?;
        let key = key(&secretsmanager::value(&session.aws, secret).await?, secret)?;
        let (url, host) = session.endpoint(&api_id);
        let printer = session.printer;
        session.close().await;
        let (status, text) = post(url, host, key, body).await?;
        printer.data(&text);
        let success =
            serde_json::from_str::<Value>(&text).is_ok_and(|answer| answer["success"] == true);
        Ok(if status == 200 && success {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

fn params(pairs: &[String]) -> Result<Map<String, Value>> {
    pairs
        .iter()
        .map(|pair| {
            let (name, value) = pair
                .split_once('=')
                .ok_or_else(|| Error::usage(format!("`{pair}` is not of the form key=value")))?;
            let json = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
            Ok((name.to_owned(), json))
        })
        .collect()
}

#[derive(Deserialize)]
struct StoredKey {
    api_key: SecretString,
}

fn key(stored: &SecretString, secret: &str) -> Result<SecretString> {
    // The parser's own message could quote the value.
    serde_json::from_str::<StoredKey>(stored.expose_secret())
        .map(|stored| stored.api_key)
        .map_err(|_| {
            Error::failed(format!("the secret {secret} holds no API key"))
                .hint("`wmctl up` writes it again")
        })
}

async fn post(
    url: String,
    host: Option<String>,
    key: SecretString,
    body: Value,
) -> Result<(u16, String)> {
    let call = move || {
        // What is on loopback is behind no proxy.
        let proxy = host.is_none().then(ureq::Proxy::try_from_env).flatten();
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .proxy(proxy)
            .timeout_global(Some(Duration::from_secs(35)))
            .http_status_as_error(false)
            .build()
            .into();
        let mut request = agent
            .post(&url)
            .header("Content-Type", "application/json")
            .header("x-api-key", key.expose_secret());
        if let Some(host) = host {
            request = request.header("Host", host);
        }
        let mut answer = request.send(body.to_string()).map_err(|error| {
            Error::new(Kind::Access, format!("the endpoint {url} does not answer"))
                .hint("`wmctl status` shows what is deployed; with --local, `wmctl local status`")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_json_where_they_read_as_json() {
        let pairs = [
            "limit=10",
            "ip=10.0.0.1",
            "types=[\"xss\"]",
            "user=\"42\"",
            "path=/a=b",
        ];
        let params = params(&pairs.map(str::to_owned)).unwrap();
        assert_eq!(
            Value::Object(params),
            json!({"limit": 10, "ip": "10.0.0.1", "types": ["xss"], "user": "42", "path": "/a=b"})
        );
    }

    #[test]
    fn a_malformed_secret_is_not_quoted() {
        let error = key(&SecretString::from("hunter2"), "a/b").unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}
