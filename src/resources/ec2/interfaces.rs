//! Deleting what network interfaces may still stand in. Lambda, RDS and endpoints remove theirs
//! some time after the object they were for has gone, and nobody else can.

use std::future::Future;
use std::time::Duration;

use aws_sdk_ec2::types::{Filter, NetworkInterface};

use crate::aws::patience::{Look, patiently, wait};
use crate::aws::{During, Optional};
use crate::error::{Error, Result};
use crate::resources::Cx;

/// Lambda may take so long after the last function that used an interface.
const LINGER: Duration = Duration::from_mins(25);

/// Whose interfaces go by themselves, by how their descriptions begin. Types tell nothing: that
/// of Lambda's changes from `lambda` to `interface` on its way out.
const LEAVING: [(&str, &str); 3] = [
    ("AWS Lambda VPC ENI", "Lambda"),
    ("RDSNetworkInterface", "RDS"),
    ("VPC Endpoint Interface", "an endpoint"),
];

const AGAIN: &str = "then run the same command again: it goes on from here";

/// Deletes a subnet or a security group as soon as no interface is left in it. `place` filters
/// the interfaces that are; `gone` are the codes that say it has been deleted already.
pub async fn once_empty<F>(
    cx: &Cx<'_>,
    place: Filter,
    gone: &[&str],
    delete: impl Fn() -> F,
) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    let what = "network interfaces to go, for up to 25 minutes";
    let waited = wait(cx.events, cx.id, what, LINGER, || async {
        match delete().await.unless(gone) {
            Err(error) if in_use(&error) => still_in(cx, &place, error).await,
            other => other.map(|_| Look::Ready(())),
        }
    })
    .await;
    match waited {
        // The last try has AWS's own words for what is in the way.
        Err(timeout) if timeout.aws.is_none() => {
            let last = delete().await.unless(gone).map(drop);
            last.map_err(|error| error.hint(timeout.message).hint(AGAIN))
        }
        other => other,
    }
}

/// Whose interfaces are waited for; refuses where one will not go by itself.
async fn still_in(cx: &Cx<'_>, place: &Filter, refusal: Error) -> Result<Look<()>> {
    let call = cx.aws.ec2.describe_network_interfaces();
    let pages = call.filters(place.clone()).into_paginator().items().send();
    let interfaces = pages.collect::<Result<Vec<_>, _>>().await;
    let interfaces = interfaces.during("DescribeNetworkInterfaces", cx.id)?;
    let mut left = Vec::new();
    for interface in &interfaces {
        let id = interface.network_interface_id.as_deref().unwrap_or("?");
        let Some(owner) = leaving(interface) else {
            let description = interface.description.as_deref().unwrap_or_default();
            return Err(refusal
                .hint(format!(
                    "network interface {id} (\"{description}\") stands in it and is not this stack's: remove it"
                ))
                .hint(AGAIN));
        };
        left.push(format!("{id} of {owner}"));
    }
    Ok(Look::Pending(if left.is_empty() {
        "none is listed; something may refer to it, such as another group's rule".to_owned()
    } else {
        left.join(", ")
    }))
}

fn leaving(interface: &NetworkInterface) -> Option<&'static str> {
    let description = interface.description.as_deref()?;
    LEAVING
        .iter()
        .find(|(start, _)| description.starts_with(start))
        .map(|(_, owner)| *owner)
}

fn in_use(error: &Error) -> bool {
    let code = error.code();
    code.is_some_and(|code| matches!(code, "DependencyViolation" | "InvalidGroup.InUse"))
}

