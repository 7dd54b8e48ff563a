//! What real accounts answer, and what becomes of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::alias::FunctionAlias;
use super::function::{Function, log_retention};
use super::permission::FunctionPermission;
use super::schema::Schema;
use super::version::FunctionVersion;
use crate::artifact::Artifact;
use crate::aws::Reader;
use crate::aws::scripted::{Scene, Script, waited};
use crate::migrations::Migration;
use crate::object::{Id, attributes};
use crate::resources::{Found, Resource, sample};

const CREATE: &str = "POST /2015-03-31/functions";
const FUNCTION: &str = "GET /2015-03-31/functions/chat-prod-chatbot";
const STATE: &str = "GET /2015-03-31/functions/chat-prod-chatbot/configuration";
const CONFIGURE: &str = "PUT /2015-03-31/functions/chat-prod-chatbot/configuration";
const DELETE: &str = "DELETE /2015-03-31/functions/chat-prod-chatbot";
const RESERVE: &str = "PUT /2017-10-31/functions/chat-prod-chatbot/concurrency";
const URLS: &str = "GET /2021-10-31/functions/chat-prod-chatbot/urls";
const PUBLISH: &str = "POST /2015-03-31/functions/chat-prod-chatbot/versions";
const INVOKE: &str = "POST /2015-03-31/functions/chat-prod-chatbot/invocations";
const TAG: &str = "POST /2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A111122223333%3Afunction%3Achat-prod-chatbot";

const ARN: &str = "arn:aws:lambda:us-east-1:111122223333:function:chat-prod-chatbot";
const NOT_ASSUMABLE: &str = "The role defined for the function cannot be assumed by Lambda.";
const UPDATING: &str = "The operation cannot be performed at this time. An update is in progress \
                        for resource: arn:aws:lambda:us-east-1:111122223333:function:chat-prod-chatbot";

fn chatbot() -> Function {
    sample::wanted::<Function>("", &[]).remove(0).1
}

fn found(function: Function) -> Found<Function> {
    let known = attributes([("id", "chat-prod-chatbot"), ("arn", ARN)]);
    Found::owned("chatbot", known, function)
}

fn scene(id: &str, script: Script) -> Scene {
    let mut scene = Scene::new(id, script);
    let artifact = Artifact::of("Cargo.toml".into());
    let by_name = &mut scene.artifacts.by_name;
    by_name.insert("chatbot".to_owned(), artifact.unwrap());
    scene
}

/// So many answers that nothing is under way.
fn active(script: Script, operation: &str, times: usize) -> Script {
    let state = json!({"State": "Active", "LastUpdateStatus": "Successful"}).to_string();
    (0..times).fold(script, |script, _| script.answer(operation, state.clone()))
}

fn count(scene: &Scene, operation: &str) -> usize {
    let calls = scene.script.calls();
    calls.iter().filter(|call| *call == operation).count()
}

/// Note 7 of the field: each of these passes within minutes on a first deploy.
#[tokio::test]
async fn creating_waits_for_role_network_and_key_to_be_usable() {
    let refusals = [
        (400, "InvalidParameterValueException", NOT_ASSUMABLE),
        (
            400,
            "InvalidParameterValueException",
            "The provided execution role does not have permissions to call CreateNetworkInterface on EC2",
        ),
        (
            400,
            "InvalidParameterValueException",
            "Lambda was unable to configure access to your environment variables because the KMS \
             key is invalid for CreateGrant. Please check your KMS key settings. KMS Exception: \
             InvalidArnException KMS Message: ARN does not refer to a valid principal: \
             arn:aws:iam::111122223333:role/chat-prod-function",
        ),
        (
            400,
            "InvalidParameterValueException",
            "Your request has been throttled by EC2, please make sure you have enough API rate \
             limit. EC2 Error Message: Request limit exceeded.",
        ),
        (429, "TooManyRequestsException", "Rate exceeded"),
        (
            400,
            "ResourceInUseException",
            "The operation conflicts with the resource's availability.",
        ),
    ];
    let script = refusals
        .into_iter()
        .fold(Script::new(), |script, (status, code, message)| {
            script.refuse(CREATE, status, code, message)
        });
    let script = script.answer(CREATE, json!({"FunctionArn": "arn:function"}).to_string());
    let script = active(script, STATE, 1).answer(RESERVE, "{}");
    let scene = scene("function/chatbot", script);
    let made = chatbot().create(&scene.cx()).await.unwrap();
    assert_eq!(made["arn"], "arn:function");
    let mut expected = vec![CREATE; refusals.len() + 1];
    expected.extend([STATE, RESERVE]);
    assert_eq!(scene.script.calls(), expected);
    assert!(waited() > Duration::from_secs(1) && waited() < Duration::from_mins(5));
}

