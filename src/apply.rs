//! Carries a plan out. It decides nothing: each task runs as soon as what it waits for is done,
//! a failure stops only what depends on it, and a signal lets what runs finish.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;

use crate::artifact::Artifacts;
use crate::aws::Aws;
use crate::error::{Error, Result};
use crate::events::{Event, Events};
use crate::object::{Attributes, Id, Known, Object, is_resolved, resolve};
use crate::plan::{Action, Plan, Reason, Step};
use crate::resources::{Cx, DatabaseServer, Kind, Kinds, Options};
use crate::stack::Stack;

/// Enough to keep every service busy, and few enough for an emulator on two cores.
const AT_ONCE: usize = 16;

/// What applying works with.
pub struct Site<'a> {
    pub kinds: &'a Kinds,
    pub aws: &'a Aws,
    pub stack: &'a Stack,
    pub artifacts: &'a Artifacts,
    pub options: &'a Options,
    pub events: &'a Events,
    pub database_server: Option<&'a dyn DatabaseServer>,
}

/// What became of a plan.
#[derive(Debug, Default)]
pub struct Outcome {
    pub done: Vec<(Id, &'static str)>,
    pub failed: Vec<(Id, Error)>,
    /// Not tried: something that they need failed, or the run was stopped.
    pub skipped: Vec<Id>,
    pub interrupted: bool,
    /// Attributes of everything that exists now.
    pub known: Known,
    pub elapsed: Duration,
}

impl Outcome {
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.skipped.is_empty()
    }
}

/// Runs the plan's steps. When `stop` turns true, nothing new starts.
pub async fn apply(site: &Site<'_>, plan: &Plan, stop: watch::Receiver<bool>) -> Outcome {
    let started = Instant::now();
    let tasks = tasks(site.kinds, plan);
    let known = Mutex::new(plan.known.clone());
    let mut states = vec![State::Waiting; tasks.len()];
    let mut outcome = Outcome::default();
    let mut running = FuturesUnordered::new();
    loop {
        let stopped = *stop.borrow();
        outcome.interrupted |= stopped;
        while !stopped && running.len() < AT_ONCE {
            let Some(next) = ready(&tasks, &states) else {
                break;
            };
            states[next] = State::Running;
            let (task, known) = (&tasks[next], &known);
            running.push(async move { (next, run(site, task, known).await) });
        }
        let Some((index, result)) = running.next().await else {
            break;
        };
        let task = &tasks[index];
        match result {
            Ok(()) => {
                states[index] = State::Done;
                outcome.done.push((task.step.id.clone(), task.work.past()));
            }
            Err(error) => {
                states[index] = State::Failed;
                outcome.failed.push((task.step.id.clone(), error));
            }
        }
        skip_dependents(site.events, &tasks, &mut states);
    }
    drop(running);
    let left: BTreeSet<Id> = tasks
        .iter()
        .zip(&states)
        .filter(|(_, state)| matches!(state, State::Waiting | State::Skipped))
        .map(|(task, _)| task.step.id.clone())
        .collect();
    outcome.skipped = left.into_iter().collect();
    outcome.known = known.into_inner().unwrap_or_default();
    outcome.elapsed = started.elapsed();
    outcome
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Done,
    Failed,
    Skipped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Create,
    Update,
    Delete,
}

impl Work {
    fn doing(self) -> &'static str {
        match self {
            Work::Create => "creating",
            Work::Update => "updating",
            Work::Delete => "deleting",
        }
    }

    fn past(self) -> &'static str {
        match self {
            Work::Create => "created",
            Work::Update => "updated",
            Work::Delete => "deleted",
        }
    }
}

/// One call into a resource. A replacement is two of them.
struct Task<'a> {
    step: &'a Step,
    work: Work,
    /// Indices of the tasks that must be done first.
    after: BTreeSet<usize>,
}

fn ready(tasks: &[Task], states: &[State]) -> Option<usize> {
    (0..tasks.len()).find(|&index| {
        states[index] == State::Waiting
            && tasks[index]
                .after
                .iter()
                .all(|&before| states[before] == State::Done)
    })
}

fn skip_dependents(events: &Events, tasks: &[Task], states: &mut [State]) {
    loop {
        let blocked = (0..tasks.len()).find_map(|index| {
            let culprit = tasks[index]
                .after
                .iter()
                .find(|&&before| matches!(states[before], State::Failed | State::Skipped))?;
            (states[index] == State::Waiting).then_some((index, *culprit))
        });
        let Some((index, culprit)) = blocked else {
            return;
        };
        states[index] = State::Skipped;
        events.send(Event::Skipped {
            id: tasks[index].step.id.to_string(),
            reason: format!("needs {}", tasks[culprit].step.id),
        });
    }
}

