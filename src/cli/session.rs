//! What commands share: the configuration, the account, and what is wanted and found in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures::FutureExt;
use futures::future::BoxFuture;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::view::View;
use super::{Global, Skip};
use crate::artifact;
use crate::aws::{Access, Aws, Reader, Target};
use crate::config::{self, Config, Port};
use crate::endpoint::Endpoint;
use crate::error::{Error, Kind, Result};
use crate::events::Events;
use crate::gaps::Gaps;
use crate::local::Local;
use crate::object::{Id, Ids};
use crate::permissions::Place;
use crate::permissions::ask::{ask, needed};
use crate::plan::{self, Plan};
use crate::principal;
use crate::report::{Printer, Progress};
use crate::resources::lambda::version::FunctionVersion;
use crate::resources::{self, DatabaseServer, Kinds, Options, Resource};
use crate::stack::Stack;

/// One command at work.
pub struct Session {
    pub printer: Printer,
    pub base: PathBuf,
    pub config: Config,
    pub local: Option<Local>,
    pub aws: Aws,
    pub stack: Stack,
    pub kinds: Kinds,
    pub options: Options,
    pub gaps: Gaps,
    pub events: Events,
    /// Whether a person has seen the plan that is carried out, and agreed to that one.
    pub watched: bool,
    skip_permissions: bool,
    progress: Progress,
}

impl Session {
    /// Reads infra.toml and connects to the account that it is for.
    pub async fn open(global: &Global) -> Result<Self> {
        let mut config = config::load(&global.config)?;
        let base = base(&global.config)?;
        let printer = global.printer();
        let (events, receiver) = Events::channel();
        let progress = Progress::draw(receiver, printer);
        let local = global.local.then(|| Local::open(&base)).transpose()?;
        let target = match (&local, &global.endpoint_url) {
            (Some(local), _) => Target::Local(local.endpoint_url()),
            (None, Some(url)) => Target::Endpoint(url.clone()),
            (None, None) => Target::Aws,
        };
        if let Some(local) = &local {
            config.database.port = Port(local.database_port());
        }
        if !target.is_aws() {
            config.function.architecture = artifact::native_architecture()?;
        }
        let access = Access {
            target,
            region: config.stack.region.clone(),
            profile: global.profile.clone(),
        };
        let aws = Aws::connect(&access, &events).await?;
        let stack = Stack::new(&config, &aws.account);
        let gaps = Gaps::of(aws.emulator);
        Ok(Self {
            printer,
            base,
            config,
            local,
            aws,
            stack,
            kinds: resources::all().without(&gaps.missing()),
            options: Options {
                skip_migrate: global.skip.contains(&Skip::Migrate),
                skip_health: global.skip.contains(&Skip::Health),
                ..Options::default()
            },
            gaps,
            events,
            watched: !global.yes,
            skip_permissions: global.skip.contains(&Skip::Permissions),
            progress,
        })
    }

    /// Waits until all that happened has been drawn.
    pub async fn close(self) {
        let Self {
            events,
            progress,
            aws,
            ..
        } = self;
        drop((events, aws));
        progress.finish().await;
    }

    /// What it takes to bring the account to infra.toml, and to take over what `adopt` names.
    pub fn plan(&self, view: &View, adopt: &Ids) -> Result<Plan> {
        if let Some(error) = view.unfit.take() {
            return Err(error);
        }
        let request = plan::Request {
            wanted: view.wanted.clone(),
            existing: view.existing.clone(),
            adopt: adopt.clone(),
            keep: BTreeMap::from([(
                FunctionVersion::KIND.to_owned(),
                self.config.function.keep_versions as usize,
            )]),
        };
        plan::up(&self.kinds, request, view.found.clone(), &self.gaps)
    }

    /// Refuses where IAM says that the caller lacks a permission that the plan takes.
    pub async fn permitted(&self, plan: &Plan) -> Result<()> {
        if self.skip_permissions {
            return Ok(());
        }
        let place = Place {
            stack: &self.stack,
            config: &self.config,
        };
        let needed = needed(&self.kinds, plan);
        ask(&self.aws, &place, &needed, &self.events).await
    }

    /// Asks before anything changes, unless `--yes` was given.
    pub fn confirm(&self, question: &str) -> Result<()> {
        if !self.watched {
            return Ok(());
        }
        match self.printer.ask(question) {
            Some(true) => Ok(()),
            Some(false) => Err(Error::new(
                Kind::Refused,
                "not confirmed; nothing was changed",
            )),
            None => Err(
                Error::usage("there is no terminal to ask on; nothing was changed")
                    .hint("add --yes to go ahead without a question"),
            ),
        }
    }

    /// Whether deleting the database leaves a last snapshot of it. An emulator's holds nothing.
    pub fn takes_last_snapshot(&self) -> bool {
        self.aws.emulator.is_none() && !self.options.skip_final_snapshot
    }

    /// Where the calls go, in words: account and region are what an operator must not mistake.
    pub fn place(&self) -> String {
        let region = &self.stack.region;
        match &self.aws.target {
            Target::Aws => format!(
                "AWS account {}, {region}, as {}",
                self.stack.account, self.aws.caller
            ),
            Target::Local(url) => format!("the local cloud at {url}, {region}"),
            Target::Endpoint(url) => format!("{url}, account {}, {region}", self.stack.account),
        }
    }

