//! Whatever weakens the live account behind our back fails in `audit`, is named by `plan`, and is
//! mended by `up`: every control that an emulator can show.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigateway::types::{Op, PatchOperation};
use aws_sdk_rds::types::{ApplyMethod, Parameter};
use serde_json::Value;
use wmctl::audit::checks;
use wmctl::aws::Emulator as Which;

use crate::drift::{Account, Deed, Stage, changed, hidden, missing, on, say, services};
use crate::emulator::Emulator;
use crate::lifecycle::{changes, runtime};
use crate::project::Project;

/// What somebody does to the account.
#[derive(Clone, Copy)]
enum Broken {
    /// The drift of this object and field; where there are several, this one of them.
    Field(&'static str, &'static str, usize),
    /// The object deleted.
    Gone(&'static str),
    /// Something else, to this object.
    Deed(&'static str, Deed),
}
use Broken::{Deed as Other, Field, Gone};

const METHOD: &str = "method/chatbot-post";
const STAGE: &str = "stage/main";
const FUNCTION: &str = "function/chatbot";
const DATABASE: &str = "db-instance/main";
const PARAMETERS: &str = "db-parameter-group/main";
const ROLE: &str = "iam-role/function";
const TRAIL: &str = "trail/main";
const BUCKET: &str = "bucket/trail";
const ENDPOINT: &str = "vpc-endpoint/secretsmanager";

/// Check, and what makes it fail.
const ROWS: &[(&str, Broken)] = &[
    ("alarms-there", Gone("alarm/function-errors")),
    (
        "alarms-told",
        Field("alarm/function-errors", "actions_enabled", 0),
    ),
    ("api-endpoint", Field("rest-api/main", "endpoint_types", 0)),
    ("api-key-plan", Field("usage-plan/main", "stages", 0)),
    ("api-key-required", Field(METHOD, "api_key_required", 0)),
    ("api-policy", Field("rest-api/main", "policy", 0)),
    ("body-validated", Field(METHOD, "models", 0)),
    ("body-validated", Field(METHOD, "validator", 0)),
    (
        "connection-budget",
        Other(PARAMETERS, |a| {
            Box::pin(parameter(a, "max_connections", "10"))
        }),
    ),
    ("database-backups", Field(DATABASE, "backup_days", 0)),
    (
        "database-deletion-protection",
        Field(DATABASE, "deletion_protection", 0),
    ),
    (
        "database-ingress",
        Field("security-group-rules/database", "ingress", 0),
    ),
    ("database-log-exports", Field(DATABASE, "log_exports", 0)),
    (
        "database-private",
        Field(DATABASE, "publicly_accessible", 0),
    ),
    (
        "database-slow-log",
        Other(PARAMETERS, |a| {
            Box::pin(parameter(a, "slow_query_log", "0"))
        }),
    ),
    (
        "database-tags",
        Field(DATABASE, "copy_tags_to_snapshots", 0),
    ),
    (
        "database-tls",
        Other(PARAMETERS, |a| {
            Box::pin(parameter(a, "require_secure_transport", "0"))
        }),
    ),
    (
        "database-upgrades",
        Field(DATABASE, "auto_minor_upgrades", 0),
    ),
    (
        "default-group-empty",
        Field("default-security-group/main", "ingress", 0),
    ),
    (
        "default-group-empty",
        Field("default-security-group/main", "egress", 0),
    ),
    ("detector", Field("detector/main", "enabled", 0)),
    (
        "detector-lambda",
        Field("detector/main", "features.LAMBDA_NETWORK_LOGS", 0),
    ),
    (
        "detector-s3",
        Field("detector/main", "features.S3_DATA_EVENTS", 0),
    ),
    ("endpoint-policies", Field(ENDPOINT, "policy", 0)),
    ("endpoint-zones", Field(ENDPOINT, "subnets", 0)),
    (
        "function-concurrency",
        Other(FUNCTION, |a| Box::pin(unreserve(a))),
    ),
    (
        "function-egress",
        Field("security-group-rules/function", "egress", 0),
    ),
    (
        "function-environment",
        Other(FUNCTION, |a| Box::pin(secret_variable(a))),
    ),
    ("function-in-vpc", Field(FUNCTION, "subnets", 0)),
    (
        "function-public",
        Other("function-permission/chatbot-function-anyone", |a| {
            Box::pin(admit_anyone(a))
        }),
    ),
    ("function-runtime", Field(FUNCTION, "runtime", 0)),
    ("function-tracing", Field(FUNCTION, "tracing", 0)),
    ("flow-logs", Gone("flow-log/main")),
    ("function-url", Field(FUNCTION, "urls", 0)),
    ("key-alive", Field("kms-key/main", "state", 0)),
    ("key-policy", Field("kms-key/main", "policy", 0)),
    ("key-rotation", Field("kms-key/main", "rotation", 0)),
    (
        "log-retention",
        Field("log-group/chatbot", "retention_days", 0),
    ),
    (
        "network-acls",
        Field("network-acl/private", "entries.ingress 90", 0),
    ),
    (
        "no-open-ports",
        Field("security-group-rules/database", "ingress", 0),
    ),
    ("no-way-out", Field("route-table/private", "routes", 0)),
    ("plan-limits", Field("usage-plan/main", "quota", 0)),
    ("plan-limits", Field("usage-plan/main", "throttle", 0)),
    (
        "refusal-headers",
        Field("gateway-response/THROTTLED", "headers", 0),
    ),
    (
        "refusals-in-shape",
        Field("gateway-response/THROTTLED", "status", 0),
    ),
    ("role-actions", Field(ROLE, "policies.extra", 0)),
    ("role-attached", Field(ROLE, "attached", 0)),
    ("role-network", Field(ROLE, "policies.permissions", 0)),
    ("role-resources", Field(ROLE, "policies.extra", 0)),
    ("role-trust", Field(ROLE, "trust", 0)),
    ("secret-key", Field("secret/database-app", "kms_key", 0)),
    ("secret-policy", Gone("secret-policy/database-app")),
    ("secret-rotation", Gone("secret-rotation/database-app")),
    ("stage-access-logs", Field(STAGE, "access_log", 0)),
    ("stage-access-logs", Field(STAGE, "access_log", 1)),
    ("stage-cache", Other(STAGE, |a| Box::pin(cache(a)))),
    (
        "stage-data-trace",
        Field(STAGE, "execution_log.data_trace", 0),
    ),
    ("stage-exceptions", Field(STAGE, "exceptions", 0)),
    (
        "stage-execution-logs",
        Field(STAGE, "execution_log.level", 0),
    ),
    ("stage-throttle", Other(STAGE, |a| Box::pin(burst(a)))),
    ("stage-tracing", Field(STAGE, "tracing", 0)),
    (
        "subnets-private",
        Field("subnet/private-b", "public_addresses", 0),
    ),
    (
        "topic-encrypted",
        Other("topic/alarms", |a| Box::pin(own_key(a))),
    ),
    ("topic-policy", Field("topic/alarms", "policy", 0)),
    ("trail", Field(TRAIL, "logging", 0)),
    ("trail", Field(TRAIL, "multi_region", 0)),
    (
        "trail-alarms",
        Field("metric-filter/trail-changes", "pattern", 0),
    ),
    ("trail-alarms", Gone("metric-filter/trail-changes")),
    ("trail-bucket-closed", Field(BUCKET, "private", 0)),
    ("trail-bucket-closed", Field(BUCKET, "ownership", 0)),
    ("trail-bucket-encrypted", Field(BUCKET, "kms_key", 0)),
    ("trail-bucket-kept", Field(BUCKET, "lifecycle", 0)),
    ("trail-bucket-kept", Field(BUCKET, "versioned", 0)),
    ("trail-bucket-logged", Field(BUCKET, "access_log", 0)),
    ("trail-bucket-tls", Field(BUCKET, "policy", 0)),
    ("trail-events", Field(TRAIL, "events", 0)),
    ("trail-validated", Field(TRAIL, "validated", 0)),
    ("waf-in-front", Gone("web-acl-association/stage")),
    ("waf-logging", Field("web-acl-logging/main", "redacted", 0)),
    ("waf-managed-rules", Field("web-acl/main", "rules", 2)),
    ("waf-metrics", Field("web-acl/main", "metrics", 0)),
    ("waf-rate", Field("web-acl/main", "rules", 3)),
];

/// Checks that no emulator can be made to fail, and why. They have unit tests.
const UNSHOWN: &[(&str, &str)] = &[
    ("api-key-age", "nobody sets back the date of a key"),
    ("api-tls", "neither emulator stores the policy"),
    ("database-admin-name", "an instance keeps its administrator"),
    (
        "database-encrypted",
        "an instance stays as encrypted as it was made",
    ),
    (
        "database-monitoring",
        "it needs a role, which an emulator does not ask for",
    ),
    ("database-parameters", "an emulator applies all at once"),
    ("database-vpc", "an instance keeps its subnets"),
    ("database-multi-az", "infra.toml does not ask for it"),
    ("detector-logins", "GuardDuty reads no logins of MariaDB"),
    ("key-region", "a key stays of the kind that it was made"),
    ("security-hub", "neither emulator has its standards"),
    ("secret-age", "nobody sets back the date of a secret"),
    (
        "log-encryption",
        "an emulator takes the key from no group that has one",
    ),
    (
        "snapshots-encrypted",
        "a snapshot is as encrypted as its instance",
    ),
    ("snapshots-private", "an emulator's snapshots are nobody's"),
    (
        "trail-encrypted",
        "CloudTrail takes the key from no trail that has one",
    ),
    (
        "trail-watched",
        "CloudTrail takes the log group from no trail that has one",
    ),
    (
        "topic-heard",
        "an emulator confirms what nobody has confirmed",
    ),
];

/// Checks that never fail: they name an exception, or say why nothing can be said.
fn never_fail() -> BTreeSet<&'static str> {
    let all = checks::all().into_iter();
    let never = all.filter(|check| check.mend.is_empty());
    never.map(|check| check.id).collect()
}

/// The verdict of each check over all its objects: one failure is enough, and one that nothing can
/// be said of makes no pass.
fn verdicts(report: &Value) -> BTreeMap<String, String> {
    let mut verdicts = BTreeMap::new();
    for finding in report["findings"].as_array().unwrap() {
        let verdict = finding["verdict"].as_str().unwrap().to_owned();
        let entry = verdicts.entry(finding["id"].as_str().unwrap().to_owned());
        let entry = entry.or_insert_with(|| verdict.clone());
        if verdict == "fail" || (verdict == "unchecked" && entry == "pass") {
            *entry = verdict;
        }
    }
    verdicts
}

fn failed(report: &Value) -> BTreeSet<String> {
    let verdicts = verdicts(report).into_iter();
    verdicts
        .filter(|(_, verdict)| verdict == "fail")
        .map(|(id, _)| id)
        .collect()
}

/// Check, object, and what is done to it: what this emulator can show.
type Breakage = (&'static str, &'static str, Deed);

fn breakages(which: Which) -> Vec<Breakage> {
    let (mut drifts, mut deletions) = (Vec::new(), Vec::new());
    for service in services() {
        drifts.extend(service.drifts);
        deletions.extend(service.deletions);
    }
    let kind = |id: &'static str| id.split('/').next().unwrap();
    let mut shown = Vec::new();
    for (check, broken) in ROWS {
        let (id, deed, fits) = match *broken {
            Field(id, field, nth) => {
                let mut fitting = drifts
                    .iter()
                    .filter(|row| row.id == id && row.field == field);
                let row = fitting.nth(nth);
                let row = row.unwrap_or_else(|| panic!("{check}: no drift of {id} {field}"));
                let fits = on(row.except, which) && !hidden(which, kind(id), field);
                (id, row.deed, fits)
            }
            Gone(id) => {
                let row = deletions.iter().find(|row| row.id == id);
                let row = row.unwrap_or_else(|| panic!("{check}: nothing deletes {id}"));
                (id, row.deed, on(row.except, which))
            }
            Other(id, deed) => (id, deed, true),
        };
        if fits && !missing(which, kind(id)) {
            shown.push((*check, id, deed));
        }
    }
    shown
}

/// What hides something from the other checks is broken alone.
const ALONE: [&str; 2] = ["function-in-vpc", "waf-in-front"];

/// Rows that can be broken at once: each check and each object is in a batch once.
fn batches(rows: Vec<Breakage>) -> Vec<Vec<Breakage>> {
    let mut batches: Vec<Vec<Breakage>> = Vec::new();
    for row in rows {
        let fits = |batch: &&mut Vec<Breakage>| {
            let mut others = batch.iter();
            let alone = |check: &str| ALONE.contains(&check);
            others.all(|(check, id, _)| {
                *check != row.0 && *id != row.1 && !alone(check) && !alone(row.0)
            })
        };
        match batches.iter_mut().find(fits) {
            Some(batch) => batch.push(row),
            None => batches.push(vec![row]),
        }
    }
    batches
}

/// Tries the rows that this emulator shows; the checks that they were about.
fn shown(emulator: Emulator, which: Which) -> BTreeSet<&'static str> {
    let stage = Stage::new(emulator);
    let runtime = runtime();
    let before = failed(&stage.run(&["audit"]).json());
    let (mut shown, mut silent) = (BTreeSet::new(), Vec::new());
    for batch in batches(breakages(which)) {
        let account = runtime.block_on(stage.account());
        for (_, _, deed) in &batch {
            runtime.block_on(deed(&account));
        }
        let run = stage.run(&["audit"]);
        assert_eq!(run.code, 7, "{}", run.all());
        let report = run.json();
        let (verdicts, plan) = (verdicts(&report), changed(&stage.plan()));
        for (check, id, _) in &batch {
            match verdicts.get(*check).map(String::as_str) {
                // Not emulated: the report says so, and the other emulator has to show it.
                Some("unchecked") => continue,
                Some("fail") => (),
                _ => {
                    silent.push(format!("{check} after a change of {id}"));
                    continue;
                }
            }
            let findings = report["findings"].as_array().unwrap().iter();
            let mut failing =
                findings.filter(|one| one["id"] == *check && one["verdict"] == "fail");
            let finding = failing.next().unwrap();
            assert_eq!(finding["remedy"], "wmctl up", "{finding:#}");
            assert_ne!(finding["found"], "", "{finding:#}");
            assert!(
                plan.contains_key(*id),
                "{check}: {id} is not planned: {plan:#?}"
            );
            shown.insert(*check);
        }
        stage.run(&["up", "--yes"]).ok();
        let names: Vec<_> = batch.iter().map(|(check, id, _)| (check, id)).collect();
        assert_eq!(changes(&stage.run(&["plan"]).ok()), 0, "{names:?}");
        let after = failed(&stage.run(&["audit"]).json());
        assert_eq!(after, before, "not all is mended of {names:?}");
    }
    assert!(silent.is_empty(), "these do not fail: {silent:#?}");
    say(&format!(
        "audit on {which:?}: {} checks broken, seen and mended",
        shown.len()
    ));
    shown
}

