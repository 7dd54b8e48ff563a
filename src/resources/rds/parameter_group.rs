//! The database's settings. A group belongs to one version of the engine: a new version has a
//! group of its own, and the old one goes when the instance has left it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::parameters::{set, set_in};
use super::{once_unused, rds_tags, tag, tags};
use crate::aws::{Aws, During, Optional, Reader};
use crate::config::{Database, default_parameters};
use crate::diff::{diff, fields};
use crate::error::Result;
use crate::object::{Attributes, attributes};
use crate::permissions::{Calls, allow};
use crate::resources::{Cx, Found, OnChange, Resource, Scope, to_value};
use crate::stack::{Stack, Tags};

const NOT_FOUND: &[&str] = &["DBParameterGroupNotFound", "DBParameterGroupNotFoundFault"];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParameterGroup {
    /// `mariadb10.11`.
    pub family: String,
    /// Those set in the group; all others have the family's values.
    pub parameters: BTreeMap<String, String>,
    pub tags: Tags,
}

impl Resource for ParameterGroup {
    const KIND: &'static str = "db-parameter-group";
    const NEEDS: &'static [&'static str] = &[];
    const CALLS: Calls = Calls {
        find: &[
            allow(
                &["rds:DescribeDBParameterGroups", "rds:ListTagsForResource"],
                &["rds:pg:{stack}-*"],
            ),
            allow(&["rds:DescribeDBParameters"], &["rds:pg:*"]),
        ],
        create: &[allow(
            &[
                "rds:AddTagsToResource",
                "rds:CreateDBParameterGroup",
                "rds:ModifyDBParameterGroup",
                "rds:ResetDBParameterGroup",
            ],
            &["rds:pg:{stack}-*"],
        )],
        update: &[allow(
            &[
                "rds:AddTagsToResource",
                "rds:ModifyDBParameterGroup",
                "rds:ResetDBParameterGroup",
            ],
            &["rds:pg:{stack}-*"],
        )],
        delete: &[allow(
            &["rds:DeleteDBParameterGroup"],
            &["rds:pg:{stack}-*"],
        )],
    };
    const SUPERSEDED: bool = true;

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        if scope.config.database.instance.is_some() {
            return Vec::new();
        }
        let database = &scope.config.database;
        let group = Self {
            family: family(database),
            parameters: parameters(database),
            tags: scope.tags(Self::KIND, "main"),
        };
        vec![("main".to_owned(), group)]
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let mut groups = reader
            .aws
            .rds
            .describe_db_parameter_groups()
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while let Some(group) = groups.next().await {
            let group = group.during("DescribeDBParameterGroups", "the account")?;
            let name = group.db_parameter_group_name.unwrap_or_default();
            let family = group.db_parameter_group_family.unwrap_or_default();
            if name != aws_name(&reader.stack, &family) {
                continue;
            }
            found.push(read(&reader.aws, &reader.stack, &name, family).await?);
        }
        Ok(found)
    }

    fn on_change(field: &str) -> OnChange {
        match field {
            "family" => OnChange::Supersede,
            _ => OnChange::InPlace,
        }
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let name = aws_name(cx.stack, &self.family);
        let call = cx
            .aws
            .rds
            .create_db_parameter_group()
            .db_parameter_group_name(&name)
            .db_parameter_group_family(&self.family)
            .description(format!("Parameters of {}", cx.stack.prefix()))
            .set_tags(Some(rds_tags(&self.tags)));
        match call.send().await.during("CreateDBParameterGroup", cx.id) {
            Ok(_) => {}
            Err(error) if error.code() == Some("DBParameterGroupAlreadyExists") => {
                let found = read(cx.aws, cx.stack, &name, self.family.clone()).await?;
                if !found.owned {
                    return Err(error);
                }
                let changes = diff(&to_value(&found.value)?, &to_value(self)?);
                return self.update(cx, &found, &fields(&changes)).await;
            }
            Err(error) => return Err(error),
        }
        set(cx, &name, &BTreeMap::new(), &self.parameters).await?;
        Ok(attributes([("id", &name)]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        changed: &[String],
    ) -> Result<Attributes> {
        let name = found.aws_id();
        if changed.iter().any(|field| field == "parameters") {
            set(cx, name, &found.value.parameters, &self.parameters).await?;
        }
        if changed.iter().any(|field| field == "tags") {
            tag(cx, &arn(cx.stack, name), &self.tags).await?;
        }
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let call = cx
            .aws
            .rds
            .delete_db_parameter_group()
            .db_parameter_group_name(found.aws_id());
        once_unused(cx, &["InvalidDBParameterGroupState"], || {
            let call = call.clone();
            async { call.send().await.during("DeleteDBParameterGroup", cx.id) }
        })
        .await
        .unless(NOT_FOUND)?;
        Ok(())
    }
}

/// The group with this name, whoever owns it.
async fn read(
    aws: &Aws,
    stack: &Stack,
    name: &str,
    family: String,
) -> Result<Found<ParameterGroup>> {
    let arn = arn(stack, name);
    let (tags, parameters) = tokio::try_join!(tags(aws, &arn), set_in(aws, name))?;
    Ok(Found {
        name: "main".to_owned(),
        attributes: attributes([("id", name)]),
        owned: stack.owns(&tags),
        value: ParameterGroup {
            family,
            parameters,
            tags: stack.relevant(tags),
        },
    })
}

fn family(database: &Database) -> String {
    let release: Vec<&str> = database.version.split('.').take(2).collect();
    format!("{}{}", database.engine, release.join("."))
}

fn parameters(database: &Database) -> BTreeMap<String, String> {
    let mut parameters = default_parameters();
    // Into files: logs that are kept in tables cannot be exported.
    parameters.insert("log_output".to_owned(), "FILE".to_owned());
    parameters.extend(database.parameters.clone());
    parameters
}

fn aws_name(stack: &Stack, family: &str) -> String {
    stack.name(&family.replace('.', "-"))
}

fn arn(stack: &Stack, name: &str) -> String {
    stack.arn("rds", &format!("pg:{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_family_is_the_release_without_its_patch() {
        let mut database = Database::default();
        assert_eq!(family(&database), "mariadb10.11");
        database.version = "11.4.5".to_owned();
        assert_eq!(family(&database), "mariadb11.4");
    }

    #[test]
    fn the_operators_parameters_come_before_the_defaults() {
        let database = Database {
            parameters: BTreeMap::from([
                ("max_connections".to_owned(), "50".to_owned()),
                ("long_query_time".to_owned(), "1".to_owned()),
            ]),
            ..Database::default()
        };
        let parameters = parameters(&database);
        let value = |name: &str| parameters.get(name).map(String::as_str);
        assert_eq!(value("max_connections"), Some("50"));
        assert_eq!(value("long_query_time"), Some("1"));
        assert_eq!(value("require_secure_transport"), Some("1"));
        assert_eq!(value("log_output"), Some("FILE"));
    }
}
