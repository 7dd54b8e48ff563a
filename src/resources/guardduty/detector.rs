//! GuardDuty in the stack's region, which reads what the account does and tells of what looks like
//! an attack.
//!
//! An account has one detector in a region. Somebody else's serves as well: what it lacks is turned
//! on, nothing is turned off, it gets no tags of ours, and it outlives the stack. Another stack's is
//! somebody else's, too: should that stack go, the next `up` of this one makes its own.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_guardduty::operation::get_detector::GetDetectorOutput;
use aws_sdk_guardduty::types::{
    DetectorFeature, DetectorFeatureConfiguration, DetectorStatus, FeatureStatus,
};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use crate::aws::{During, Reader};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::object::{Attributes, attributes};
use crate::permissions::{ALL, Calls, When, allow};
use crate::resources::{Cx, Found, Resource, Scope};
use crate::stack::{Stack, Tags};

/// What every refusal is called here.
const REFUSED: &str = "BadRequestException";

const ENABLED: &str = "ENABLED";

/// The shortest there is: it costs nothing.
const PUBLISHING: &str = "FIFTEEN_MINUTES";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detector {
    pub enabled: bool,
    /// How often a finding that goes on is told of again. Of somebody else's, it is theirs to say.
    pub publishing: String,
    /// What it reads beside the account's calls, traffic and name look-ups, by AWS's name.
    pub features: BTreeMap<String, String>,
    pub tags: Tags,
}

impl Resource for Detector {
    const KIND: &'static str = "detector";
    const NEEDS: &'static [&'static str] = &[];
    /// Somebody else's detector carries none of our tags.
    const CALLS: Calls = Calls {
        find: &[
            allow(&["guardduty:ListDetectors"], ALL),
            allow(&["guardduty:GetDetector"], &["guardduty:detector/*"]),
        ],
        create: &[
            allow(&["guardduty:CreateDetector"], ALL).tagged(),
            allow(
                &["guardduty:TagResource", "guardduty:UpdateDetector"],
                &["guardduty:detector/*"],
            ),
            allow(
                &["iam:CreateServiceLinkedRole"],
                &["iam:role/aws-service-role/guardduty.amazonaws.com/*"],
            )
            .when(&[When::LinkedTo("guardduty.amazonaws.com")]),
        ],
        update: &[allow(
            &["guardduty:TagResource", "guardduty:UpdateDetector"],
            &["guardduty:detector/*"],
        )],
        delete: &[allow(
            &["guardduty:DeleteDetector"],
            &["guardduty:detector/*"],
        )],
    };
    const INTERRUPTS: Option<&'static str> = Some("the watch for attacks");
    const SHARED: bool = true;

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        if !scope.config.audit.guardduty {
            return Vec::new();
        }
        let features = features(scope.stack).iter();
        let detector = Self {
            enabled: true,
            publishing: PUBLISHING.to_owned(),
            features: features
                .map(|name| ((*name).to_owned(), ENABLED.to_owned()))
                .collect(),
            tags: scope.tags(Self::KIND, "main"),
        };
        vec![("main".to_owned(), detector)]
    }

    /// Whoever asks for a detector has to be let look for one.
    async fn existing(reader: &Reader, config: &Config) -> Result<Vec<(String, Attributes)>> {
        if config.audit.guardduty {
            found(reader).await.map_err(|error| {
                error.hint("or do without: `guardduty = false` in [audit] of infra.toml")
            })?;
        }
        Ok(Vec::new())
    }

    /// Whoever does not ask for one need not be: GuardDuty is out of many an operator's reach.
    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        Ok(found(reader).await.map(<[_]>::to_vec).unwrap_or_default())
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let call = cx.aws.guardduty.create_detector();
        let call = call
            .enable(self.enabled)
            .finding_publishing_frequency(self.publishing.as_str().into())
            .set_features(Some(self.configured()))
            .set_tags(Some(tag_map(&self.tags)));
        let made = call.send().await.during("CreateDetector", cx.id);
        let made = made.map_err(|error| {
            if error.is(REFUSED, "already exists") {
                error.hint("somebody else made one meanwhile: the same command again uses that")
            } else {
                error
            }
        })?;
        Ok(attributes_of(
            cx.stack,
            &made.detector_id.unwrap_or_default(),
        ))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        changed: &[String],
    ) -> Result<Attributes> {
        let id = found.aws_id();
        let differs = |name: &str| changed.iter().any(|field| field == name);
        // Adopted by name, it gets our tags.
        let ours = found.owned || differs("tags");
        if ours || changed.iter().any(|field| field != "tags") {
            let publishing = ours.then(|| self.publishing.as_str().into());
            let call = cx.aws.guardduty.update_detector();
            let call = call
                .detector_id(id)
                .enable(self.enabled)
                .set_finding_publishing_frequency(publishing)
                .set_features(Some(self.configured()));
            let answer = call.send().await.during("UpdateDetector", cx.id);
            if let Err(error) = answer {
                return Err(explained(cx, id, error).await);
            }
        }
        if differs("tags") {
            let call = cx.aws.guardduty.tag_resource();
            let call = call.resource_arn(found.attribute("arn"));
            let answer = call.set_tags(Some(tag_map(&self.tags))).send().await;
            answer.during("TagResource", cx.id)?;
        }
        Ok(found.attributes.clone())
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let id = found.aws_id();
        let call = cx.aws.guardduty.delete_detector().detector_id(id);
        match call.send().await.during("DeleteDetector", cx.id) {
            Ok(_) => Ok(()),
            // So one that is gone is called, too.
            Err(error) if error.is(REFUSED, "not owned by") => Ok(()),
            Err(error) if error.is(REFUSED, "associated members") => Err(error.hint(format!(
                "other accounts report to it by now: make it theirs, and it stays: aws guardduty untag-resource --resource-arn {} --tag-keys wmctl:stack wmctl:environment wmctl:id",
                found.attribute("arn")
            ))),
            Err(error) => Err(explained(cx, id, error).await),
        }
    }
}

