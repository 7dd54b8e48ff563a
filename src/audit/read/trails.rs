//! The trails that record the account's calls.

use aws_sdk_cloudtrail::types::Trail as Described;
use futures::future::try_join_all;

use crate::audit::facts::{Read, Trail};
use crate::aws::{Aws, During};
use crate::error::Result;

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
    let call = aws.cloudtrail.get_trail_status().name(&arn);
    let status = call.send().await.during("GetTrailStatus", &arn)?;
    Ok(Trail {
        name: described.name.unwrap_or(arn),
        logging: status.is_logging.unwrap_or_default(),
        multi_region: described.is_multi_region_trail.unwrap_or_default(),
        validated: described.log_file_validation_enabled.unwrap_or_default(),
        kms_key: described.kms_key_id.filter(|key| !key.is_empty()),
        log_group: described
            .cloud_watch_logs_log_group_arn
            .filter(|group| !group.is_empty()),
    })
}
