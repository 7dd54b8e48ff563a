//! Who may read a secret, whatever IAM allows them: the roles that need it, the account's root, and
//! operators. All else about a secret stays with IAM, so that nobody can be shut out for good.

use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::content::{self, DIGESTS};
use super::observed::listed;
use super::{NOT_FOUND, aws_name};
use crate::aws::{During, Optional, Reader};
use crate::error::Result;
use crate::object::{Attributes, attributes};
use crate::permissions::{Calls, allow};
use crate::resources::iam::{policy, role};
use crate::resources::{Cx, Found, OnChange, Resource, Scope};
use crate::stack::Stack;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecretPolicy {
    pub secret: String,
    pub policy: Value,
}

impl Resource for SecretPolicy {
    const KIND: &'static str = "secret-policy";
    const NEEDS: &'static [&'static str] = &["secret"];
    const CALLS: Calls = Calls {
        find: &[allow(
            &["secretsmanager:GetResourcePolicy"],
            &["secretsmanager:secret:{stack}/*"],
        )],
        create: &[allow(
            &["secretsmanager:PutResourcePolicy"],
            &["secretsmanager:secret:{stack}/*"],
        )],
        update: &[allow(
            &["secretsmanager:PutResourcePolicy"],
            &["secretsmanager:secret:{stack}/*"],
        )],
        delete: &[allow(
            &["secretsmanager:DeleteResourcePolicy"],
            &["secretsmanager:secret:{stack}/*"],
        )],
    };

    fn wanted(scope: &Scope) -> Vec<(String, Self)> {
        content::wanted(scope.config)
            .into_iter()
            .map(|(name, _, _)| {
                let policy = Self {
                    secret: format!("${{secret/{name}.arn}}"),
                    policy: readers(scope, &name),
                };
                (name, policy)
            })
            .collect()
    }

    async fn find(reader: &Reader) -> Result<Vec<Found<Self>>> {
        let reads = listed(reader).await?.iter().map(|name| async move {
            let call = reader.aws.secrets.get_resource_policy();
            let id = aws_name(&reader.stack, name);
            let answer = call.secret_id(&id).send().await;
            let answer = answer.during("GetResourcePolicy", &id).unless(NOT_FOUND)?;
            Ok(answer.and_then(|answer| {
                let arn = answer.arn.unwrap_or_default();
                // An emulator answers with one that says nothing.
                let text = answer.resource_policy.filter(|text| text.len() > 2)?;
                let value = Self {
                    secret: arn.clone(),
                    policy: policy::parse(&text),
                };
                Some(Found::owned(
                    name.clone(),
                    attributes([("id", &arn)]),
                    value,
                ))
            }))
        });
        Ok(try_join_all(reads).await?.into_iter().flatten().collect())
    }

    /// A secret made again is another; it has no policy yet.
    fn on_change(_field: &str) -> OnChange {
        OnChange::InPlace
    }

    async fn create(&self, cx: &Cx<'_>) -> Result<Attributes> {
        let call = cx.aws.secrets.put_resource_policy();
        call.secret_id(&self.secret)
            .resource_policy(self.policy.to_string())
            .block_public_policy(true)
            .send()
            .await
            .during("PutResourcePolicy", cx.id)?;
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
        let call = cx.aws.secrets.delete_resource_policy();
        let answer = call.secret_id(&found.value.secret).send().await;
        answer
            .during("DeleteResourcePolicy", cx.id)
            .unless(NOT_FOUND)?;
        Ok(())
    }
}

/// Whom the function's and the migrator's own secrets are for. What is an API key's is for
/// operators alone: they hand it to the caller.
fn roles(secret: &str) -> &'static [&'static str] {
    match secret {
        DIGESTS => &["function"],
        "database-app" => &["function", "migrator"],
        "database-admin" => &["migrator"],
        _ => &[],
    }
}

