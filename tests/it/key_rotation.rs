//! Rotating API keys where there is a control plane only: what is valid, what the plan says
//! meanwhile, and what becomes of it when somebody else interferes.

use std::collections::BTreeSet;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::Value;
use sha2::{Digest, Sha256};
use wmctl::aws::Aws;
use wmctl::resources::secretsmanager;

use crate::account::connect;
use crate::emulator::Emulator;
use crate::lifecycle::{EVERYTHING, changes, runtime};
use crate::project::{Project, Run, at};
use crate::support::proxy::{Fault, Proxy, Target};

const CURRENT: &str = "AWSCURRENT";
const PREFIX: &str = "watermark-chatbot-prod";

/// A stack on an emulator, and everything that was said of it.
struct Stack {
    emulator: Emulator,
    project: Project,
    runtime: tokio::runtime::Runtime,
    aws: Aws,
    said: std::cell::RefCell<String>,
}

impl Stack {
    fn up(emulator: Emulator) -> Self {
        let runtime = runtime();
        let aws = runtime.block_on(connect(&emulator.url));
        let stack = Self {
            project: Project::new(),
            emulator,
            runtime,
            aws,
            said: std::cell::RefCell::default(),
        };
        stack.run(&["up"]).ok();
        stack
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let at = at(&self.emulator.url);
        let run = self.project.wmctl(&[arguments, &at].concat());
        self.said.borrow_mut().push_str(&run.all());
        run
    }

    /// The phase and the stages of the key `chatbot`, oldest first: `overlap v1 old, v2 current`.
    fn rotate(&self, arguments: &[&str]) -> String {
        let run = self.run(&[&["rotate-keys"], arguments].concat()).ok();
        let key = run.json()["api_keys"][0].clone();
        let versions = key["versions"].as_array().unwrap().iter();
        let versions = versions.map(|version| {
            format!(
                "v{} {}",
                version["version"],
                version["stage"].as_str().unwrap()
            )
        });
        let versions: Vec<String> = versions.collect();
        format!("{} {}", key["phase"].as_str().unwrap(), versions.join(", "))
    }

    /// AWS's names of the API keys, with their ids.
    fn keys(&self) -> Vec<(String, String)> {
        let keys = self.aws.apigateway.get_api_keys().send();
        let keys = self.runtime.block_on(keys).unwrap();
        let mut keys: Vec<(String, String)> = keys
            .items()
            .iter()
            .map(|key| (key.name.clone().unwrap(), key.id.clone().unwrap()))
            .collect();
        keys.sort();
        keys
    }

    fn names(&self) -> Vec<String> {
        let names = self.keys().into_iter();
        names
            .map(|(name, _)| name.replace(&format!("{PREFIX}-"), ""))
            .collect()
    }

    fn value(&self, id: &str) -> String {
        let call = self.aws.apigateway.get_api_key().api_key(id);
        let key = self.runtime.block_on(call.include_value(true).send());
        key.unwrap().value.unwrap()
    }

    fn delete_key(&self, name: &str) {
        let name = format!("{PREFIX}-{name}");
        let (_, id) = self.keys().into_iter().find(|(of, _)| *of == name).unwrap();
        let call = self.aws.apigateway.delete_api_key().api_key(id);
        self.runtime.block_on(call.send()).unwrap();
    }

    fn secret(&self, name: &str) -> Value {
        let name = format!("{PREFIX}/{name}");
        let value = secretsmanager::value(&self.aws, &name);
        let value = self.runtime.block_on(value).unwrap();
        serde_json::from_str(value.expose_secret()).unwrap()
    }

    /// Gives a secret another value, behind our back.
    fn write(&self, secret: &str, value: &str) {
        let (secrets, id) = (&self.aws.secrets, format!("{PREFIX}/{secret}"));
        let before = secrets.describe_secret().secret_id(&id).send();
        let before = self.runtime.block_on(before).unwrap();
        let put = secrets.put_secret_value().secret_id(&id);
        let made = put.secret_string(value).send();
        let made = self.runtime.block_on(made).unwrap();
        let after = secrets.describe_secret().secret_id(&id).send();
        let after = self.runtime.block_on(after).unwrap();
        // Where one had been promoted, moto leaves the stage on that, too.
        let versions = after.version_ids_to_stages.unwrap();
        let current = |id: &str| {
            versions
                .get(id)
                .is_some_and(|all| all.contains(&CURRENT.into()))
        };
        for old in before.version_ids_to_stages.unwrap().keys() {
            if current(old) && Some(old) != made.version_id.as_ref() {
                let call = secrets.update_secret_version_stage().secret_id(&id);
                let call = call.version_stage(CURRENT).remove_from_version_id(old);
                self.runtime.block_on(call.send()).unwrap();
            }
        }
    }

