//! The only place that writes to the terminal: data on stdout, everything else on stderr.

mod audit;
mod cost;
mod migrations;
mod outcome;
mod plan;
mod progress;
mod style;

use std::io::{IsTerminal, Write};

use serde_json::{Value, json};

pub use audit::sarif;
pub use cost::cost_json;
pub use migrations::migrations_text;
pub use outcome::outcome_json;
pub use plan::{plan_json, plan_text};
pub use progress::Progress;

use self::style::{Colour, Style};
use crate::apply::Outcome;
use crate::audit::Report;
use crate::cost::Costs;
use crate::error::Error;
use crate::plan::Plan;

/// How to speak to whoever reads.
#[derive(Debug, Clone, Copy)]
pub struct Printer {
    pub json: bool,
    pub verbose: bool,
}

impl Printer {
    /// Text that was asked for. A reader that has gone away is no error.
    pub fn data(self, text: &str) {
        let _ = writeln!(std::io::stdout().lock(), "{}", text.trim_end());
    }

    /// A JSON document that was asked for.
    pub fn document(self, value: &Value) {
        self.data(&format!("{value:#}"));
    }

    /// Text for a person beside the data; left out where a script reads JSON.
    pub fn message(self, text: &str) {
        if !self.json {
            self.alert(text);
        }
    }

    /// Text for whoever sits at the keyboard, also where a script reads JSON.
    pub fn alert(self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{}", text.trim_end());
    }

    /// A call, beside whatever else is written: who asks for them reads them from a script, too.
    pub fn detail(self, text: &str) {
        if self.verbose {
            let _ = writeln!(std::io::stderr().lock(), "    {text}");
        }
    }

    /// A plan that was asked for.
    pub fn plan(self, plan: &Plan) {
        let style = Style::of(&std::io::stdout(), self.verbose);
        self.data(&plan::styled(plan, style));
    }

    /// What an audit found.
    pub fn audit(self, report: &Report) {
        let style = Style::of(&std::io::stdout(), self.verbose);
        self.data(&audit::styled(report, style));
    }

    /// A plan that is about to be carried out.
    pub fn proposal(self, plan: &Plan) {
        let style = Style::of(&std::io::stderr(), self.verbose);
        self.message(&plan::styled(plan, style));
    }

    /// What the stack costs; `in_full` with each line.
    pub fn costs(self, costs: &Costs, in_full: bool) {
        let style = Style::of(&std::io::stdout(), self.verbose);
        self.data(&cost::cost_text(costs, style, in_full || self.verbose));
    }

    /// What a plan that is about to be carried out does to the bill.
    pub fn cost_of_proposal(self, costs: &Costs) {
        self.message(&cost::cost_line(costs));
    }

    /// What became of it.
    pub fn outcome(self, plan: &Plan, outcome: &Outcome, calls: u64) {
        let style = Style::of(&std::io::stderr(), self.verbose);
        self.message(&outcome::outcome_text(plan, outcome, calls, style));
    }

    /// What went wrong, why, and what to do next.
    pub fn error(self, error: &Error) {
        if self.json {
            self.document(&json!({"version": 1, "error": error_json(error)}));
            return;
        }
        let style = Style::of(&std::io::stderr(), self.verbose);
        let _ = write!(std::io::stderr().lock(), "{}", error_styled(error, style));
    }

    /// Asks on the terminal. `None` where nobody can answer.
    pub fn ask(self, question: &str) -> Option<bool> {
        if !std::io::stdin().is_terminal() || self.json {
            return None;
        }
        let _ = write!(std::io::stderr().lock(), "{question} [y/N] ");
        let _ = std::io::stderr().flush();
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).ok()?;
        Some(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }
}

/// The error as `--json` has it.
pub fn error_json(error: &Error) -> Value {
    json!({
        "kind": error.kind.name(),
        "message": error.message,
        "causes": error.causes(),
        "hints": error.hints,
        "aws": error.aws.as_ref().map(|failure| json!({
            "operation": failure.operation,
            "code": failure.code,
            "message": failure.message,
            "request_id": failure.request_id,
        })),
    })
}

/// The error as it stands in a file or a pipe.
pub fn error_text(error: &Error) -> String {
    error_styled(error, Style::PLAIN)
}

/// The error, its causes, and its hints, a line each; further lines of causes and hints are indented.
fn error_styled(error: &Error, style: Style) -> String {
    use std::fmt::Write;
    let lines = |text: &str| text.trim_end().replace('\n', "\n    ");
    let mut text = String::new();
    let title = style.paint(Colour::Red, "error:");
    let _ = writeln!(text, "{title} {}", error.message.trim_end());
    for cause in error.causes() {
        let _ = writeln!(text, "  because: {}", lines(&cause));
    }
    for hint in &error.hints {
        let _ = writeln!(
            text,
            "{} {}",
            style.paint(Colour::Cyan, "hint:"),
            lines(hint)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_cause_and_next_command() {
        let error = Error::failed("CreateVpc refused for vpc/main: VpcLimitExceeded")
            .hint("delete a VPC that is not in use, then run `wmctl up` again")
            .because(std::io::Error::other("five VPCs"));
        insta::assert_snapshot!(error_text(&error), @r"
        error: CreateVpc refused for vpc/main: VpcLimitExceeded
          because: five VPCs
        hint: delete a VPC that is not in use, then run `wmctl up` again
        ");
    }
}
