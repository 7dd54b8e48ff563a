//! The database's schema, as far as the migrator has brought it. Not an object of AWS's: the
//! trace of a successful migration, kept as a tag on the migrator.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::function::is;
use super::invoke::invoke;
use super::{LIVE, function_tags};
use crate::aws::{Aws, During, Optional, Reader};
use crate::error::{Error, Result};
use crate::object::{Attributes, Id, attributes};
use crate::resources::secretsmanager;
use crate::resources::{Cx, DatabaseServer, Found, Resource, Scope};
use crate::stack::Stack;

const TAG: &str = "wmctl:schema";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// The migrations' hash, the database that they were applied to, and the secret whose
    /// password the app user got: where one of them is another, the migrator has to run.
    pub applied: String,
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
    const DELETABLE: bool = false;

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        vec![(
            "main".to_owned(),
            Self {
                applied: format!(
                    "{} ${{db-instance/main.resource_id}} ${{secret/database-app.arn}}",
                    scope.artifacts.migrations
                ),
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

    async fn find(reader: &Reader<'_>) -> Result<Vec<Found<Self>>> {
        let migrator = reader.stack.name("migrator");
        let arn = reader.stack.arn("lambda", &format!("function:{migrator}"));
        let tags = function_tags(reader.aws, &arn)
            .await
            .unless(&["ResourceNotFoundException"])?
            .unwrap_or_default();
        let Some(applied) = tags.get(TAG).filter(|_| is(&tags, "migrator")) else {
            return Ok(Vec::new());
        };
        let (applied, database) = applied.rsplit_once(' ').unwrap_or((applied, ""));
        Ok(vec![Found::owned(
            "main",
            attributes([("id", database)]),
            Self {
                applied: applied.to_owned(),
                migrator,
                database: database.to_owned(),
            },
        )])
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        if let Some(server) = cx.database_server {
            provision(cx.aws, cx.stack, server, &self.database).await?;
        }
        migrate(cx.aws, &self.migrator).await?;
        cx.aws
            .lambda
            .tag_resource()
            .resource(
                cx.stack
                    .arn("lambda", &format!("function:{}", self.migrator)),
            )
            .tags(TAG, format!("{} {}", self.applied, self.database))
            .send()
            .await
            .during("TagResource", cx.id)?;
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

/// Sees to it that an emulated database has a server behind it, with the administrator's
/// password as the secret has it now.
pub async fn provision(
    aws: &Aws,
    stack: &Stack,
    server: &dyn DatabaseServer,
    database: &str,
) -> Result<()> {
    let secret = stack.secret_name("database-admin");
    let text = secretsmanager::value(aws, &secret).await?;
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

/// Applies what is pending and returns the migrator's account of it.
pub async fn migrate(aws: &Aws, migrator: &str) -> Result<Value> {
    invoke(aws, migrator, LIVE, &json!({"action": "migrate"}))
        .await
        .map_err(|error| {
            Error {
                message: format!("the migration failed: {}", error.message),
                ..error
            }
            .hint("`wmctl migrate` shows what is applied and what is pending, and tries again")
        })
}

/// What is applied and what is pending.
pub async fn status(aws: &Aws, migrator: &str) -> Result<Value> {
    invoke(aws, migrator, LIVE, &json!({"action": "status"})).await
}
