//! The login of a database's administrator that infra.toml names and somebody else keeps. Its
//! value is for the migrator alone.

use super::NOT_FOUND;
use crate::aws::{During, Optional, Reader};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::object::{Attributes, attributes};

/// The secret that `[database] admin_secret` names, as `secret/database-admin`.
pub(super) async fn existing(
    reader: &Reader<'_>,
    config: &Config,
) -> Result<Vec<(String, Attributes)>> {
    let Some(name) = &config.database.admin_secret else {
        return Ok(Vec::new());
    };
    let unfit = |why: &str| {
        Error::new(
            Kind::Refused,
            format!("[database] admin_secret = \"{name}\" cannot be used: {why}"),
        )
        .hint("nothing was changed; name a secret of the form {\"username\", \"password\"}")
    };
    let call = reader.aws.secrets.describe_secret().secret_id(name);
    let answer = call.send().await.during("DescribeSecret", name);
    let Some(secret) = answer.unless(NOT_FOUND)? else {
        return Err(unfit("there is no such secret"));
    };
    if secret.deleted_date.is_some() {
        return Err(unfit("it is waiting for its deletion"));
    }
    let (id, arn) = (secret.name(), secret.arn());
    let known = [
        ("id", id.unwrap_or_default()),
        ("arn", arn.unwrap_or_default()),
    ];
    Ok(vec![("database-admin".to_owned(), attributes(known))])
}
