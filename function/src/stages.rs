//! A secret's versions and the labels on them, for rotation.

use std::collections::HashMap;

use aws_sdk_secretsmanager::error::ProvideErrorMetadata as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use crate::secrets::{Vault, explain, parse_login};
use crate::settings::Credentials;

pub const CURRENT: &str = "AWSCURRENT";
pub const PENDING: &str = "AWSPENDING";
pub const PREVIOUS: &str = "AWSPREVIOUS";

/// The labels by version.
#[derive(Debug, Default)]
pub struct Stages(HashMap<String, Vec<String>>);

impl Stages {
    /// The version that a label is on; each is on one at most.
    pub fn version(&self, label: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(_, labels)| labels.iter().any(|known| known == label))
            .map(|(version, _)| version.as_str())
    }

    pub fn has(&self, version: &str, label: &str) -> bool {
        self.labels(version).iter().any(|known| known == label)
    }

    /// A version's labels.
    pub fn labels(&self, version: &str) -> &[String] {
        self.0.get(version).map_or(&[], Vec::as_slice)
    }
}

impl Vault {
    pub async fn stages(&mut self, arn: &str) -> Result<Stages, String> {
        let call = self.client()?.describe_secret().secret_id(arn);
        let answer = call.send().await.map_err(|error| explain(&error))?;
        Ok(Stages(answer.version_ids_to_stages.unwrap_or_default()))
    }

    /// The pending login, of this version where one is named; `None` where there is none, or where
    /// the version has no value yet.
    pub async fn pending(
        &mut self,
        arn: &str,
        version: Option<&str>,
    ) -> Result<Option<Credentials>, String> {
        let call = self.client()?.get_secret_value().secret_id(arn);
        let call = call
            .version_stage(PENDING)
            .set_version_id(version.map(Into::into));
        match call.send().await {
            Ok(answer) => {
                let text = answer.secret_string.map(SecretString::from);
                text.as_ref().map(parse_login).transpose()
            }
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(explain(&error)),
        }
    }

    /// Gives a version its value, and makes it the pending one.
    pub async fn put_pending(
        &mut self,
        arn: &str,
        version: &str,
        login: &Credentials,
    ) -> Result<(), String> {
        let value = json!({
            "username": login.username,
            "password": login.password.expose_secret(),
        });
        let call = self.client()?.put_secret_value().secret_id(arn);
        call.client_request_token(version)
            .secret_string(value.to_string())
            .version_stages(PENDING)
            .send()
            .await
            .map(drop)
            .map_err(|error| explain(&error))
    }

    /// Takes a label from one version, and gives it to another where one is named.
    pub async fn move_label(
        &mut self,
        arn: &str,
        label: &str,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<(), String> {
        let call = self.client()?.update_secret_version_stage().secret_id(arn);
        call.version_stage(label)
            .set_remove_from_version_id(from.map(Into::into))
            .set_move_to_version_id(to.map(Into::into))
            .send()
            .await
            .map(drop)
            .map_err(|error| explain(&error))
    }
}
