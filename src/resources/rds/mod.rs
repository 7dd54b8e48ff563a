//! The database: one `MariaDB` instance that only the function can reach.

pub mod instance;
mod lifecycle;
mod modify;
mod observed;
pub mod parameter_group;
mod parameters;
pub mod subnet_group;

use std::future::Future;
use std::time::Duration;

use aws_sdk_rds::types::Tag;

use crate::aws::patience::patiently;
use crate::aws::{Aws, During, Optional};
use crate::error::{Error, Result};
use crate::resources::Cx;
use crate::stack::Tags;

/// The database's administrator, whom migrations alone use. Scanners look for `admin` and `root`.
pub const ADMIN: &str = "wmctl_admin";

fn rds_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

/// A described object's tags.
fn tags_of(tags: Option<&[Tag]>) -> Tags {
    tags.unwrap_or_default()
        .iter()
        .filter_map(|tag| Some((tag.key.clone()?, tag.value.clone().unwrap_or_default())))
        .collect()
}

/// The tags of an object whose description lacks them.
async fn tags(aws: &Aws, arn: &str) -> Result<Tags> {
    let answer = aws
        .rds
        .list_tags_for_resource()
        .resource_name(arn)
        .send()
        .await
        .during("ListTagsForResource", arn)?;
    Ok(tags_of(answer.tag_list.as_deref()))
}

/// Brings an object's tags to what is wanted.
async fn tag(cx: &Cx<'_>, arn: &str, tags: &Tags) -> Result<()> {
    cx.aws
        .rds
        .add_tags_to_resource()
        .resource_name(arn)
        .set_tags(Some(rds_tags(tags)))
        .send()
        .await
        .during("AddTagsToResource", cx.id)?;
    Ok(())
}

/// Deletes what RDS refuses to delete, with one of these codes, as long as an instance uses it.
async fn once_unused<T, F>(cx: &Cx<'_>, codes: &[&str], attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    patiently(
        cx.events,
        cx.id,
        "the instance to let go of it",
        Duration::from_mins(15),
        |error| error.code().is_some_and(|code| codes.contains(&code)),
        attempt,
    )
    .await
}

/// Runs a create call that a fresh account refuses for lack of RDS's service-linked role, until
/// the role is made and known.
async fn with_service_role<T, F>(cx: &Cx<'_>, mut attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    patiently(
        cx.events,
        cx.id,
        "the service-linked role of RDS",
        Duration::from_mins(5),
        lacks_service_role,
        || {
            let attempt = attempt();
            async {
                let result = attempt.await;
                if result.as_ref().err().is_some_and(lacks_service_role) {
                    make_service_role(cx).await?;
                }
                result
            }
        },
    )
    .await
}

/// The subnet group is refused with the first text, the instance with the second.
fn lacks_service_role(error: &Error) -> bool {
    ["missing necessary credentials", "service linked role"]
        .iter()
        .any(|text| error.is("InvalidParameterValue", text))
}

async fn make_service_role(cx: &Cx<'_>) -> Result<()> {
    cx.aws
        .iam
        .create_service_linked_role()
        .aws_service_name("rds.amazonaws.com")
        .send()
        .await
        .during("CreateServiceLinkedRole", cx.id)
        // RDS, or another run, has just made it.
        .unless(&["InvalidInput"])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Failure;
    use crate::aws::scripted::{Scene, Script, waited};

    fn refused(code: &str, message: &str) -> Error {
        let mut error = Error::failed("refused");
        error.aws = Some(Box::new(Failure {
            operation: "CreateDBInstance".to_owned(),
            code: code.to_owned(),
            message: message.to_owned(),
            request_id: None,
        }));
        error
    }

    #[test]
    fn a_fresh_account_is_told_from_a_wrong_value() {
        for message in [
            "Missing necessary credentials. Please check http://docs.aws.amazon.com/…",
            "Unable to create the resource. Verify that you have permission to create service \
             linked role. Otherwise wait and try again later",
        ] {
            assert!(lacks_service_role(&refused(
                "InvalidParameterValue",
                message
            )));
        }
        let other = "Invalid DB engine: maria";
        assert!(!lacks_service_role(&refused(
            "InvalidParameterValue",
            other
        )));
    }

    /// Note 11 of the field: the role is made once, and waited for until RDS knows it.
    #[tokio::test]
    async fn a_fresh_account_gets_the_service_linked_role_and_the_call_again() {
        let fresh = "Unable to create the resource. Verify that you have permission to create \
                     service linked role. Otherwise wait and try again later";
        let refuse = |script: Script| {
            script.refuse("CreateDBSubnetGroup", 400, "InvalidParameterValue", fresh)
        };
        let exists = "Service role name AWSServiceRoleForRDS has been taken in this account";
        let script = refuse(refuse(Script::new()))
            .answer(
                "CreateServiceLinkedRole",
                "<CreateServiceLinkedRoleResponse><CreateServiceLinkedRoleResult/>\
                 </CreateServiceLinkedRoleResponse>",
            )
            .refuse("CreateServiceLinkedRole", 400, "InvalidInput", exists)
            .answer(
                "CreateDBSubnetGroup",
                "<CreateDBSubnetGroupResponse><CreateDBSubnetGroupResult/>\
                 </CreateDBSubnetGroupResponse>",
            );
        let scene = Scene::new("db-subnet-group/main", script);
        let cx = scene.cx();
        with_service_role(&cx, || {
            let call = cx.aws.rds.create_db_subnet_group();
            let call = call
                .db_subnet_group_name("chat-prod")
                .db_subnet_group_description("x");
            async { call.send().await.during("CreateDBSubnetGroup", cx.id) }
        })
        .await
        .unwrap();
        assert_eq!(
            scene.script.calls(),
            [
                "CreateDBSubnetGroup",
                "CreateServiceLinkedRole",
                "CreateDBSubnetGroup",
                "CreateServiceLinkedRole",
                "CreateDBSubnetGroup",
            ]
        );
        let asked = scene.script.bodies("CreateServiceLinkedRole").remove(0);
        assert!(
            asked.contains("AWSServiceName=rds.amazonaws.com"),
            "{asked}"
        );
        assert!(waited() < Duration::from_mins(5));
    }
}
