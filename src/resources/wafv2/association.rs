//! That the ACL stands in front of the stage.

use std::collections::BTreeMap;

use aws_sdk_wafv2::types::WebAcl;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::{NOT_FOUND, settled};
use crate::aws::{During, Optional, Reader};
use crate::error::{Error, Result};
use crate::object::{Attributes, attributes};
use crate::permissions::{Calls, allow};
use crate::resources::apigateway::stage_arns;
use crate::resources::{Cx, Found, Resource, Scope};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebAclAssociation {
    pub resource: String,
    pub web_acl: String,
}

impl Resource for WebAclAssociation {
    const KIND: &'static str = "web-acl-association";
    const NEEDS: &'static [&'static str] = &["stage", "web-acl"];
    const CALLS: Calls = Calls {
        find: &[
            allow(
                &["wafv2:GetWebACLForResource"],
                &[
                    "wafv2:regional/webacl/*/*",
                    "apigateway:/restapis/*/stages/*",
                ],
            ),
            allow(&["wafv2:GetWebACL"], &["wafv2:regional/webacl/*/*"]),
        ],
        create: &[
            allow(
                &["wafv2:AssociateWebACL"],
                &[
                    "wafv2:regional/webacl/{stack}/*",
                    "apigateway:/restapis/*/stages/*",
                ],
            ),
            allow(
                &["apigateway:SetWebACL"],
                &["apigateway:/restapis/*/stages/*"],
            )
            .ours(),
        ],
        update: &[
            allow(
                &["wafv2:AssociateWebACL"],
                &[
                    "wafv2:regional/webacl/{stack}/*",
                    "apigateway:/restapis/*/stages/*",
                ],
            ),
            allow(
                &["apigateway:SetWebACL"],
                &["apigateway:/restapis/*/stages/*"],
            )
            .ours(),
        ],
        delete: &[
            allow(
                &["wafv2:DisassociateWebACL"],
                &["apigateway:/restapis/*/stages/*"],
            ),
            allow(
                &["apigateway:SetWebACL"],
                &["apigateway:/restapis/*/stages/*"],
            )
            .ours(),
        ],
    };
    const INTERRUPTS: Option<&'static str> = Some("the firewall's protection");
    /// A stage under a new name stands beside the old one for a while.
    const SUPERSEDED: bool = true;

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        if !scope.config.waf.enabled {
            return Vec::new();
        }
        vec![(
            "stage".to_owned(),
            Self {
                resource: "${stage/main.arn}".to_owned(),
                web_acl: "${web-acl/main.arn}".to_owned(),
            },
        )]
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let acls = in_front(reader).await?.iter();
        let found = acls.map(|(stage, acl)| {
            let value = Self {
                resource: stage.clone(),
                web_acl: acl.arn.clone(),
            };
            Found::owned("stage", attributes([("id", stage)]), value)
        });
        Ok(found.collect())
    }

    /// A stage has one ACL at most: this puts ours in the place of any other.
    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let call = cx
            .aws
            .waf
            .associate_web_acl()
            .web_acl_arn(&self.web_acl)
            .resource_arn(&self.resource);
        let unknown = |error: &Error| error.code() == Some(NOT_FOUND);
        settled(cx, "WAF to know the ACL and the stage", unknown, || async {
            call.clone().send().await.during("AssociateWebACL", cx.id)
        })
        .await?;
        Ok(attributes([("id", &self.resource)]))
    }

    /// A new stage is guarded before the old one is let go.
    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        _changed: &[String],
    ) -> Result<Attributes> {
        let attributes = self.create(cx).await?;
        if self.resource != found.value.resource {
            Self::delete(cx, found).await?;
        }
        Ok(attributes)
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let call = cx
            .aws
            .waf
            .disassociate_web_acl()
            .resource_arn(&found.value.resource);
        settled(
            cx,
            "WAF to let go of the stage",
            |_| false,
            || async {
                call.clone()
                    .send()
                    .await
                    .during("DisassociateWebACL", cx.id)
            },
        )
        .await
        .unless(&[NOT_FOUND])?;
        Ok(())
    }
}

/// The ACL in front of each of the API's stages, whole, by the stage's ARN. Asked once.
pub(super) async fn in_front(reader: &Reader) -> Result<&BTreeMap<String, WebAcl>> {
    let of_stage = |stage: String| async move {
        let call = reader.aws.waf.get_web_acl_for_resource();
        let answer = call.resource_arn(&stage).send().await;
        let answer = answer.during("GetWebACLForResource", &stage);
        let acl = answer.unless(&[NOT_FOUND])?;
        Ok::<_, Error>(acl.and_then(|answer| Some((stage, answer.web_acl?))))
    };
    let read = || async {
        let stages = stage_arns(reader).await?.into_iter();
        let acls = try_join_all(stages.map(of_stage)).await?;
        Ok::<_, Error>(acls.into_iter().flatten().collect())
    };
    reader.web_acls.get_or_try_init(read).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::web_acl::WebAcl as OurWebAcl;
    use super::*;
    use crate::aws::scripted::{Scene, Script};

    const ARN: &str = "arn:aws:wafv2:us-east-1:111122223333:regional/webacl/chat-prod/w1";

    /// An API with a stage, and an ACL of the stack's.
    fn account() -> Script {
        let tags = json!({"wmctl:stack": "chat", "wmctl:environment": "prod"});
        let apis = json!({"item": [{"id": "a1", "tags": tags}]});
        let stages = json!({"item": [{"stageName": "prod"}]});
        let summary = json!({"Name": "chat-prod", "Id": "w1", "ARN": ARN});
        Script::new()
            .answer("GET /restapis", apis.to_string())
            .answer("GET /restapis/a1/stages", stages.to_string())
            .answer("ListWebACLs", json!({"WebACLs": [summary]}).to_string())
            .answer("ListTagsForResource", "{}")
    }

    fn acl(arn: &str) -> String {
        let acl = json!({
            "Name": "chat-prod",
            "Id": "w1",
            "ARN": arn,
            "DefaultAction": {"Allow": {}},
            "VisibilityConfig": {
                "SampledRequestsEnabled": true,
                "CloudWatchMetricsEnabled": true,
                "MetricName": "counted",
            },
        });
        json!({"WebACL": acl}).to_string()
    }

    /// What is found of the ACL and of what it stands in front of, and how often it was read.
    async fn look(script: Script) -> (OurWebAcl, WebAclAssociation, usize) {
        let scene = Scene::new("web-acl/main", script);
        let reader = Reader::new(&scene.aws, &scene.stack);
        let acl = OurWebAcl::find(&reader).await.unwrap().remove(0).value;
        let found = WebAclAssociation::find(&reader).await.unwrap().remove(0);
        let calls = scene.script.calls().into_iter();
        let reads = calls.filter(|call| call == "GetWebACL").count();
        (acl, found.value, reads)
    }

    #[tokio::test]
    async fn an_acl_comes_with_the_stage_that_it_stands_in_front_of() {
        let script = account().answer("GetWebACLForResource", acl(ARN));
        let (acl, association, reads) = look(script).await;
        assert_eq!(acl.metric, "counted");
        assert_eq!(association.web_acl, ARN);
        assert_eq!(reads, 0);
    }

    #[tokio::test]
    async fn anothers_acl_in_front_of_the_stage_is_not_taken_for_ours() {
        let script = account()
            .answer("GetWebACLForResource", acl("another"))
            .answer("GetWebACL", acl(ARN));
        let (_, association, reads) = look(script).await;
        assert_eq!(association.web_acl, "another");
        assert_eq!(reads, 1);
    }
}
