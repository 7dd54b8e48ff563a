//! The log group that is a lease.

use super::holder::{Holder, TAG};
use crate::aws::{Aws, During, Optional};
use crate::error::Result;
use crate::stack::Tags;

const EXISTS: &[&str] = &[
    "ResourceAlreadyExistsException",
    "OperationAbortedException",
];
const GONE: &[&str] = &["ResourceNotFoundException"];

/// False where the group is there already.
pub(super) async fn create(aws: &Aws, name: &str, tags: &Tags) -> Result<bool> {
    let made = aws
        .logs
        .create_log_group()
        .log_group_name(name)
        .set_tags(Some(tags.clone().into_iter().collect()))
        .send()
        .await
        .during("CreateLogGroup", name);
    match made {
        // Whose it is shows in its tags.
        Err(error) if error.uncertain => {
            let id = format!("{TAG}id");
            let there = read(aws, name).await?;
            match there {
                Some(there) if tags.get(&id) == Some(&there.id) => Ok(true),
                _ => Err(error),
            }
        }
        other => Ok(other.unless(EXISTS)?.is_some()),
    }
}

pub(super) async fn delete(aws: &Aws, name: &str) -> Result<()> {
    let call = aws.logs.delete_log_group().log_group_name(name);
    call.send()
        .await
        .during("DeleteLogGroup", name)
        .unless(GONE)?;
    Ok(())
}

pub(super) async fn read(aws: &Aws, name: &str) -> Result<Option<Holder>> {
    let call = aws.logs.list_tags_for_resource();
    let answer = call
        .resource_arn(arn(aws, name))
        .send()
        .await
        .during("ListTagsForResource", name)
        .unless(GONE)?;
    let tags = answer.and_then(|answer| answer.tags).unwrap_or_default();
    Ok((!tags.is_empty()).then(|| Holder::of(&tags.into_iter().collect())))
}

pub(super) async fn tag(aws: &Aws, name: &str, tags: &Tags) -> Result<()> {
    let call = aws.logs.tag_resource().resource_arn(arn(aws, name));
    call.set_tags(Some(tags.clone().into_iter().collect()))
        .send()
        .await
        .during("TagResource", name)?;
    Ok(())
}

fn arn(aws: &Aws, name: &str) -> String {
    let region = aws
        .logs
        .config()
        .region()
        .map_or("", |region| region.as_ref());
    let partition = crate::stack::partition(region);
    format!(
        "arn:{partition}:logs:{region}:{}:log-group:{name}",
        aws.account
    )
}
