//! Secrets Manager, as far as the functions use it: versions, their labels, and a network to it
//! that fails as asked.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

use crate::http::{Reply, Request, serve};

/// When whoever calls is cut off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cut {
    /// The call is not carried out.
    Before,
    /// It is, and its answer gets lost.
    After,
    /// The same, and the calls after it get through again.
    Once,
}

#[derive(Default)]
struct State {
    secrets: HashMap<String, Secret>,
    reads: HashMap<String, usize>,
    /// One whose readers are left without an answer.
    silent: Option<String>,
    /// Calls that still get through, and what becomes of the next; none does after that.
    cut: Option<(usize, Cut)>,
    calls: usize,
}

#[derive(Default)]
struct Secret {
    values: BTreeMap<String, Value>,
    labels: BTreeMap<String, BTreeSet<String>>,
}

pub struct Vault {
    state: Arc<Mutex<State>>,
    pub address: SocketAddr,
}

impl Vault {
    pub fn new() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let address = serve(move |request| answer(&shared, &request));
        Self { state, address }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A new current value, as whoever puts one by hand leaves it.
    pub fn put(&self, arn: &str, value: Value) {
        let mut state = self.state();
        let secret = state.secrets.entry(arn.into()).or_default();
        let version = format!("by-hand-{}", secret.values.len());
        secret.values.insert(version.clone(), value);
        secret.promote(&version);
    }

    /// Leaves whoever asks for this secret without an answer, until it is set to none.
    pub fn silence(&self, arn: Option<&str>) {
        self.state().silent = arn.map(Into::into);
    }

    pub fn forget(&self, arn: &str) {
        self.state().secrets.remove(arn);
    }

    /// How often a secret was read.
    pub fn reads(&self, arn: &str) -> usize {
        self.state().reads.get(arn).copied().unwrap_or(0)
    }

    /// From now on only so many calls get through; all do with none.
    pub fn cut(&self, cut: Option<(usize, Cut)>) {
        self.state().cut = cut;
    }

    /// How many calls were carried out.
    pub fn calls(&self) -> usize {
        self.state().calls
    }

    /// The version that has a label, and its value.
    pub fn labelled(&self, arn: &str, label: &str) -> Option<(String, Value)> {
        let state = self.state();
        let secret = &state.secrets[arn];
        let version = secret.version(label)?;
        let value = secret.values.get(&version).cloned();
        Some((version, value.unwrap_or(Value::Null)))
    }

    pub fn labels(&self, arn: &str, version: &str) -> Vec<String> {
        let labels = self.state().secrets[arn].labels.get(version).cloned();
        labels.unwrap_or_default().into_iter().collect()
    }

    /// What a rotation by schedule begins with: a pending version without a value.
    pub fn begin(&self, arn: &str, version: &str) {
        let mut state = self.state();
        let secret = state.secrets.get_mut(arn).unwrap();
        secret.move_label("AWSPENDING", Some(version));
    }
}

impl Secret {
    fn version(&self, label: &str) -> Option<String> {
        let has = |(_, labels): &(&String, &BTreeSet<String>)| labels.contains(label);
        let found = self.labels.iter().find(has);
        found.map(|(version, _)| version.clone())
    }

    fn move_label(&mut self, label: &str, to: Option<&str>) {
        for labels in self.labels.values_mut() {
            labels.remove(label);
        }
        if let Some(version) = to {
            let labels = self.labels.entry(version.into()).or_default();
            labels.insert(label.into());
        }
    }

    fn promote(&mut self, version: &str) {
        let before = self.version("AWSCURRENT").filter(|old| old != version);
        self.move_label("AWSCURRENT", Some(version));
        if let Some(before) = before {
            self.move_label("AWSPREVIOUS", Some(&before));
        }
    }

    /// What AWS answers, or the error's code.
    fn act(&mut self, operation: &str, asked: &Value) -> Result<Value, &'static str> {
        let text = |name: &str| asked[name].as_str();
        match operation {
            "GetSecretValue" => {
                let label = text("VersionStage").unwrap_or("AWSCURRENT");
                let version = self.version(label).ok_or("ResourceNotFoundException")?;
                if text("VersionId").is_some_and(|asked| asked != version) {
                    return Err("ResourceNotFoundException");
                }
                let value = self.values.get(&version);
                let value = value.ok_or("ResourceNotFoundException")?.to_string();
                Ok(json!({"VersionId": version, "SecretString": value}))
            }
            "DescribeSecret" => {
                let labelled = self.labels.iter().filter(|(_, labels)| !labels.is_empty());
                let stages: BTreeMap<_, _> = labelled.collect();
                Ok(json!({"VersionIdsToStages": stages}))
            }
            "PutSecretValue" => {
                let version = text("ClientRequestToken").unwrap();
                let value = text("SecretString").unwrap();
                let value: Value = serde_json::from_str(value).unwrap();
                // A version's value never changes.
                if self.values.get(version).is_some_and(|old| *old != value) {
                    return Err("ResourceExistsException");
                }
                self.values.insert(version.into(), value);
                assert_eq!(asked["VersionStages"], json!(["AWSPENDING"]));
                self.move_label("AWSPENDING", Some(version));
                Ok(json!({"VersionId": version}))
            }
            "UpdateSecretVersionStage" => {
                let label = text("VersionStage").unwrap();
                let (from, to) = (text("RemoveFromVersionId"), text("MoveToVersionId"));
                // It must be named from where a label is taken.
                if self.version(label).as_deref() != from {
                    return Err("InvalidParameterException");
                }
                match (label, to) {
                    ("AWSCURRENT", Some(to)) => self.promote(to),
                    (label, to) => self.move_label(label, to),
                }
                Ok(json!({}))
            }
            other => panic!("{other} is not allowed"),
        }
    }
}

fn answer(state: &Mutex<State>, request: &Request) -> Option<Reply> {
    let target = request.header("x-amz-target")?;
    let operation = target.strip_prefix("secretsmanager.")?.to_owned();
    let asked: Value = serde_json::from_slice(&request.body).ok()?;
    let arn = asked["SecretId"].as_str()?;
    let mut state = state.lock().unwrap();
    if operation == "GetSecretValue" {
        *state.reads.entry(arn.into()).or_default() += 1;
    }
    if state.silent.as_deref() == Some(arn) {
        drop(state);
        loop {
            std::thread::park();
        }
    }
    let mut lost = false;
    match &mut state.cut {
        Some((0, Cut::Before)) => return None,
        Some((0, Cut::After)) => {
            state.cut = Some((0, Cut::Before));
            lost = true;
        }
        Some((0, Cut::Once)) => {
            state.cut = None;
            lost = true;
        }
        Some((left, _)) => *left -= 1,
        None => {}
    }
    state.calls += 1;
    let missing = Err("ResourceNotFoundException");
    let secret = state.secrets.get_mut(arn);
    let mut reply = match secret.map_or(missing, |secret| secret.act(&operation, &asked)) {
        Ok(answer) => Reply::new(200, answer.to_string()),
        Err(code) => {
            let error = json!({"__type": code, "message": "as the test has it"});
            Reply::new(400, error.to_string())
        }
    };
    reply.headers = vec![("Content-Type".into(), "application/x-amz-json-1.1".into())];
    (!lost).then_some(reply)
}
