//! GuardDuty where the account has a detector already, and where it has none.

use aws_sdk_guardduty::operation::get_detector::GetDetectorOutput;
use aws_sdk_guardduty::types::{
    DetectorFeature, DetectorFeatureConfiguration, DetectorFeatureResult, DetectorStatus,
    FeatureStatus, FindingPublishingFrequency,
};
use wmctl::aws::Aws;

use crate::account::connect;
use crate::drift::changed;
use crate::emulator::Emulator;
use crate::lifecycle::{changes, runtime};
use crate::project::{Project, at};

const ASKED: &str = "\n[audit]\nguardduty = true\nsecurity_hub = true\n";

async fn detectors(aws: &Aws) -> Vec<String> {
    let answer = aws.guardduty.list_detectors().send().await.unwrap();
    answer.detector_ids.unwrap_or_default()
}

async fn detector(aws: &Aws, id: &str) -> GetDetectorOutput {
    let call = aws.guardduty.get_detector().detector_id(id);
    call.send().await.unwrap()
}

/// A security team's, suspended, with a feature that the stack does not ask for.
async fn theirs(aws: &Aws) -> String {
    let feature = DetectorFeatureConfiguration::builder()
        .name(DetectorFeature::LambdaNetworkLogs)
        .status(FeatureStatus::Enabled);
    let call = aws.guardduty.create_detector().enable(false);
    let call = call
        .finding_publishing_frequency(FindingPublishingFrequency::OneHour)
        .features(feature.build())
        .tags("team", "security");
    let made = call.send().await.unwrap();
    made.detector_id.unwrap()
}

#[test]
fn a_detector_of_somebody_else_is_strengthened_and_outlives_the_stack() {
    let emulator = Emulator::moto();
    let project = Project::new();
    project.write(&format!("{}{ASKED}", project.config()));
    let at = at(&emulator.url);
    let wmctl = |arguments: &[&str]| project.wmctl(&[arguments, &at].concat());
    let runtime = runtime();
    let aws = runtime.block_on(connect(&emulator.url));
    let id = runtime.block_on(theirs(&aws));

    let plan = wmctl(&["plan"]).ok().json();
    let (action, paths) = changed(&plan["plan"]).remove("detector/main").unwrap();
    assert_eq!(action, "update");
    assert_eq!(paths, ["enabled", "features.S3_DATA_EVENTS"]);
    let steps = plan["plan"]["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["id"] == "detector/main");
    assert_eq!(step.unwrap()["reason"], "shared");
    // What the emulator lacks was asked for, and is said.
    let lost = plan["not_emulated"].to_string();
    assert!(lost.contains("security-hub (all)"), "{lost}");

    wmctl(&["up"]).ok();
    assert_eq!(changes(&wmctl(&["plan"]).ok()), 0);
    let found = runtime.block_on(detector(&aws, &id));
    assert_eq!(found.status, Some(DetectorStatus::Enabled));
    let often = found.finding_publishing_frequency.unwrap();
    assert_eq!(often, FindingPublishingFrequency::OneHour);
    let tags = found.tags.unwrap();
    assert_eq!(tags.len(), 1, "{tags:?}");
    let on = |name: DetectorFeatureResult| {
        let mut features = found.features.iter().flatten();
        features.any(|one| {
            one.name.as_ref() == Some(&name) && one.status == Some(FeatureStatus::Enabled)
        })
    };
    assert!(on(DetectorFeatureResult::LambdaNetworkLogs));
    assert!(on(DetectorFeatureResult::S3DataEvents));

    // Neither a change of mind nor the end of the stack takes it away.
    project.edit("guardduty = true", "guardduty = false");
    assert_eq!(changes(&wmctl(&["plan"]).ok()), 0);
    wmctl(&["down"]).ok();
    assert_eq!(runtime.block_on(detectors(&aws)), [id]);
}

#[test]
fn a_detector_of_the_stack_goes_with_the_wish_for_it() {
    let emulator = Emulator::moto();
    let project = Project::new();
    project.write(&format!("{}{ASKED}", project.config()));
    let at = at(&emulator.url);
    let wmctl = |arguments: &[&str]| project.wmctl(&[arguments, &at].concat());
    let runtime = runtime();
    let aws = runtime.block_on(connect(&emulator.url));
    wmctl(&["up"]).ok();
    assert_eq!(runtime.block_on(detectors(&aws)).len(), 1);
    project.edit("guardduty = true", "guardduty = false");
    let plan = wmctl(&["plan"]).ok().json();
    let changed = changed(&plan["plan"]);
    let actions = changed.iter();
    let actions = actions.map(|(id, (action, _))| (id.as_str(), action.as_str()));
    let actions: Vec<_> = actions.collect();
    assert_eq!(actions, [("detector/main", "delete")]);
    wmctl(&["up"]).ok();
    assert_eq!(runtime.block_on(detectors(&aws)), [""; 0]);
}