#[tokio::test]
async fn patience_ends_and_says_what_was_refused() {
    let script = (0..100).fold(Script::new(), |script, _| {
        script.refuse(CREATE, 400, "InvalidParameterValueException", NOT_ASSUMABLE)
    });
    let scene = scene("function/chatbot", script);
    let error = chatbot().create(&scene.cx()).await.unwrap_err();
    assert_eq!(
        error.message,
        format!(
            "CreateFunction refused for function/chatbot: InvalidParameterValueException: \
             {NOT_ASSUMABLE} (HTTP 400, request 11111111-2222-3333-4444-555555555555)"
        )
    );
    assert!(waited() >= Duration::from_mins(5) && waited() < Duration::from_mins(6));
}

#[tokio::test]
async fn a_full_code_storage_is_final() {
    let script = Script::new().refuse(
        CREATE,
        400,
        "CodeStorageExceededException",
        "Code storage limit exceeded.",
    );
    let scene = scene("function/chatbot", script);
    let error = chatbot().create(&scene.cx()).await.unwrap_err();
    assert_eq!(error.code(), Some("CodeStorageExceededException"));
    assert_eq!(scene.script.calls(), [CREATE]);
}

/// Note 12 of the field, where another stack took the rest of the quota meanwhile.
#[tokio::test]
async fn a_concurrency_quota_is_told_with_what_to_do() {
    let refusal = "Specified ReservedConcurrentExecutions for function decreases account's \
                   UnreservedConcurrentExecution below its minimum value of [100].";
    let script = active(Script::new(), STATE, 1).refuse(
        RESERVE,
        400,
        "InvalidParameterValueException",
        refusal,
    );
    let scene = scene("function/chatbot", script);
    let error = chatbot()
        .update(
            &scene.cx(),
            &found(chatbot()),
            &["reserved_concurrency".to_owned()],
        )
        .await
        .unwrap_err();
    assert_eq!(error.hints[0], "lower [function] reserved_concurrency");
    assert_eq!(scene.script.calls(), [STATE, RESERVE]);
}

/// The chatbot never drops anything.
#[test]
fn the_migrator_alone_is_told_of_the_retention() {
    let days = |toml: &str| {
        let functions = sample::wanted::<Function>(toml, &[]).into_iter();
        functions
            .map(|(name, function)| (name, log_retention(&json!(function))))
            .collect::<Vec<_>>()
    };
    let both = |migrator| {
        [
            ("chatbot".to_owned(), None),
            ("migrator".to_owned(), migrator),
        ]
    };
    assert_eq!(days(""), both(None));
    assert_eq!(days("[database]\nlog_retention_days = 30"), both(Some(30)));
}

/// Note 9 of the field: one change after the other.
#[tokio::test]
async fn a_change_waits_for_the_one_before_it() {
    let pending = json!({"State": "Active", "LastUpdateStatus": "InProgress"}).to_string();
    let script = active(Script::new().answer(STATE, pending), STATE, 2)
        .refuse(CONFIGURE, 409, "ResourceConflictException", UPDATING)
        .refuse(CONFIGURE, 409, "ResourceConflictException", UPDATING)
        .answer(CONFIGURE, "{}");
    let scene = scene("function/chatbot", script);
    let changed = ["memory_mb".to_owned()];
    let update = chatbot();
    update
        .update(&scene.cx(), &found(chatbot()), &changed)
        .await
        .unwrap();
    assert_eq!(
        scene.script.calls(),
        [STATE, STATE, CONFIGURE, CONFIGURE, CONFIGURE, STATE]
    );
}

#[tokio::test]
async fn an_update_that_failed_is_tried_again() {
    let failed = json!({
        "State": "Active",
        "LastUpdateStatus": "Failed",
        "LastUpdateStatusReason": "The function could not be reached.",
    });
    let script = Script::new()
        .answer(STATE, failed.to_string())
        .answer(CONFIGURE, "{}")
        .answer(STATE, failed.to_string());
    let scene = scene("function/chatbot", script);
    let error = chatbot()
        .update(&scene.cx(), &found(chatbot()), &["failed".to_owned()])
        .await
        .unwrap_err();
    assert_eq!(
        error.message,
        "function/chatbot: Lambda says: The function could not be reached."
    );
    assert_eq!(scene.script.calls(), [STATE, CONFIGURE, STATE]);
}

