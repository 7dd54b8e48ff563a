//! The trail with our name, as the account has it.

use aws_sdk_cloudtrail::types::AdvancedEventSelector;

use super::trail::{NOT_FOUND, STARTS_WITH, Selectors, Trail};
use super::trail_arn;
use crate::aws::{During, Emulator, Optional, Reader};
use crate::error::Result;
use crate::object::attributes;
use crate::resources::Found;
use crate::stack::Tags;

pub async fn trail(reader: &Reader) -> Result<Option<Found<Trail>>> {
    let (client, stack, arn) = (
        &reader.aws.cloudtrail,
        &reader.stack,
        trail_arn(&reader.stack),
    );
    let call = client.get_trail().name(&arn);
    let trail = call.send().await.during("GetTrail", &arn);
    let Some(trail) = trail.unless(NOT_FOUND)?.and_then(|answer| answer.trail) else {
        return Ok(None);
    };
    let (status, events, tags) = tokio::try_join!(
        async {
            let call = client.get_trail_status().name(&arn);
            call.send().await.during("GetTrailStatus", &arn)
        },
        async {
            let call = client.get_event_selectors().trail_name(&arn);
            call.send().await.during("GetEventSelectors", &arn)
        },
        async {
            let call = client.list_tags().resource_id_list(&arn);
            call.send().await.during("ListTags", &arn)
        },
    )?;
    let tags = tags.resource_tag_list.unwrap_or_default().into_iter();
    let tags: Tags = tags
        .flat_map(|resource| resource.tags_list.unwrap_or_default())
        .map(|tag| (tag.key, tag.value.unwrap_or_default()))
        .collect();
    let group = trail
        .cloud_watch_logs_log_group_arn
        .filter(|arn| !arn.is_empty());
    let selectors = events.advanced_event_selectors.unwrap_or_default();
    let value = Trail {
        bucket: trail.s3_bucket_name.unwrap_or_default(),
        kms_key: trail.kms_key_id.filter(|arn| !arn.is_empty()),
        log_group: group.map(|group| group.trim_end_matches(":*").to_owned()),
        role: trail
            .cloud_watch_logs_role_arn
            .filter(|arn| !arn.is_empty()),
        multi_region: trail.is_multi_region_trail.unwrap_or_default(),
        global_events: trail.include_global_service_events.unwrap_or_default(),
        validated: trail.log_file_validation_enabled.unwrap_or_default(),
        logging: status.is_logging.unwrap_or_default(),
        events: selected(&selectors),
        tags: stack.relevant(tags.clone()),
    };
    Ok(Some(Found {
        name: "main".to_owned(),
        attributes: attributes([("id", &stack.prefix()), ("arn", &arn)]),
        value,
        // MiniStack forgets the tags that a trail is made with; a run may end before it gets others.
        owned: stack.owns(&tags)
            || (tags.is_empty() && reader.aws.emulator == Some(Emulator::MiniStack)),
    }))
}

/// Comparisons that we do not make show with their whole selves, and so differ.
fn selected(selectors: &[AdvancedEventSelector]) -> Selectors {
    selectors
        .iter()
        .map(|selector| {
            let fields = selector.field_selectors().iter().map(|field| {
                let (equal, start) = (field.equals(), field.starts_with());
                let simple = field.ends_with().is_empty()
                    && field.not_equals().is_empty()
                    && field.not_starts_with().is_empty()
                    && field.not_ends_with().is_empty();
                match (simple, equal.is_empty(), start.is_empty()) {
                    (true, false, true) => (field.field.clone(), sorted(equal)),
                    (true, true, false) => (format!("{}{STARTS_WITH}", field.field), sorted(start)),
                    _ => (field.field.clone(), vec![format!("{field:?}")]),
                }
            });
            (selector.name.clone().unwrap_or_default(), fields.collect())
        })
        .collect()
}

fn sorted(values: &[String]) -> Vec<String> {
    let mut values = values.to_vec();
    values.sort();
    values
}
