//! Removes all that is in a bucket, page by page, former versions and their markers too.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::bucket::NO_BUCKET;
use crate::aws::{During, Optional};
use crate::error::{Error, Result};
use crate::resources::Cx;

pub async fn empty(cx: &Cx<'_>, bucket: &str) -> Result<()> {
    let mut removed = 0;
    loop {
        // What was listed is gone, so the first page is the next.
        let call = cx.aws.s3.list_object_versions().bucket(bucket);
        let page = call.send().await.during("ListObjectVersions", cx.id);
        let Some(page) = page.unless(NO_BUCKET)? else {
            return Ok(());
        };
        let versions = page.versions().iter();
        let versions = versions.map(|version| (version.key(), version.version_id()));
        let markers = page.delete_markers().iter();
        let markers = markers.map(|marker| (marker.key(), marker.version_id()));
        let objects: Vec<ObjectIdentifier> = versions
            .chain(markers)
            .filter_map(|(key, version)| {
                let object = ObjectIdentifier::builder().key(key?);
                object
                    .set_version_id(version.map(str::to_owned))
                    .build()
                    .ok()
            })
            .collect();
        if objects.is_empty() {
            return Ok(());
        }
        removed += objects.len();
        let what = format!("the bucket to be emptied ({removed} objects so far)");
        cx.events.waiting(&cx.id.to_string(), what);
        let delete = Delete::builder().set_objects(Some(objects)).quiet(true);
        let delete = delete.build().map_err(|error| {
            Error::failed(format!("{}: a list is incomplete", cx.id)).because(error)
        })?;
        let call = cx.aws.s3.delete_objects().bucket(bucket).delete(delete);
        let answer = call.send().await.during("DeleteObjects", cx.id)?;
        if let Some(error) = answer.errors().first() {
            return Err(Error::failed(format!(
                "DeleteObjects refused for {}: {}: {}",
                cx.id,
                error.code().unwrap_or_default(),
                error.message().unwrap_or_default()
            )));
        }
    }
}
