//! Whatever is changed behind our back is named by the plan and mended by `up`: every field of
//! every kind, on both emulators. One service is one file of rows.

mod apigateway;
mod audit;
mod cloudwatch;
mod detectors;
mod ec2;
mod events;
mod iam;
mod kms;
mod lambda;
mod logs;
mod rds;
mod secretsmanager;
mod sns;
mod wafv2;

use std::collections::{BTreeMap, BTreeSet};

use futures::future::BoxFuture;
use serde_json::Value;
use wmctl::aws::{Aws, Emulator as Which};

use crate::account::connect;
use crate::emulator::Emulator;
use crate::lifecycle::{changes, runtime};
use crate::project::{Project, Run};

/// The account, and AWS's ids of what the stack has in it.
pub struct Account {
    pub aws: Aws,
    /// By logical id: `topic/alarms`.
    pub ids: BTreeMap<String, String>,
    /// The wanted values, with references.
    pub values: BTreeMap<String, Value>,
}

impl Account {
    /// AWS's id of the object with this logical id.
    pub fn id(&self, id: &str) -> &str {
        self.ids
            .get(id)
            .unwrap_or_else(|| panic!("{id} is not there"))
    }
}

/// Something done to the account by somebody else.
pub type Deed = for<'a> fn(&'a Account) -> BoxFuture<'a, ()>;

/// One field changed behind our back.
pub struct Drift {
    /// The object that the plan must name.
    pub id: &'static str,
    /// The path that the plan must name, or what all its paths start with: `tags.owner`.
    pub field: &'static str,
    /// What the plan does about it: `update`, `replace` or `supersede`, or `delete` where the
    /// whole object is one too many.
    pub action: &'static str,
    /// Other objects that necessarily change with it.
    pub also: &'static [&'static str],
    /// Emulators on which the deed cannot be done, and why.
    pub except: &'static [(Which, &'static str)],
    pub deed: Deed,
}

/// The usual row: mended in place, on both emulators.
pub const fn drift(id: &'static str, field: &'static str, deed: Deed) -> Drift {
    Drift {
        id,
        field,
        action: "update",
        also: &[],
        except: &[],
        deed,
    }
}

/// An object deleted behind our back.
pub struct Deletion {
    pub id: &'static str,
    /// Objects that go with it, or must change because of it.
    pub also: &'static [&'static str],
    pub except: &'static [(Which, &'static str)],
    pub deed: Deed,
}

