//! The database's schema, as far as the migrator has brought it. Not an object of AWS's: the
//! trace of a successful migration, kept as a tag on the migrator.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::alias::point;
use super::finding::{described, tags_of};
use super::invoke::lacks_permission;
use super::migrating::{Wish, migrate};
use super::version::again;
use super::{LIVE, once_idle, settled};
use crate::aws::patience::patiently;
use crate::aws::{Aws, During, Reader};
use crate::error::{Error, Result};
use crate::migrations::{self, Migration};
use crate::object::{Attributes, Id, attributes};
use crate::permissions::{Calls, allow};
use crate::resources::{Cx, DatabaseServer, Found, Resource, Scope};
use crate::resources::{rds, secretsmanager};

const TAG: &str = "wmctl:schema";
/// The newest migration that is applied.
const TAG_VERSION: &str = "wmctl:schema-version";
/// A new policy is known everywhere within seconds, mostly.
const PERMITTED_WITHIN: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// The migrations' hash, the database that they were applied to, and the secret whose
    /// password the app user got: where one of them is another, the migrator has to run.
    pub applied: String,
    /// The newest migration: what comes after the one that was found is pending.
    pub version: String,
    pub migrator: String,
    pub database: String,
}

impl Resource for Schema {
    const KIND: &'static str = "schema";
    const NEEDS: &'static [&'static str] = &[
        "function",
        "function-alias",
        "db-instance",
        "secret",
        "vpc-endpoint",
    ];
    const CALLS: Calls = Calls {
        find: &[allow(&["lambda:GetAlias"], &["lambda:function:{stack}-*"])],
        create: &[
            super::MIGRATE,
            super::FOLLOW,
            allow(
                &["lambda:TagResource", "lambda:GetAlias"],
                &["lambda:function:{stack}-*"],
            ),
            rds::snapshot::TAKE,
            rds::snapshot::WATCH,
            rds::GRANT_KEY,
        ],
        update: &[
            super::MIGRATE,
            super::FOLLOW,
            allow(
                &["lambda:TagResource", "lambda:GetAlias"],
                &["lambda:function:{stack}-*"],
            ),
            rds::snapshot::TAKE,
            rds::snapshot::WATCH,
            rds::GRANT_KEY,
        ],
        delete: &[],
    };
    const DELETABLE: bool = false;

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        vec![(
            "main".to_owned(),
            Self {
                applied: format!(
                    "{} ${{db-instance/main.resource_id}} ${{secret/database-app.arn}}",
                    migrations::hash(&scope.artifacts.migrations)
                ),
                version: newest(&scope.artifacts.migrations),
                migrator: "${function/migrator}".to_owned(),
                database: scope.config.database.name.clone(),
            },
        )]
    }

    fn after(_name: &str) -> Vec<Id> {
        // The migrator's first call reads secrets through the endpoint and then the database.
        vec![
            super::alias::id("migrator"),
            Id::new("vpc-endpoint", "secretsmanager"),
            Id::new("security-group-rules", "function"),
            Id::new("security-group-rules", "database"),
            Id::new("security-group-rules", "endpoints"),
            Id::new("route-table", "private"),
        ]
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let Some(function) = described(reader).await?.get("migrator") else {
            return Ok(Vec::new());
        };
        let tags = tags_of(function);
        let Some(applied) = tags.get(TAG).filter(|_| reader.stack.owns(&tags)) else {
            return Ok(Vec::new());
        };
        let (applied, database) = applied.rsplit_once(' ').unwrap_or((applied, ""));
        Ok(vec![Found::owned(
            "main",
            attributes([("id", database)]),
            Self {
                applied: applied.to_owned(),
                version: tags.get(TAG_VERSION).cloned().unwrap_or_default(),
                migrator: reader.stack.name("migrator"),
                database: database.to_owned(),
            },
        )])
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        if let Some(server) = cx.database_server {
            let admin = cx.known.get(&Id::new("secret", "database-admin"));
            let secret = admin.and_then(|secret| secret.get("id"));
            let secret = secret.map_or("", String::as_str);
            provision(cx.aws, secret, server, &self.database).await?;
        }
        if cx.options.snapshot {
            rds::snapshot::take(cx).await?;
        }
        self.migrate(cx).await?;
        let call = cx.aws.lambda.tag_resource();
        let function = format!("function:{}", self.migrator);
        let call = call
            .resource(cx.stack.arn("lambda", &function))
            .tags(TAG, format!("{} {}", self.applied, self.database))
            .tags(TAG_VERSION, &self.version);
        once_idle(cx, || async {
            call.clone().send().await.during("TagResource", cx.id)
        })
        .await?;
        Ok(attributes([("id", &self.database)]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        _found: &Found<Self>,
        _changed: &[String],
    ) -> Result<Attributes> {
        self.create(cx).await
    }

    async fn delete(_cx: &Cx<'_>, _found: &Found<Self>) -> Result<()> {
        Ok(())
    }
}

impl Schema {
    /// Applies what is pending. On a first deploy the migrator's policy may be newer than what
    /// the sandbox of the first call knows, so it gets a new one.
    async fn migrate(&self, cx: &Cx<'_>) -> Result<()> {
        let attempt = || async {
            let what = "the migrator to be callable";
            let wish = Wish {
                to: None,
                allow_slow: cx.options.allow_slow,
            };
            let wish = &wish;
            let whole = || migrate(cx.aws, cx.events, &self.migrator, wish, || false);
            settled(cx, what, whole).await
        };
        match attempt().await {
            Err(error) if denied(&error) => {
                let call = cx.aws.lambda.get_alias();
                let call = call.function_name(&self.migrator).name(LIVE);
                let live = call.send().await.during("GetAlias", cx.id)?;
                let old = live.function_version.unwrap_or_default();
                let version = again(cx, &self.migrator, &old).await?;
                point(cx, &self.migrator, &version).await?;
                patiently(
                    cx.events,
                    cx.id,
                    "the migrator's permissions to be known everywhere",
                    PERMITTED_WITHIN,
                    denied,
                    attempt,
                )
                .await?;
            }
            other => {
                other?;
            }
        }
        Ok(())
    }
}

/// The version of the last of them.
pub fn newest(migrations: &[Migration]) -> String {
    let last = migrations.last().map(Migration::version);
    last.unwrap_or_default().to_owned()
}

/// There is one schema.
pub fn id() -> Id {
    Id::new(Schema::KIND, "main")
}

/// Whether the migrator itself failed, for lack of a permission.
fn denied(error: &Error) -> bool {
    error.aws.is_none() && lacks_permission(&error.message)
}

/// Sees to it that an emulated database has a server behind it, with the administrator's
/// password as the secret has it now.
pub async fn provision(
    aws: &Aws,
    secret: &str,
    server: &dyn DatabaseServer,
    database: &str,
) -> Result<()> {
    let text = secretsmanager::value(aws, secret).await?;
    let login: Login = serde_json::from_str(text.expose_secret()).map_err(|_| {
        Error::failed(format!(
            "the secret {secret} is not a login: username and password"
        ))
    })?;
    server
        .provision(database, &login.username, &login.password)
        .await
}

#[derive(Deserialize)]
struct Login {
    username: String,
    password: SecretString,
}
