//! A secret under the stack's key. Its value is written, never read back or compared.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::age::SINCE;
use super::content::{self, Content, DIGESTS, of_key};
use super::existing::existing;
use super::logins::{LOGINS, logins};
use super::observed::{described, found, listed};
use super::staging::{CURRENT, put, source_tag, version_of};
use super::written::take_back;
use super::{NOT_FOUND, aws_name, secret_tags};
use crate::aws::{During, Optional, Reader};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::object::{Attributes, attributes};
use crate::permissions::{ALL, Calls, allow};
use crate::resources::apigateway::versions::versions;
use crate::resources::{Cx, Found, Resource, Scope};
use crate::stack::Tags;

/// How long a deleted secret can be brought back.
const RECOVERY_DAYS: i64 = 30;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Secret {
    pub description: String,
    pub kms_key: String,
    /// What the value is made of: a user's name, or API keys' ids by name. When they change, so
    /// does the value.
    pub sources: BTreeMap<String, String>,
    /// False where a value that follows from its sources was not, or not last, written here.
    pub intact: bool,
    pub tags: Tags,
}

impl Resource for Secret {
    const KIND: &'static str = "secret";
    const NEEDS: &'static [&'static str] = &["kms-key", "api-key"];
    const CALLS: Calls = Calls {
        find: &[
            allow(&["secretsmanager:ListSecrets"], ALL),
            allow(
                &[
                    "secretsmanager:DescribeSecret",
                    "secretsmanager:ListSecretVersionIds",
                ],
                &[
                    "secretsmanager:secret:{stack}/*",
                    "secretsmanager:secret:{admin-secret}",
                ],
            ),
        ],
        create: &[
            allow(
                &[
                    "secretsmanager:CreateSecret",
                    "secretsmanager:DescribeSecret",
                    "secretsmanager:GetSecretValue",
                    "secretsmanager:PutSecretValue",
                    "secretsmanager:RestoreSecret",
                    "secretsmanager:TagResource",
                    "secretsmanager:UntagResource",
                    "secretsmanager:UpdateSecret",
                    "secretsmanager:UpdateSecretVersionStage",
                ],
                &["secretsmanager:secret:{stack}/*"],
            ),
            super::ENCRYPT,
            allow(&["apigateway:GET"], &["apigateway:/apikeys/*"]).ours(),
        ],
        update: &[
            allow(
                &[
                    "secretsmanager:GetSecretValue",
                    "secretsmanager:PutSecretValue",
                    "secretsmanager:TagResource",
                    "secretsmanager:UntagResource",
                    "secretsmanager:UpdateSecret",
                    "secretsmanager:UpdateSecretVersionStage",
                ],
                &["secretsmanager:secret:{stack}/*"],
            ),
            super::ENCRYPT,
            allow(&["apigateway:GET"], &["apigateway:/apikeys/*"]).ours(),
        ],
        delete: &[allow(
            &["secretsmanager:DeleteSecret"],
            &["secretsmanager:secret:{stack}/*"],
        )],
    };
    const DATA: bool = true;
    const INTERRUPTS: Option<&'static str> = Some("every request");

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        content::wanted(scope.config)
            .into_iter()
            .map(|(name, description, sources)| {
                let secret = Self {
                    description: description.to_owned(),
                    kms_key: "${kms-key/main.arn}".to_owned(),
                    sources,
                    intact: true,
                    tags: scope.tags(Self::KIND, &name),
                };
                (name, secret)
            })
            .collect()
    }

    async fn existing(reader: &Reader, config: &Config) -> Result<Vec<(String, Attributes)>> {
        existing(reader, config).await
    }

    /// Lists lag behind by five minutes, so what is known by name is asked for by name: a list
    /// may show a secret that was deleted a moment ago, and the plan would keep it.
    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let known = BTreeSet::from([DIGESTS.to_owned()]);
        let (listed, mut found, logins, keys) = tokio::try_join!(
            listed(reader),
            described(reader, &known),
            logins(reader),
            versions(reader)
        )?;
        let digests = found.iter().filter(|secret| secret.name == DIGESTS);
        let names = digests.flat_map(|secret| secret.value.sources.keys());
        let mut others: BTreeSet<String> = names.map(|name| of_key(name)).collect();
        others.extend(listed.iter().cloned());
        others.retain(|name| !known.contains(name) && !LOGINS.contains(&name.as_str()));
        found.extend(described(reader, &others).await?);
        found.extend(logins.iter().map(|(name, login)| {
            let mut found = self::found(&reader.stack, name, login.secret.clone());
            let since = login.not_before().map(|since| since.secs().to_string());
            let since = since.map(|since| (SINCE.to_owned(), since));
            found.attributes.extend(since);
            found
        }));
        for (name, key) in keys {
            let current = key.current().map(|current| current.id.as_str());
            let of = of_key(name);
            for secret in found.iter_mut().filter(|secret| secret.name == of) {
                secret.holds(name, current);
            }
        }
        Ok(found)
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let content = Content::of(&cx.id.name);
        let value = content.make(cx.aws, &self.sources).await?;
        let name = aws_name(cx.stack, &cx.id.name);
        let version = self.version(content);
        let created = cx
            .aws
            .secrets
            .create_secret()
            .set_client_request_token(version.clone())
            .name(&name)
            .description(&self.description)
            .kms_key_id(&self.kms_key)
            .secret_string(value.expose_secret())
            .set_tags(Some(secret_tags(&self.all_tags(content))))
            .send()
            .await
            .during("CreateSecret", cx.id);
        match created {
            Ok(secret) => {
                let mut made = secret.version_id.unwrap_or_default();
                if version.is_some() {
                    // The same value under the same id is taken for a repeated request, even where
                    // the secret waits for its deletion.
                    take_back(cx, &name).await?;
                }
                if let Some(version) = version.filter(|version| *version != made) {
                    // An emulator chooses the id by itself.
                    put(cx, &name, &version, &value, CURRENT).await?;
                    made = version;
                }
                if content == Content::Digests {
                    self.tag(cx, &Tags::new(), Some(&made)).await?;
                }
                let arn = secret.arn.unwrap_or_default();
                Ok(attributes([
                    ("id", &name),
                    ("arn", &arn),
                    ("version", &made),
                ]))
            }
            Err(error) if is_there(&error) => {
                let old = match take_back(cx, &name).await? {
                    Some(old) if old.owned => old,
                    Some(_) => return Err(somebody_elses(&name, error)),
                    None => return Err(error),
                };
                // The database may still know the user by the old password.
                let kept = !content.is_derived() && old.value.sources == self.sources;
                self.write(cx, &old, (!kept).then_some(value)).await
            }
            Err(error) => Err(error),
        }
    }

    async fn update(
        &self,
        cx: &Cx<'_>,
        found: &Found<Self>,
        changed: &[String],
    ) -> Result<Attributes> {
        let rewritten = changed
            .iter()
            .any(|field| field == "sources" || field == "intact");
        let value = if rewritten {
            let content = Content::of(&cx.id.name);
            Some(content.make(cx.aws, &self.sources).await?)
        } else {
            None
        };
        self.write(cx, found, value).await
    }

    async fn delete(cx: &Cx<'_>, found: &Found<Self>) -> Result<()> {
        cx.aws
            .secrets
            .delete_secret()
            .secret_id(found.aws_id())
            .recovery_window_in_days(RECOVERY_DAYS)
            .send()
            .await
            .during("DeleteSecret", cx.id)
            .unless(NOT_FOUND)?;
        Ok(())
    }
}

