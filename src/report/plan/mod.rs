//! A plan for people.

mod change;
mod json;
mod value;

use std::fmt::Write;

pub use self::json::plan_json;
use super::style::{Colour, Style};
use crate::object::Object;
use crate::plan::{Action, Plan, Reason, Step};
use crate::resources::{self, Kind, Kinds};

/// The column of ids grows with them, but no further than this.
const ID_WIDTH: usize = 48;

/// The plan as it stands in a file or a pipe.
pub fn plan_text(plan: &Plan) -> String {
    styled(plan, Style::PLAIN)
}

/// A line for each object that changes, in the order of execution, with its reason; below it what
/// differs. Then what stays although the rest goes, and once more what is replaced or deleted.
pub(super) fn styled(plan: &Plan, style: Style) -> String {
    let shown = plan.steps.iter().filter(|step| is_shown(step));
    let width = shown.map(|step| step.id.kind.len() + 1 + step.id.name.len());
    let mut drawing = Drawing {
        kinds: resources::all(),
        style,
        id_width: width.max().unwrap_or_default().min(ID_WIDTH),
        text: String::new(),
    };
    for step in plan.changes() {
        drawing.step(step);
    }
    drawing.staying(plan);
    drawing.once_more(plan);
    drawing.text.push_str(&summary(plan));
    drawing.text
}

struct Drawing {
    kinds: Kinds,
    style: Style,
    id_width: usize,
    text: String,
}

impl Drawing {
    fn step(&mut self, step: &Step) {
        let head = format!("{:>3} {:<8}", sign(step.action), verb(step.action));
        self.head(
            &colour(step.action).map_or(head.clone(), |c| self.style.paint(c, &head)),
            step,
        );
        for warning in self.warnings(step) {
            let warning = self.style.paint(Colour::Red, &format!("! {warning}"));
            let _ = writeln!(self.text, "        {warning}");
        }
        for change in &step.changes {
            change::write(&mut self.text, self.style, change);
        }
        let whole = match step.action {
            Action::Create => step.wanted.as_ref().map(|wanted| ('+', wanted)),
            Action::Delete => step.found.as_ref().map(|found| ('-', &found.value)),
            _ => None,
        };
        if let Some((sign, value)) = whole.filter(|_| self.style.verbose) {
            change::write_all(&mut self.text, self.style, sign, "", value);
        }
    }

    fn head(&mut self, head: &str, step: &Step) {
        let (id, width) = (step.id.to_string(), self.id_width);
        let _ = writeln!(self.text, "{head} {id:<width$}  {}", reason(step));
    }

    /// What nobody must overlook.
    fn warnings(&self, step: &Step) -> Vec<String> {
        let mut warnings = Vec::new();
        let goes = matches!(step.action, Action::Replace | Action::Delete);
        if goes && self.kinds.get(&step.id.kind).is_some_and(Kind::data) {
            warnings.push("HOLDS DATA".to_owned());
        }
        if let Some(what) = step.interrupts {
            warnings.push(format!("interrupts {what}"));
        }
        warnings
    }

    /// What a stack leaves behind, and how to have that deleted, too.
    fn staying(&mut self, plan: &Plan) {
        let mut data = Vec::new();
        for step in plan.steps.iter().filter(|step| is_left(step)) {
            self.head(
                &self.style.paint(Colour::Dim, &format!("{:3} keep    ", "")),
                step,
            );
            if step.reason == Reason::HoldsData {
                data.push(step.id.to_string());
            }
        }
        if !data.is_empty() {
            let data = data.join(",");
            let _ = writeln!(
                self.text,
                "To delete what holds data, too, add: --allow-destroy {data}"
            );
        }
    }

    /// Names what is replaced or deleted again, where it could be overlooked among the rest.
    fn once_more(&mut self, plan: &Plan) {
        let destroys = |step: &Step| matches!(step.action, Action::Replace | Action::Delete);
        if plan.changes().all(destroys) {
            return;
        }
        for (action, title) in [(Action::Replace, "Replaces:"), (Action::Delete, "Deletes:")] {
            let named: Vec<String> = plan
                .changes()
                .filter(|step| step.action == action && step.reason != Reason::Superseded)
                .map(|step| match self.warnings(step) {
                    warnings if warnings.is_empty() => step.id.to_string(),
                    warnings => format!("{} ({})", step.id, warnings.join("; ")),
                })
                .collect();
            if !named.is_empty() {
                let named = self.style.wrapped(10, 10, &named.join(", "));
                let title = self.style.paint(Colour::Red, &format!("{title:<9}"));
                let _ = writeln!(self.text, "{title} {named}");
            }
        }
    }
}

