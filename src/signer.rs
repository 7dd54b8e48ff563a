//! Signing calls of the endpoint, where it asks who calls: SigV4, with the operator's credentials.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use tokio::sync::Mutex;

use crate::error::{Error, Kind, Result};

/// The service that a request to an API of API Gateway is signed for.
const SERVICE: &str = "execute-api";
/// Credentials that end sooner are asked for anew.
const LEFT: Duration = Duration::from_mins(1);

#[derive(Debug, Clone)]
pub struct Signer {
    provider: SharedCredentialsProvider,
    region: String,
    /// Where they come from may ask a person, or a service that counts.
    held: Arc<Mutex<Option<Credentials>>>,
}

impl Signer {
    /// With the same credentials as the calls to AWS.
    pub fn new(config: &SdkConfig) -> Option<Self> {
        Some(Self {
            provider: config.credentials_provider()?,
            region: config.region()?.to_string(),
            held: Arc::default(),
        })
    }

    /// The headers to send beside these, all of which are signed, and with the body.
    pub async fn headers(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Vec<(String, String)>> {
        let credentials = self.credentials().await?;
        signed(
            &credentials,
            &self.region,
            url,
            headers,
            body,
            SystemTime::now(),
        )
        .map_err(|error| Error::new(Kind::Access, "the call could not be signed").because(error))
    }

    async fn credentials(&self) -> Result<Credentials> {
        let mut held = self.held.lock().await;
        let lasts = |credentials: &&Credentials| {
            let end = credentials.expiry();
            end.is_none_or(|end| end > SystemTime::now() + LEFT)
        };
        if let Some(credentials) = held.as_ref().filter(lasts) {
            return Ok(credentials.clone());
        }
        let new = self.provider.provide_credentials().await.map_err(|error| {
            Error::new(
                Kind::Access,
                "there are no credentials to sign the call with",
            )
            .because(error)
        })?;
        Ok(held.insert(new).clone())
    }
}

fn signed(
    credentials: &Credentials,
    region: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
    time: SystemTime,
) -> Result<Vec<(String, String)>, Box<dyn std::error::Error + Send + Sync>> {
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(SERVICE)
        .time(time)
        .settings(SigningSettings::default())
        .build()?
        .into();
    let body = SignableBody::Bytes(body.as_bytes());
    let request = SignableRequest::new("POST", url, headers.iter().copied(), body)?;
    let (instructions, _) = sign(request, &params)?.into_parts();
    Ok(instructions
        .headers()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The signature was computed by the steps of AWS's documentation, with another program.
    #[test]
    fn host_key_token_and_body_are_signed_for_execute_api() {
        let token = Some("token".to_owned());
        let credentials = Credentials::from_keys("AKID", "secret", token);
        let host = "abc.execute-api.us-east-1.amazonaws.com";
        let headers = signed(
            &credentials,
            "us-east-1",
            &format!("https://{host}/prod/chatbot"),
            &[("Content-Type", "application/json"), ("x-api-key", "k1")],
            r#"{"intent":"x"}"#,
            // Noon of 28 November 2025.
            SystemTime::UNIX_EPOCH + Duration::from_hours(490_092),
        );
        let authorization = "AWS4-HMAC-SHA256 \
             Credential=AKID/20251128/us-east-1/execute-api/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-api-key, \
             Signature=70921abd549a1bcfe404831eb53647657f213bede57f636dac4dd586f37ba9c3";
        let mut headers = headers.unwrap();
        headers.sort();
        let wanted = [
            ("authorization", authorization),
            ("x-amz-date", "20251128T120000Z"),
            ("x-amz-security-token", "token"),
        ];
        assert_eq!(
            headers,
            wanted.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }
}