impl Secret {
    /// The tags with those that tell the sources, where nothing else does.
    pub(super) fn all_tags(&self, content: Content) -> Tags {
        let sources = self.sources.iter().filter(|_| content != Content::Key);
        let sources = sources.map(|(name, source)| (source_tag(name), source.clone()));
        self.tags.clone().into_iter().chain(sources).collect()
    }

    /// The id of the value's version, where it follows from the key that is in it.
    pub(super) fn version(&self, content: Content) -> Option<String> {
        let key = self.sources.values().next();
        key.filter(|_| content == Content::Key)
            .map(|id| version_of(id))
    }
}

impl Found<Secret> {
    /// Notes what a key's secret is to hold, the current version of the key, and whether it does.
    fn holds(&mut self, name: &str, current: Option<&str>) {
        let id = current.unwrap_or_default();
        self.value.intact = self.attribute("version") == version_of(id);
        self.value.sources = BTreeMap::from([(name.to_owned(), id.to_owned())]);
    }
}

/// A secret has the name: one that lists did not show yet, or one that waits for its deletion.
fn is_there(error: &Error) -> bool {
    error.code() == Some("ResourceExistsException")
        || error.is("InvalidRequestException", "scheduled for deletion")
}

fn somebody_elses(name: &str, refused: Error) -> Error {
    Error::new(
        Kind::Refused,
        format!("`{name}` exists already and does not carry this stack's tags"),
    )
    .hint("choose another [stack] name or environment, or delete that secret without recovery")
    .because(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Failure;
    use crate::resources::sample::wanted;

    #[test]
    fn every_key_has_a_secret_and_the_function_their_digests() {
        let more = "[[api.keys]]\nname = \"web\"\n[[api.keys]]\nname = \"app\"\n";
        let secrets: BTreeMap<String, Secret> = wanted(more, &[]).into_iter().collect();
        let names: Vec<&str> = secrets.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "api-key-app",
                "api-key-web",
                "api-keys",
                "database-admin",
                "database-app"
            ]
        );
        let sources = &secrets["api-keys"].sources;
        assert_eq!(sources["app"], "${api-key/app.accepted}");
        assert_eq!(secrets["api-key-app"].sources["app"], "${api-key/app}");
        assert_eq!(sources.len(), 2);
        assert_eq!(secrets["database-app"].sources["username"], "app_user");
    }

    #[test]
    fn sources_are_kept_in_tags() {
        let secrets: BTreeMap<String, Secret> = wanted("", &[]).into_iter().collect();
        let tags = secrets["api-keys"].all_tags(Content::Digests);
        assert_eq!(tags["wmctl:source/chatbot"], "${api-key/chatbot.accepted}");
        assert_eq!(tags["wmctl:id"], "secret/api-keys");
    }

    #[test]
    fn a_keys_secret_tells_its_source_by_its_version() {
        let secrets: BTreeMap<String, Secret> = wanted("", &[]).into_iter().collect();
        let secret = &secrets["api-key-chatbot"];
        let tags = secret.all_tags(Content::Key);
        assert!(!tags.contains_key("wmctl:source/chatbot"), "{tags:?}");
        let version = version_of("key1");
        let mut found = Found::owned(
            "api-key-chatbot",
            attributes([("version", &version)]),
            secret.clone(),
        );
        found.holds("chatbot", Some("key1"));
        assert!(found.value.intact);
        assert_eq!(found.value.sources["chatbot"], "key1");
        found.holds("chatbot", Some("key2"));
        assert!(!found.value.intact);
    }

    #[test]
    fn a_name_that_waits_for_its_deletion_is_taken() {
        let refused = |code: &str, message: &str| {
            let mut error = Error::failed("refused");
            error.aws = Some(Box::new(Failure {
                operation: "CreateSecret".to_owned(),
                code: code.to_owned(),
                message: message.to_owned(),
                request_id: None,
            }));
            error
        };
        let tombstone = "You can't create this secret because a secret with this name is already \
                         scheduled for deletion.";
        assert!(is_there(&refused("InvalidRequestException", tombstone)));
        assert!(is_there(&refused(
            "ResourceExistsException",
            "already exists"
        )));
        assert!(!is_there(&refused(
            "InvalidRequestException",
            "something else"
        )));
    }
}
