//! `wmctl call`

use std::process::ExitCode;

use clap::Args;
use serde_json::{Map, Value, json};

use super::Global;
use super::session::Session;
use crate::error::{Error, Result};
use crate::resources::secretsmanager::{self, content::key_in};

/// Call the endpoint with an intent, as the chatbot does
///
/// The API key is read from its secret. Where [api] allow_from lists roles and users, the call is
/// signed with your own credentials, and you must be one of them. The answer is printed as it came;
/// the exit code is 1 where it says `"success": false`.
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
        let endpoint = session.callable(&api_id)?;
        let key = key_in(&secretsmanager::value(&session.aws, secret).await?, secret)?;
        let printer = session.printer;
        let answer = endpoint.post(&key, &body).await;
        // Its signer may hold what the session waits for.
        drop(endpoint);
        session.close().await;
        let (status, text) = answer?;
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
}
