//! That the ACL stands in front of the stage.

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

    async fn find(reader: &Reader<'_>) -> Result<Vec<Found<Self>>> {
        let stages = stage_arns(reader).await?;
        let reads = stages.iter().map(|stage| async move {
            let acl = reader
                .aws
                .waf
                .get_web_acl_for_resource()
                .resource_arn(stage)
                .send()
                .await
                .during("GetWebACLForResource", stage)
                .unless(&[NOT_FOUND])?
                .and_then(|answer| answer.web_acl);
            Ok(acl.map(|acl| {
                Found::owned(
                    "stage",
                    attributes([("id", stage)]),
                    Self {
                        resource: stage.clone(),
                        web_acl: acl.arn,
                    },
                )
            }))
        });
        Ok(try_join_all(reads).await?.into_iter().flatten().collect())
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