impl Detector {
    fn configured(&self) -> Vec<DetectorFeatureConfiguration> {
        let features = self.features.iter();
        features
            .map(|(name, status)| {
                let feature = DetectorFeatureConfiguration::builder();
                let feature = feature.name(DetectorFeature::from(name.as_str()));
                feature.status(FeatureStatus::from(status.as_str())).build()
            })
            .collect()
    }
}

/// What of this stack GuardDuty can watch: the functions' connections, and who reads the trail's
/// files. It reads the logins of Aurora and PostgreSQL alone, so for those this stack has no use;
/// nor for clusters' and instances' features. China has neither.
fn features(stack: &Stack) -> &'static [&'static str] {
    match stack.partition() {
        "aws-cn" => &[],
        _ => &["LAMBDA_NETWORK_LOGS", "S3_DATA_EVENTS"],
    }
}

async fn found(reader: &Reader) -> Result<&[Found<Detector>]> {
    let look = || look(reader);
    let found = reader.detectors.get_or_try_init(look).await?;
    Ok(found)
}

async fn look(reader: &Reader) -> Result<Vec<Found<Detector>>> {
    let client = &reader.aws.guardduty;
    let list = client.list_detectors().send().await;
    let list = list.during("ListDetectors", "the account")?;
    let reads = list.detector_ids.unwrap_or_default().into_iter();
    try_join_all(reads.map(|id| async move {
        let call = client.get_detector().detector_id(&id);
        let detector = call.send().await.during("GetDetector", &id)?;
        Ok(observed(&reader.stack, &id, detector))
    }))
    .await
}

fn observed(stack: &Stack, id: &str, detector: GetDetectorOutput) -> Found<Detector> {
    let tags: Tags = detector.tags.unwrap_or_default().into_iter().collect();
    let owned = stack.owns(&tags);
    let publishing = detector.finding_publishing_frequency;
    let publishing = publishing.filter(|_| owned);
    let ours = features(stack);
    let listed = detector.features.unwrap_or_default().into_iter();
    let value = Detector {
        enabled: detector.status == Some(DetectorStatus::Enabled),
        publishing: publishing.map_or(PUBLISHING.to_owned(), |often| often.as_str().to_owned()),
        features: listed
            .filter_map(|feature| {
                let name = feature.name?.as_str().to_owned();
                let status = feature.status?.as_str().to_owned();
                ours.contains(&name.as_str()).then_some((name, status))
            })
            .collect(),
        tags: stack.relevant(tags),
    };
    Found {
        name: "main".to_owned(),
        attributes: attributes_of(stack, id),
        value,
        owned,
    }
}

fn attributes_of(stack: &Stack, id: &str) -> Attributes {
    let arn = stack.arn("guardduty", &format!("detector/{id}"));
    attributes([("id", id), ("arn", &arn)])
}

fn tag_map(tags: &Tags) -> HashMap<String, String> {
    tags.clone().into_iter().collect()
}

/// A refusal, and what it means where another account rules this one's detector.
async fn explained(cx: &Cx<'_>, id: &str, error: Error) -> Error {
    if error.code() != Some(REFUSED) {
        return error;
    }
    let call = cx.aws.guardduty.get_administrator_account().detector_id(id);
    let answer = call.send().await.ok();
    let administrator = answer.and_then(|answer| answer.administrator?.account_id);
    match administrator {
        Some(account) => error
            .hint(format!(
                "this account is a member: account {account} administers its detector, which is as it was"
            ))
            .hint("have it changed there, or leave it to them: `guardduty = false` in [audit] of infra.toml"),
        None => error,
    }
}