#[test]
fn what_weakens_the_account_fails_is_planned_and_is_mended() {
    let mut shown = shown(Emulator::ministack(), Which::MiniStack);
    shown.extend(self::shown(Emulator::moto(), Which::Moto));
    let unshown: BTreeSet<&str> = UNSHOWN.iter().map(|(check, _)| *check).collect();
    let never = never_fail();
    let all = checks::all().into_iter().map(|check| check.id);
    let forgotten: Vec<_> = all
        .filter(|id| !shown.contains(id) && !unshown.contains(id) && !never.contains(id))
        .collect();
    assert!(
        forgotten.is_empty(),
        "no row makes these fail: {forgotten:?}"
    );
    let both: Vec<_> = shown.intersection(&unshown).collect();
    assert!(both.is_empty(), "these are shown after all: {both:?}");
}

/// A stack that wmctl did not make is looked at by the names of its parts, without infra.toml.
#[test]
fn a_stack_of_somebody_else_is_looked_at_by_its_parts() {
    let emulator = Emulator::ministack();
    let stage = Stage::new(emulator);
    let account = runtime().block_on(stage.account());
    let elsewhere = Project::new();
    std::fs::remove_file(elsewhere.path().join("infra.toml")).unwrap();
    let (api, function) = (account.id("rest-api/main"), account.id("function/chatbot"));
    let at = [
        "--endpoint-url",
        &stage.url,
        "--region",
        "us-east-1",
        "--json",
    ];
    let arguments = ["audit", "--api", api, "--function", function];
    let run = elsewhere.wmctl(&[&arguments[..], &at].concat());
    let verdicts = verdicts(&run.json());
    for check in [
        "api-key-required",
        "database-private",
        "function-in-vpc",
        "key-rotation",
        "role-trust",
        "secret-key",
        "no-open-ports",
        "waf-in-front",
        "log-encryption",
    ] {
        assert_eq!(verdicts[check], "pass", "{check}: {}", run.all());
    }
    // There is no file to mend it by.
    for finding in run.json()["findings"].as_array().unwrap() {
        assert_ne!(finding["remedy"], "wmctl up", "{finding:#}");
    }
    let nothing = elsewhere.wmctl(&[&["audit", "--api", "other"][..], &at].concat());
    assert_eq!(nothing.code, 2, "{}", nothing.all());
    assert!(
        nothing.stdout.contains("there is nothing to audit"),
        "{}",
        nothing.all()
    );
}

