//! Who may invoke a function, statement by statement. Every statement on our functions is ours:
//! one that nobody asked for is drift.

use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::finding::is_ours;
use super::url::qualifier_of;
use super::{FUNCTIONS, LIVE, NOT_FOUND, exists, once_idle};
use crate::aws::{During, Optional, Reader};
use crate::error::Result;
use crate::object::{Attributes, Id, attributes};
use crate::permissions::{Calls, allow};
use crate::resources::events::rule::MAINTENANCE;
use crate::resources::events::rule_arn;
use crate::resources::secretsmanager::rotation::rotated;
use crate::resources::{Cx, Found, OnChange, Resource, Scope};

/// The statement that lets the schedule call the migrator.
pub const SCHEDULE: &str = "migrator-live-schedule";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionPermission {
    pub function: String,
    /// The alias that the statement is on; the function itself where it is none.
    pub qualifier: Option<String>,
    pub statement_id: String,
    pub action: String,
    pub principal: String,
    pub source_arn: Option<String>,
}

impl Resource for FunctionPermission {
    const KIND: &'static str = "function-permission";
    const NEEDS: &'static [&'static str] = &["function", "function-alias", "rest-api", "secret"];
    const CALLS: Calls = Calls {
        find: &[allow(&["lambda:GetPolicy"], &["lambda:function:{stack}-*"])],
        create: &[allow(
            &["lambda:AddPermission", "lambda:RemovePermission"],
            &["lambda:function:{stack}-*"],
        )],
        update: &[],
        delete: &[allow(
            &["lambda:RemovePermission"],
            &["lambda:function:{stack}-*"],
        )],
    };
    const INTERRUPTS: Option<&'static str> = Some("every request");

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let api = &scope.config.api;
        let api = Self {
            function: "${function/chatbot}".to_owned(),
            qualifier: Some(LIVE.to_owned()),
            statement_id: "api".to_owned(),
            action: "lambda:InvokeFunction".to_owned(),
            principal: "apigateway.amazonaws.com".to_owned(),
            // This stage and this method only.
            source_arn: Some(format!(
                "${{rest-api/main.execution_arn}}/{}/POST{}",
                api.stage, api.path
            )),
        };
        let schedule = Self {
            function: "${function/migrator}".to_owned(),
            qualifier: Some(LIVE.to_owned()),
            statement_id: "schedule".to_owned(),
            action: "lambda:InvokeFunction".to_owned(),
            principal: "events.amazonaws.com".to_owned(),
            // This rule only; its ARN names the account.
            source_arn: Some(rule_arn(scope.stack, MAINTENANCE)),
        };
        let mut permissions = vec![
            ("chatbot-live-api".to_owned(), api),
            (SCHEDULE.to_owned(), schedule),
        ];
        let rotates_by_itself = scope.config.database.rotate_after_days > 0;
        let rotated = rotated(scope.config).iter();
        permissions.extend(rotated.filter(|_| rotates_by_itself).map(|secret| {
            let rotation = Self {
                function: "${function/migrator}".to_owned(),
                qualifier: Some(LIVE.to_owned()),
                statement_id: statement(secret),
                action: "lambda:InvokeFunction".to_owned(),
                principal: "secretsmanager.amazonaws.com".to_owned(),
                // This secret's rotation only; its ARN names the account.
                source_arn: Some(format!("${{secret/{secret}.arn}}")),
            };
            (rotates(secret), rotation)
        }));
        permissions
    }

    /// A statement on an alias needs the alias.
    fn after(name: &str) -> Vec<Id> {
        let function = name.split('-').next().unwrap_or(name);
        vec![super::alias::id(function)]
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let places = FUNCTIONS
            .into_iter()
            .flat_map(|name| [(name, None), (name, Some(LIVE))]);
        let statements =
            try_join_all(places.map(|(name, qualifier)| read(reader, name, qualifier))).await?;
        Ok(statements.into_iter().flatten().collect())
    }

    fn on_change(_field: &str) -> OnChange {
        OnChange::Replace
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        match self.add(cx).await {
            // Another run has made it meanwhile, and not as this one wants it, maybe.
            Err(error) if exists(&error) => {
                self.remove(cx).await?;
                self.add(cx).await?;
            }
            other => other?,
        }
        Ok(attributes([("id", &self.statement_id)]))
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        found.value.remove(cx).await
    }
}

