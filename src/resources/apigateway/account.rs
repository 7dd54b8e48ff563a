//! The role through which API Gateway writes logs: one for all APIs of the account in a region.
//!
//! It is not ours alone. A role that somebody set serves us as well and stays, so it is shown as
//! ours, which is no difference. Ours is set only where there is none. On the way down it is
//! taken back only if it is still ours and no other API could be logging through it.

use std::time::Duration;

use aws_sdk_apigateway::types::Op;
use serde::{Deserialize, Serialize};

use super::{is_busy, patch, sorted};
use crate::aws::patience::patiently;
use crate::aws::{Aws, During, Reader};
use crate::config::ExecutionLogs;
use crate::error::{Error, Result};
use crate::object::{Attributes, attributes};
use crate::permissions::{Calls, When, allow};
use crate::resources::{Cx, Found, Resource, Scope};
use crate::stack::{Stack, Tags};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiAccount {
    pub role: String,
}

impl Resource for ApiAccount {
    const KIND: &'static str = "api-account";
    const NEEDS: &'static [&'static str] = &["iam-role"];
    const CALLS: Calls = Calls {
        find: &[allow(
            &["apigateway:GET"],
            &["apigateway:/account", "apigateway:/restapis"],
        )],
        create: &[
            allow(&["apigateway:PATCH"], &["apigateway:/account"]),
            allow(
                &["iam:PassRole"],
                &["iam:role/wmctl/{stack}/{stack}-apigateway-logs"],
            )
            .when(&[When::PassedTo("apigateway.amazonaws.com")]),
        ],
        update: &[
            allow(&["apigateway:PATCH"], &["apigateway:/account"]),
            allow(
                &["iam:PassRole"],
                &["iam:role/wmctl/{stack}/{stack}-apigateway-logs"],
            )
            .when(&[When::PassedTo("apigateway.amazonaws.com")]),
        ],
        delete: &[allow(&["apigateway:PATCH"], &["apigateway:/account"])],
    };
    const INTERRUPTS: Option<&'static str> = Some("the API's logs");

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let api = &scope.config.api;
        if !api.access_logs && api.execution_logs == ExecutionLogs::Off {
            return Vec::new();
        }
        let role = "${iam-role/apigateway-logs.arn}".to_owned();
        vec![("logging".to_owned(), Self { role })]
    }

    /// Found where it matters to this stack: with an API of ours, or with a role of ours that no
    /// other API uses.
    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let (role, api) = tokio::try_join!(current(&reader.aws, "the account"), reader.rest_api())?;
        let ours = our_role(&reader.stack);
        let matters = match &role {
            None => false,
            Some(_) if api.is_some() => true,
            Some(role) => *role == ours && !has_others(reader).await?,
        };
        if !matters {
            return Ok(Vec::new());
        }
        Ok(vec![Found::owned(
            "logging",
            account(),
            Self { role: ours },
        )])
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        match current(cx.aws, cx.id).await? {
            None => set(cx, Some(&self.role)).await?,
            Some(role) if role != self.role => cx.events.note(format!(
                "{}: API Gateway logs through {role}, which was there before",
                cx.id
            )),
            Some(_) => {}
        }
        Ok(account())
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        _found: &Found<Self>,
        _changed: &[String],
    ) -> Result<Attributes> {
        self.create(cx).await
    }

    async fn delete(cx: &Cx<'_>, _found: &Found<Self>) -> Result<()> {
        if current(cx.aws, cx.id).await? != Some(our_role(cx.stack)) {
            return Ok(());
        }
        if has_others(&Reader::new(cx.aws, cx.stack)).await? {
            cx.events.note(format!(
                "{}: other APIs log through this stack's role, which goes: name another in API Gateway's settings",
                cx.id
            ));
            return Ok(());
        }
        // None has been an empty value at one time and a missing one at another.
        match set(cx, Some("")).await {
            Err(error) if error.is("BadRequestException", "well formed") => set(cx, None).await,
            other => other,
        }
    }
}

fn account() -> Attributes {
    attributes([("id", "account")])
}

/// The ARN that `iam-role/apigateway-logs` has.
fn our_role(stack: &Stack) -> String {
    format!(
        "arn:{}:iam::{}:role/wmctl/{}/{}",
        stack.partition(),
        stack.account,
        stack.prefix(),
        stack.name("apigateway-logs")
    )
}

async fn current(aws: &Aws, object: impl std::fmt::Display) -> Result<Option<String>> {
    let account = aws
        .apigateway
        .get_account()
        .send()
        .await
        .during("GetAccount", object)?;
    Ok(account.cloudwatch_role_arn.filter(|role| !role.is_empty()))
}

/// Whether the region has an API that is not this stack's.
async fn has_others(reader: &Reader) -> Result<bool> {
    let apis = reader.rest_apis().await?.iter();
    let mut tags = apis.map(|api| -> Tags { sorted(api.tags.clone()) });
    Ok(tags.any(|tags| !reader.stack.owns(&tags)))
}

/// Sets the role, again while IAM spreads the news of it.
async fn set(cx: &Cx<'_>, role: Option<&str>) -> Result<()> {
    let call = cx.aws.apigateway.update_account().patch_operations(patch(
        Op::Replace,
        "/cloudwatchRoleArn",
        role.map(str::to_owned),
    ));
    patiently(
        cx.events,
        cx.id,
        "API Gateway to see the new role",
        Duration::from_mins(10),
        |error| is_busy(error) || is_unseen(error),
        || async { call.clone().send().await.during("UpdateAccount", cx.id) },
    )
    .await?;
    Ok(())
}

fn is_unseen(error: &Error) -> bool {
    [
        "role ARN does not have required permissions",
        "could not successfully write to CloudWatch Logs",
        "not authorized to perform sts:AssumeRole",
    ]
    .iter()
    .any(|text| error.is("BadRequestException", text))
}