#[test]
fn scanning_pages_and_people_read_the_same() {
    let stage = Stage::new(Emulator::ministack());
    let at = ["--endpoint-url", stage.url.as_str()];
    let text = stage.project.wmctl(&[&["audit"][..], &at].concat());
    let sarif = stage
        .project
        .wmctl(&[&["audit", "--sarif"][..], &at].concat());
    let json = stage.run(&["audit"]);
    assert_eq!((text.code, sarif.code), (json.code, json.code));
    assert!(!text.stdout.contains('\u{1b}'), "colours in a pipe");
    let (sarif, json) = (sarif.json(), json.json());
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), checks::all().len());
    let results = run["results"].as_array().unwrap();
    let of = |verdict: &str| {
        let findings = json["findings"].as_array().unwrap().iter();
        findings
            .filter(|finding| finding["verdict"] == verdict)
            .count()
    };
    let accepted = |result: &&Value| !result["suppressions"].as_array().unwrap().is_empty();
    assert_eq!(results.iter().filter(accepted).count(), of("exception"));
    assert_eq!(results.len(), of("exception") + of("fail"));
    for result in results {
        let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[rule]["id"], result["ruleId"]);
    }
    for (row, title) in checks::ROWS {
        assert!(
            text.stdout.contains(&format!("{row:>2}  {title}")),
            "{}",
            text.all()
        );
    }
}

