//! What a plan's steps wait for.

use std::collections::BTreeSet;

use crate::events::{Event, Events};
use crate::object::Id;
use crate::plan::{Action, Plan, Reason, Step};
use crate::resources::Kinds;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    Running,
    Done,
    Failed,
    Skipped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    Create,
    Update,
    Delete,
}

impl Work {
    pub(super) fn doing(self) -> &'static str {
        match self {
            Work::Create => "creating",
            Work::Update => "updating",
            Work::Delete => "deleting",
        }
    }

    pub(super) fn past(self) -> &'static str {
        match self {
            Work::Create => "created",
            Work::Update => "updated",
            Work::Delete => "deleted",
        }
    }
}

/// One call into a resource. A replacement is two of them.
pub(super) struct Task<'a> {
    pub(super) step: &'a Step,
    pub(super) work: Work,
    /// Indices of the tasks that must be done first.
    pub(super) after: BTreeSet<usize>,
}

impl Task<'_> {
    pub(super) fn past(&self) -> &'static str {
        match self.step.action {
            Action::Adopt => "adopted",
            _ => self.work.past(),
        }
    }
}

pub(super) fn ready(tasks: &[Task], states: &[State]) -> Option<usize> {
    (0..tasks.len()).find(|&index| {
        states[index] == State::Waiting
            && tasks[index]
                .after
                .iter()
                .all(|&before| states[before] == State::Done)
    })
}

pub(super) fn skip_dependents(events: &Events, tasks: &[Task], states: &mut [State]) {
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
pub(super) fn tasks<'a>(kinds: &Kinds, plan: &'a Plan) -> Vec<Task<'a>> {
    let mut tasks: Vec<Task> = Vec::new();
    for step in plan.changes() {
        let works: &[Work] = match step.action {
            Action::Keep => &[],
            Action::Create | Action::Supersede => &[Work::Create],
            Action::Update | Action::Adopt => &[Work::Update],
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gaps::Gaps;
    use crate::object::{Object, Wanted, attributes};
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
        let request = plan::Request {
            wanted,
            ..plan::Request::default()
        };
        let plan = plan::up(&kinds, request, found, &Gaps::default()).unwrap();
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
            wanted("api-resource/chatbot", json!({"part": "new"})),
            wanted(
                "method/chatbot",
                json!({"resource": "${api-resource/chatbot}"}),
            ),
        ];
        let found = vec![
            found("api-resource/chatbot", "r1", json!({"part": "old"})),
            found("method/chatbot", "m1", json!({"resource": "r1"})),
        ];
        assert_eq!(
            order(wanted, found),
            [
                "deleted method/chatbot",
                "deleted api-resource/chatbot",
                "created api-resource/chatbot",
                "created method/chatbot",
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
            wanted("subnet/private-a", json!({"zone": "us-east-1b"})),
            wanted("deployment/current", json!({"description": "new"})),
            wanted("stage/main", json!({"deployment": "${deployment/current}"})),
        ];
        let found = vec![
            found(
                "subnet/private-a",
                "subnet-1",
                json!({"zone": "us-east-1a"}),
            ),
            found("deployment/current", "d1", json!({"description": "old"})),
            found("stage/main", "prod", json!({"deployment": "d1"})),
        ];
        let order = order(wanted, found);
        let at = |what: &str| order.iter().position(|step| step == what).unwrap();
        assert!(at("updated stage/main") < at("deleted deployment/current"));
    }

    #[test]
    fn a_superseded_group_keeps_its_rules_until_nothing_uses_it() {
        let wanted = vec![
            wanted("vpc/main", json!({"cidr": "10.9.0.0/16"})),
            wanted("security-group/function", json!({"vpc": "${vpc/main}"})),
            wanted(
                "security-group-rules/function",
                json!({"group": "${security-group/function}"}),
            ),
            wanted(
                "function/chatbot",
                json!({"groups": ["${security-group/function}"]}),
            ),
        ];
        let found = vec![
            found("vpc/main", "vpc-1", json!({"cidr": "10.0.0.0/16"})),
            found("security-group/function", "sg-1", json!({"vpc": "vpc-1"})),
            found(
                "security-group-rules/function",
                "sg-1",
                json!({"group": "sg-1"}),
            ),
            found("function/chatbot", "chatbot", json!({"groups": ["sg-1"]})),
        ];
        let order = order(wanted, found);
        let at = |what: &str| order.iter().position(|step| step == what).unwrap();
        assert!(at("created security-group/function") < at("updated function/chatbot"));
        assert!(at("updated function/chatbot") < at("deleted security-group-rules/function"));
        assert!(
            at("deleted security-group-rules/function") < at("deleted security-group/function")
        );
        assert!(at("deleted security-group/function") < at("deleted vpc/main"));
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
