//! The policies that `wmctl policy` prints: each call that is made is declared, each declared one is
//! made, the printed policies are enough, and without any one statement nothing is changed.

mod calls;
mod enforced;
mod gate;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use wmctl::aws::Emulator as Which;
use wmctl::permissions::{Grant, ask, commands};
use wmctl::resources::{self, Kinds};
use wmctl::{lease, rotation};

use self::calls::Call;
use self::gate::covers;
use crate::account::connect;
use crate::drift::{Account, batches, hidden, on, say, services};
use crate::emulator::Emulator;
use crate::lifecycle::{EVERYTHING, runtime};
use crate::project::{Project, Run, at};

/// Services that are called only where infra.toml asks for them: their tests are others.
const OPTED: [&str; 2] = ["guardduty:", "securityhub:"];

/// Declared actions that no run on an emulator shows, and why.
const UNSHOWN: &[(&str, &str)] = &[
    ("apigateway:SetWebACL", "checked along with the association"),
    (
        "apigateway:UpdateRestApiPolicy",
        "checked along with the API's policy",
    ),
    ("ec2:DescribeNetworkInterfaces", "nothing lingers there"),
    (
        "ec2:ReplaceNetworkAclEntry",
        "no row of the drift changes an entry under its number",
    ),
    ("iam:CreateServiceLinkedRole", "the roles are there"),
    (
        "iam:PassRole",
        "checked along with the call that hands on a role",
    ),
    (
        "kms:CreateGrant",
        "services make no calls of their own there",
    ),
    ("kms:Decrypt", "services make no calls of their own there"),
    ("kms:Encrypt", "services make no calls of their own there"),
    (
        "kms:GenerateDataKey",
        "services make no calls of their own there",
    ),
    ("lambda:GetAccountSettings", "there are no quotas"),
    (
        "lambda:InvokeFunction",
        "these have no data plane: the tests of the local cloud migrate and ask for health",
    ),
    (
        "lambda:ListTags",
        "GetFunction shows tags to whoever has it",
    ),
    (
        "logs:AssociateKmsKey",
        "neither takes a key away from a group",
    ),
    (
        "logs:CreateLogDelivery",
        "services make no calls of their own there",
    ),
    (
        "logs:DeleteLogDelivery",
        "services make no calls of their own there",
    ),
    (
        "logs:DescribeResourcePolicies",
        "services make no calls of their own there",
    ),
    (
        "logs:PutResourcePolicy",
        "services make no calls of their own there",
    ),
    (
        "rds:CreateDBSnapshot",
        "no snapshot is taken of an empty database",
    ),
    ("rds:DescribeDBSnapshotAttributes", "there are no snapshots"),
    (
        "route53:AssociateVPCWithHostedZone",
        "checked along with the endpoint",
    ),
    ("s3:DeleteObject", "nothing is written to the buckets"),
    (
        "s3:DeleteObjectVersion",
        "nothing is written to the buckets",
    ),
    ("s3:TagResource", "checked along with the bucket"),
    (
        "secretsmanager:UntagResource",
        "for a key that has left infra.toml, whose tests are others",
    ),
];

/// A stack whose calls are watched.
struct Watched {
    project: Project,
    url: String,
    made: RefCell<BTreeSet<(String, Call)>>,
    _emulator: Emulator,
}

impl Watched {
    fn new(emulator: Emulator) -> Self {
        let project = Project::new();
        project.edit("[alarms]\n", "[alarms]\nemail = \"ops@example.com\"\n");
        project.edit(
            "[api]\n",
            "[api]\nallow_from = [\"203.0.113.0/24\"]\ncors_origin = \"https://chat.example.com\"\n",
        );
        Self {
            project,
            url: emulator.url.clone(),
            made: RefCell::default(),
            _emulator: emulator,
        }
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let run = self
            .project
            .wmctl(&[arguments, &at(&self.url), &["--verbose"]].concat());
        let calls = calls::of(&run.stderr).into_iter();
        let command = arguments[0].to_owned();
        let mut made = self.made.borrow_mut();
        made.extend(calls.map(|call| (command.clone(), call)));
        drop(made);
        run
    }

    async fn account(&self, values: &BTreeMap<String, Value>) -> Account {
        let plan = self.run(&["plan"]).ok().json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let steps = plan["plan"]["steps"].as_array().unwrap().iter();
        Account {
            aws: connect(&self.url).await,
            ids: steps
                .map(|step| (text(&step["id"]), text(&step["aws_id"])))
                .collect(),
            values: values.clone(),
        }
    }

