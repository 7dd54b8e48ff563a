//! Rotation by schedule: Secrets Manager calls the migrator, step by step.

use std::time::Duration;

use aws_sdk_secretsmanager::types::RotationRulesType;
use serde::{Deserialize, Serialize};

use super::NOT_FOUND;
use super::logins::{LOGINS, logins};
use crate::aws::patience::patiently;
use crate::aws::{During, Optional, Reader};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::object::{Attributes, Id, attributes};
use crate::permissions::{Calls, allow};
use crate::resources::lambda::{permission, schema};
use crate::resources::{Cx, Found, Resource, Scope};

const DATABASE_APP: &str = LOGINS[1];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecretRotation {
    pub secret: String,
    /// The function that rotates it.
    pub function: String,
    pub days: i64,
    /// Instead of a number of days, a cron or rate expression: none of ours.
    pub schedule: Option<String>,
}

impl Resource for SecretRotation {
    const KIND: &'static str = "secret-rotation";
    const NEEDS: &'static [&'static str] =
        &["secret", "function-alias", "function-permission", "schema"];
    const CALLS: Calls = Calls {
        find: &[allow(
            &["secretsmanager:DescribeSecret"],
            &["secretsmanager:secret:{stack}/*"],
        )],
        create: &[
            allow(
                &["secretsmanager:RotateSecret"],
                &["secretsmanager:secret:{stack}/*"],
            ),
            allow(&["lambda:InvokeFunction"], &["lambda:function:{stack}-*"]),
            super::ENCRYPT,
        ],
        update: &[
            allow(
                &["secretsmanager:RotateSecret"],
                &["secretsmanager:secret:{stack}/*"],
            ),
            allow(&["lambda:InvokeFunction"], &["lambda:function:{stack}-*"]),
            super::ENCRYPT,
        ],
        delete: &[allow(
            &["secretsmanager:CancelRotateSecret"],
            &["secretsmanager:secret:{stack}/*"],
        )],
    };

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        let days = scope.config.database.rotate_after_days;
        rotated(scope.config)
            .iter()
            .filter(|_| days > 0)
            .map(|name| {
                let rotation = Self {
                    secret: format!("${{secret/{name}}}"),
                    function: "${function-alias/migrator.arn}".to_owned(),
                    days: days.into(),
                    schedule: None,
                };
                ((*name).to_owned(), rotation)
            })
            .collect()
    }

    /// The function is tried when rotation is set up: it has to be let in, and the users be there.
    fn after(name: &str) -> Vec<Id> {
        vec![
            Id::new(
                permission::FunctionPermission::KIND,
                permission::rotates(name),
            ),
            schema::id(),
        ]
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let logins = logins(reader).await?.iter();
        let rotated = logins.filter(|(_, login)| login.secret.rotation_enabled == Some(true));
        Ok(rotated
            .map(|(name, login)| {
                let rules = login.secret.rotation_rules.as_ref();
                let secret = login.secret.name.clone().unwrap_or_default();
                let function = login.secret.rotation_lambda_arn.clone();
                Found {
                    name: name.clone(),
                    attributes: attributes([("id", &secret)]),
                    owned: login.owned(&reader.stack),
                    value: Self {
                        secret,
                        function: function.unwrap_or_default(),
                        days: rules
                            .and_then(|rules| rules.automatically_after_days)
                            .unwrap_or_default(),
                        schedule: rules.and_then(|rules| rules.schedule_expression.clone()),
                    },
                }
            })
            .collect())
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let rules = RotationRulesType::builder().automatically_after_days(self.days);
        let call = cx.aws.secrets.rotate_secret();
        let call = call
            .secret_id(&self.secret)
            .rotation_lambda_arn(&self.function)
            .rotation_rules(rules.build())
            .rotate_immediately(false);
        patiently(
            cx.events,
            cx.id,
            "Secrets Manager to be let in, and a rotation under way to end",
            Duration::from_mins(2),
            passes,
            || async { call.clone().send().await.during("RotateSecret", cx.id) },
        )
        .await
        .map_err(|error| match error.code() {
            Some("InvalidRequestException") => error.hint(format!(
                "`wmctl rotate-secrets {}` ends a rotation that was left behind",
                if cx.id.name == DATABASE_APP {
                    "app"
                } else {
                    "admin"
                }
            )),
            _ => error,
        })?;
        Ok(attributes([("id", &self.secret)]))
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        _found: &Found<Self>,
        _changed: &[String],
    ) -> Result<Attributes> {
        self.create(cx).await
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        let call = cx.aws.secrets.cancel_rotate_secret();
        let call = call.secret_id(found.aws_id());
        let cancelled = call.send().await.during("CancelRotateSecret", cx.id);
        match cancelled.unless(NOT_FOUND) {
            // What waits for its deletion is not rotated either.
            Err(error) if error.is("InvalidRequestException", "deletion") => Ok(()),
            other => other.map(drop),
        }
    }
}

