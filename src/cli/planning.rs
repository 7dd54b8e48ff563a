//! What `plan` and `up` share: the options that a plan is made with, and plans kept in files.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use super::safety::{Safety, refuse_breaking};
use super::session::{Session, parse_ids};
use super::view::View;
use crate::checks::{check, pending};
use crate::cost::Costs;
use crate::error::{Error, Kind, Result};
use crate::object::Ids;
use crate::plan::Plan;
use crate::report::{cost_json, plan_json};

#[derive(Debug, Default, Args)]
pub struct Planning {
    /// Allow what holds data to be replaced or deleted, such as db-instance/main or secret/*
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    pub allow_destroy: Vec<String>,

    /// Take over what has our name and not our tags, such as log-group/chatbot
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    pub adopt: Vec<String>,

    #[command(flatten)]
    pub safety: Safety,
}

impl Planning {
    pub fn destroy(&self) -> Result<Ids> {
        parse_ids(&self.allow_destroy)
    }

    /// The plan, and why it would be refused, if so.
    pub fn plan(&self, session: &Session, view: &View) -> Result<(Plan, Result<()>)> {
        let plan = session.plan(view, &parse_ids(&self.adopt)?)?;
        let checked = check(&session.kinds, &plan, &self.destroy()?, &view.facts);
        let verdicts = pending(&plan, &view.artifacts.migrations)?;
        let checked = checked.and_then(|()| refuse_breaking(&verdicts, self.safety.allow_breaking));
        Ok((plan, checked))
    }

    /// The document that `plan --json` prints and `plan --out` writes; `up` reads it.
    pub fn document(&self, session: &Session, plan: &Plan, costs: &Costs) -> Value {
        let mut document = session.document();
        document["options"] = json!({
            "allow_destroy": self.allow_destroy,
            "adopt": self.adopt,
            "allow_breaking": self.safety.allow_breaking,
            "allow_slow": self.safety.allow_slow,
            "snapshot": self.safety.snapshot,
            "no_snapshot": self.safety.no_snapshot,
            "skip_migrate": session.options.skip_migrate,
        });
        document["plan"] = plan_json(plan);
        document["cost"] = cost_json(costs);
        document["not_emulated"] = json!(session.gaps.met());
        document
    }
}

/// Writes a plan for `up`. It holds no secret, and still is nobody's but the operator's to read.
pub fn save(path: &Path, document: &Value) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut text = format!("{document:#}");
    text.push('\n');
    options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| {
            Error::environment(format!("cannot write the plan to {}", path.display()))
                .because(error)
        })
}

/// A plan that was made earlier, by whomever.
pub struct Saved {
    pub planning: Planning,
    document: Value,
    path: String,
}

impl Saved {
    pub fn load(path: &Path) -> Result<Self> {
        let shown = path.display().to_string();
        let no_plan = || Error::usage(format!("{shown} holds no plan"));
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::usage(format!("cannot read the plan in {shown}")).because(error)
        })?;
        let document: Value =
            serde_json::from_str(&text).map_err(|error| no_plan().hint(HOW).because(error))?;
        if document["version"] != 1 || !document["plan"]["steps"].is_array() {
            return Err(no_plan().hint(HOW));
        }
        let ids = |name: &str| {
            let ids = document["options"][name].as_array().into_iter().flatten();
            ids.filter_map(|id| id.as_str().map(str::to_owned))
                .collect()
        };
        let is = |name: &str| document["options"][name] == true;
        Ok(Self {
            planning: Planning {
                allow_destroy: ids("allow_destroy"),
                adopt: ids("adopt"),
                safety: Safety {
                    allow_breaking: is("allow_breaking"),
                    allow_slow: is("allow_slow"),
                    snapshot: is("snapshot"),
                    no_snapshot: is("no_snapshot"),
                },
            },
            path: shown,
            document,
        })
    }

    /// Refuses unless `now`, the document of a plan made just now, tells of this very plan.
    pub fn confirm(&self, now: &Value) -> Result<()> {
        for place in ["stack", "environment", "account", "region", "target"] {
            if now[place] != self.document[place] {
                let (then, now) = (&self.document[place], &now[place]);
                return Err(self.refuse(&format!("is for the {place} {then}, and this is {now}")));
            }
        }
        if now["options"] != self.document["options"] {
            return Err(self.refuse("was made with other options"));
        }
        let (then, now) = (&self.document["plan"], &now["plan"]);
        if then == now {
            return Ok(());
        }
        let steps = |plan: &Value| plan["steps"].as_array().cloned().unwrap_or_default();
        let (then, now) = (steps(then), steps(now));
        let mut moved: Vec<&str> = then
            .iter()
            .filter(|step| !now.contains(step))
            .chain(now.iter().filter(|step| !then.contains(step)))
            .filter_map(|step| step["id"].as_str())
            .collect();
        moved.sort_unstable();
        moved.dedup();
        Err(self.refuse(&format!(
            "no longer holds: the account, infra.toml or the function has moved in {}",
            moved.join(", ")
        )))
    }

    fn refuse(&self, why: &str) -> Error {
        Error::new(Kind::Refused, format!("the plan in {} {why}", self.path)).hint(
            "nothing was changed; make a new one with `wmctl plan --out FILE`, and look at it",
        )
    }
}

const HOW: &str = "`wmctl plan --out FILE` writes one";
