//! More than one operator, and one who changes their mind.

use std::time::Duration;

use serde_json::Value;
use wmctl::aws::Aws;

use crate::account::{connect, listing};
use crate::emulator::Emulator;
use crate::lifecycle::{changes, runtime};
use crate::project::{self, Project, Run};
use crate::support::proxy::{Fault, Proxy, Target};

const LEASE: &str = "/wmctl/watermark-chatbot-prod/lease";

fn at<'a>(arguments: &[&'a str], url: &'a str) -> Vec<&'a str> {
    [arguments, &project::at(url)].concat()
}

fn port(url: &str) -> u16 {
    url.rsplit(':').next().unwrap().parse().unwrap()
}

async fn is_leased(aws: &Aws) -> bool {
    let groups = aws.logs.describe_log_groups().log_group_name_prefix(LEASE);
    !groups.send().await.unwrap().log_groups().is_empty()
}

/// A lease as a run on another machine would hold it.
async fn held_elsewhere(aws: &Aws, until: u64) {
    let lease = aws.logs.create_log_group().log_group_name(LEASE);
    let tags = [
        ("id", "AbCdEfGh12345678"),
        ("owner", "arn:aws:iam::000000000000:user/ada"),
        ("host", "build-7"),
        ("command", "up"),
        ("since", "1"),
        ("until", &until.to_string()),
        ("machine", "build-7 1"),
        ("pid", "1"),
        ("born", "long ago"),
    ];
    let tags = tags.map(|(name, value)| (format!("wmctl:lease-{name}"), value.to_owned()));
    lease.set_tags(Some(tags.into())).send().await.unwrap();
}

fn now() -> u64 {
    let time = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    time.as_secs()
}

