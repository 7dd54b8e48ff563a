//! The trails that record the account's calls, what is counted in them, and where they are kept.

use std::collections::BTreeSet;

use aws_sdk_cloudtrail::operation::get_event_selectors::GetEventSelectorsOutput;
use aws_sdk_cloudtrail::types::{
    AdvancedEventSelector, EventSelector, ReadWriteType, Trail as Described,
};
use futures::future::try_join_all;

use crate::audit::facts::{Alarm, Read, Trail, Watch};
use crate::aws::{Aws, During};
use crate::error::Result;
use crate::resources::s3::{bucket::Bucket, settings};

const FUNCTIONS: &str = "AWS::Lambda::Function";

/// Those that record this region, wherever they were made.
pub async fn trails(aws: &Aws) -> Read<Vec<Trail>> {
    let all = async {
        let call = aws.cloudtrail.describe_trails();
        let described = call.send().await.during("DescribeTrails", "the account")?;
        let trails = described.trail_list.unwrap_or_default();
        try_join_all(trails.into_iter().map(|described| trail(aws, described))).await
    };
    Read::of(all.await)
}

async fn trail(aws: &Aws, described: Described) -> Result<Trail> {
    // Of a trail that another region is the home of, only the ARN tells here.
    let arn = described.trail_arn.unwrap_or_default();
    let (status, events) = tokio::try_join!(
        async {
            let call = aws.cloudtrail.get_trail_status().name(&arn);
            call.send().await.during("GetTrailStatus", &arn)
        },
        async {
            let call = aws.cloudtrail.get_event_selectors().trail_name(&arn);
            call.send().await.during("GetEventSelectors", &arn)
        },
    )?;
    let group = described.cloud_watch_logs_log_group_arn;
    Ok(Trail {
        logging: status.is_logging.unwrap_or_default(),
        multi_region: described.is_multi_region_trail.unwrap_or_default(),
        validated: described.log_file_validation_enabled.unwrap_or_default(),
        management: has_management(&events),
        invocations: has_invocations(&events),
        bucket: described.s3_bucket_name.filter(|name| !name.is_empty()),
        kms_key: described.kms_key_id.filter(|key| !key.is_empty()),
        log_group: group.filter(|group| !group.is_empty()),
        watches: Vec::new(),
        name: described.name.unwrap_or(arn),
    })
}

/// Reads and writes. A trail without selectors records both.
fn has_management(events: &GetEventSelectorsOutput) -> bool {
    let (plain, advanced) = (events.event_selectors(), events.advanced_event_selectors());
    let whole = |selector: &EventSelector| {
        selector.include_management_events != Some(false)
            && matches!(selector.read_write_type, None | Some(ReadWriteType::All))
    };
    // Each field beyond the category leaves something out.
    let all = |selector: &AdvancedEventSelector| {
        equals(selector, "eventCategory", "Management") && selector.field_selectors().len() == 1
    };
    (plain.is_empty() && advanced.is_empty()) || plain.iter().any(whole) || advanced.iter().any(all)
}

fn has_invocations(events: &GetEventSelectorsOutput) -> bool {
    let mut plain = events.event_selectors().iter();
    let mut advanced = events.advanced_event_selectors().iter();
    plain.any(|selector| {
        let mut data = selector.data_resources().iter();
        data.any(|one| one.r#type() == Some(FUNCTIONS))
    }) || advanced.any(|selector| equals(selector, "resources.type", FUNCTIONS))
}

fn equals(selector: &AdvancedEventSelector, field: &str, value: &str) -> bool {
    let mut fields = selector.field_selectors().iter();
    fields.any(|one| one.field() == field && one.equals().iter().any(|equal| equal == value))
}

/// The same trails with what is counted in them, and the alarms on that.
pub async fn watched(
    aws: &Aws,
    trails: Read<Vec<Trail>>,
    alarms: Option<&Vec<Alarm>>,
) -> Read<Vec<Trail>> {
    let Read::Known(trails) = trails else {
        return trails;
    };
    let alarms = alarms.into_iter().flatten();
    let alarmed: BTreeSet<&str> = alarms
        .filter(|alarm| alarm.enabled && !alarm.actions.is_empty())
        .flat_map(|alarm| alarm.metrics.iter().map(String::as_str))
        .collect();
    let reads = trails.into_iter().map(|trail| count(aws, trail, &alarmed));
    Read::of(try_join_all(reads).await)
}

async fn count(aws: &Aws, mut trail: Trail, alarmed: &BTreeSet<&str>) -> Result<Trail> {
    let group = trail.log_group.as_deref().map(group_name);
    // The group of an organisation's trail is in another account.
    let Some(group) = group
        .filter(|(account, _)| *account == aws.account)
        .map(|(_, name)| name)
    else {
        return Ok(trail);
    };
    let call = aws.logs.describe_metric_filters().log_group_name(group);
    let filters = call.into_paginator().items().send();
    let filters = filters.collect::<Result<Vec<_>, _>>().await;
    let watches = filters
        .during("DescribeMetricFilters", group)?
        .into_iter()
        .map(|filter| {
            let mut counts = filter
                .metric_transformations()
                .iter()
                .map(|to| format!("{} {}", to.metric_namespace(), to.metric_name()));
            Watch {
                alarmed: counts.any(|metric| alarmed.contains(metric.as_str())),
                pattern: filter.filter_pattern.unwrap_or_default(),
            }
        });
    trail.watches = watches.collect();
    Ok(trail)
}

/// Account and name in `arn:aws:logs:region:account:log-group:name:*`.
fn group_name(arn: &str) -> (&str, &str) {
    let mut parts = arn.splitn(7, ':').skip(4);
    let (account, name) = (parts.next(), parts.nth(1));
    (
        account.unwrap_or_default(),
        name.unwrap_or_default().trim_end_matches(":*"),
    )
}

/// The buckets that the trails are kept in.
pub async fn buckets(aws: &Aws, trails: Option<&Vec<Trail>>) -> Read<Vec<Bucket>> {
    let Some(trails) = trails else {
        return Read::Absent;
    };
    let names: BTreeSet<&str> = trails
        .iter()
        .filter_map(|trail| trail.bucket.as_deref())
        .collect();
    Read::of(try_join_all(names.into_iter().map(|name| settings::read(aws, name))).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_group_is_told_by_its_arn() {
        let arn = "arn:aws:logs:eu-west-1:111122223333:log-group:/x/trail:*";
        assert_eq!(group_name(arn), ("111122223333", "/x/trail"));
        assert_eq!(group_name("nonsense"), ("", ""));
    }
}
