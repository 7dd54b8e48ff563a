//! Killed at any call, or failed at any call, and run again: the account is the same as after an
//! undisturbed run. For every call of a whole `up`, of an update of every kind, of `down`, and of
//! both halves of a rotation, in the middle of which every caller must have a key.
//!
//! The ordinary run tries a sample, another one each time. `WMCTL_SWEEP` may be the number of a
//! sample to repeat, or words that the names of all cases to try have: `all` is every case's,
//! `writes` that of those at calls which change something, `reads` of the others:
//! `WMCTL_SWEEP="writes KilledAfter"`.

mod dump;

use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use self::dump::Dump;
use crate::drift::say;
use crate::emulator::ministack;
use crate::lifecycle::{EVERYTHING, changes};
use crate::project::{Project, Run, at};
use crate::support::copies::{Copy, Original, reset, state};
use crate::support::proxy::{Call, Fault, Proxy, Target};

/// A command that is disturbed, and the account that it starts from.
struct Scene<'a> {
    name: &'static str,
    arguments: &'static [&'static str],
    start: &'a Original,
    edit: fn(&Project),
}

/// A fault at one call of a scene.
struct Case<'a> {
    scene: &'a Scene<'a>,
    expected: &'a Dump,
    target: Target,
    fault: Fault,
}

/// How many cases of each scene the ordinary run tries.
const SAMPLE: usize = 35;

/// A project that declares every kind.
fn whole() -> Project {
    let project = Project::new();
    project.share_build();
    project.edit("[alarms]\n", "[alarms]\nemail = \"ops@example.com\"\n");
    project
}

/// Other settings of every kind that has any.
fn changed(project: &Project) {
    let edits = [
        ("\"security-team\"", "\"platform-team\""),
        ("backup_days    = 7", "backup_days    = 9"),
        ("max_connections = \"100\"", "max_connections = \"120\""),
        ("memory_mb            = 256", "memory_mb            = 512"),
        ("timeout_s            = 30", "timeout_s            = 20"),
        ("\"info\"", "\"debug\""),
        (
            "stage    = \"prod\"\nthrottle = { rate = 100, burst = 200 }",
            "stage    = \"prod\"\nthrottle = { rate = 110, burst = 220 }",
        ),
        (
            "name = \"chatbot\"\n\n[waf]",
            "name = \"chatbot\"\n\n[[api.keys]]\nname = \"second\"\n\n[waf]",
        ),
        ("rate_limit_5min = 2000", "rate_limit_5min = 1500"),
        ("function_errors_5min = 10", "function_errors_5min = 20"),
        ("ops@example.com", "oncall@example.com"),
    ];
    for (from, to) in edits {
        project.edit(from, to);
    }
}

impl Scene<'_> {
    fn project(&self) -> Project {
        let project = whole();
        (self.edit)(&project);
        project
    }

    fn command(&self, project: &Project, url: &str) -> Command {
        project.command(&[self.arguments, &at(url)].concat())
    }

    /// The command without a fault: its calls, and the account that it leaves.
    fn undisturbed(&self) -> (Vec<Call>, Dump) {
        let (copy, project) = (self.start.copy(), self.project());
        let proxy = Proxy::new(copy.port, Duration::ZERO);
        let command = &mut self.command(&project, &proxy.url);
        let run = Run::from(proxy.run(command, |_| {}));
        assert_eq!(run.code, 0, "{}: {}", self.name, brief(&run));
        let calls = proxy.take_calls();
        self.check(&copy, &project)
            .unwrap_or_else(|why| panic!("{}: {why}", self.name));
        (calls, Dump::new(&state(copy.port)))
    }

    /// Whether nothing is left to do.
    fn check(&self, copy: &Copy<'_>, project: &Project) -> Result<(), String> {
        if self.arguments[0] == "down" {
            return Ok(());
        }
        let plan = Run::from(
            project
                .command(&[&["plan"], &at(&copy.url())[..]].concat())
                .output()
                .unwrap(),
        );
        if plan.code == 0 && changes(&plan) == 0 {
            return Ok(());
        }
        Err(format!("the plan is not empty: {}", left(&plan)))
    }

    /// Whether a rotation that stopped here has left every caller a key, and the plan nothing to
    /// do; but that the digests were written, and not yet the tag that says so.
    fn check_keys(&self, copy: &Copy<'_>, project: &Project) -> Result<(), String> {
        if self.arguments[0] != "rotate-keys" {
            return Ok(());
        }
        callers_have_a_key(&state(copy.port))?;
        let url = copy.url();
        let arguments = [&["plan"], &at(&url)[..]].concat();
        let plan = Run::from(project.command(&arguments).output().unwrap());
        let left = left(&plan);
        if left.lines().all(|line| line.contains("secret/api-keys")) {
            return Ok(());
        }
        Err(format!("in the middle the plan is not empty: {left}"))
    }
}