    /// The steps of the plan that change something.
    fn plan(&self) -> BTreeSet<String> {
        let plan = self.run(&["plan"]).ok().json();
        let steps = plan["plan"]["steps"].as_array().unwrap().iter();
        let steps = steps.filter(|step| step["action"] != "keep");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        steps
            .map(|step| format!("{} {}", text(&step["action"]), text(&step["id"])))
            .collect()
    }

    /// Nothing is planned, the secret holds the key of this name, and the function and the plan
    /// admit exactly these.
    fn assert_valid(&self, current: &str, valid: &[&str]) {
        assert_eq!(self.plan(), BTreeSet::new());
        let value = |name: &str| {
            let name = format!("{PREFIX}-{name}");
            let key = self.keys().into_iter().find(|(of, _)| *of == name);
            let (_, id) = key.unwrap_or_else(|| panic!("{name}: {:?}", self.keys()));
            (id.clone(), self.value(&id))
        };
        assert_eq!(self.secret("api-key-chatbot")["api_key"], value(current).1);
        let digests = self.secret("api-keys")["keys"].clone();
        let digests = digests.as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let given: BTreeSet<(String, String)> = digests
            .map(|key| (text(&key["id"]), text(&key["sha256"])))
            .collect();
        let wanted = valid.iter().map(|name| {
            let (id, value) = value(name);
            (id, hex::encode(Sha256::digest(value)))
        });
        assert_eq!(given, wanted.collect());
        let gateway = &self.aws.apigateway;
        let plans = self
            .runtime
            .block_on(gateway.get_usage_plans().send())
            .unwrap();
        let call = gateway.get_usage_plan_keys();
        let call = call.usage_plan_id(plans.items()[0].id().unwrap());
        let admitted = self.runtime.block_on(call.send()).unwrap();
        let admitted: BTreeSet<&str> = admitted.items().iter().filter_map(|key| key.id()).collect();
        for name in valid {
            assert!(
                admitted.contains(value(name).0.as_str()),
                "{name}: {admitted:?}"
            );
        }
    }

    /// A run that is killed just before the call with this name.
    fn rotate_until(&self, call: &str) {
        let port = self.emulator.url.rsplit(':').next().unwrap();
        let proxy = Proxy::new(port.parse().unwrap(), Duration::ZERO);
        let target = Target {
            name: call.to_owned(),
            after: 0,
        };
        proxy.arm(target, Fault::KilledBefore);
        let arguments = [&["rotate-keys"], &at(&proxy.url)[..]].concat();
        proxy.run(&mut self.project.command(&arguments), |_| {});
        assert!(proxy.struck(), "{call} was never called");
    }

    fn assert_said(&self, text: &str) {
        let said = self.said.borrow();
        assert!(said.contains(text), "{said}");
    }

    fn no_value_was_said(&self) {
        for (_, id) in self.keys() {
            let value = self.value(&id);
            assert!(value.len() >= 40 && value.chars().all(|c| c.is_ascii_alphanumeric()));
            assert!(!self.said.borrow().contains(&value), "a key was printed");
        }
    }
}

fn rotations(emulator: Emulator) {
    let stack = Stack::up(emulator);
    stack.assert_valid("chatbot-v1", &["chatbot-v1"]);

    // From one key to the next, and to the one after that.
    assert_eq!(stack.rotate(&["chatbot"]), "overlap v1 old, v2 current");
    stack.assert_valid("chatbot-v2", &["chatbot-v1", "chatbot-v2"]);
    stack.assert_said("api-key/chatbot: the new key is not probed");
    // Nothing to do yet; and `up` is content.
    assert_eq!(stack.rotate(&[]), "overlap v1 old, v2 current");
    assert_eq!(changes(&stack.run(&["up"]).ok()), 0);
    assert_eq!(stack.rotate(&["--finish"]), "grace v1 retired, v2 current");
    stack.assert_valid("chatbot-v2", &["chatbot-v2"]);
    assert_eq!(stack.names(), ["chatbot-v1-retired", "chatbot-v2"]);
    assert_eq!(stack.rotate(&["--finish"]), "idle v2 current");
    assert_eq!(stack.names(), ["chatbot-v2"]);
    assert_eq!(stack.rotate(&[]), "overlap v2 old, v3 current");
    stack.no_value_was_said();

    // Somebody deletes the old one in its overlap: the function and the plan follow.
    stack.delete_key("chatbot-v2");
    let mended = stack.plan();
    assert!(mended.contains("update secret/api-keys"), "{mended:?}");
    stack.run(&["up"]).ok();
    stack.assert_valid("chatbot-v3", &["chatbot-v3"]);

    // Somebody deletes the new one: callers go back to the old one.
    assert_eq!(stack.rotate(&[]), "overlap v3 old, v4 current");
    stack.delete_key("chatbot-v4");
    let mended = stack.plan();
    assert!(
        mended.contains("update secret/api-key-chatbot"),
        "{mended:?}"
    );
    stack.run(&["up"]).ok();
    stack.assert_valid("chatbot-v3", &["chatbot-v3"]);

    // Somebody writes the secrets in an overlap.
    assert_eq!(stack.rotate(&[]), "overlap v3 old, v4 current");
    for secret in ["api-key-chatbot", "api-keys"] {
        stack.write(secret, "mine");
    }
    stack.run(&["up"]).ok();
    stack.assert_valid("chatbot-v4", &["chatbot-v3", "chatbot-v4"]);

    // A key that leaks is gone at once; there is none beside the new one.
    assert_eq!(stack.rotate(&["--emergency"]), "idle v4 current");
    assert_eq!(stack.rotate(&["--emergency"]), "idle v5 current");
    stack.assert_valid("chatbot-v5", &["chatbot-v5"]);
    stack.no_value_was_said();

    // All versions go with the stack.
    assert_eq!(stack.rotate(&[]), "overlap v5 old, v6 current");
    stack.run(&["down", "--allow-destroy", EVERYTHING]).ok();
    assert_eq!(stack.names(), Vec::<String>::new());
}

