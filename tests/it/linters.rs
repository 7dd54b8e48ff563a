//! Linters of IAM policies that know nothing of this project, over every policy that it makes: the
//! roles' in the account, and the operator's that `wmctl policy` prints.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Deserializer, Value, json};
use wmctl::resources::iam::policy::parse;

use crate::account::connect;
use crate::emulator::Emulator;
use crate::lifecycle::runtime;
use crate::project::{Project, at, root};

/// What they find and is meant so: in whose policy, the linter's word, a part of what it says, and
/// why it stays.
const MEANT: &[(&str, &str, &str, &str)] = &[
    (
        "watermark-chatbot-prod-",
        "RESOURCE_MISMATCH",
        "logs:DescribeLogGroups",
        "IAM's reference lets it name the account's groups, and so do the policies",
    ),
    (
        "watermark-chatbot-prod-",
        "UNKNOWN_CONDITION_FOR_ACTION",
        "lambda:SourceFunctionArn",
        "Lambda sets it in what its functions' code calls: the Deny that is for that alone",
    ),
    (
        "operator",
        "RESOURCE_POLICY_PRIVILEGE_ESCALATION",
        "s3:PutBucketPolicy",
        "keeping a bucket's policy takes the right to write it",
    ),
];

/// One that each of them must find something in.
fn careless() -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": ["s3:*", "iam:PassRol"], "Resource": "*"},
    })
}

/// What a linter prints of a policy that it reads from its standard input.
fn lint(linter: &str, arguments: &[&str], policy: &str) -> String {
    let program = root().join(".wmctl/venv/linters/bin").join(linter);
    let mut child = Command::new(&program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!(
                "{}: {error}; run scripts/test, which installs it",
                program.display()
            )
        });
    // Closed at the end of the statement: the linter reads to the end.
    child
        .stdin
        .take()
        .unwrap()
        .write_all(policy.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(!complaint.contains("Traceback"), "{linter}: {complaint}");
    said
}

/// parliament's findings: its word for each, and all that it says of it.
fn parliament(policy: &Value) -> Vec<(String, String)> {
    let said = lint("parliament", &["--json"], &format!("{policy:#}"));
    let findings = Deserializer::from_str(&said).into_iter::<Value>();
    let findings = findings.map(|finding| finding.expect("a finding a line"));
    findings
        .map(|finding| {
            (
                finding["issue"].as_str().unwrap().to_owned(),
                finding.to_string(),
            )
        })
        .collect()
}

/// What cloudsplaining finds: privileges that escalate, expose or take away, and what has no bound.
fn cloudsplaining(policy: &Value) -> Option<String> {
    let said = lint(
        "cloudsplaining",
        &["scan-policy-file", "--input-file", "/dev/stdin"],
        &policy.to_string(),
    );
    (!said.contains("There were no results found")).then_some(said)
}

/// The roles' policies in an account, by role.
async fn roles(url: &str) -> BTreeMap<String, Value> {
    let iam = connect(url).await.iam;
    let roles = iam
        .list_roles()
        .path_prefix("/wmctl/")
        .send()
        .await
        .unwrap();
    let mut policies = BTreeMap::new();
    for role in roles.roles() {
        let role = role.role_name();
        let names = iam.list_role_policies().role_name(role).send().await;
        for name in names.unwrap().policy_names() {
            let call = iam.get_role_policy().role_name(role).policy_name(name);
            let answer = call.send().await.unwrap();
            policies.insert(format!("{role} {name}"), parse(answer.policy_document()));
        }
    }
    policies
}

#[test]
fn linters_of_policies_find_nothing_but_what_is_meant() {
    let emulator = Emulator::moto();
    let project = Project::new();
    project.share_build();
    project
        .wmctl(&[&["up"], &at(&emulator.url)[..]].concat())
        .ok();
    let mut policies = runtime().block_on(roles(&emulator.url));
    assert_eq!(policies.len(), 6, "{:?}", policies.keys());
    for (whose, more) in [("operator", &[][..]), ("reader", &["--read-only"])] {
        let arguments = [&["policy", "--json", "--account", "111122223333"], more].concat();
        let printed = project.wmctl(&arguments).ok().json();
        let documents = printed.as_array().unwrap().clone();
        let numbered = (1..).zip(documents);
        policies.extend(numbered.map(|(number, policy)| (format!("{whose} {number}"), policy)));
    }

    assert_ne!(parliament(&careless()), []);
    assert!(cloudsplaining(&careless()).is_some());
    let mut unmet: BTreeSet<_> = MEANT.iter().collect();
    for (name, policy) in &policies {
        for (word, text) in parliament(policy) {
            let meant = MEANT.iter().find(|(whose, of, part, _)| {
                name.starts_with(whose) && word == *of && text.contains(part)
            });
            unmet.remove(meant.unwrap_or_else(|| panic!("{name}: {text}")));
        }
        if let Some(found) = cloudsplaining(policy) {
            panic!("{name}: {found}\n{policy:#}");
        }
    }
    assert!(
        unmet.is_empty(),
        "no linter says this any longer: {unmet:?}"
    );
}
