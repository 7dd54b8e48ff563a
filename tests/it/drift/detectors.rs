//! GuardDuty's detector. No emulator has Security Hub's standards: tests with a script show those.

use aws_sdk_guardduty::types::{
    DetectorFeature, DetectorFeatureConfiguration, FeatureStatus, FindingPublishingFrequency,
};
use wmctl::aws::Emulator::{self as Which, MiniStack};

use super::{Account, Deed, Deletion, Drift, Rows, drift};

const DETECTOR: &str = "detector/main";
const NONE: &[(Which, &str)] = &[(MiniStack, "no GuardDuty")];

pub fn rows() -> Rows {
    let row = |field: &'static str, deed: Deed| Drift {
        except: NONE,
        ..drift(DETECTOR, field, deed)
    };
    Rows {
        drifts: vec![
            row("enabled", |account| {
                Box::pin(async move {
                    let call = account.aws.guardduty.update_detector().enable(false);
                    let call = call.detector_id(account.id(DETECTOR));
                    call.send().await.unwrap();
                })
            }),
            row("publishing", |account| {
                Box::pin(async move {
                    let call = account.aws.guardduty.update_detector();
                    let call = call.detector_id(account.id(DETECTOR));
                    let often = FindingPublishingFrequency::SixHours;
                    let call = call.finding_publishing_frequency(often);
                    call.send().await.unwrap();
                })
            }),
            row("features.LAMBDA_NETWORK_LOGS", |account| {
                Box::pin(disable(account, &["LAMBDA_NETWORK_LOGS"]))
            }),
            row("features.S3_DATA_EVENTS", |account| {
                Box::pin(disable(account, &["S3_DATA_EVENTS"]))
            }),
        ],
        deletions: vec![Deletion {
            id: DETECTOR,
            also: &[],
            except: NONE,
            deed: |account| {
                Box::pin(async move {
                    let call = account.aws.guardduty.delete_detector();
                    let call = call.detector_id(account.id(DETECTOR));
                    call.send().await.unwrap();
                })
            },
        }],
        fixed: &[],
        lasting: &[],
    }
}

/// The emulator keeps just the features of the last call, so all are said.
async fn disable(account: &Account, off: &[&str]) {
    let features = ["LAMBDA_NETWORK_LOGS", "S3_DATA_EVENTS"].map(|name| {
        let status = if off.contains(&name) {
            FeatureStatus::Disabled
        } else {
            FeatureStatus::Enabled
        };
        let feature = DetectorFeatureConfiguration::builder();
        let feature = feature.name(DetectorFeature::from(name));
        feature.status(status).build()
    });
    let call = account.aws.guardduty.update_detector();
    let call = call.detector_id(account.id(DETECTOR));
    let call = call.set_features(Some(features.into()));
    call.send().await.unwrap();
}