fn summary(plan: &Plan) -> String {
    let unchanged = plan.count(Action::Keep);
    let left = plan.steps.iter().filter(|step| is_left(step)).count();
    if plan.is_empty() {
        return match (unchanged, left) {
            (0, _) => "No changes: there is nothing.".to_owned(),
            (1, 0) => "No changes: 1 object is as wanted.".to_owned(),
            (_, 0) => format!("No changes: {unchanged} objects are as wanted."),
            (1, _) => "No changes: 1 object stays.".to_owned(),
            _ => format!("No changes: {unchanged} objects stay."),
        };
    }
    // Terraform's readers look for these; the others are told where there are any.
    let always = [
        Action::Create,
        Action::Update,
        Action::Replace,
        Action::Delete,
    ];
    let counts: Vec<String> = COUNTED
        .into_iter()
        .map(|action| (action, plan.count(action)))
        .filter(|(action, count)| *count > 0 || always.contains(action))
        .map(|(action, count)| format!("{count} to {}", verb(action).to_lowercase()))
        .collect();
    format!("Plan: {}; {unchanged} unchanged.", counts.join(", "))
}

/// The actions that change something, as they are summed up.
const COUNTED: [Action; 6] = [
    Action::Create,
    Action::Update,
    Action::Adopt,
    Action::Supersede,
    Action::Replace,
    Action::Delete,
];

fn is_shown(step: &Step) -> bool {
    step.action != Action::Keep || is_left(step)
}

fn is_left(step: &Step) -> bool {
    matches!(
        step.reason,
        Reason::HoldsData | Reason::EncryptsSnapshot | Reason::NeededBy(_)
    )
}

fn sign(action: Action) -> &'static str {
    match action {
        Action::Keep => "",
        Action::Create | Action::Supersede => "+",
        Action::Update => "~",
        Action::Adopt => ">",
        Action::Replace => "-/+",
        Action::Delete => "-",
    }
}

fn verb(action: Action) -> &'static str {
    match action {
        Action::Keep => "keep",
        Action::Create => "create",
        Action::Update => "update",
        Action::Adopt => "adopt",
        Action::Replace => "REPLACE",
        Action::Supersede => "renew",
        Action::Delete => "DELETE",
    }
}

fn colour(action: Action) -> Option<Colour> {
    match action {
        Action::Keep => None,
        Action::Create | Action::Supersede => Some(Colour::Green),
        Action::Update => Some(Colour::Yellow),
        Action::Adopt => Some(Colour::Cyan),
        Action::Replace | Action::Delete => Some(Colour::Red),
    }
}

fn reason(step: &Step) -> String {
    let reason = match &step.reason {
        Reason::UpToDate => "as wanted".to_owned(),
        Reason::Missing => "missing".to_owned(),
        Reason::Differs => "differs".to_owned(),
        Reason::NamedForAdoption => "has our name and not our tags; named by --adopt".to_owned(),
        Reason::Shared => "somebody else's, and stays theirs; what it lacks is added".to_owned(),
        Reason::CannotChangeInPlace(field) if step.action == Action::Supersede => {
            format!("{field} changes")
        }
        Reason::CannotChangeInPlace(field) => format!("{field} cannot change in place"),
        Reason::DependencyReplaced(id) => format!("{id} is made anew"),
        Reason::NotWanted => "not wanted".to_owned(),
        Reason::Superseded => "superseded".to_owned(),
        Reason::HoldsData => "holds data".to_owned(),
        Reason::EncryptsSnapshot => "encrypts the database's last snapshot".to_owned(),
        Reason::NeededBy(id) => format!("{id} stands on it"),
    };
    match step
        .found
        .as_ref()
        .and_then(aws_name)
        .filter(|_| takes(step))
    {
        Some(name) if name != step.id.name => format!("{reason} ({name})"),
        _ => reason,
    }
}

/// Whether it matters which object of the account this is: it goes, or is taken over.
fn takes(step: &Step) -> bool {
    matches!(
        step.action,
        Action::Adopt | Action::Replace | Action::Delete
    )
}

/// AWS's id; of an ARN what follows the account.
fn aws_name(found: &Object) -> Option<&str> {
    let id = found.attributes.get("id")?;
    if id.starts_with("arn:") {
        id.splitn(6, ':').nth(5)
    } else {
        Some(id)
    }
}

#[cfg(test)]
mod tests;