/// A field that nobody can change on an existing object, and why: kind, field, reason.
pub type Fixed = (&'static str, &'static str, &'static str);

/// What one service's file brings.
pub struct Rows {
    pub drifts: Vec<Drift>,
    pub deletions: Vec<Deletion>,
    pub fixed: &'static [Fixed],
    /// Kinds that cannot be deleted by themselves, and why.
    pub lasting: &'static [(&'static str, &'static str)],
}

/// All services' rows, or those of the one that WMCTL_DRIFT names: a run while writing them.
pub fn services() -> Vec<Rows> {
    let all = [
        ("apigateway", apigateway::rows as fn() -> Rows),
        ("audit", audit::rows as fn() -> Rows),
        ("cloudwatch", cloudwatch::rows as fn() -> Rows),
        ("detectors", detectors::rows as fn() -> Rows),
        ("ec2", ec2::rows as fn() -> Rows),
        ("events", events::rows as fn() -> Rows),
        ("iam", iam::rows as fn() -> Rows),
        ("kms", kms::rows as fn() -> Rows),
        ("lambda", lambda::rows as fn() -> Rows),
        ("logs", logs::rows as fn() -> Rows),
        ("rds", rds::rows as fn() -> Rows),
        ("secretsmanager", secretsmanager::rows as fn() -> Rows),
        ("sns", sns::rows as fn() -> Rows),
        ("wafv2", wafv2::rows as fn() -> Rows),
    ];
    let only = only();
    all.into_iter()
        .filter(|(name, _)| only.as_ref().is_none_or(|only| only == name))
        .map(|(_, rows)| rows())
        .collect()
}

fn only() -> Option<String> {
    std::env::var("WMCTL_DRIFT").ok()
}

/// A stack on an emulator that anybody may change.
pub struct Stage {
    pub project: Project,
    pub url: String,
    /// The wanted values by logical id, from the plan of an empty account.
    values: BTreeMap<String, Value>,
    _emulator: Emulator,
}

impl Stage {
    pub fn new(emulator: Emulator) -> Self {
        let mut stage = Self {
            project: Project::new(),
            url: emulator.url.clone(),
            values: BTreeMap::new(),
            _emulator: emulator,
        };
        for (place, more) in [
            ("[alarms]\n", "email = \"ops@example.com\"\n"),
            (
                "[api]\n",
                "allow_from = [\"203.0.113.0/24\"]\ncors_origin = \"https://chat.example.com\"\n",
            ),
        ] {
            stage.project.edit(place, &format!("{place}{more}"));
        }
        let asked = "[audit]\nguardduty = true\nsecurity_hub = true\n";
        let config = stage.project.config();
        stage.project.write(&format!("{config}\n{asked}"));
        let up = stage.run(&["up", "--yes"]).ok().json();
        stage.values = steps(&up["plan"])
            .map(|step| (text(&step["id"]), step["wanted"].clone()))
            .collect();
        stage
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        let at = [
            "--endpoint-url",
            &self.url,
            "--skip",
            "migrate,health",
            "--json",
            "--verbose",
        ];
        self.project.wmctl(&[arguments, &at].concat())
    }

    pub fn plan(&self) -> Value {
        self.run(&["plan"]).ok().json()["plan"].clone()
    }

    pub async fn account(&self) -> Account {
        let plan = self.plan();
        let ids = steps(&plan).map(|step| (text(&step["id"]), text(&step["aws_id"])));
        Account {
            aws: connect(&self.url).await,
            ids: ids.collect(),
            values: self.values.clone(),
        }
    }
}

fn steps(plan: &Value) -> impl Iterator<Item = &Value> {
    plan["steps"].as_array().unwrap().iter()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Steps that change something: id, action, and the paths that differ.
pub fn changed(plan: &Value) -> BTreeMap<String, (String, Vec<String>)> {
    steps(plan)
        .filter(|step| step["action"] != "keep")
        .map(|step| {
            let changes = step["changes"].as_array().unwrap().iter();
            let paths = changes.map(|change| text(&change["path"])).collect();
            (text(&step["id"]), (text(&step["action"]), paths))
        })
        .collect()
}

/// Rows that can be tried together: each object at most once.
pub fn batches(rows: Vec<Drift>) -> Vec<Vec<Drift>> {
    let mut batches: Vec<Vec<Drift>> = Vec::new();
    for row in rows {
        let touched = |other: &Drift| {
            let mut ids = [other.id].into_iter().chain(other.also.iter().copied());
            ids.any(|id| id == row.id || row.also.contains(&id))
        };
        match batches.iter_mut().find(|batch| !batch.iter().any(touched)) {
            Some(batch) => batch.push(row),
            None => batches.push(vec![row]),
        }
    }
    batches
}

pub fn on(except: &[(Which, &str)], which: Which) -> bool {
    except.iter().all(|(emulator, _)| *emulator != which)
}

/// The fields of every kind, from a plan of the whole stack.
fn declared(account: &Account) -> BTreeSet<(String, String)> {
    let mut fields = BTreeSet::new();
    for (id, value) in &account.values {
        let kind = id.split('/').next().unwrap_or_default();
        for name in value
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
        {
            fields.insert((kind.to_owned(), name.clone()));
        }
    }
    fields
}

/// Whether the emulator has nothing of the kind.
pub fn missing(which: Which, kind: &str) -> bool {
    wmctl::gaps::MISSING
        .iter()
        .any(|(emulator, of, _)| *emulator == which && *of == kind)
}

pub fn hidden(which: Which, kind: &str, field: &str) -> bool {
    wmctl::gaps::TABLE
        .iter()
        .any(|(emulator, of, path, _)| *emulator == which && *of == kind && field.starts_with(path))
}

/// A figure for whoever reads the run: the harness captures only what the print macros write.
pub fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn drifts(emulator: Emulator, which: Which) {
    let stage = Stage::new(emulator);
    let runtime = runtime();
    let mut account = runtime.block_on(stage.account());
    let kind = |id: &str| id.split('/').next().unwrap_or_default().to_owned();
    let head = |field: &str| {
        field
            .split(['.', '['])
            .next()
            .unwrap_or_default()
            .to_owned()
    };

    let (mut rows, mut fixed) = (Vec::new(), BTreeSet::new());
    for service in services() {
        rows.extend(service.drifts);
        fixed.extend(
            service
                .fixed
                .iter()
                .map(|(k, f, _)| (k.to_string(), f.to_string())),
        );
    }
    let covered: BTreeSet<_> = rows
        .iter()
        .map(|row| (kind(row.id), head(row.field)))
        .collect();
    let uncovered: Vec<_> = declared(&account)
        .into_iter()
        .filter(|field| !covered.contains(field) && !fixed.contains(field))
        .filter(|(kind, field)| !hidden(which, kind, field))
        .filter(|(kind, _)| only().is_none() || covered.iter().any(|(of, _)| of == kind))
        .collect();
    assert!(uncovered.is_empty(), "no row changes these: {uncovered:#?}");

    let mut tried = 0;
    rows.retain(|row| {
        let kind = kind(row.id);
        on(row.except, which) && !missing(which, &kind) && !hidden(which, &kind, row.field)
    });
    for batch in batches(rows) {
        for row in &batch {
            runtime.block_on((row.deed)(&account));
        }
        let plan = stage.plan();
        let mut changed = changed(&plan);
        for row in &batch {
            let (action, paths) = changed
                .remove(row.id)
                .unwrap_or_else(|| panic!("{}: {} is not seen: {plan:#}", row.id, row.field));
            assert_eq!(action, row.action, "{} {}: {plan:#}", row.id, row.field);
            assert!(
                paths.iter().all(|path| path.starts_with(row.field))
                    && paths.is_empty() == (row.action == "delete"),
                "{} {}: {paths:?}",
                row.id,
                row.field
            );
            for also in row.also {
                changed.remove(*also);
            }
        }
        let names: Vec<_> = batch.iter().map(|row| (row.id, row.field)).collect();
        assert!(
            changed.is_empty(),
            "{names:?} is said to change, too: {changed:#?}"
        );
        stage.run(&["up", "--yes"]).ok();
        let left = stage.run(&["plan"]).ok();
        assert_eq!(changes(&left), 0, "{names:?} is not mended: {}", left.all());
        account = runtime.block_on(stage.account());
        tried += batch.len();
    }
    let fields = covered.len();
    say(&format!(
        "drift on {which:?}: {tried} rows, {fields} fields, all seen and mended"
    ));
}

fn deletions(emulator: Emulator, which: Which) {
    let stage = Stage::new(emulator);
    let runtime = runtime();
    let mut account = runtime.block_on(stage.account());
    let mut lasting = BTreeSet::new();
    let mut rows = Vec::new();
    for service in services() {
        lasting.extend(service.lasting.iter().map(|(kind, _)| kind.to_string()));
        rows.extend(service.deletions);
    }
    let kind = |id: &str| id.split('/').next().unwrap_or_default().to_owned();
    let covered: BTreeSet<String> = rows.iter().map(|row| kind(row.id)).collect();
    let kinds: BTreeSet<String> = account.ids.keys().map(|id| kind(id)).collect();
    let uncovered: Vec<_> = kinds
        .iter()
        .filter(|kind| !covered.contains(*kind) && !lasting.contains(*kind))
        .filter(|_| only().is_none())
        .collect();
    assert!(uncovered.is_empty(), "no row deletes these: {uncovered:?}");
    let mut tried = 0;
    for row in rows.iter().filter(|row| on(row.except, which)) {
        runtime.block_on((row.deed)(&account));
        let plan = stage.plan();
        let mut changed = changed(&plan);
        let made = changed.remove(row.id);
        assert!(
            made.is_some_and(|(action, _)| action == "create"),
            "{}: {plan:#}",
            row.id
        );
        changed.retain(|id, _| !row.also.contains(&id.as_str()));
        assert!(
            changed.is_empty(),
            "{} changes these, too: {changed:#?}",
            row.id
        );
        stage.run(&["up", "--yes"]).ok();
        let left = stage.run(&["plan"]).ok();
        assert_eq!(
            changes(&left),
            0,
            "{} is not mended: {}",
            row.id,
            left.all()
        );
        account = runtime.block_on(stage.account());
        tried += 1;
    }
    say(&format!(
        "deletions on {which:?}: {tried} rows, all seen and mended"
    ));
}

#[test]
fn every_field_changed_behind_our_back_is_named_and_mended_on_ministack() {
    drifts(Emulator::ministack(), Which::MiniStack);
}

#[test]
fn every_field_changed_behind_our_back_is_named_and_mended_on_moto() {
    drifts(Emulator::moto(), Which::Moto);
}

#[test]
fn every_object_deleted_behind_our_back_comes_back_on_ministack() {
    deletions(Emulator::ministack(), Which::MiniStack);
}

#[test]
fn every_object_deleted_behind_our_back_comes_back_on_moto() {
    deletions(Emulator::moto(), Which::Moto);
}