/// Without `operators` in infra.toml, every user, and whoever signs in through Identity Center, is
/// taken for one; a role that a workload has is not.
fn readers(scope: &Scope, secret: &str) -> Value {
    let stack = scope.stack;
    let iam = |principal: &str| {
        let (partition, account) = (stack.partition(), &stack.account);
        format!("arn:{partition}:iam::{account}:{principal}")
    };
    let roles = roles(secret).iter().map(|name| role::arn(stack, name));
    let operators = &scope.config.stack.operators;
    let mut readers: Vec<String> = roles.chain([iam("root")]).collect();
    if operators.is_empty() {
        readers.push(iam("user/*"));
        readers.push(iam(&format!("role/aws-reserved/{IDENTITY_CENTER}")));
    } else {
        readers.extend(operators.iter().cloned());
    }
    policy::document([json!({
        "Sid": "OnlyReaders",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
        "Condition": {"ArnNotLike": {"aws:PrincipalArn": readers}},
    })])
}

/// The roles that Identity Center makes; nobody else can use this path, or names that begin so.
const IDENTITY_CENTER: &str = "sso.amazonaws.com/*AWSReservedSSO_*";

/// Whether `policy` lets this caller read, as far as STS's name for it tells: that of a role's
/// session lacks the role's path.
pub fn admits(policy: &Value, stack: &Stack, caller: &str) -> bool {
    let readers = &policy["Statement"][0]["Condition"]["ArnNotLike"]["aws:PrincipalArn"];
    let listed: Vec<&str> = match readers {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => return true,
    };
    let session = format!(
        "arn:{}:sts::{}:assumed-role/",
        stack.partition(),
        stack.account
    );
    let role = caller
        .strip_prefix(&session)
        .and_then(|rest| rest.split('/').next());
    listed.into_iter().any(|reader| match role {
        Some(role) => {
            let of_role = reader.split_once(":role/").map(|(_, path)| path);
            let name = of_role.and_then(|path| path.rsplit('/').next());
            name.is_some_and(|name| matches(name, role))
        }
        None => matches(reader, caller),
    })
}

/// IAM's patterns: `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, mut rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    while let Some((part, next)) = rest.split_once('*') {
        let Some(at) = text.find(part) else {
            return false;
        };
        text = &text[at + part.len()..];
        rest = next;
    }
    text.ends_with(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::sample;

    fn stack() -> Stack {
        let config = "[stack]\nname = \"chat\"\nregion = \"us-east-1\"";
        Stack::new(&toml::from_str(config).unwrap(), "111122223333")
    }

    fn of(more: &str, secret: &str) -> Value {
        let policies = sample::wanted::<SecretPolicy>(more, &[]);
        let mut named = policies.into_iter().filter(|(name, _)| name == secret);
        named.next().unwrap().1.policy
    }

    fn opens(policy: &Value, caller: &str) -> bool {
        admits(policy, &stack(), &format!("arn:aws:{caller}"))
    }

    #[test]
    fn a_secret_opens_for_its_roles_and_for_operators_alone() {
        let role = "sts::111122223333:assumed-role/chat-prod-";
        for (secret, function, migrator) in [
            ("api-keys", true, false),
            ("database-app", true, true),
            ("database-admin", false, true),
            ("api-key-chatbot", false, false),
        ] {
            let policy = of("", secret);
            assert_eq!(
                opens(&policy, &format!("{role}function/x")),
                function,
                "{secret}"
            );
            assert_eq!(
                opens(&policy, &format!("{role}migrator/x")),
                migrator,
                "{secret}"
            );
            for (caller, admitted) in [
                ("iam::111122223333:root", true),
                ("iam::111122223333:user/anna", true),
                (
                    "sts::111122223333:assumed-role/AWSReservedSSO_Admin_0a1b/anna",
                    true,
                ),
                ("sts::111122223333:assumed-role/web-server/i-1", false),
                ("iam::444455556666:user/anna", false),
            ] {
                assert_eq!(opens(&policy, caller), admitted, "{secret} {caller}");
            }
        }
    }

    #[test]
    fn named_operators_are_the_only_ones() {
        let more = "operators = [\"arn:aws:iam::111122223333:role/ci/deployer\"]\n";
        let policy = of(more, "database-admin");
        assert!(opens(
            &policy,
            "sts::111122223333:assumed-role/deployer/run-7"
        ));
        assert!(opens(&policy, "iam::111122223333:root"));
        assert!(!opens(&policy, "iam::111122223333:user/anna"));
    }

    #[test]
    fn patterns_are_those_of_iam() {
        for (pattern, text, fits) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("*b*", "abc", true),
            ("a*c", "abd", false),
            ("a*b*c", "a-b-c", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }
}
