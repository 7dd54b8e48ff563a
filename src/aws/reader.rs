//! What `find` reads with: the clients, the stack, and reads that several kinds share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use aws_sdk_apigateway::types;
use aws_sdk_cloudwatchlogs::types::LogGroup;
use aws_sdk_lambda::operation::get_alias::GetAliasOutput;
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_wafv2::types::{WebAcl, WebAclSummary};
use tokio::sync::OnceCell;

use super::Aws;
use crate::error::{Error, Result};
use crate::resources::Found;
use crate::resources::apigateway::versions::Versions;
use crate::resources::guardduty::detector::Detector;
use crate::resources::secretsmanager::logins::Login;
use crate::resources::securityhub::hub::SecurityHub;
use crate::resources::{ec2, kms};
use crate::stack::Stack;

/// One observation of the account. Shared reads are made once in it.
pub struct Reader {
    pub aws: Aws,
    pub stack: Stack,
    /// What the kinds of the network read together.
    pub network: ec2::Shared,
    pub gateway: Gateway,
    rest_api: OnceCell<Option<RestApiId>>,
    notes: Mutex<Vec<String>>,
    /// What Lambda says of the stack's functions, by logical name.
    pub functions: OnceCell<BTreeMap<&'static str, GetFunctionOutput>>,
    /// What it says of their aliases.
    pub aliases: OnceCell<BTreeMap<&'static str, GetAliasOutput>>,
    pub kms_keys: OnceCell<kms::Keys>,
    /// Every log group with the stack's name in its own.
    pub log_groups: OnceCell<Vec<LogGroup>>,
    /// The logical names of the secrets that are listed.
    pub secrets: OnceCell<BTreeSet<String>>,
    /// The database's logins, by logical name.
    pub logins: OnceCell<BTreeMap<String, Login>>,
    pub detectors: OnceCell<Vec<Found<Detector>>>,
    pub hub: OnceCell<Option<Found<SecurityHub>>>,
    /// The ACL in front of each of the API's stages, by the stage's ARN.
    pub web_acls: OnceCell<BTreeMap<String, WebAcl>>,
    /// The one with the stack's name, as it is listed.
    pub web_acl: OnceCell<Option<WebAclSummary>>,
}

/// What several kinds of the endpoint read, each of it once.
#[derive(Default)]
pub struct Gateway {
    apis: OnceCell<Vec<types::RestApi>>,
    pub keys: OnceCell<Vec<types::ApiKey>>,
    pub plans: OnceCell<Vec<types::UsagePlan>>,
    pub plan_keys: OnceCell<BTreeMap<String, Vec<String>>>,
    pub versions: OnceCell<BTreeMap<String, Versions>>,
    pub resources: OnceCell<Vec<types::Resource>>,
    pub stages: OnceCell<Vec<types::Stage>>,
}

/// The stack's REST API, which its children are listed by.
#[derive(Debug, Clone)]
pub struct RestApiId {
    pub id: String,
    pub api: types::RestApi,
}

impl Reader {
    pub fn new(aws: &Aws, stack: &Stack) -> Self {
        Self {
            aws: aws.clone(),
            stack: stack.clone(),
            network: ec2::Shared::default(),
            gateway: Gateway::default(),
            rest_api: OnceCell::new(),
            notes: Mutex::default(),
            functions: OnceCell::new(),
            aliases: OnceCell::new(),
            kms_keys: OnceCell::new(),
            log_groups: OnceCell::new(),
            secrets: OnceCell::new(),
            logins: OnceCell::new(),
            detectors: OnceCell::new(),
            hub: OnceCell::new(),
            web_acls: OnceCell::new(),
            web_acl: OnceCell::new(),
        }
    }

    /// Leaves a remark for the operator about what was read.
    pub fn note(&self, text: impl Into<String>) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.push(text.into());
    }

    /// What was remarked so far.
    pub fn notes(&self) -> Vec<String> {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.clone()
    }

    /// Every REST API of the account in the region.
    pub async fn rest_apis(&self) -> Result<&[types::RestApi]> {
        let read = || async {
            match self.aws.take_early() {
                Some(apis) => Ok(apis),
                None => super::rest_apis(&self.aws.apigateway).await,
            }
        };
        let apis = self.gateway.apis.get_or_try_init(read).await?;
        Ok(apis)
    }

    /// The REST API that carries the stack's tags.
    pub async fn rest_api(&self) -> Result<Option<&RestApiId>> {
        let found = self
            .rest_api
            .get_or_try_init(|| async {
                let mut ours: Vec<RestApiId> = Vec::new();
                for api in self.rest_apis().await? {
                    let tags = api.tags.clone().unwrap_or_default().into_iter().collect();
                    if self.stack.owns(&tags)
                        && let Some(id) = api.id.clone()
                    {
                        ours.push(RestApiId {
                            id,
                            api: api.clone(),
                        });
                    }
                }
                if ours.len() > 1 {
                    let ids: Vec<_> = ours.iter().map(|api| api.id.as_str()).collect();
                    return Err(Error::failed(format!(
                        "two REST APIs carry this stack's tags: {}",
                        ids.join(", ")
                    ))
                    .hint("delete the one that is not in use, or remove its wmctl: tags"));
                }
                Ok(ours.pop())
            })
            .await?;
        Ok(found.as_ref())
    }
}
