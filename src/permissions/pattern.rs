//! Resources as grants write them, and as ARNs.
//!
//! `ec2:vpc/*` is service and resource; the ARN's partition, region and account follow from the
//! service. `{stack}` stands for the prefix of the stack's names, `{bucket}` for that of its buckets'
//! names, and `{admin-secret}` for the secret that infra.toml names.

use super::{Place, When};
use crate::resources::s3::bucket_name;

/// The ARNs that a pattern stands for, and whether the grant's conditions hold there, too: what
/// somebody else keeps has none of our tags, and is named instead.
pub fn arns(place: &Place<'_>, pattern: &str, when: &[When]) -> (Vec<String>, bool) {
    let network = &place.config.network;
    let ours = when.contains(&When::Ours);
    match (pattern, &network.vpc_id) {
        ("ec2:vpc/*", Some(vpc)) if ours => {
            let arn = arn(place, &format!("ec2:vpc/{vpc}"));
            return (vec![arn], false);
        }
        ("ec2:subnet/*", Some(_)) if ours => {
            let subnets = network.subnet_ids.iter();
            let arns = subnets.map(|subnet| arn(place, &format!("ec2:subnet/{subnet}")));
            return (arns.collect(), false);
        }
        _ => {}
    }
    if pattern.contains("{admin-secret}") {
        // Secrets Manager puts six random characters behind a name; an ARN has them.
        let arns = place.config.database.admin_secret.iter().map(|secret| {
            if secret.starts_with("arn:") {
                return secret.clone();
            }
            arn(
                place,
                &pattern.replace("{admin-secret}", &format!("{secret}-*")),
            )
        });
        return (arns.collect(), true);
    }
    (vec![arn(place, pattern)], true)
}

fn arn(place: &Place<'_>, pattern: &str) -> String {
    let stack = place.stack;
    let pattern = pattern
        .replace("{stack}", &stack.prefix())
        .replace("{bucket}", &bucket_name(stack, ""));
    let Some((service, resource)) = pattern.split_once(':') else {
        return pattern;
    };
    let partition = stack.partition();
    let (region, account) = (&stack.region, &stack.account);
    match service {
        "apigateway" => format!("arn:{partition}:{service}:{region}::{resource}"),
        "iam" => format!("arn:{partition}:{service}::{account}:{resource}"),
        "route53" | "s3" => format!("arn:{partition}:{service}:::{resource}"),
        _ => stack.arn(service, resource),
    }
}

/// Whether all that `narrow` stands for is in `wide`, too: an asterisk is any text.
pub fn covers(wide: &str, narrow: &str) -> bool {
    match wide.split_once('*') {
        None => wide == narrow,
        Some((head, tail)) => narrow.strip_prefix(head).is_some_and(|rest| {
            rest.char_indices()
                .map(|(at, _)| at)
                .chain([rest.len()])
                .any(|at| covers(tail, &rest[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asterisk_is_any_text() {
        for (wide, narrow) in [
            ("*", "arn:aws:ec2:us-east-1:1:vpc/*"),
            ("a/*", "a/b/*/c"),
            ("a/*/c", "a/b/c"),
            ("a*", "a"),
            ("a", "a"),
        ] {
            assert!(covers(wide, narrow), "{wide} {narrow}");
        }
        for (wide, narrow) in [
            ("a/*/c", "a/*"),
            ("a", "ab"),
            ("a/*", "b/c"),
            ("a/b", "a/*"),
        ] {
            assert!(!covers(wide, narrow), "{wide} {narrow}");
        }
    }
}
