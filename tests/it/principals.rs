//! A stack that only one user may call, on an emulator that asks who calls: MiniStack verifies
//! signatures and weighs the API's policy. What it takes for a role is its session, which is not
//! AWS's view; so the callers here are users.

use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use wmctl::aws::Aws;
use wmctl::endpoint::Endpoint;
use wmctl::signer::Signer;

use crate::account::{connect, listing};
use crate::emulator::Emulator;
use crate::lifecycle::{changes, runtime};
use crate::local::stored;
use crate::project::{Project, Run, at};

const LISTED: &str = "arn:aws:iam::000000000000:user/apps/listed";

/// What the function itself answers whoever gets through: where calls must be allowed, MiniStack
/// does not let it read its secrets.
const REACHED: &str = "secrets_unavailable";

/// Whoever may do everything in the account but what the API's own policy denies.
struct User {
    id: String,
    secret: String,
}

impl User {
    async fn new(root: &Aws, name: &str) -> Self {
        let user = root.iam.create_user().user_name(name).path("/apps/");
        user.send().await.unwrap();
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
        ]});
        let put = root.iam.put_user_policy().user_name(name);
        let put = put.policy_name("all").policy_document(policy.to_string());
        put.send().await.unwrap();
        let key = root.iam.create_access_key().user_name(name).send().await;
        let key = key.unwrap().access_key.unwrap();
        Self {
            id: key.access_key_id,
            secret: key.secret_access_key,
        }
    }

    fn run(&self, stack: &Stack, arguments: &[&str]) -> Run {
        let at = ["--endpoint-url", &stack.emulator.url, "--json", "--yes"];
        stack.project.wmctl_with(
            &[arguments, &at].concat(),
            &[
                ("AWS_ACCESS_KEY_ID", &self.id),
                ("AWS_SECRET_ACCESS_KEY", &self.secret),
            ],
        )
    }

    fn signer(&self) -> Option<Signer> {
        signer(Credentials::from_keys(&self.id, &self.secret, None))
    }
}

fn signer(credentials: Credentials) -> Option<Signer> {
    let provider = SharedCredentialsProvider::new(credentials);
    let config = SdkConfig::builder().credentials_provider(provider);
    Signer::new(&config.region(Region::new("us-east-1")).build())
}

struct Stack {
    project: Project,
    runtime: Runtime,
    root: Aws,
    emulator: Emulator,
    endpoint: Endpoint,
    key: String,
}

impl Stack {
    fn run(project: &Project, emulator: &Emulator, arguments: &[&str]) -> Run {
        project.wmctl(&[arguments, &at(&emulator.url)].concat())
    }

    /// Status and the error's code.
    fn post(&self, signer: Option<Signer>, key: &str) -> (u16, String) {
        let endpoint = Endpoint {
            signer,
            ..self.endpoint.clone()
        };
        let key = SecretString::from(key.to_owned());
        let body = json!({"intent": "get_traffic_summary", "params": {}});
        let answer = self.runtime.block_on(endpoint.post(&key, &body));
        let (status, text) = answer.unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        let code = answer["code"].as_str().unwrap_or(&text).to_owned();
        (status, code)
    }

    fn refused(&self, signer: Option<Signer>, key: &str) -> String {
        let (status, code) = self.post(signer, key);
        assert_eq!(status, 403, "{code}");
        code
    }
}

#[test]
fn only_the_listed_call_and_only_with_a_key() {
    let (emulator, project, runtime) = (Emulator::guarded(), Project::new(), runtime());
    project.share_build();
    let root = runtime.block_on(connect(&emulator.url));
    let (listed, other) = runtime.block_on(async {
        let listed = User::new(&root, "listed").await;
        (listed, User::new(&root, "other").await)
    });
    project.edit(
        "[api]\n",
        &format!("[api]\nallow_from = [\"{LISTED}\", \"127.0.0.0/8\"]\ncors_origin = \"https://chat.example.com\"\n"),
    );
    let up = Stack::run(&project, &emulator, &["up"]).ok().json();
    let text = |field: &str| up[field].as_str().unwrap().to_owned();
    let stack = Stack {
        endpoint: Endpoint {
            url: text("endpoint"),
            host: Some(text("host")),
            signer: None,
        },
        key: stored(&root, &runtime, "api-key-chatbot", "api_key"),
        project,
        runtime,
        root,
        emulator,
    };

    listed_calls_reach_the_function(&stack, &listed);
    all_others_are_refused(&stack, &listed, &other);
    a_browser_may_ask_first(&stack);
    who_is_not_listed_is_told_before_anything_happens(&stack, &other);
    without_principals_the_key_is_enough(&stack);
}

