//! GuardDuty's detector and Security Hub, of which an account has one each in a region.

use aws_sdk_guardduty::types::{DetectorStatus, FeatureStatus};

use crate::audit::facts::{Detector, Hub, Read};
use crate::aws::{Aws, During};
use crate::error::Result;
use crate::gaps;
use crate::resources::Resource;
use crate::resources::guardduty::detector;
use crate::resources::securityhub::hub;
use crate::resources::securityhub::reading::{described, enabled_standards, is_enabled};

pub async fn detector(aws: &Aws) -> Read<Detector> {
    match unread(aws, detector::Detector::KIND) {
        Some(why) => Read::Unread(why),
        None => optional(read_detector(aws).await),
    }
}

pub async fn hub(aws: &Aws) -> Read<Hub> {
    match unread(aws, hub::SecurityHub::KIND) {
        Some(why) => Read::Unread(why),
        None => optional(read_hub(aws).await),
    }
}

async fn read_detector(aws: &Aws) -> Result<Option<Detector>> {
    let list = aws.guardduty.list_detectors().send().await;
    let list = list.during("ListDetectors", "the account")?;
    let Some(id) = list.detector_ids.unwrap_or_default().into_iter().next() else {
        return Ok(None);
    };
    let call = aws.guardduty.get_detector().detector_id(&id);
    let found = call.send().await.during("GetDetector", &id)?;
    let features = found.features.unwrap_or_default().into_iter();
    let enabled = features.filter(|one| one.status == Some(FeatureStatus::Enabled));
    Ok(Some(Detector {
        enabled: found.status == Some(DetectorStatus::Enabled),
        features: enabled
            .filter_map(|one| Some(one.name?.as_str().to_owned()))
            .collect(),
        id,
    }))
}

async fn read_hub(aws: &Aws) -> Result<Option<Hub>> {
    let Some((arn, _)) = described(aws).await? else {
        return Ok(None);
    };
    let standards = enabled_standards(aws).await?.into_iter();
    let enabled = standards.filter(|one| is_enabled(one.standards_status.as_ref()));
    Ok(Some(Hub {
        arn,
        standards: enabled.filter_map(|one| one.standards_arn).collect(),
    }))
}

fn unread(aws: &Aws, kind: &str) -> Option<String> {
    let why = gaps::missing(aws.emulator, kind)?;
    Some(format!("not emulated: {kind}: {why}"))
}

fn optional<T>(result: Result<Option<T>>) -> Read<T> {
    match result {
        Ok(Some(value)) => Read::Known(value),
        Ok(None) => Read::Absent,
        Err(error) => Read::Unread(super::why(&error)),
    }
}