async fn parameter(account: &Account, name: &str, value: &str) {
    let parameter = Parameter::builder()
        .parameter_name(name)
        .parameter_value(value);
    let parameter = parameter.apply_method(ApplyMethod::Immediate).build();
    let call = account.aws.rds.modify_db_parameter_group();
    let call = call.db_parameter_group_name(account.id("db-parameter-group/main"));
    call.parameters(parameter).send().await.unwrap();
}

async fn unreserve(account: &Account) {
    let call = account.aws.lambda.delete_function_concurrency();
    call.function_name(account.id("function/chatbot"))
        .send()
        .await
        .unwrap();
}

/// Beside all that is there.
async fn secret_variable(account: &Account) {
    let name = account.id("function/chatbot");
    let call = account
        .aws
        .lambda
        .get_function_configuration()
        .function_name(name);
    let found = call.send().await.unwrap();
    let variables = found
        .environment
        .and_then(|environment| environment.variables);
    let mut variables = variables.unwrap_or_default();
    variables.insert("DB_PASSWORD".to_owned(), "hunter2".to_owned());
    let environment = aws_sdk_lambda::types::Environment::builder().set_variables(Some(variables));
    let call = account
        .aws
        .lambda
        .update_function_configuration()
        .function_name(name);
    call.environment(environment.build()).send().await.unwrap();
}

