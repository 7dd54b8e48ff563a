//! The login of a database's administrator that infra.toml names and somebody else keeps. Its
//! value is for the migrator alone.

use super::NOT_FOUND;
use crate::aws::{During, Optional, Reader};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::object::{Attributes, attributes};

/// The secret that `[database] admin_secret` names, as `secret/database-admin`.
pub(super) async fn existing(
    reader: &Reader,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::scripted::{Scene, Script};
    use serde_json::json;

    async fn look(script: Script) -> Result<Vec<(String, Attributes)>> {
        let text = "[stack]\nname = \"chat\"\nregion = \"us-east-1\"\n[database]\n\
                    instance = \"shared\"\nadmin_secret = \"shared/admin\"\n";
        let config: Config = toml::from_str(text).unwrap();
        let scene = Scene::new("secret/database-admin", script);
        let reader = Reader::new(&scene.aws, &scene.stack);
        let found = existing(&reader, &config).await;
        assert_eq!(
            scene.script.calls(),
            ["DescribeSecret"],
            "its value is not read"
        );
        found
    }

    #[tokio::test]
    async fn the_administrators_secret_is_looked_at_and_not_read() {
        let secret = json!({"Name": "shared/admin", "ARN": "arn:shared/admin-AbCdEf"});
        let script = Script::new().answer("DescribeSecret", secret.to_string());
        let (name, attributes) = look(script).await.unwrap().remove(0);
        assert_eq!(name, "database-admin");
        assert_eq!(attributes["arn"], "arn:shared/admin-AbCdEf");
    }

    #[tokio::test]
    async fn a_secret_that_is_gone_or_going_is_refused() {
        let gone = Script::new().refuse(
            "DescribeSecret",
            400,
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret.",
        );
        let going = json!({"Name": "shared/admin", "ARN": "arn", "DeletedDate": 1_700_000_000});
        let going = Script::new().answer("DescribeSecret", going.to_string());
        for (script, why) in [
            (gone, "there is no such secret"),
            (going, "it is waiting for its deletion"),
        ] {
            let error = look(script).await.unwrap_err();
            assert_eq!(error.kind, Kind::Refused);
            assert!(error.message.ends_with(why), "{error}");
        }
    }
}