/// Whether the value that the secret holds is an enabled key in the plan, which the function knows.
fn callers_have_a_key(state: &Value) -> Result<(), String> {
    let data = |service: &str, store: &str| -> Vec<Value> {
        let store = &state[service][store];
        let store = store.get("data").unwrap_or(store);
        let values = store.as_object().into_iter().flatten();
        values.map(|(_, value)| value.clone()).collect()
    };
    let secrets = data("secretsmanager", "secrets");
    let current = |name: &str| -> Option<Value> {
        let name = format!("watermark-chatbot-prod/{name}");
        let secret = secrets
            .iter()
            .find(|secret| secret["Name"] == name.as_str())?;
        let mut versions = secret["Versions"].as_object()?.values();
        let label = json!("AWSCURRENT");
        let now = versions.find(|v| v["Stages"].as_array().is_some_and(|s| s.contains(&label)))?;
        serde_json::from_str(now["SecretString"].as_str()?).ok()
    };
    let (stored, digests) = (current("api-key-chatbot"), current("api-keys"));
    let (stored, digests) = stored
        .zip(digests)
        .ok_or_else(|| format!("no secret: {secrets:#?}"))?;
    let keys = data("apigateway_v1", "api_keys");
    let key = keys.iter().find(|key| key["value"] == stored["api_key"]);
    let key = key.ok_or("the secret holds no key that there is")?;
    let id = key["id"].as_str().unwrap_or_default();
    let retired = key["name"]
        .as_str()
        .is_some_and(|name| name.ends_with("-retired"));
    let plans = data("apigateway_v1", "usage_plan_keys");
    let known = digests["keys"]
        .as_array()
        .is_some_and(|keys| keys.iter().any(|key| key["id"] == id));
    if retired || !plans.iter().any(|plan| plan.get(id).is_some()) || !known {
        return Err(format!("the key that the secret holds is not valid: {key}"));
    }
    Ok(())
}

impl Case<'_> {
    fn name(&self) -> String {
        let Target { name, after } = &self.target;
        format!("{}: {:?} at {name} #{after}", self.scene.name, self.fault)
    }

    /// Whether a word of the wish means this case.
    fn is(&self, word: &str) -> bool {
        match word {
            "all" => true,
            "writes" => !is_read(&self.target.name),
            "reads" => is_read(&self.target.name),
            word => self.name().contains(word),
        }
    }

    /// The command with the fault, and again without. What is wrong then.
    fn run(&self) -> Result<(), String> {
        let scene = self.scene;
        let (copy, project) = (scene.start.copy(), scene.project());
        let proxy = Proxy::new(copy.port, Duration::ZERO);
        proxy.arm(self.target.clone(), self.fault);
        let first = Run::from(proxy.run(&mut scene.command(&project, &proxy.url), |_| {}));
        // How often a state is asked for while it is waited for depends on the time.
        let waiting = is_read(&self.target.name) && self.target.after > 0;
        if !proxy.struck() && waiting && first.code == 0 {
            say(&format!("{}: not made this time", self.name()));
            return Ok(());
        }
        if !proxy.struck() {
            return Err(format!("the call was never made: {}", first.all()));
        }
        scene.check_keys(&copy, &project)?;
        let again = Run::from(scene.command(&project, &copy.url()).output().unwrap());
        if again.code != 0 {
            return Err(format!("the second run failed: {}", brief(&again)));
        }
        let left = Dump::new(&state(copy.port)).differences(self.expected);
        if !left.is_empty() {
            let code = first.code;
            return Err(format!(
                "the first run ended with {code}; then\n{}",
                left.join("\n")
            ));
        }
        scene.check(&copy, &project)
    }
}

/// What failed, without the plan.
fn brief(run: &Run) -> String {
    match serde_json::from_str::<serde_json::Value>(&run.stdout) {
        Ok(document) => format!("{:#} {}", document["result"]["failed"], document["error"]),
        Err(_) => run.all(),
    }
}

/// What a plan would still do.
fn left(plan: &Run) -> String {
    let document = plan.json();
    let steps = document["plan"]["steps"].as_array().unwrap().iter();
    let left = steps.filter(|step| step["action"] != "keep");
    let lines = left.map(|step| format!("{} {} {}", step["action"], step["id"], step["changes"]));
    lines.collect::<Vec<_>>().join("\n")
}

/// Every fault at every call.
fn cases<'a>(scene: &'a Scene<'a>, calls: &[Call], expected: &'a Dump) -> Vec<Case<'a>> {
    let mut cases = Vec::new();
    let signed: Vec<&Call> = calls.iter().filter(|call| call.signed).collect();
    for (index, call) in signed.iter().enumerate() {
        let same = |other: &&&Call| other.name == call.name;
        let after = signed[..index].iter().filter(same).count();
        for fault in Fault::ALL {
            let target = Target {
                name: call.name.clone(),
                after,
            };
            cases.push(Case {
                scene,
                expected,
                target,
                fault,
            });
        }
    }
    cases
}