async fn admit_anyone(account: &Account) {
    let call = account.aws.lambda.add_permission();
    let call = call
        .function_name(account.id("function/chatbot"))
        .statement_id("anyone");
    let call = call.action("lambda:InvokeFunction").principal("*");
    call.send().await.unwrap();
}

async fn burst(account: &Account) {
    set(account, "/*/*/throttling/burstLimit", "4000").await;
}

/// In the clear.
async fn cache(account: &Account) {
    set(account, "/*/*/caching/dataEncrypted", "false").await;
    set(account, "/*/*/caching/enabled", "true").await;
}

/// A setting of the stage.
async fn set(account: &Account, setting: &str, value: &str) {
    let patch = PatchOperation::builder().op(Op::Replace).value(value);
    let call = account.aws.apigateway.update_stage();
    let call = call.rest_api_id(account.id("rest-api/main"));
    let call = call.stage_name(account.id(STAGE));
    let call = call.patch_operations(patch.path(setting).build());
    call.send().await.unwrap();
}

/// AWS's own key.
async fn own_key(account: &Account) {
    let call = account
        .aws
        .sns
        .set_topic_attributes()
        .topic_arn(account.id("topic/alarms"));
    let call = call
        .attribute_name("KmsMasterKeyId")
        .attribute_value("alias/aws/sns");
    call.send().await.unwrap();
}
