//! Carries a plan out. It decides nothing: each task runs as soon as what it waits for is done,
//! a failure stops only what depends on it, and a signal lets what runs finish.

mod order;
mod uncertain;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use self::order::{State, Task, Work, ready, skip_dependents, tasks};
use crate::artifact::Artifacts;
use crate::aws::{Aws, purpose};
use crate::error::{Error, Result};
use crate::events::{Event, Events};
use crate::gaps::Gaps;
use crate::object::{Attributes, Id, Known, Object, is_resolved, resolve};
use crate::plan::{Action, Plan, Step};
use crate::resources::{Cx, DatabaseServer, Kind, Kinds, Options};
use crate::stack::Stack;

/// Enough that no object's turn comes late, and few enough to be polite.
const AT_ONCE: usize = 64;

/// What applying works with.
pub struct Site<'a> {
    pub kinds: &'a Kinds,
    pub aws: &'a Aws,
    pub stack: &'a Stack,
    pub artifacts: &'a Artifacts,
    pub options: &'a Options,
    pub events: &'a Events,
    pub gaps: &'a Gaps,
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

/// Runs the plan's steps. Once `stopped` is true, nothing new starts.
pub async fn apply(site: &Site<'_>, plan: &Plan, stopped: &dyn Fn() -> bool) -> Outcome {
    let started = Instant::now();
    let tasks = tasks(site.kinds, plan);
    let known = Mutex::new(plan.known.clone());
    let mut states = vec![State::Waiting; tasks.len()];
    let mut outcome = Outcome::default();
    let mut running = FuturesUnordered::new();
    loop {
        let stopped = stopped();
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
                outcome.done.push((task.step.id.clone(), task.past()));
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
    let failed = |id: &Id| outcome.failed.iter().any(|(failed, _)| failed == id);
    outcome.skipped = left.into_iter().filter(|id| !failed(id)).collect();
    outcome.known = known.into_inner().unwrap_or_default();
    outcome.elapsed = started.elapsed();
    outcome
}

async fn run(site: &Site<'_>, task: &Task<'_>, known: &Mutex<Known>) -> Result<()> {
    let id = task.step.id.to_string();
    let started = Instant::now();
    site.events.started(&id, task.work.doing());
    let purpose = format!("{} {id}", task.work.doing());
    let result = purpose::with(purpose, work(site, task, known)).await;
    match &result {
        Ok(()) => site.events.done(&id, task.past(), started.elapsed()),
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
        let found = found(task.step)?;
        kind.delete(&cx, found.clone()).await?;
        // The id may stand for another object by now: its successor, or one that others keep.
        let mut known = lock(known);
        if known.get(id).and_then(|known| known.get("id")) == found.attributes.get("id") {
            known.remove(id);
        }
        return Ok(());
    }
    let mut attributes = make(kind, &cx, task, site.gaps).await?;
    let wanted = task
        .step
        .wanted
        .clone()
        .map(|value| resolve(value, &so_far));
    if let Some(value) = wanted.filter(is_resolved) {
        attributes.insert("revision".to_owned(), kind.revision(&value));
    }
    lock(known).insert(id.clone(), attributes);
    Ok(())
}

async fn make(kind: &dyn Kind, cx: &Cx<'_>, task: &Task<'_>, gaps: &Gaps) -> Result<Attributes> {
    let wanted = task.step.wanted.clone().unwrap_or_default();
    let wanted = resolve(wanted, cx.known);
    if !is_resolved(&wanted) {
        return Err(Error::failed(format!(
            "{}: something that it refers to has no value",
            cx.id
        )));
    }
    if task.work == Work::Create {
        // What is replaced is gone by now, and what comes may look the same.
        let old = task.step.found.as_ref();
        let beside = old.filter(|_| task.step.action == Action::Supersede);
        return uncertain::create(kind, cx, wanted, beside, gaps).await;
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