    /// All else that a command does with a stack, and its end.
    fn look_and_end(&self, which: Which) {
        self.run(&["status"]).ok();
        let audit = self.run(&["audit"]);
        assert!([0, 7].contains(&audit.code), "{}", audit.all());
        // moto writes access logs into a bucket that then refuses to be emptied without TLS.
        let mut goes = EVERYTHING.trim_end_matches(",bucket/*");
        if which == Which::MiniStack {
            self.run(&["rotate-keys"]).ok();
            self.run(&["rotate-keys", "--status"]).ok();
            self.run(&["rotate-secrets", "--status"]).ok();
            self.run(&["rollback", "--list"]).ok();
            goes = EVERYTHING;
        }
        self.run(&["down", "--allow-destroy", goes]).ok();
        if which == Which::MiniStack {
            // What can be restored is.
            self.run(&["up"]).ok();
        }
    }

    /// Everything that somebody else can change, changed and mended.
    fn mend(&self, which: Which, up: &Value) {
        let steps = up["plan"]["steps"].as_array().unwrap().iter();
        let values = steps
            .map(|step| {
                (
                    step["id"].as_str().unwrap().to_owned(),
                    step["wanted"].clone(),
                )
            })
            .collect();
        let runtime = runtime();
        let mut rows: Vec<_> = services().into_iter().flat_map(|one| one.drifts).collect();
        rows.retain(|row| {
            let kind = row.id.split('/').next().unwrap();
            on(row.except, which) && !hidden(which, kind, row.field)
        });
        for batch in batches(rows) {
            let account = runtime.block_on(self.account(&values));
            for row in batch {
                // A row for a kind that the emulator does not have has nothing to change.
                if account.ids.contains_key(row.id) || row.action == "delete" {
                    runtime.block_on((row.deed)(&account));
                }
            }
            self.run(&["up"]).ok();
        }
    }
}

fn is_declared<'a>(call: &Call, mut grants: impl Iterator<Item = &'a Grant>) -> bool {
    grants.any(|grant| {
        grant.actions.contains(&call.action.as_str())
            && call.path.as_ref().is_none_or(|path| {
                let mut paths = grant
                    .on
                    .iter()
                    .filter_map(|on| on.strip_prefix("apigateway:"));
                paths.any(|pattern| covers(pattern, path))
            })
    })
}

/// Whether whoever made the call has declared it.
fn may(kinds: &Kinds, command: &str, call: &Call) -> bool {
    if call.action == "sts:GetCallerIdentity" {
        // Allowed to everybody.
        return true;
    }
    let finding = kinds.iter().flat_map(|kind| kind.calls().find);
    let reading = commands::READING.iter().flat_map(|all| *all).chain(finding);
    if is_declared(call, reading) {
        return true;
    }
    match (&call.step, command) {
        (Some((doing, kind)), _) => {
            let calls = kinds.get(kind).unwrap().calls();
            let step = match doing.as_str() {
                "creating" => calls.create,
                "updating" => calls.update,
                "deleting" => calls.delete,
                _ => panic!("{doing}"),
            };
            is_declared(call, step.iter())
        }
        (None, "plan" | "status" | "audit") => false,
        (None, "up" | "down") => is_declared(call, lease::HOLDS.iter().chain(ask::ASKS)),
        (None, _) => is_declared(
            call,
            commands::CHANGING
                .iter()
                .flat_map(|all| *all)
                .chain(rotation::ROTATES),
        ),
    }
}

#[test]
fn each_call_is_declared_and_each_declared_call_is_made() {
    let kinds = resources::all();
    let mut made = BTreeSet::new();
    for (emulator, which, ends) in [
        (Emulator::ministack(), Which::MiniStack, true),
        (Emulator::ministack(), Which::MiniStack, false),
        (Emulator::moto(), Which::Moto, true),
        (Emulator::moto(), Which::Moto, false),
    ] {
        let watched = Watched::new(emulator);
        watched.run(&["plan"]).ok();
        let up = watched.run(&["up"]).ok().json();
        if ends {
            watched.look_and_end(which);
        } else {
            watched.mend(which, &up);
        }
        made.extend(watched.made.into_inner());
    }
    let undeclared: Vec<_> = made
        .iter()
        .filter(|(command, call)| !may(&kinds, command, call))
        .collect();
    assert!(
        undeclared.is_empty(),
        "these calls are made, and no const CALLS, READS or HOLDS declares them: {undeclared:#?}"
    );

    let made: BTreeSet<&str> = made.iter().map(|(_, call)| call.action.as_str()).collect();
    let every = kinds.iter().flat_map(|kind| kind.calls().all());
    let beside = [commands::READING, commands::CHANGING].concat();
    let every = every.chain(beside.into_iter().flatten());
    let declared: BTreeSet<&str> = every.flat_map(|grant| grant.actions).copied().collect();
    let unshown: BTreeSet<&str> = UNSHOWN.iter().map(|(action, _)| *action).collect();
    let unmade = declared.difference(&made).copied();
    let unmade: BTreeSet<&str> = unmade
        .filter(|action| !OPTED.iter().any(|service| action.starts_with(service)))
        .collect();
    say(&format!(
        "policy: {} actions are declared, {} of them were called for",
        declared.len(),
        declared.intersection(&made).count()
    ));
    assert_eq!(
        unmade, unshown,
        "left: declared, and called for by nothing; right: known to be so"
    );
}
