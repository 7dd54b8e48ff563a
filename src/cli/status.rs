//! `wmctl status`

use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;
use serde_json::{Value, json};

use super::Global;
use super::session::Session;
use super::view::Build;
use crate::error::Result;
use crate::object::{Id, Ids, Object};
use crate::resources::lambda::LIVE;
use crate::resources::lambda::invoke::invoke;
use crate::resources::secretsmanager::age;
use crate::rotation::age::{Age, ages};
use crate::rotation::now;

/// Show the endpoint, the live versions, their health, and what `up` would change
#[derive(Debug, Args)]
pub struct Status {}

impl Status {
    pub async fn run(self, global: &Global) -> Result<ExitCode> {
        let session = Session::open(global).await?;
        let view = Box::pin(session.view(Build::Never)).await?;
        let found = view.found.clone();
        let plan = session.plan(&view, &Ids::default())?;
        let attribute = |kind: &str, name: &str, attribute: &str| {
            object(&found, kind, name).and_then(|object| object.attributes.get(attribute).cloned())
        };
        let live = |name: &str| {
            object(&found, "function-alias", name).map(|alias| alias.value["version"].clone())
        };
        let endpoint = attribute("rest-api", "main", "id").map(|id| session.endpoint(&id));
        let health = match live("chatbot") {
            Some(_) if !session.options.skip_health => health(&session).await,
            _ => json!({"ok": false, "reason": "not deployed"}),
        };
        let pending: Vec<String> = plan.changes().map(|step| step.id.to_string()).collect();
        let mut document = session.endpoint_document(endpoint.as_ref());
        document["versions"] = json!({"chatbot": live("chatbot"), "migrator": live("migrator")});
        document["chatbot_versions"] = published(&found);
        document["health"] = health;
        // The stack's own, or one that somebody else keeps.
        let database = plan.known.get(&Id::new("db-instance", "main"));
        let of_database = |name: &str| database.and_then(|database| database.get(name));
        document["database"] = json!(of_database("endpoint"));
        document["database_parameters"] = json!(of_database("parameters"));
        document["passwords"] = passwords(&session, &found).await?;
        document["objects"] = json!(found.len());
        document["pending_changes"] = json!(pending);
        let ages = ages(&session.config, &found, now());
        for key in document["api_keys"].as_array_mut().into_iter().flatten() {
            let age = ages.iter().find(|age| key["name"] == age.name.as_str());
            key["age_days"] = json!(age.map(|age| age.days));
            key["rotation_due"] = json!(age.is_some_and(Age::is_over));
        }
        let (printer, place) = (session.printer, session.place());
        session.close().await;
        if printer.json {
            printer.document(&document);
        } else {
            printer.data(&text(&document, &place));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn object<'a>(found: &'a [Object], kind: &str, name: &str) -> Option<&'a Object> {
    found
        .iter()
        .find(|object| object.id.kind == kind && object.id.name == name)
}

/// How old each of the database's passwords is.
async fn passwords(session: &Session, found: &[Object]) -> Result<Value> {
    let days = session.config.database.rotate_after_days;
    let now = SystemTime::now();
    let ages = age::ages(&session.aws, &session.stack, found, now).await?;
    let ages = ages.into_iter().map(|age| {
        json!({
            "id": age.id.to_string(),
            "age_days": age.days(),
            "overdue": age.is_overdue(days),
        })
    });
    Ok(ages.collect())
}

/// The chatbot's versions, the newest first, for `rollback`.
fn published(found: &[Object]) -> Value {
    let number = |object: &Object| object.attributes.get("id")?.parse::<u64>().ok();
    let versions = found
        .iter()
        .filter(|object| object.id.kind == "function-version" && object.id.name == "chatbot");
    let mut versions: Vec<_> = versions
        .filter_map(|object| {
            let published = object.attributes.get("published");
            let schema = object.attributes.get("schema");
            let version = json!({
                "number": number(object)?, "published": published, "schema": schema,
            });
            Some((number(object)?, version))
        })
        .collect();
    versions.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    versions.into_iter().map(|(_, version)| version).collect()
}

/// What the live version says of itself.
async fn health(session: &Session) -> Value {
    let function = session.stack.name("chatbot");
    match invoke(&session.aws, &function, LIVE, &json!({"wmctl": "health"})).await {
        Ok(answer) => answer,
        Err(error) => json!({"ok": false, "reason": error.to_string()}),
    }
}

fn text(document: &Value, place: &str) -> String {
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => "none yet".to_owned(),
        other => other.to_string(),
    };
    let health = if document["health"]["ok"] == true {
        format!("ok, schema {}", shown(&document["health"]["schema"]))
    } else {
        format!("not ok: {}", shown(&document["health"]["reason"]))
    };
    let waits = match document["database_parameters"].as_str() {
        Some("pending-reboot") => ": some parameters take effect when it is rebooted",
        _ => "",
    };
    let pending = document["pending_changes"].as_array().map_or(0, Vec::len);
    let mut lines = vec![
        format!(
            "stack     {}-{} in {place}",
            shown(&document["stack"]),
            shown(&document["environment"])
        ),
        format!("endpoint  {}", shown(&document["endpoint"])),
        format!("database  {}{waits}", shown(&document["database"])),
        format!(
            "live      chatbot version {}, migrator version {}",
            shown(&document["versions"]["chatbot"]),
            shown(&document["versions"]["migrator"])
        ),
        format!("health    {health}"),
    ];
    for password in document["passwords"].as_array().into_iter().flatten() {
        let overdue = if password["overdue"] == true {
            ": overdue, `wmctl rotate-secrets` renews it"
        } else {
            ""
        };
        lines.push(format!(
            "password  {}: {} days old{overdue}",
            shown(&password["id"]),
            password["age_days"]
        ));
    }
    let versions = document["chatbot_versions"].as_array();
    let numbers = versions.into_iter().flatten();
    let numbers: Vec<String> = numbers.map(|version| shown(&version["number"])).collect();
    if numbers.len() > 1 {
        lines.push(format!(
            "versions  {}: `wmctl rollback` moves between them",
            numbers.join(", ")
        ));
    }
    for key in document["api_keys"].as_array().into_iter().flatten() {
        let age = key["age_days"].as_i64();
        let age = age.map_or_else(String::new, |days| format!(", {days} days old"));
        lines.push(format!(
            "api key   {}{age}: in the secret {}",
            shown(&key["name"]),
            shown(&key["secret"])
        ));
    }
    lines.push(match pending {
        0 => format!("changes   none pending; {} objects", document["objects"]),
        count => format!("changes   {count} pending: `wmctl plan` shows them"),
    });
    lines.join("\n")
}
