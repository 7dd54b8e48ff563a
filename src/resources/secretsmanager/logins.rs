//! The database's two logins, as Secrets Manager has them: versions and times, never values.

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::primitives::DateTime;
use futures::future::try_join_all;

use super::{NOT_FOUND, aws_name, tags_of};
use crate::aws::{Aws, During, Optional, Reader};
use crate::error::Result;
use crate::stack::Stack;

/// Their logical names.
pub const LOGINS: [&str; 2] = ["database-admin", "database-app"];
/// `wmctl` gave the database the password of the version that this label names; that of the
/// version that has the label came to it by rotation.
const SET: &str = "wmctl-set-";

/// One of them.
#[derive(Debug, Clone)]
pub struct Login {
    pub secret: DescribeSecretOutput,
}

impl Login {
    pub fn owned(&self, stack: &Stack) -> bool {
        stack.owns(&tags_of(self.secret.tags.as_deref()))
    }

    /// Its current value is no older than this. By Secrets Manager's own rotation it came at that
    /// time; another way of changing it leaves no trace here.
    pub fn not_before(&self) -> Option<DateTime> {
        let rotated = self.secret.last_rotated_date;
        rotated.or(self.secret.created_date)
    }

    /// The version that a label is on.
    pub fn version(&self, label: &str) -> Option<&str> {
        version(&self.secret, label)
    }
}

fn version<'a>(secret: &'a DescribeSecretOutput, label: &str) -> Option<&'a str> {
    let mut versions = secret.version_ids_to_stages.iter().flatten();
    let found = versions.find(|(_, labels)| labels.iter().any(|known| known == label));
    found.map(|(version, _)| version.as_str())
}

/// The version whose value was last written other than by rotation, which tells the database of
/// what it writes: as long as that is the same, so is what the database was told by RDS.
pub fn written(secret: &DescribeSecretOutput) -> String {
    let current = version(secret, "AWSCURRENT").unwrap_or_default();
    let labels = secret.version_ids_to_stages.as_ref();
    let labels = labels.and_then(|versions| versions.get(current));
    let origin = labels
        .into_iter()
        .flatten()
        .find_map(|label| label.strip_prefix(SET));
    origin.unwrap_or(current).to_owned()
}

/// Those that exist and are not waiting for their deletion. Read once in each observation.
pub async fn logins(reader: &Reader) -> Result<&BTreeMap<String, Login>> {
    let read = || async {
        let found =
            try_join_all(LOGINS.map(|name| login(&reader.aws, &reader.stack, name))).await?;
        let named = LOGINS.iter().map(|name| (*name).to_owned()).zip(found);
        Ok(named
            .filter_map(|(name, login)| Some((name, login?)))
            .collect())
    };
    reader.logins.get_or_try_init(read).await
}

/// One login; `None` where there is none, or it is waiting for its deletion.
pub async fn login(aws: &Aws, stack: &Stack, name: &str) -> Result<Option<Login>> {
    let name = aws_name(stack, name);
    let call = aws.secrets.describe_secret().secret_id(&name);
    let described = call.send().await.during("DescribeSecret", &name);
    let alive = |secret: &DescribeSecretOutput| secret.deleted_date.is_none();
    let Some(secret) = described.unless(NOT_FOUND)?.filter(alive) else {
        return Ok(None);
    };
    Ok(Some(Login { secret }))
}

/// Since when a login has its current value.
pub async fn since(aws: &Aws, stack: &Stack, name: &str) -> Result<Option<DateTime>> {
    let name = aws_name(stack, name);
    // Only labelled versions, which are a few: no second page.
    let call = aws.secrets.list_secret_version_ids().secret_id(&name);
    let listed = call.send().await.during("ListSecretVersionIds", &name);
    let versions = listed.unless(NOT_FOUND)?;
    let versions = versions.and_then(|answer| answer.versions);
    let is_current = |labels: &[String]| labels.iter().any(|label| label == "AWSCURRENT");
    let current = versions
        .into_iter()
        .flatten()
        .find(|version| is_current(version.version_stages()));
    Ok(current.and_then(|version| version.created_date))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn secret(labels: &[&str]) -> DescribeSecretOutput {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        DescribeSecretOutput::builder()
            .set_version_ids_to_stages(Some(HashMap::from([
                ("v1".to_owned(), vec!["AWSPREVIOUS".to_owned()]),
                ("v2".to_owned(), labels),
            ])))
            .build()
    }

    #[test]
    fn a_rotated_password_is_as_good_as_the_one_before_it() {
        assert_eq!(written(&secret(&["AWSCURRENT", "wmctl-set-v1"])), "v1");
        assert_eq!(written(&secret(&["wmctl-set-v0", "AWSCURRENT"])), "v0");
        // Somebody wrote this one, and the database does not know.
        assert_eq!(written(&secret(&["AWSCURRENT"])), "v2");
        assert_eq!(written(&secret(&["AWSPENDING", "wmctl-set-v1"])), "");
    }
}