/// Deletes what holds no interface of its own; what stood in it has been deleted before, though
/// EC2 may not count it out at once.
pub async fn released<T, F>(cx: &Cx<'_>, what: &str, attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let limit = Duration::from_mins(5);
    let answer = patiently(cx.events, cx.id, what, limit, in_use, attempt).await;
    answer.map_err(|error| {
        if in_use(&error) {
            error
                .hint("something that is not this stack's may stand in there, such as a gateway or a subnet: remove it")
                .hint(AGAIN)
        } else {
            error
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::scripted::{Scene, Script, waited};
    use crate::resources::ec2::filter;

    const IN_USE: &str = "resource sg-1 has a dependent object";

    /// A description of one interface in the place.
    fn interface(kind: &str, description: &str) -> String {
        format!(
            "<DescribeNetworkInterfacesResponse><networkInterfaceSet><item>\
             <networkInterfaceId>eni-1</networkInterfaceId>\
             <interfaceType>{kind}</interfaceType>\
             <description>{description}</description>\
             </item></networkInterfaceSet></DescribeNetworkInterfacesResponse>"
        )
    }

    fn refused(script: Script) -> Script {
        script.refuse("DeleteSecurityGroup", 400, "DependencyViolation", IN_USE)
    }

    async fn delete(scene: &Scene) -> Result<()> {
        let cx = scene.cx();
        let place = filter("group-id", "sg-1");
        once_empty(&cx, place, &["InvalidGroup.NotFound"], || async {
            let call = cx.aws.ec2.delete_security_group().group_id("sg-1");
            let answer = call.send().await;
            answer.during("DeleteSecurityGroup", cx.id).map(drop)
        })
        .await
    }

    /// Note 2 of the field: the type flips on the way out, and the description stays.
    #[tokio::test]
    async fn lambda_s_interfaces_are_waited_for_whatever_their_type() {
        const LAMBDA: &str = "AWS Lambda VPC ENI-chat-prod-chatbot-5c1f";
        let script = refused(refused(Script::new()))
            .refuse(
                "DeleteSecurityGroup",
                400,
                "InvalidGroup.InUse",
                "sg-1 is in use",
            )
            .answer("DescribeNetworkInterfaces", interface("lambda", LAMBDA))
            .answer("DescribeNetworkInterfaces", interface("interface", LAMBDA))
            .answer(
                "DescribeNetworkInterfaces",
                "<DescribeNetworkInterfacesResponse/>",
            )
            .answer("DeleteSecurityGroup", "<DeleteSecurityGroupResponse/>");
        let scene = Scene::new("security-group/function", script);
        delete(&scene).await.unwrap();
        let (delete, look) = ("DeleteSecurityGroup", "DescribeNetworkInterfaces");
        assert_eq!(
            scene.script.calls(),
            [delete, look, delete, look, delete, look, delete]
        );
        let asked = scene.script.bodies(look).remove(0);
        assert!(asked.contains("Filter.1.Name=group-id"), "{asked}");
    }

    #[tokio::test]
    async fn after_25_minutes_aws_s_own_words_say_what_is_in_the_way() {
        let mut script = Script::new();
        for _ in 0..400 {
            let lambda = interface("lambda", "AWS Lambda VPC ENI-chat-prod-chatbot-5c1f");
            script = refused(script).answer("DescribeNetworkInterfaces", lambda);
        }
        let scene = Scene::new("security-group/function", script);
        let error = delete(&scene).await.unwrap_err();
        assert_eq!(
            error.message,
            "DeleteSecurityGroup refused for security-group/function: DependencyViolation: \
             resource sg-1 has a dependent object (HTTP 400, request \
             11111111-2222-3333-4444-555555555555)"
        );
        assert!(error.hints[0].contains("25 minutes"), "{:?}", error.hints);
        assert!(
            error.hints[0].contains("eni-1 of Lambda"),
            "{:?}",
            error.hints
        );
        assert!(waited() >= LINGER && waited() < LINGER + Duration::from_mins(1));
    }

    #[tokio::test]
    async fn what_will_not_go_by_itself_is_named_at_once() {
        let script = refused(Script::new()).answer(
            "DescribeNetworkInterfaces",
            interface("interface", "ELB app/bastion/50dc6c495c0c9188"),
        );
        let scene = Scene::new("security-group/function", script);
        let error = delete(&scene).await.unwrap_err();
        assert!(error.message.contains("DependencyViolation"), "{error}");
        assert!(
            error.hints[0].contains("eni-1") && error.hints[0].contains("ELB app/bastion"),
            "{:?}",
            error.hints
        );
        assert!(waited() < Duration::from_secs(1));
    }

    #[tokio::test]
    async fn what_is_gone_already_is_deleted() {
        let gone = "The security group 'sg-1' does not exist";
        let script = refused(Script::new())
            .answer(
                "DescribeNetworkInterfaces",
                interface("interface", "RDSNetworkInterface"),
            )
            .refuse("DeleteSecurityGroup", 400, "InvalidGroup.NotFound", gone);
        let scene = Scene::new("security-group/database", script);
        delete(&scene).await.unwrap();
    }
}