/// Note 21 of the field: the grant on the key belongs to the role that is gone.
#[tokio::test]
async fn a_role_made_again_under_its_name_gets_a_grant_of_its_own() {
    let script = active(Script::new(), STATE, 3)
        .answer(CONFIGURE, "{}")
        .answer(CONFIGURE, "{}")
        .answer(TAG, "");
    let scene = scene("function/chatbot", script);
    let old = Function {
        role_id: "AROAOLD".to_owned(),
        ..chatbot()
    };
    let wanted = Function {
        role_id: "AROANEW".to_owned(),
        ..chatbot()
    };
    let changed = ["role_id".to_owned()];
    wanted
        .update(&scene.cx(), &found(old), &changed)
        .await
        .unwrap();
    assert_eq!(
        scene.script.calls(),
        [STATE, CONFIGURE, STATE, CONFIGURE, STATE, TAG]
    );
    let keys: Vec<Value> = scene
        .script
        .bodies(CONFIGURE)
        .iter()
        .map(|body| serde_json::from_str::<Value>(body).unwrap()["KMSKeyArn"].clone())
        .collect();
    assert_eq!(keys, ["", "${kms-key/main.arn}"]);
    assert!(scene.script.bodies(TAG)[0].contains("AROANEW"));
}

fn described(tags: &Value) -> String {
    json!({
        "Configuration": {
            "FunctionName": "chat-prod-chatbot",
            "FunctionArn": ARN,
            "MemorySize": 128,
        },
        "Tags": tags,
    })
    .to_string()
}

#[tokio::test]
async fn a_function_that_another_run_made_is_brought_to_what_is_wanted() {
    let tags = json!({
        "wmctl:stack": "chat", "wmctl:environment": "prod", "wmctl:id": "function/chatbot",
    });
    let migrator = "GET /2015-03-31/functions/chat-prod-migrator";
    let script = Script::new()
        .refuse(
            CREATE,
            409,
            "ResourceConflictException",
            "Function already exist: chat-prod-chatbot",
        )
        .answer(FUNCTION, described(&tags))
        .refuse(
            migrator,
            404,
            "ResourceNotFoundException",
            "Function not found",
        )
        .answer(URLS, "{\"FunctionUrlConfigs\": []}")
        .answer(CONFIGURE, "{}")
        .answer("PUT /2015-03-31/functions/chat-prod-chatbot/code", "{}")
        .answer(RESERVE, "{}")
        .answer(TAG, "");
    let scene = scene("function/chatbot", active(script, STATE, 3));
    chatbot().create(&scene.cx()).await.unwrap();
    assert_eq!((count(&scene, CREATE), count(&scene, CONFIGURE)), (1, 1));
}

#[tokio::test]
async fn a_function_of_somebody_elses_is_left_alone() {
    let migrator = "GET /2015-03-31/functions/chat-prod-migrator";
    let script = Script::new()
        .refuse(
            CREATE,
            409,
            "ResourceConflictException",
            "Function already exist: chat-prod-chatbot",
        )
        .answer(FUNCTION, described(&json!({"team": "other"})))
        .refuse(
            migrator,
            404,
            "ResourceNotFoundException",
            "Function not found",
        )
        .answer(URLS, "{\"FunctionUrlConfigs\": []}");
    let scene = scene("function/chatbot", script);
    let error = chatbot().create(&scene.cx()).await.unwrap_err();
    assert_eq!(error.code(), Some("ResourceConflictException"));
    assert_eq!(count(&scene, CONFIGURE), 0);
}

/// Note 2 of the field: out of the VPC, then away. Its groups wait for the network interfaces.
#[tokio::test]
async fn a_function_leaves_its_network_before_it_goes() {
    let leaving = json!({"State": "Active", "LastUpdateStatus": "InProgress"});
    let script = Script::new()
        .refuse(CONFIGURE, 409, "ResourceConflictException", UPDATING)
        .answer(CONFIGURE, "{}")
        .answer(STATE, leaving.to_string())
        .answer(DELETE, "");
    let scene = scene("function/chatbot", active(script, STATE, 1));
    let mut function = chatbot();
    function.subnets = vec!["subnet-1".to_owned()];
    let gone = Function::delete(&scene.cx(), &found(function)).await;
    gone.unwrap();
    assert_eq!(
        scene.script.calls(),
        [CONFIGURE, CONFIGURE, STATE, STATE, DELETE]
    );
    let left = scene.script.bodies(CONFIGURE).remove(1);
    assert!(left.contains("\"SubnetIds\":[]"), "{left}");
}