/// The plan's tasks and their order. What is made waits for what it refers to; what is deleted
/// waits for whatever may refer to it, by kind.
fn tasks<'a>(kinds: &Kinds, plan: &'a Plan) -> Vec<Task<'a>> {
    let mut tasks: Vec<Task> = Vec::new();
    for step in plan.changes() {
        let works: &[Work] = match step.action {
            Action::Keep => &[],
            Action::Create | Action::Supersede => &[Work::Create],
            Action::Update => &[Work::Update],
            Action::Delete => &[Work::Delete],
            Action::Replace => &[Work::Create, Work::Delete],
        };
        tasks.extend(works.iter().map(|&work| Task {
            step,
            work,
            after: BTreeSet::new(),
        }));
    }
    let makes = |task: &Task, id: &Id| task.work != Work::Delete && task.step.id == *id;
    let making: Vec<BTreeSet<usize>> = tasks
        .iter()
        .enumerate()
        .map(|(index, task)| {
            let mut after = BTreeSet::new();
            if task.work != Work::Delete {
                for need in &task.step.needs {
                    after.extend((0..tasks.len()).filter(|&other| makes(&tasks[other], need)));
                }
                if task.step.action == Action::Replace {
                    // Its own deletion is the task behind it.
                    after.insert(index + 1);
                }
            }
            after
        })
        .collect();
    for (task, making) in tasks.iter_mut().zip(making) {
        task.after = making;
    }
    deletions_wait(kinds, &mut tasks);
    tasks
}

/// Makes each deletion wait for what may refer to the object: first for its deletion, then for
/// whatever is made or changed, unless that waits for this very deletion.
fn deletions_wait(kinds: &Kinds, tasks: &mut [Task]) {
    let may_refer = |task: &Task, to: &Task| {
        let kind = kinds.get(&task.step.id.kind);
        let successor = to.step.reason == Reason::Superseded && task.step.id == to.step.id;
        kind.is_some_and(|kind| kind.needs().contains(&to.step.id.kind.as_str())) || successor
    };
    for of_deletions in [true, false] {
        for index in (0..tasks.len())
            .filter(|&index| tasks[index].work == Work::Delete)
            .collect::<Vec<_>>()
        {
            for other in 0..tasks.len() {
                let deletes = tasks[other].work == Work::Delete;
                if deletes == of_deletions
                    && other != index
                    && may_refer(&tasks[other], &tasks[index])
                    && !waits_for(tasks, other, index)
                {
                    tasks[index].after.insert(other);
                }
            }
        }
    }
}

/// Whether `task` waits for `awaited`, directly or through others.
fn waits_for(tasks: &[Task], task: usize, awaited: usize) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = vec![task];
    while let Some(task) = next.pop() {
        if task == awaited {
            return true;
        }
        next.extend(
            tasks[task]
                .after
                .iter()
                .filter(|&&before| seen.insert(before)),
        );
    }
    false
}

async fn run(site: &Site<'_>, task: &Task<'_>, known: &Mutex<Known>) -> Result<()> {
    let id = task.step.id.to_string();
    let started = Instant::now();
    site.events.started(&id, task.work.doing());
    let result = work(site, task, known).await;
    match &result {
        Ok(()) => site.events.done(&id, task.work.past(), started.elapsed()),
        Err(error) => site.events.send(Event::Failed {
            id,
            error: error.to_string(),
        }),
    }
    result
}

async fn work(site: &Site<'_>, task: &Task<'_>, known: &Mutex<Known>) -> Result<()> {
    let id = &task.step.id;
    let kind = site
        .kinds
        .get(&id.kind)
        .ok_or_else(|| Error::failed(format!("{id} is of no known kind")))?;
    let so_far = lock(known).clone();
    let cx = Cx {
        aws: site.aws,
        stack: site.stack,
        id,
        events: site.events,
        artifacts: site.artifacts,
        known: &so_far,
        options: site.options,
        database_server: site.database_server,
    };
    if task.work == Work::Delete {
        kind.delete(&cx, found(task.step)?).await?;
        if task.step.reason == Reason::NotWanted {
            lock(known).remove(id);
        }
        return Ok(());
    }
    let mut attributes = make(kind, &cx, task).await?;
    let wanted = task
        .step
        .wanted
        .as_ref()
        .map(|value| resolve(value, &so_far));
    if let Some(value) = wanted.filter(is_resolved) {
        attributes.insert("revision".to_owned(), kind.revision(&value));
    }
    lock(known).insert(id.clone(), attributes);
    Ok(())
}