/// The logins that are the stack's own to rotate: an administrator whom somebody else keeps is not.
pub fn rotated(config: &Config) -> &'static [&'static str] {
    if config.database.instance.is_some() {
        &LOGINS[1..]
    } else {
        &LOGINS
    }
}

/// A new permission is known everywhere within seconds; a rotation takes no longer.
fn passes(error: &Error) -> bool {
    error.is("AccessDeniedException", "cannot invoke")
        || error.is("InvalidRequestException", "previous rotation")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::scripted::{Scene, Script};
    use crate::error::Kind;
    use crate::resources::sample;

    fn names(more: &str) -> Vec<String> {
        let wanted = sample::wanted::<SecretRotation>(more, &[]).into_iter();
        wanted.map(|(name, _)| name).collect()
    }

    #[test]
    fn both_logins_rotate_unless_that_is_turned_off_or_one_is_anothers() {
        assert_eq!(names(""), LOGINS);
        assert_eq!(names("[database]\nrotate_after_days = 0"), [""; 0]);
        let existing = "[database]\ninstance = \"shared\"\nadmin_secret = \"shared/admin\"";
        assert_eq!(names(existing), ["database-app"]);
    }

    fn rotation() -> SecretRotation {
        let mut rotation = sample::wanted::<SecretRotation>("", &[]).remove(0).1;
        "chat-prod/database-admin".clone_into(&mut rotation.secret);
        "arn:migrator:live".clone_into(&mut rotation.function);
        rotation
    }

    const DENIED: &str = "Secrets Manager cannot invoke the specified Lambda function. Ensure that \
                          the function policy grants access to the principal \
                          secretsmanager.amazonaws.com.";
    const UNDER_WAY: &str =
        "A previous rotation isn't complete. That rotation will be reattempted.";

    #[tokio::test]
    async fn setting_it_up_rotates_nothing_and_waits_to_be_let_in() {
        let script = Script::new()
            .refuse("RotateSecret", 400, "AccessDeniedException", DENIED)
            .refuse("RotateSecret", 400, "InvalidRequestException", UNDER_WAY)
            .answer("RotateSecret", "{}");
        let scene = Scene::new("secret-rotation/database-admin", script);
        let made = rotation().create(&scene.cx()).await.unwrap();
        assert_eq!(made["id"], "chat-prod/database-admin");
        let body = scene.script.bodies("RotateSecret").remove(2);
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["RotateImmediately"], false);
        assert_eq!(body["RotationLambdaARN"], "arn:migrator:live");
        assert_eq!(body["RotationRules"], json!({"AutomaticallyAfterDays": 30}));
    }

    #[tokio::test]
    async fn a_rotation_that_was_left_behind_is_named_with_the_command_that_ends_it() {
        let script = (0..200).fold(Script::new(), |script, _| {
            script.refuse("RotateSecret", 400, "InvalidRequestException", UNDER_WAY)
        });
        let scene = Scene::new("secret-rotation/database-admin", script);
        let error = rotation().create(&scene.cx()).await.unwrap_err();
        assert_eq!(error.kind, Kind::Failed);
        let hint = "`wmctl rotate-secrets admin` ends a rotation that was left behind";
        assert!(error.hints.iter().any(|known| known == hint), "{error:?}");
    }

    #[tokio::test]
    async fn a_secret_that_is_gone_or_going_is_not_rotated() {
        let marked = "You can't perform this operation on the secret because it was marked for \
                      deletion.";
        for (code, message) in [
            ("ResourceNotFoundException", "no such secret"),
            ("InvalidRequestException", marked),
        ] {
            let script = Script::new().refuse("CancelRotateSecret", 400, code, message);
            let scene = Scene::new("secret-rotation/database-admin", script);
            let found = Found::owned("database-admin", attributes([("id", "s")]), rotation());
            SecretRotation::delete(&scene.cx(), &found).await.unwrap();
        }
    }
}