fn is_read(call: &str) -> bool {
    ["GET", "Get", "Describe", "List"]
        .iter()
        .any(|verb| call.split(' ').nth(1).unwrap().starts_with(verb))
}

/// Those that this run tries.
fn chosen<'a>(mut cases: Vec<Case<'a>>, wish: &str) -> Vec<Case<'a>> {
    let Ok(seed) = wish.parse::<usize>() else {
        cases.retain(|case| wish.split(' ').all(|word| case.is(word)));
        return cases;
    };
    // No multiple of the number of faults, so that each has its turn.
    let mut stride = cases.len().div_ceil(SAMPLE);
    stride += usize::from(stride.is_multiple_of(Fault::ALL.len()));
    cases
        .into_iter()
        .skip(seed % stride)
        .step_by(stride)
        .collect()
}

/// Runs the cases, some at once, and says for each fault how many converged. What failed.
fn sweep(scene: &Scene<'_>, cases: &[Case<'_>]) -> Vec<String> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let workers = 2 * std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(why) = case.run() {
                        let text = format!("{}: {why}", case.name());
                        say(&text);
                        failed.lock().unwrap().push((case.fault, text));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    for fault in Fault::ALL {
        let all = cases.iter().filter(|case| case.fault == fault).count();
        let lost = failed.iter().filter(|(of, _)| *of == fault).count();
        say(&format!(
            "{} {fault:?}: {} of {all} converged",
            scene.name,
            all - lost
        ));
    }
    failed.into_iter().map(|(_, text)| text).collect()
}

/// Makes the promotion one of long ago.
fn end_the_overlap(url: &str) {
    let promoted = "wmctl:promoted";
    crate::lifecycle::runtime().block_on(async {
        let secrets = crate::account::connect(url).await.secrets;
        let name = "watermark-chatbot-prod/api-key-chatbot";
        let secret = secrets.describe_secret().secret_id(name).send().await;
        let secret = secret.unwrap();
        let tag = secret.tags().iter().find(|tag| tag.key() == Some(promoted));
        let (_, id) = tag.unwrap().value().unwrap().split_once(' ').unwrap();
        let tag = aws_sdk_secretsmanager::types::Tag::builder().key(promoted);
        let tag = tag.value(format!("2020-01-01T00:00:00Z {id}")).build();
        let call = secrets.tag_resource().secret_id(name).tags(tag);
        call.send().await.unwrap();
    });
}

#[test]
fn whatever_call_a_run_is_stopped_at_the_next_ends_in_the_same_account() {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_micros();
    let wish = std::env::var("WMCTL_SWEEP").unwrap_or_else(|_| now.to_string());
    say(&format!("sweep: WMCTL_SWEEP={wish:?} repeats this one"));

    let [empty, built, rotated] = [(); 3].map(|()| Original::start(&ministack()));
    let project = whole();
    for original in [&empty, &built, &rotated] {
        let url = format!("http://127.0.0.1:{}", original.port);
        project.wmctl(&[&["up"], &at(&url)[..]].concat()).ok();
    }
    // What it served once it has loaded, so copies need not.
    reset(empty.port);
    let url = format!("http://127.0.0.1:{}", rotated.port);
    project
        .wmctl(&[&["rotate-keys"], &at(&url)[..]].concat())
        .ok();
    end_the_overlap(&url);
    for original in [&empty, &built, &rotated] {
        original.rest();
    }

    let scene = |name, arguments, start, edit| Scene {
        name,
        arguments,
        start,
        edit,
    };
    let down = &["down", "--allow-destroy", EVERYTHING];
    let rotate = &["rotate-keys"];
    let scenes: [Scene<'_>; 5] = [
        scene("up", &["up"], &empty, (|_| {}) as fn(&Project)),
        scene("update", &["up"], &built, changed),
        scene("down", down, &built, |_| {}),
        scene("rotate", rotate, &built, |_| {}),
        scene("retire", rotate, &rotated, |_| {}),
    ];
    let mut failed = Vec::new();
    for scene in &scenes {
        let (calls, expected) = scene.undisturbed();
        let chance = scene.undisturbed().1.differences(&expected);
        assert!(
            chance.is_empty(),
            "{}: two runs differ by themselves: {chance:#?}",
            scene.name
        );
        let cases = chosen(cases(scene, &calls, &expected), &wish);
        failed.extend(sweep(scene, &cases));
    }
    assert!(
        failed.is_empty(),
        "{} did not converge:\n{}",
        failed.len(),
        failed.join("\n")
    );
}