async fn make(kind: &dyn Kind, cx: &Cx<'_>, task: &Task<'_>) -> Result<Attributes> {
    let wanted = task.step.wanted.clone().unwrap_or_default();
    let wanted = resolve(&wanted, cx.known);
    if !is_resolved(&wanted) {
        return Err(Error::failed(format!(
            "{}: something that it refers to has no value",
            cx.id
        )));
    }
    if task.work == Work::Create {
        return kind.create(cx, wanted).await;
    }
    let changed = crate::diff::fields(&task.step.changes);
    kind.update(cx, wanted, found(task.step)?, changed).await
}

fn found(step: &Step) -> Result<Object> {
    step.found
        .clone()
        .ok_or_else(|| Error::failed(format!("{} was not found", step.id)))
}

fn lock(known: &Mutex<Known>) -> std::sync::MutexGuard<'_, Known> {
    known
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gaps::Gaps;
    use crate::object::{Wanted, attributes};
    use crate::plan;
    use serde_json::{Value, json};

    fn wanted(id: &str, value: Value) -> Wanted {
        Wanted {
            id: Id::parse(id).unwrap(),
            value,
            after: BTreeSet::new(),
        }
    }

    fn found(id: &str, aws_id: &str, value: Value) -> Object {
        Object {
            id: Id::parse(id).unwrap(),
            attributes: attributes([("id", aws_id)]),
            value,
            owned: true,
        }
    }

    /// The order in which tasks could run one after the other.
    fn order(wanted: Vec<Wanted>, found: Vec<Object>) -> Vec<String> {
        let kinds = crate::resources::all();
        let plan = plan::up(&kinds, wanted, found, &Gaps::default()).unwrap();
        let tasks = tasks(&kinds, &plan);
        let mut states = vec![State::Waiting; tasks.len()];
        let mut order = Vec::new();
        while let Some(next) = ready(&tasks, &states) {
            states[next] = State::Done;
            order.push(format!(
                "{} {}",
                tasks[next].work.past(),
                tasks[next].step.id
            ));
        }
        assert_eq!(
            order.len(),
            tasks.len(),
            "tasks wait for each other: {order:?}"
        );
        order
    }

    #[test]
    fn what_is_replaced_goes_after_what_stands_on_it_and_comes_before_it() {
        let wanted = vec![
            wanted("vpc/main", json!({"cidr": "10.9.0.0/16"})),
            wanted("subnet/private-a", json!({"vpc": "${vpc/main}"})),
        ];
        let found = vec![
            found("vpc/main", "vpc-1", json!({"cidr": "10.0.0.0/16"})),
            found("subnet/private-a", "subnet-1", json!({"vpc": "vpc-1"})),
        ];
        assert_eq!(
            order(wanted, found),
            [
                "deleted subnet/private-a",
                "deleted vpc/main",
                "created vpc/main",
                "created subnet/private-a",
            ]
        );
    }

    #[test]
    fn an_old_deployment_goes_after_the_stage_has_moved() {
        let wanted = vec![
            wanted("deployment/current", json!({"description": "new"})),
            wanted("stage/main", json!({"deployment": "${deployment/current}"})),
        ];
        let found = vec![
            found("deployment/current", "d1", json!({"description": "old"})),
            found("stage/main", "prod", json!({"deployment": "d1"})),
        ];
        // Superseded deployments are deleted like anything else that is not wanted.
        let order = order(wanted, found);
        let at = |what: &str| order.iter().position(|step| step == what).unwrap();
        assert!(at("created deployment/current") < at("updated stage/main"));
        assert!(at("updated stage/main") < at("deleted deployment/current"));
    }

    #[test]
    fn a_replacement_elsewhere_does_not_cut_what_is_still_in_use() {
        let wanted = vec![
            wanted("vpc/main", json!({"cidr": "10.9.0.0/16"})),
            wanted("deployment/current", json!({"description": "new"})),
            wanted("stage/main", json!({"deployment": "${deployment/current}"})),
        ];
        let found = vec![
            found("vpc/main", "vpc-1", json!({"cidr": "10.0.0.0/16"})),
            found("deployment/current", "d1", json!({"description": "old"})),
            found("stage/main", "prod", json!({"deployment": "d1"})),
        ];
        let order = order(wanted, found);
        let at = |what: &str| order.iter().position(|step| step == what).unwrap();
        assert!(at("updated stage/main") < at("deleted deployment/current"));
    }

    #[test]
    fn everything_is_deleted_against_the_order_of_needs() {
        let found = vec![
            found("vpc/main", "vpc-1", json!({})),
            found("subnet/private-a", "subnet-1", json!({})),
            found("function/chatbot", "chatbot", json!({})),
            found("function-alias/chatbot", "live", json!({})),
        ];
        assert_eq!(
            order(vec![], found),
            [
                "deleted function-alias/chatbot",
                "deleted function/chatbot",
                "deleted subnet/private-a",
                "deleted vpc/main",
            ]
        );
    }
}