fn message(run: &Run) -> String {
    run.json()["error"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn of_two_runs_at_once_one_changes_the_account_and_the_other_says_who_does() {
    let (raced, alone) = (Emulator::ministack(), Emulator::ministack());
    let projects = [Project::new(), Project::new()];
    let runs: Vec<Run> = std::thread::scope(|scope| {
        let run = |project: &Project| project.wmctl(&at(&["up"], &raced.url));
        let threads: Vec<_> = projects
            .iter()
            .map(|project| scope.spawn(move || run(project)))
            .collect();
        threads.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert!(runs.iter().any(|run| run.code == 0), "{}", runs[0].all());
    for run in runs.iter().filter(|run| run.code != 0) {
        assert_eq!(run.code, 6, "{}", run.all());
        let message = message(run);
        assert!(message.contains("is being changed by"), "{message}");
        assert!(message.contains("(wmctl up)"), "{message}");
    }
    let left = projects[0].wmctl(&at(&["plan"], &raced.url)).ok();
    assert_eq!(changes(&left), 0, "{}", left.all());
    projects[1].wmctl(&at(&["up"], &alone.url)).ok();
    let runtime = runtime();
    let [raced, alone] = [&raced, &alone].map(|emulator| {
        let aws = runtime.block_on(connect(&emulator.url));
        runtime.block_on(listing(&aws)).len()
    });
    assert_eq!(raced, alone, "two creators left more than one would");
}

#[test]
fn one_who_waits_goes_on_with_what_is_left_to_do() {
    let emulator = Emulator::ministack();
    let projects = [Project::new(), Project::new()];
    std::thread::scope(|scope| {
        for project in &projects {
            let url = &emulator.url;
            scope.spawn(move || {
                let run = project.wmctl(&at(&["up", "--wait", "5m"], url));
                assert_eq!(run.code, 0, "{}", run.all());
            });
        }
    });
    let left = projects[0].wmctl(&at(&["plan"], &emulator.url)).ok();
    assert_eq!(changes(&left), 0, "{}", left.all());
}

#[test]
fn a_lease_is_shown_before_it_is_ended_and_one_that_ran_out_is_taken_over() {
    let emulator = Emulator::moto();
    let (project, runtime) = (Project::new(), runtime());
    let aws = runtime.block_on(connect(&emulator.url));

    runtime.block_on(held_elsewhere(&aws, now() + 600));
    let refused = project.wmctl(&at(&["up"], &emulator.url));
    assert_eq!(refused.code, 6, "{}", refused.all());
    let said = message(&refused);
    for part in ["user/ada", "build-7", "wmctl up", "min"] {
        assert!(said.contains(part), "{said}");
    }
    let hints = refused.json()["error"]["hints"].to_string();
    assert!(hints.contains("wmctl unlock"), "{hints}");

    // Nobody can be asked, so nothing is ended.
    let unlock = ["unlock", "--endpoint-url", &emulator.url];
    let asked = project.wmctl(&unlock);
    assert_eq!(asked.code, 2, "{}", asked.all());
    assert!(asked.stderr.contains("user/ada"), "{}", asked.all());
    assert!(runtime.block_on(is_leased(&aws)));
    project.wmctl(&[&unlock[..], &["--yes"]].concat()).ok();
    assert!(!runtime.block_on(is_leased(&aws)));

    runtime.block_on(held_elsewhere(&aws, now() - 1));
    project.wmctl(&at(&["up"], &emulator.url)).ok();
    assert!(
        !runtime.block_on(is_leased(&aws)),
        "the lease is not given back"
    );
}

/// `up` that gets a signal while it makes the VPC.
fn signalled(fault: Fault) -> (Emulator, Project, Run) {
    let (emulator, project) = (Emulator::ministack(), Project::new());
    let proxy = Proxy::new(port(&emulator.url), Duration::ZERO);
    let name = "ec2 CreateVpc".to_owned();
    proxy.arm(Target { name, after: 0 }, fault);
    let mut command = project.command(&at(&["up"], &proxy.url));
    let run = Run::from(proxy.run(&mut command, |_| {}));
    assert!(proxy.struck(), "{}", run.all());
    assert_eq!(run.code, 130, "{}", run.all());
    (emulator, project, run)
}

fn goes_on(emulator: &Emulator, project: &Project) {
    let runtime = runtime();
    let aws = runtime.block_on(connect(&emulator.url));
    assert!(
        !runtime.block_on(is_leased(&aws)),
        "the lease is not given back"
    );
    project.wmctl(&at(&["up"], &emulator.url)).ok();
    let left = project.wmctl(&at(&["plan"], &emulator.url)).ok();
    assert_eq!(changes(&left), 0, "{}", left.all());
    let vpcs = runtime.block_on(aws.ec2.describe_vpcs().send()).unwrap();
    let ours = vpcs
        .vpcs()
        .iter()
        .filter(|vpc| !vpc.is_default().unwrap_or(false));
    assert_eq!(ours.count(), 1);
}

#[test]
fn the_first_signal_lets_finish_what_runs_and_the_next_run_does_the_rest() {
    for fault in [Fault::Interrupted, Fault::Terminated] {
        let (emulator, project, run) = signalled(fault);
        let result = &run.json()["result"];
        let ids = |name: &str| -> Vec<String> {
            let entries = result[name].as_array().unwrap().iter();
            entries
                .map(|entry| {
                    entry
                        .get("id")
                        .unwrap_or(entry)
                        .as_str()
                        .unwrap()
                        .to_owned()
                })
                .collect()
        };
        // Whoever sits there is told, although a script reads the rest.
        assert!(
            run.stderr.contains("Again to leave at once"),
            "{}",
            run.stderr
        );
        // What was under way is done; what stands on it was not begun.
        assert!(ids("done").contains(&"vpc/main".to_owned()), "{result:#}");
        assert!(
            ids("skipped").contains(&"subnet/private-a".to_owned()),
            "{result:#}"
        );
        assert_eq!(result["failed"], Value::Array(vec![]), "{result:#}");
        goes_on(&emulator, &project);
    }
}

#[test]
fn the_second_signal_leaves_at_once_and_gives_the_lease_back() {
    let (emulator, project, run) = signalled(Fault::InterruptedTwice);
    assert!(message(&run).contains("left at once"), "{}", run.all());
    goes_on(&emulator, &project);
}

#[test]
fn a_kept_plan_is_carried_out_as_it_is_or_refused() {
    let (emulator, project) = (Emulator::ministack(), Project::new());
    let runtime = runtime();
    let aws = runtime.block_on(connect(&emulator.url));
    project.wmctl(&at(&["up"], &emulator.url)).ok();

    project.edit("rate_limit_5min = 2000", "rate_limit_5min = 1500");
    let plan = project.wmctl(&at(&["plan", "--out", "next.json"], &emulator.url));
    assert_eq!(changes(&plan.ok()), 1);
    let kept = std::fs::metadata(project.path().join("next.json")).unwrap();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&kept.permissions()) & 0o777,
        0o600
    );

    let vpcs = runtime.block_on(aws.ec2.describe_vpcs().send()).unwrap();
    let ours = vpcs
        .vpcs()
        .iter()
        .find(|vpc| !vpc.tags().is_empty())
        .unwrap();
    let tag = aws_sdk_ec2::types::Tag::builder()
        .key("owner")
        .value("other");
    let call = aws.ec2.create_tags().resources(ours.vpc_id().unwrap());
    runtime.block_on(call.tags(tag.build()).send()).unwrap();
    let refused = project.wmctl(&at(&["up", "next.json"], &emulator.url));
    assert_eq!(refused.code, 6, "{}", refused.all());
    let said = message(&refused);
    assert!(said.contains("next.json no longer holds"), "{said}");
    assert!(said.contains("vpc/main"), "{said}");

    project
        .wmctl(&at(&["plan", "--out", "next.json"], &emulator.url))
        .ok();
    // Without --yes: the plan was looked at when it was made.
    let up = [
        "up",
        "next.json",
        "--endpoint-url",
        &emulator.url,
        "--skip",
        "migrate,health",
    ];
    project.wmctl(&up).ok();
    let left = project.wmctl(&at(&["plan"], &emulator.url)).ok();
    assert_eq!(changes(&left), 0, "{}", left.all());

    let other = project.path().join("other.json");
    std::fs::write(&other, "{}").unwrap();
    let none = project.wmctl(&at(&["up", "other.json"], &emulator.url));
    assert_eq!(none.code, 2, "{}", none.all());
}