fn listed_calls_reach_the_function(stack: &Stack, listed: &User) {
    let reached = (503, REACHED.to_owned());
    assert_eq!(stack.post(listed.signer(), &stack.key), reached);
    let run = listed.run(stack, &["call", "get_traffic_summary"]);
    assert!(run.stdout.contains(REACHED), "{}", run.all());
    // For a while, with a token.
    let sts = aws_sdk_sts::config::Builder::new()
        .behavior_version_latest()
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(&stack.emulator.url)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::from_keys(&listed.id, &listed.secret, None));
    let sts = aws_sdk_sts::Client::from_conf(sts.build());
    let session = stack.runtime.block_on(sts.get_session_token().send());
    let session = session.unwrap().credentials.unwrap();
    let call = |token: &str| {
        let (id, secret) = (session.access_key_id(), session.secret_access_key());
        let session = Credentials::from_keys(id, secret, Some(token.to_owned()));
        stack.post(signer(session), &stack.key)
    };
    assert_eq!(call(session.session_token()), reached);
    assert_eq!(call("another").0, 403);
}

fn all_others_are_refused(stack: &Stack, listed: &User, other: &User) {
    let key = stack.key.as_str();
    // The function's own refusals are others: these come from the gateway.
    assert_eq!(stack.refused(None, key), "unknown_route");
    assert_eq!(stack.refused(listed.signer(), "wrong"), "invalid_api_key");
    let forger = signer(Credentials::from_keys(&listed.id, &other.secret, None));
    assert_eq!(stack.refused(forger, key), "invalid_signature");
    // It may do everything by its own policy.
    let refusal = stack.refused(other.signer(), key);
    assert!(refusal.contains("explicit deny"), "{refusal}");
}

fn a_browser_may_ask_first(stack: &Stack) {
    let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).build().into();
    let host = stack.endpoint.host.as_deref().unwrap();
    let answer = agent.options(&stack.endpoint.url).header("Host", host);
    let answer = answer.call().unwrap();
    assert_eq!(answer.status(), 204);
    let headers = &answer.headers()["Access-Control-Allow-Headers"];
    let headers = headers.to_str().unwrap();
    assert!(headers.contains("authorization"), "{headers}");
}

fn who_is_not_listed_is_told_before_anything_happens(stack: &Stack, other: &User) {
    let before = stack.runtime.block_on(listing(&stack.root));
    for command in [&["call", "get_traffic_summary"][..], &["rotate-keys"]] {
        let run = other.run(stack, command);
        assert_eq!(run.code, 6, "{}", run.all());
        assert!(run.all().contains("user/apps/other"), "{}", run.all());
        assert!(run.all().contains("allow_from"), "{}", run.all());
    }
    let after = stack.runtime.block_on(listing(&stack.root));
    assert_eq!(after, before);
    // A leaked key is revoked by whoever may, though nobody can probe the new one.
    other.run(stack, &["rotate-keys", "--emergency"]).ok();
    let name = "api-key-chatbot";
    assert_ne!(
        stored(&stack.root, &stack.runtime, name, "api_key"),
        stack.key
    );
}

/// The new deployment is what the stage serves.
fn without_principals_the_key_is_enough(stack: &Stack) {
    stack.project.edit(&format!("\"{LISTED}\", "), "");
    let run = |arguments: &[&str]| Stack::run(&stack.project, &stack.emulator, arguments).ok();
    run(&["up"]);
    assert_eq!(changes(&run(&["plan"])), 0);
    let key = stored(&stack.root, &stack.runtime, "api-key-chatbot", "api_key");
    assert_eq!(stack.post(None, &key), (503, REACHED.to_owned()));
}
