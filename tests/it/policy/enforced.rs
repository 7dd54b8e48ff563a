//! The printed policies, enforced: by MiniStack where it knows what AWS knows, and by IAM's
//! simulator, which `gate` stands for, in all they say.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use wmctl::aws::Aws;

use super::gate::{Gate, texts};
use crate::account::{connect, listing};
use crate::drift::say;
use crate::emulator::Emulator;
use crate::lifecycle::{EVERYTHING, changes, runtime};
use crate::project::{Project, Run, at};

/// The account of an emulator's root.
const ACCOUNT: &str = "000000000000";
const USER: &str = "operator";

/// Where MiniStack takes the resource of a call for `*`, or for another than AWS does. Conditions
/// go with it: it knows no tags there.
const NO_RESOURCES: &[&str] = &[
    "cloudtrail",
    "cloudwatch",
    "ec2",
    "events",
    "iam",
    "rds",
    "wafv2",
];
/// Where it knows resources, and no tags of them.
const NO_TAGS: &[&str] = &["apigateway"];
/// What the statements are about that no run on MiniStack misses, and why.
const UNNEEDED: &[(&str, &str)] = &[
    (
        "iam:CreateServiceLinkedRole",
        "those of what MiniStack has not: logs of AWS WAF, GuardDuty, Security Hub",
    ),
    ("guardduty:", "only where infra.toml asks for it"),
    ("securityhub:", "only where infra.toml asks for it"),
    ("lambda:GetAccountSettings", "emulators have no quotas"),
];
/// What it checks in the place of other actions, and which.
const MISNAMED: &[(&str, &str)] = &[
    (
        "lambda:CreateFunctionUrlConfig",
        "ListFunctionUrlConfigs, DeleteFunctionUrlConfig",
    ),
    ("lambda:ListAliases", "GetAlias, UpdateAlias, DeleteAlias"),
];

/// Actions whose resource it does not find in the call.
const NAMELESS: &[&str] = &[
    "lambda:CreateFunction",
    "sns:ListTagsForResource",
    "sns:TagResource",
];

/// A statement as MiniStack can judge it.
fn judged(statement: &Value) -> Vec<Value> {
    let mut statement = statement.clone();
    let actions = texts(&statement["Action"]);
    let service = actions[0].split(':').next().unwrap();
    let nameless = actions
        .iter()
        .filter(|action| NAMELESS.contains(&action.as_str()));
    let nameless: Vec<&String> = nameless.collect();
    // An alias is a resource there, and on AWS the key behind it; and CreateAlias names its own
    // otherwise.
    let aliased = service == "kms" && statement.get("Condition").is_none();
    if NO_RESOURCES.contains(&service) || aliased {
        statement["Resource"] = json!("*");
    }
    if NO_RESOURCES.contains(&service) || NO_TAGS.contains(&service) {
        statement.as_object_mut().unwrap().remove("Condition");
    }
    let mut judged = vec![statement];
    if !nameless.is_empty() {
        judged.push(json!({"Effect": "Allow", "Action": nameless, "Resource": "*"}));
    }
    judged
}

/// A user of an account whose policies are enforced.
struct Operator {
    project: Project,
    root: Aws,
    gate: Gate,
    key: (String, String),
    _emulator: Emulator,
}

impl Operator {
    fn new() -> Self {
        let emulator = Emulator::guarded();
        let gate = Gate::new(&emulator.url);
        let (root, key) = runtime().block_on(async {
            let root = connect(&emulator.url).await;
            root.iam.create_user().user_name(USER).send().await.unwrap();
            let key = root.iam.create_access_key().user_name(USER).send().await;
            let key = key.unwrap().access_key.unwrap();
            (root, (key.access_key_id, key.secret_access_key))
        });
        let project = Project::new();
        project.share_build();
        Self {
            project,
            root,
            gate,
            key,
            _emulator: emulator,
        }
    }

    fn policy(&self, more: &[&str]) -> Vec<Value> {
        let arguments = [&["policy", "--account", ACCOUNT], more].concat();
        let printed = self.project.wmctl(&arguments).ok().json();
        let documents = match printed {
            Value::Array(all) => all,
            one => vec![one],
        };
        documents
            .iter()
            .flat_map(|document| document["Statement"].as_array().unwrap().clone())
            .collect()
    }