    /// The head of every JSON document.
    pub fn document(&self) -> Value {
        json!({
            "version": 1,
            "stack": self.stack.name,
            "environment": self.stack.environment,
            "account": self.stack.account,
            "region": self.stack.region,
            "target": self.aws.target.url().unwrap_or("aws"),
        })
    }

    /// The same with where the chatbot calls, and the secrets that hold its keys.
    pub fn endpoint_document(&self, endpoint: Option<&(String, Option<String>)>) -> Value {
        let mut document = self.document();
        document["endpoint"] = json!(endpoint.map(|(url, _)| url));
        document["host"] = json!(endpoint.and_then(|(_, host)| host.as_ref()));
        document["api_keys"] = self
            .key_secrets()
            .iter()
            .map(|(name, secret)| json!({"name": name, "secret": secret}))
            .collect();
        document
    }

    pub fn database_server(&self) -> Option<&dyn DatabaseServer> {
        self.local
            .as_ref()
            .map(|local| local as &dyn DatabaseServer)
    }

    /// The secrets that hold the API keys' values: name of the key, name of the secret.
    pub fn key_secrets(&self) -> Vec<(String, String)> {
        let keys = self.config.api.keys.iter();
        keys.map(|key| {
            let secret = self.stack.secret_name(&format!("api-key-{}", key.name));
            (key.name.clone(), secret)
        })
        .collect()
    }

    /// The endpoint's URL and, where it is not the URL's own, the Host that it answers to.
    pub fn endpoint(&self, api_id: &str) -> (String, Option<String>) {
        let (stage, path) = (&self.config.api.stage, &self.config.api.path);
        if let Some(local) = &self.local {
            let (url, host) = local.execute_api_url(api_id, stage, path);
            return (url, Some(host));
        }
        if let Some(url) = self.aws.target.url() {
            let base = url.trim_end_matches('/');
            let port = base.rsplit(':').next().unwrap_or("80");
            let host = format!("{api_id}.execute-api.localhost:{port}");
            return (format!("{base}/{stage}{path}"), Some(host));
        }
        let region = &self.stack.region;
        let suffix = if self.stack.partition() == "aws-cn" {
            ".cn"
        } else {
            ""
        };
        let host = format!("{api_id}.execute-api.{region}.amazonaws.com{suffix}");
        (format!("https://{host}/{stage}{path}"), None)
    }

    /// The endpoint as the operator calls it. Refused where it asks who calls and would not have
    /// them; the local cloud's knows nobody.
    pub fn callable(&self, api_id: &str) -> Result<Endpoint> {
        let (url, host) = self.endpoint(api_id);
        let principals = self.config.api.principals();
        let caller = &self.aws.caller;
        let listed = principals.iter().any(|one| principal::is(one, caller));
        if !(principals.is_empty() || listed || self.local.is_some()) {
            return Err(Error::new(
                Kind::Refused,
                format!(
                    "you are {caller}, which [api] allow_from does not list; nothing was called"
                ),
            )
            .hint("call as one that it lists, for example with --profile")
            .hint("or add the ARN of your role or user to it, and run `wmctl up`"));
        }
        let signer = self.aws.signer.clone();
        Ok(Endpoint {
            url,
            host,
            signer: signer.filter(|_| !principals.is_empty()),
        })
    }

    /// The id of the stack's REST API.
    pub async fn api_id(&self) -> Result<Option<String>> {
        let reader = Reader::new(&self.aws, &self.stack);
        Ok(reader.rest_api().await?.map(|api| api.id.clone()))
    }
}

/// The directory that infra.toml's paths start from.
pub fn base(config: &Path) -> Result<PathBuf> {
    let config = std::path::absolute(config)
        .map_err(|error| Error::environment("the current directory is gone").because(error))?;
    Ok(config.parent().unwrap_or(Path::new("/")).to_path_buf())
}

/// The API's definition, which its models and validators come from.
pub fn contract(base: &Path, config: &Config) -> Result<Value> {
    let path = base.join(&config.api.contract);
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Error::usage(format!("cannot read {}", path.display())).because(error))?;
    serde_json::from_str(&text)
        .map_err(|error| Error::usage(format!("{} is not JSON", path.display())).because(error))
}

/// `kind/name`, or `kind/*` for all of a kind: for options that name objects.
pub fn parse_ids(texts: &[String]) -> Result<Ids> {
    texts
        .iter()
        .map(|text| {
            Id::parse(text).ok_or_else(|| {
                Error::usage(format!("`{text}` names no object"))
                    .hint("objects are named as the plan shows them, such as db-instance/main")
            })
        })
        .collect()
}

impl DatabaseServer for Local {
    fn provision<'a>(
        &'a self,
        database: &'a str,
        administrator: &'a str,
        password: &'a SecretString,
    ) -> BoxFuture<'a, Result<()>> {
        self.provision_database(database, administrator, password)
            .boxed()
    }

    fn remove<'a>(
        &'a self,
        database: &'a str,
        administrator: &'a str,
    ) -> BoxFuture<'a, Result<()>> {
        self.drop_database(database, administrator).boxed()
    }
}