/// Its key or its role may be gone already: only the deletion matters.
#[tokio::test]
async fn a_function_that_cannot_leave_its_network_goes_all_the_same() {
    let script = Script::new()
        .refuse(
            CONFIGURE,
            400,
            "InvalidParameterValueException",
            NOT_ASSUMABLE,
        )
        .answer(DELETE, "");
    let scene = scene("function/chatbot", script);
    let mut function = chatbot();
    function.subnets = vec!["subnet-1".to_owned()];
    let gone = Function::delete(&scene.cx(), &found(function)).await;
    gone.unwrap();
    assert_eq!(scene.script.calls(), [CONFIGURE, DELETE]);
}

fn version(number: &str, description: &str) -> String {
    json!({
        "Version": number, "Description": description,
        "State": "Active", "LastUpdateStatus": "Successful",
    })
    .to_string()
}

/// Lambda publishes nothing where nothing has changed: the answer is a version of another
/// revision, which the plan would not take for the one it wanted.
#[tokio::test]
async fn an_unchanged_function_is_published_under_a_new_revision() {
    let script = Script::new()
        .answer(PUBLISH, version("4", "wmctl revision old"))
        .answer(CONFIGURE, "{}")
        .answer(PUBLISH, version("5", "wmctl revision new, schema 0004"));
    let mut scene = scene("function-version/chatbot", active(script, STATE, 2));
    scene.artifacts.migrations = vec![Migration {
        file: "0004_rollups.sql".to_owned(),
        sql: String::new(),
    }];
    let wanted = FunctionVersion {
        function: "chat-prod-chatbot".to_owned(),
        revision: "new".to_owned(),
    };
    let made = wanted.create(&scene.cx()).await.unwrap();
    assert_eq!(made["id"], "5");
    assert_eq!(
        scene.script.calls(),
        [PUBLISH, CONFIGURE, STATE, PUBLISH, STATE]
    );
}

/// Note 8 of the field: the version's sandboxes hold credentials from before the policy.
#[tokio::test]
async fn a_version_that_lacks_permissions_is_published_again() {
    let unwell = json!({"ok": false, "reason": "the API keys cannot be read"}).to_string();
    let script = (0..100).fold(Script::new(), |script, _| {
        script.answer(INVOKE, unwell.clone())
    });
    let create = "POST /2015-03-31/functions/chat-prod-chatbot/aliases";
    let script = script
        .answer(STATE, version("4", "wmctl revision r"))
        .answer(CONFIGURE, "{}")
        .answer(PUBLISH, version("5", "wmctl revision r"))
        .answer(create, "{}");
    let scene = scene("function-alias/chatbot", active(script, STATE, 2));
    let alias = FunctionAlias {
        function: "chat-prod-chatbot".to_owned(),
        version: "4".to_owned(),
        also: Vec::new(),
    };
    let error = alias.create(&scene.cx()).await.unwrap_err();
    assert!(
        error
            .message
            .starts_with("version 5 of chat-prod-chatbot failed"),
        "{error}"
    );
    assert_eq!(count(&scene, PUBLISH), 1);
    assert!(scene.script.bodies(PUBLISH)[0].contains("wmctl revision r"));
    assert_eq!(count(&scene, create), 0);
    assert!(waited() < Duration::from_mins(3));
}