fn statement(secret: &str) -> String {
    format!("rotate-{secret}")
}

/// The statement that lets Secrets Manager have this secret rotated.
pub fn rotates(secret: &str) -> String {
    format!("migrator-{LIVE}-{}", statement(secret))
}

impl FunctionPermission {
    async fn add(&self, cx: &Cx<'_>) -> Result<()> {
        let call = cx.aws.lambda.add_permission();
        let call = call
            .function_name(&self.function)
            .set_qualifier(self.qualifier.clone())
            .statement_id(&self.statement_id)
            .action(&self.action)
            .principal(&self.principal)
            .set_source_arn(self.source_arn.clone());
        once_idle(cx, || async {
            call.clone().send().await.during("AddPermission", cx.id)
        })
        .await?;
        Ok(())
    }

    async fn remove(&self, cx: &Cx<'_>) -> Result<()> {
        let call = cx.aws.lambda.remove_permission();
        let call = call
            .function_name(&self.function)
            .set_qualifier(self.qualifier.clone())
            .statement_id(&self.statement_id);
        once_idle(cx, || async {
            call.clone().send().await.during("RemovePermission", cx.id)
        })
        .await
        .unless(NOT_FOUND)?;
        Ok(())
    }
}

async fn read(
    reader: &Reader,
    name: &str,
    qualifier: Option<&str>,
) -> Result<Vec<Found<FunctionPermission>>> {
    let function = reader.stack.name(name);
    let call = reader.aws.lambda.get_policy();
    let call = call
        .function_name(&function)
        .set_qualifier(qualifier.map(str::to_owned));
    let policy = async {
        let answer = call.send().await;
        answer.during("GetPolicy", &function).unless(NOT_FOUND)
    };
    let (ours, policy) = tokio::try_join!(is_ours(reader, name), policy)?;
    let Some(policy) = policy.and_then(|answer| answer.policy).filter(|_| ours) else {
        return Ok(Vec::new());
    };
    let policy: Value = serde_json::from_str(&policy).unwrap_or(Value::Null);
    let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
    Ok(statements
        .iter()
        // Emulators answer with the statements on aliases, too, when asked for the function's.
        .filter(|statement| qualifier_of(&only(&statement["Resource"])) == qualifier)
        .map(|statement| {
            let statement_id = statement["Sid"].as_str().unwrap_or_default();
            Found::owned(
                format!("{name}-{}-{statement_id}", qualifier.unwrap_or("function")),
                attributes([("id", statement_id)]),
                FunctionPermission {
                    function: function.clone(),
                    qualifier: qualifier.map(str::to_owned),
                    statement_id: statement_id.to_owned(),
                    action: only(&statement["Action"]),
                    principal: principal(&statement["Principal"]),
                    source_arn: source_arn(&statement["Condition"]),
                },
            )
        })
        .collect())
}

/// A policy's single value, which may stand in a list.
fn only(value: &Value) -> String {
    match value {
        Value::Array(items) if items.len() == 1 => only(&items[0]),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn principal(value: &Value) -> String {
    match value {
        Value::Object(principals) => principals.values().map(only).collect::<Vec<_>>().join(", "),
        other => only(other),
    }
}

fn source_arn(condition: &Value) -> Option<String> {
    condition.as_object()?.values().find_map(|operator| {
        operator
            .as_object()?
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case("aws:SourceArn"))
            .map(|(_, value)| only(value))
    })
}