    /// Gives the user these statements, and nothing else.
    fn allow(&self, statements: &[Value]) {
        self.gate.allow(statements.to_vec());
        let mut judged: Vec<Value> = statements.iter().flat_map(judged).collect();
        judged.push(json!({
            "Effect": "Allow",
            "Action": MISNAMED.iter().map(|(action, _)| *action).collect::<Vec<_>>(),
            "Resource": "*",
        }));
        let document = json!({"Version": "2012-10-17", "Statement": judged}).to_string();
        runtime().block_on(async {
            let put = self.root.iam.put_user_policy().user_name(USER);
            let put = put.policy_name("wmctl").policy_document(document);
            put.send().await.unwrap();
        });
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let (id, secret) = &self.key;
        self.project.wmctl_with(
            &[arguments, &at(&self.gate.url)].concat(),
            &[("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret)],
        )
    }

    fn listing(&self) -> BTreeSet<String> {
        runtime().block_on(listing(&self.root))
    }
}

#[test]
fn the_printed_policy_is_enough_and_the_one_to_read_changes_nothing() {
    let operator = Operator::new();
    let (full, reading) = (operator.policy(&[]), operator.policy(&["--read-only"]));
    let before = operator.listing();

    operator.allow(&reading);
    operator.run(&["plan"]).ok();
    operator.run(&["status"]).ok();
    let refused = operator.run(&["up"]);
    assert_eq!(refused.code, 5, "{}", refused.all());
    assert_eq!(operator.listing(), before, "{}", refused.all());

    operator.allow(&full);
    operator.run(&["plan"]).ok();
    operator.run(&["up"]).ok();
    assert_eq!(changes(&operator.run(&["plan"]).ok()), 0);
    operator.run(&["status"]).ok();
    operator.run(&["rotate-keys"]).ok();
    let audit = operator.run(&["audit"]).json();

    operator.allow(&reading);
    assert_eq!(changes(&operator.run(&["plan"]).ok()), 0);
    operator.run(&["status"]).ok();
    // It sees as much as who may change everything.
    assert_eq!(operator.run(&["audit"]).json(), audit);
    let made = operator.listing();
    let refused = operator.run(&["down", "--allow-destroy", EVERYTHING]);
    assert_eq!(refused.code, 5, "{}", refused.all());
    assert_eq!(operator.listing(), made, "{}", refused.all());

    operator.allow(&full);
    operator.run(&["down", "--allow-destroy", EVERYTHING]).ok();
    assert_eq!(operator.listing(), before);
}

/// Whether a run that has failed names one of these actions, and changed nothing.
fn stopped(
    operator: &Operator,
    arguments: &[&str],
    actions: &[String],
    was: &BTreeSet<String>,
) -> bool {
    let run = operator.run(arguments);
    if run.code == 0 || run.code == 7 {
        return false;
    }
    let named = actions
        .iter()
        .any(|action| run.all().contains(action.as_str()));
    assert!(named, "{actions:?} are lacking: {}", run.all());
    assert_eq!(run.code, 5, "{actions:?}: {}", run.all());
    assert_eq!(operator.listing(), *was, "{actions:?}: {}", run.all());
    true
}

#[test]
fn without_any_one_statement_a_run_stops_before_it_changes_anything() {
    let operator = Operator::new();
    let full = operator.policy(&[]);
    let nothing = operator.listing();
    let actions = |index: usize| texts(&full[index]["Action"]);
    let all_but = |left_out: usize| {
        let mut rest = full.clone();
        rest.remove(left_out);
        operator.allow(&rest);
    };
    let down = ["down", "--allow-destroy", EVERYTHING];
    // Those that making a stack from nothing takes.
    let mut open = Vec::new();
    for index in 0..full.len() {
        all_but(index);
        if !stopped(&operator, &["up"], &actions(index), &nothing) {
            open.push(index);
            operator.allow(&full);
            operator.run(&down).ok();
        }
    }
    let by_up = full.len() - open.len();
    // Those that looking at one takes, rotating its key, or taking it down.
    operator.allow(&full);
    operator.run(&["up"]).ok();
    let mut made = operator.listing();
    open.retain(|index| {
        all_but(*index);
        let actions = actions(*index);
        // It goes on, and says what it could not read.
        let audit = operator.run(&["audit"]).all();
        if actions.iter().any(|action| audit.contains(action.as_str())) {
            return false;
        }
        if stopped(&operator, &down, &actions, &made) {
            return false;
        }
        operator.allow(&full);
        operator.run(&["up"]).ok();
        made = operator.listing();
        all_but(*index);
        if stopped(&operator, &["rotate-keys", "--emergency"], &actions, &made) {
            return false;
        }
        made = operator.listing();
        true
    });
    let left: Vec<_> = open.iter().map(|index| actions(*index)).collect();
    say(&format!(
        "policy: of {} statements {by_up} are missed by `up`, {} by other commands",
        full.len(),
        full.len() - by_up - left.len()
    ));
    let known = |action: &String| UNNEEDED.iter().any(|(known, _)| action.starts_with(known));
    let unknown: Vec<_> = left
        .iter()
        .filter(|actions| !actions.iter().all(known))
        .collect();
    assert!(
        unknown.is_empty(),
        "nothing stops without these: {unknown:#?}"
    );
}