#[tokio::test]
async fn a_migrator_that_lacks_permissions_gets_new_sandboxes() {
    let at = |method: &str, rest: &str| {
        format!("{method} /2015-03-31/functions/chat-prod-migrator/{rest}")
    };
    let denied = json!({
        "errorType": "Secrets",
        "errorMessage": "ADMIN_SECRET_ARN: Secrets Manager refused: AccessDeniedException: User: \
            arn:aws:sts::111122223333:assumed-role/chat-prod-migrator/chat-prod-migrator is not \
            authorized to perform: secretsmanager:GetSecretValue",
    });
    let (invoke, state) = (at("POST", "invocations"), at("GET", "configuration"));
    let (live, point) = (at("GET", "aliases/live"), at("PUT", "aliases/live"));
    let (publish, configure) = (at("POST", "versions"), at("PUT", "configuration"));
    let tag = "POST /2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A111122223333%3Afunction%3Achat-prod-migrator";
    let log = "FilterLogEvents";
    let failed = ("x-amz-function-error", "Unhandled");
    let script = Script::new()
        .answer_with(&invoke, failed, denied.to_string())
        .answer(&live, json!({"FunctionVersion": "1"}).to_string())
        .answer(&state, version("1", "wmctl revision r"))
        .answer(&configure, "{}")
        .answer(&publish, version("2", "wmctl revision r"))
        .answer(&point, "{}")
        .answer_with(&invoke, failed, denied.to_string())
        .answer(&invoke, json!({"applied": []}).to_string())
        .answer(tag, "");
    let scene = scene("schema/main", active(script, &state, 2));
    let schema = Schema {
        applied: "hash instance secret".to_owned(),
        version: "0004".to_owned(),
        migrator: "chat-prod-migrator".to_owned(),
        database: "chatbot_db".to_owned(),
    };
    schema.create(&scene.cx()).await.unwrap();
    assert_eq!(
        scene.script.calls(),
        [
            &invoke, log, &live, &state, &configure, &state, &publish, &state, &point, &invoke,
            log, &invoke, log, tag,
        ]
    );
    assert!(scene.script.bodies(&point)[0].contains("\"FunctionVersion\":\"2\""));
}

/// Nothing is migrated where what is lost could not be brought back.
#[tokio::test]
async fn a_snapshot_that_is_refused_stops_the_migration() {
    let quota = "Cannot create more than 100 manual snapshots";
    let script = Script::new().refuse("CreateDBSnapshot", 400, "SnapshotQuotaExceeded", quota);
    let mut scene = scene("schema/main", script);
    scene.options.snapshot = true;
    let database = attributes([("id", "chat-prod")]);
    scene.known.insert(Id::new("db-instance", "main"), database);
    let schema = Schema {
        applied: "hash instance secret".to_owned(),
        version: "0004".to_owned(),
        migrator: "chat-prod-migrator".to_owned(),
        database: "chatbot_db".to_owned(),
    };
    let error = schema.create(&scene.cx()).await.unwrap_err();
    assert_eq!(error.code(), Some("SnapshotQuotaExceeded"));
    assert!(error.hints[0].contains("--no-snapshot"), "{error:?}");
    assert_eq!(scene.script.calls(), ["CreateDBSnapshot"]);
}

#[tokio::test]
async fn a_statement_that_another_run_made_is_written_anew() {
    let add = "POST /2015-03-31/functions/chat-prod-chatbot/policy";
    let remove = "DELETE /2015-03-31/functions/chat-prod-chatbot/policy/api";
    let taken = "The statement id (api) provided already exists. Please provide a new statement \
                 id, or remove the existing statement.";
    let script = Script::new()
        .refuse(add, 409, "ResourceConflictException", taken)
        .answer(remove, "")
        .answer(add, "{}");
    let scene = scene("function-permission/chatbot-live-api", script);
    let mut wanted = sample::wanted::<FunctionPermission>("", &[]).remove(0).1;
    wanted.function = "chat-prod-chatbot".to_owned();
    wanted.create(&scene.cx()).await.unwrap();
    assert_eq!(scene.script.calls(), [add, remove, add]);
}

/// Control 14: a URL of the function or of its alias is a way past the API.
#[tokio::test]
async fn urls_are_found_by_what_they_are_for() {
    let url = |arn: &str| {
        json!({
            "FunctionUrl": "https://x.lambda-url.us-east-1.on.aws/", "FunctionArn": arn,
            "CreationTime": "", "LastModifiedTime": "", "AuthType": "NONE",
        })
    };
    let urls = json!({"FunctionUrlConfigs": [url(&format!("{ARN}:live")), url(ARN)]});
    let delete = "DELETE /2021-10-31/functions/chat-prod-chatbot/url";
    let script = Script::new()
        .answer(URLS, urls.to_string())
        .refuse(delete, 409, "ResourceConflictException", UPDATING)
        .answer(delete, "")
        .refuse(
            delete,
            404,
            "ResourceNotFoundException",
            "The resource you requested does not exist.",
        );
    let scene = scene("function/chatbot", script);
    let reader = Reader::new(&scene.aws, &scene.stack);
    let found = super::url::qualifiers(&reader, "chat-prod-chatbot").await;
    let found = found.unwrap();
    assert_eq!(found, ["$LATEST", "live"]);
    super::url::remove(&scene.cx(), "chat-prod-chatbot", &found)
        .await
        .unwrap();
    assert_eq!(scene.script.calls(), [URLS, delete, delete, delete]);
}
