//! What a command looks at: what infra.toml asks for, and what the account has.

use std::cell::RefCell;
use std::time::SystemTime;

use include_dir::{Dir, include_dir};

use super::session::{Session, contract};
use crate::artifact::{self, Artifacts, Request};
use crate::aws::During;
use crate::checks::Facts;
use crate::error::{Error, Result};
use crate::object::{Id, Known, Object, Wanted};
use crate::observe::observe;
use crate::permissions::{ALL, Grant, allow};
use crate::resources::ec2::zones::zones;
use crate::resources::lambda::schema::Schema;
use crate::resources::secretsmanager::age;
use crate::resources::{self, Resource, Scope};
use crate::rotation;
use crate::rotation::age::{Age, ages};

/// What is read beside the objects.
pub const READS: &[Grant] = &[
    allow(
        &["ec2:DescribeAvailabilityZones", "lambda:GetAccountSettings"],
        ALL,
    ),
    allow(&["apigateway:GET"], &["apigateway:/restapis"]),
];

/// The authorities that sign RDS certificates, by region.
static RDS_CERTIFICATES: Dir = include_dir!("$CARGO_MANIFEST_DIR/certs/rds");

/// What infra.toml asks for and what the account has.
pub struct View {
    pub wanted: Vec<Wanted>,
    pub found: Vec<Object>,
    /// What infra.toml names and somebody else keeps.
    pub existing: Known,
    /// Why something of that cannot be used: nothing can be planned then but to take all down.
    pub unfit: RefCell<Option<Error>>,
    /// What the operator should know of the account.
    pub notes: Vec<String>,
    /// Somebody changes the stack, or was cut off doing it.
    pub leased: bool,
    pub artifacts: Artifacts,
    pub facts: Facts,
}

/// Whether the function is built where its sources have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    IfChanged,
    /// Take the last build if it still holds; otherwise the code's hash is unknown.
    Never,
}

impl Session {
    /// Reads the account and builds what is wanted of it, both at once.
    pub async fn view(&self, build: Build) -> Result<View> {
        let view = self.look(self.artifacts(build)).await?;
        for note in &view.notes {
            self.events.note(note);
        }
        Ok(view)
    }

    /// Reads the account once more, for the artifacts of an earlier look.
    pub async fn look_again(&self, artifacts: Artifacts) -> Result<View> {
        self.look(std::future::ready(Ok(artifacts))).await
    }

    async fn look(&self, artifacts: impl Future<Output = Result<Artifacts>>) -> Result<View> {
        // The calls are on their way while files are looked at.
        let (observed, facts, contract, artifacts) = tokio::try_join!(
            observe(&self.kinds, &self.aws, &self.stack, &self.config),
            self.facts(),
            async { contract(&self.base, &self.config) },
            artifacts,
        )?;
        let zones = zones(&self.aws, &self.config, &observed.objects).await?;
        let scope = Scope {
            config: &self.config,
            stack: &self.stack,
            artifacts: &artifacts,
            contract: &contract,
            zones: &zones,
        };
        let mut wanted = Vec::new();
        for kind in self.kinds.iter() {
            wanted.extend(kind.wanted(&scope)?);
        }
        let every = resources::all();
        for kind in every.iter() {
            if self.kinds.get(kind.name()).is_none() && !kind.wanted(&scope)?.is_empty() {
                self.gaps.lack(kind.name());
            }
        }
        let skipped = |id: &Id| self.options.skip_migrate && id.kind == Schema::KIND;
        wanted.retain(|wanted| !skipped(&wanted.id));
        let mut notes = observed.notes;
        let ages = ages(&self.config, &observed.objects, rotation::now());
        notes.extend(ages.iter().filter_map(Age::warning));
        let days = self.config.database.rotate_after_days;
        let (aws, stack) = (&self.aws, &self.stack);
        let overdue = age::notes(aws, stack, &observed.objects, days, SystemTime::now());
        notes.extend(overdue.await?);
        let found = observed.objects.into_iter();
        Ok(View {
            wanted,
            found: found.filter(|object| !skipped(&object.id)).collect(),
            existing: observed.existing,
            unfit: RefCell::new(observed.unfit),
            notes,
            leased: observed.leased,
            artifacts,
            facts,
        })
    }

    async fn artifacts(&self, build: Build) -> Result<Artifacts> {
        let request = Request {
            base: &self.base,
            config: &self.config,
            native: !self.aws.target.is_aws(),
            database_ca: self.database_ca()?,
        };
        match build {
            Build::IfChanged => artifact::artifacts(&request, &self.events).await,
            Build::Never => artifact::last(&request),
        }
    }

    /// The authorities that the function trusts for the database's certificate.
    fn database_ca(&self) -> Result<Vec<u8>> {
        let configured = self.config.database.ca_file.as_ref();
        let file = match (&self.local, configured) {
            (Some(local), _) => local.ca_file(),
            (None, Some(file)) => self.base.join(file),
            (None, None) => {
                let region = &self.stack.region;
                return RDS_CERTIFICATES
                    .get_file(format!("{region}.pem"))
                    .map(|file| file.contents().to_vec())
                    .ok_or_else(|| {
                        Error::usage(format!("no RDS certificates for {region} are built in"))
                            .hint("download the region's bundle from AWS and name it in [database] ca_file")
                    });
            }
        };
        std::fs::read(&file).map_err(|error| {
            let error =
                Error::environment(format!("cannot read {}", file.display())).because(error);
            match self.local {
                Some(_) => error.hint("`wmctl local start` makes it"),
                None => error.hint("check [database] ca_file in infra.toml"),
            }
        })
    }

    async fn facts(&self) -> Result<Facts> {
        // Emulators have no quotas.
        if self.aws.emulator.is_some() {
            return Ok(Facts::default());
        }
        let settings = self
            .aws
            .lambda
            .get_account_settings()
            .send()
            .await
            .during("GetAccountSettings", "the account")?;
        Ok(Facts {
            unreserved_concurrency: settings
                .account_limit
                .and_then(|limit| limit.unreserved_concurrent_executions)
                .and_then(|units| u32::try_from(units).ok()),
            operator: Some((self.stack.clone(), self.aws.caller.clone())),
        })
    }
}