#[test]
fn keys_are_rotated_on_ministack() {
    rotations(Emulator::ministack());
}

#[test]
fn keys_are_rotated_on_moto() {
    rotations(Emulator::moto());
}

#[test]
fn a_rotation_that_was_killed_before_its_promotion_goes_on_or_back() {
    let stack = Stack::up(Emulator::ministack());
    let refused = stack.run(&["rotate-keys", "--abort"]);
    assert_eq!(refused.code, 2, "{}", refused.all());
    for call in [
        "secretsmanager PutSecretValue",
        "apigateway POST /usageplans/*/keys",
    ] {
        stack.rotate_until(call);
        assert_eq!(stack.plan(), BTreeSet::new(), "{call}");
        assert_eq!(
            stack.rotate(&["--status"]),
            "begun v1 current, v2 pending",
            "{call}"
        );
        assert_eq!(stack.rotate(&["--abort"]), "idle v1 current", "{call}");
        stack.assert_valid("chatbot-v1", &["chatbot-v1"]);
    }
    stack.rotate_until("secretsmanager UpdateSecretVersionStage");
    let begun = stack.keys();
    assert_eq!(stack.plan(), BTreeSet::new());
    assert_eq!(stack.rotate(&[]), "overlap v1 old, v2 current");
    assert_eq!(stack.keys(), begun, "the new key was made once");
    stack.assert_valid("chatbot-v2", &["chatbot-v1", "chatbot-v2"]);
    let refused = stack.run(&["rotate-keys", "--abort"]);
    assert_eq!(refused.code, 2, "{}", refused.all());
}

#[test]
fn a_key_that_leaves_infra_toml_is_not_deleted_silently() {
    let stack = Stack::up(Emulator::ministack());
    stack
        .project
        .edit("name = \"chatbot\"\n\n[waf]", "name = \"other\"\n\n[waf]");
    let refused = stack.run(&["up"]);
    assert_eq!(refused.code, 6, "{}", refused.all());
    assert!(
        refused
            .stdout
            .contains("--allow-destroy secret/api-key-chatbot"),
        "{}",
        refused.all()
    );
    assert_eq!(stack.names(), ["chatbot-v1"]);
}

#[test]
fn a_key_is_shown_on_purpose_only() {
    let stack = Stack::up(Emulator::ministack());
    let value = stack.secret("api-key-chatbot")["api_key"]
        .as_str()
        .unwrap()
        .to_owned();
    let refused = stack.run(&["keys", "show", "chatbot"]);
    assert_eq!(refused.code, 2, "{}", refused.all());
    assert!(!refused.all().contains(&value));
    let path = stack.project.path().join("key");
    let to_file = [
        "keys",
        "show",
        "chatbot",
        "--to-file",
        path.to_str().unwrap(),
    ];
    let written = stack.run(&to_file).ok();
    assert!(!written.all().contains(&value));
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        format!("{value}\n")
    );
    let mode = std::os::unix::fs::MetadataExt::mode(&path.metadata().unwrap());
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        stack.run(&to_file).code,
        4,
        "a file that is there is not written over"
    );
    let forced = stack.run(&["keys", "show", "chatbot", "--force"]).ok();
    assert_eq!(forced.json()["api_key"], value);
}
