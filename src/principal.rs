//! Who signs a call: a role or a user of IAM, as infra.toml and AWS name them.

/// The ARN of a role or a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Principal<'a> {
    pub partition: &'a str,
    pub account: &'a str,
    /// `role` or `user`.
    pub kind: &'a str,
    /// Without its path.
    pub name: &'a str,
}

/// Its parts, where it is one: `arn:aws:iam::111122223333:role/path/name`.
pub fn parse(arn: &str) -> Option<Principal<'_>> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, rest] = parts[..] else {
        return None;
    };
    let (kind, path) = rest.split_once('/')?;
    let (folders, name) = path.rsplit_once('/').unwrap_or(("-", path));
    let in_path = |c: char| c.is_ascii_graphic() && !"*?\"\\".contains(c);
    let in_name = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    let sound = partition.starts_with("aws")
        && is_account(account)
        && ["role", "user"].contains(&kind)
        && !name.is_empty()
        && name.chars().all(in_name)
        && !folders.split('/').any(str::is_empty)
        && folders.chars().all(in_path);
    sound.then_some(Principal {
        partition,
        account,
        kind,
        name,
    })
}

/// Whether it is one, of this partition; otherwise what it is, and what to write.
pub fn check(text: &str, partition: &str) -> Result<(), (&'static str, String)> {
    let session = text.strip_prefix("arn:").and_then(session);
    Err(match parse(text) {
        Some(principal) if principal.partition == partition => return Ok(()),
        Some(principal) => (
            "is of another partition than `stack.region`",
            format!(
                "write `\"{}\"`",
                text.replacen(principal.partition, partition, 1)
            ),
        ),
        None if text.contains(['*', '?']) => (
            "is a pattern",
            "name each role or user: whoever can make one with a name that fits would be let in"
                .to_owned(),
        ),
        None if session.is_some() => (
            "is a session's ARN",
            format!(
                "write its role's, `\"{}\"`, with the role's path if it has one",
                session.unwrap_or_default()
            ),
        ),
        None if is_account(text) || text.ends_with(":root") => (
            "is a whole account",
            "name its roles or users: otherwise whoever administers that account decides who may call"
                .to_owned(),
        ),
        None if text.contains(".amazonaws.com") => (
            "is a service of AWS",
            "name the role that the service assumes".to_owned(),
        ),
        None if text.contains(":group/") => (
            "is a group, and groups sign nothing",
            "name its users, or better a role".to_owned(),
        ),
        None => (
            "is not the ARN of a role or a user",
            format!("for example `\"arn:{partition}:iam::111122223333:role/chatbot\"`"),
        ),
    })
}

/// Whether the text is meant to be a principal, right or wrong.
pub fn is_meant(text: &str) -> bool {
    text.starts_with("arn:")
        || text == "*"
        || is_account(text)
        || text.ends_with(".amazonaws.com")
        || text.ends_with(".amazonaws.com.cn")
}

/// Whether the caller, as STS names it, is the principal. A session tells its role's name and not
/// the role's path; names are unique in an account all the same.
pub fn is(principal: &str, caller: &str) -> bool {
    let role = caller.strip_prefix("arn:").and_then(session);
    match (parse(principal), role.as_deref().and_then(parse)) {
        (Some(listed), Some(role)) => listed == role,
        _ => principal == caller,
    }
}

/// The ARN of a session's role without its path: `aws:sts::ACCOUNT:assumed-role/NAME/SESSION`.
fn session(rest: &str) -> Option<String> {
    let (partition, rest) = rest.split_once(":sts::")?;
    let (account, rest) = rest.split_once(":assumed-role/")?;
    let (role, _) = rest.split_once('/')?;
    Some(format!("arn:{partition}:iam::{account}:role/{role}"))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/apps/chatbot";

    #[test]
    fn a_session_is_its_roles_whatever_the_path() {
        let session = |name| format!("arn:aws:sts::111122223333:assumed-role/{name}/deploy");
        assert!(is(ROLE, &session("chatbot")));
        assert!(!is(ROLE, &session("chatbot2")));
        assert!(!is(ROLE, &session("apps")));
        assert!(!is(ROLE, &session("chatbot").replace("3333", "4444")));
        let user = "arn:aws:iam::111122223333:user/apps/chatbot";
        assert!(is(user, user));
        assert!(!is(user, "arn:aws:iam::111122223333:user/chatbot"));
        assert!(!is(user, &session("chatbot")));
        assert!(!is(ROLE, "arn:aws:iam::111122223333:root"));
    }

    #[test]
    fn only_roles_and_users_are_principals() {
        for right in [
            ROLE,
            "arn:aws-cn:iam::111122223333:user/a",
            "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_A_0b1c",
        ] {
            assert!(parse(right).is_some(), "{right}");
        }
        for wrong in [
            "arn:aws:iam::111122223333:root",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::111122223333:role//a",
            "arn:aws:iam::111122223333:role/a/",
            "arn:aws:iam::111122223333:role/a*",
            "arn:aws:iam::1111:role/a",
            "arn:aws:iam:us-east-1:111122223333:role/a",
            "arn:aws:iam::111122223333:group/a",
            "arn:aws:sts::111122223333:assumed-role/a/b",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
