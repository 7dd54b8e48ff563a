//! Moving `live` back to a version that was published before.

use std::sync::atomic::AtomicBool;

use serde::Serialize;

use super::alias::{check, live, point_saying};
use super::version;
use crate::aws::Reader;
use crate::error::{Error, Kind, Result};
use crate::resources::{Cx, Found};

/// A published version of the chatbot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Version {
    pub number: u64,
    /// When, in UTC, as Lambda says it.
    pub published: String,
    /// The newest migration that there was then; empty where an older wmctl published it.
    pub schema: String,
    pub live: bool,
}

impl Version {
    fn of(found: &Found<version::FunctionVersion>, live: Option<&str>) -> Option<Self> {
        Some(Self {
            number: found.aws_id().parse().ok()?,
            published: found.attribute("published").to_owned(),
            schema: found.attribute("schema").to_owned(),
            live: live == Some(found.aws_id()),
        })
    }
}

/// The chatbot's versions, the newest first.
pub async fn versions(reader: &Reader) -> Result<Vec<Version>> {
    let found = version::read(reader, "chatbot").await?;
    let live = live(reader, "chatbot").await?;
    let versions = found.iter();
    let mut versions: Vec<Version> = versions
        .filter_map(|found| Version::of(found, live.as_deref()))
        .collect();
    versions.sort_by_key(|version| std::cmp::Reverse(version.number));
    Ok(versions)
}

/// The version that serves, and the one to go to: the newest before it, or the one that was named.
pub fn choose(versions: &[Version], named: Option<u64>) -> Result<(&Version, &Version)> {
    let Some(from) = versions.iter().find(|version| version.live) else {
        return Err(Error::usage("no version serves yet").hint("run `wmctl up` first"));
    };
    let list = || {
        let lines: Vec<String> = versions.iter().map(shown).collect();
        format!("the versions are\n{}", lines.join("\n"))
    };
    let to = match named {
        Some(number) => versions.iter().find(|version| version.number == number),
        None => versions.iter().find(|version| version.number < from.number),
    };
    match (to, named) {
        (Some(to), _) if to.live => Err(Error::usage(format!(
            "version {} serves already; nothing was changed",
            to.number
        ))
        .hint(list())),
        (Some(to), _) => Ok((from, to)),
        (None, Some(number)) => Err(Error::usage(format!(
            "there is no version {number}; nothing was changed"
        ))
        .hint(list())),
        (None, None) => Err(Error::usage(format!(
            "there is no version before {}; nothing was changed",
            from.number
        ))
        .hint("[function] keep_versions in infra.toml says how many stay")
        .hint(list())),
    }
}

/// A line for people: number, date, schema.
pub fn shown(version: &Version) -> String {
    let Version {
        number,
        published,
        schema,
        live,
    } = version;
    let date: String = published.chars().take(19).collect();
    let date = date.replace('T', " ");
    let schema = match schema.as_str() {
        "" => String::new(),
        schema => format!(", schema {schema}"),
    };
    let live = if *live { "  live" } else { "" };
    format!("{number:>5}  published {date} UTC{schema}{live}")
}

/// Moves `live`, unless it has moved since `from` was seen or the version is not well.
pub async fn roll_back(cx: &Cx<'_>, from: &Version, to: &Version) -> Result<()> {
    let function = cx.stack.name("chatbot");
    let reader = Reader::new(cx.aws, cx.stack);
    let now = live(&reader, "chatbot").await?.unwrap_or_default();
    if now != from.number.to_string() {
        return Err(Error::new(
            Kind::Refused,
            format!("`live` has moved to version {now} meanwhile; nothing was changed"),
        )
        .hint("`wmctl rollback` looks again"));
    }
    let number = to.number.to_string();
    if !cx.options.skip_health {
        let denied = AtomicBool::new(false);
        check(cx, &function, &number, &denied)
            .await
            .map_err(|error| error.hint("--skip health moves it all the same"))?;
    }
    let remark = format!("rolled back from version {} by wmctl", from.number);
    point_saying(cx, &function, &number, &remark).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::scripted::{Scene, Script};
    use serde_json::json;

    const ALIAS: &str = "GET /2015-03-31/functions/chat-prod-chatbot/aliases/live";
    const MIGRATOR: &str = "GET /2015-03-31/functions/chat-prod-migrator/aliases/live";
    const MOVE: &str = "PUT /2015-03-31/functions/chat-prod-chatbot/aliases/live";
    const INVOKE: &str = "POST /2015-03-31/functions/chat-prod-chatbot/invocations";

    fn version(number: u64, live: bool) -> Version {
        Version {
            number,
            published: format!("2026-01-{number:02}T12:00:00.000+0000"),
            schema: format!("{number:04}"),
            live,
        }
    }

    fn versions() -> [Version; 3] {
        [version(9, false), version(8, true), version(6, false)]
    }

    #[test]
    fn the_one_before_it_unless_one_is_named() {
        let versions = versions();
        let to = |named| choose(&versions, named).map(|(_, to)| to.number);
        assert_eq!(to(None).unwrap(), 6);
        assert_eq!(to(Some(9)).unwrap(), 9);
        for (named, text) in [
            (Some(7), "there is no version 7"),
            (Some(8), "version 8 serves already"),
        ] {
            let error = to(named).unwrap_err();
            assert!(error.message.contains(text), "{error}");
            let list = error.hints.last().unwrap();
            assert!(
                list.contains("8  published 2026-01-08 12:00:00 UTC, schema 0008  live"),
                "{list}"
            );
        }
        let oldest = [version(9, false), version(8, true)];
        let error = choose(&oldest, None).unwrap_err();
        assert!(error.message.contains("no version before 8"), "{error}");
        assert!(choose(&[], None).unwrap_err().hints[0].contains("wmctl up"));
    }

    fn at(script: Script, version: &str) -> Script {
        let alias = json!({"FunctionVersion": version, "AliasArn": "arn"}).to_string();
        script
            .answer(ALIAS, alias.clone())
            .answer(MIGRATOR, alias.clone())
            .answer(MOVE, alias)
    }

    async fn rolled_back(script: &Script) -> Result<()> {
        let scene = Scene::new("function-alias/chatbot", script.clone());
        let versions = versions();
        roll_back(&scene.cx(), &versions[1], &versions[2]).await
    }

    #[tokio::test]
    async fn a_version_that_is_well_serves_and_the_alias_tells_why() {
        let script = at(Script::new(), "8").answer(INVOKE, json!({"ok": true}).to_string());
        rolled_back(&script).await.unwrap();
        let body = &script.bodies(MOVE)[0];
        assert!(body.contains("\"FunctionVersion\":\"6\""), "{body}");
        assert!(body.contains("rolled back from version 8"), "{body}");
    }

    #[tokio::test]
    async fn a_version_that_is_not_well_serves_nobody() {
        let sick = json!({"ok": false, "reason": "the schema has not been migrated"}).to_string();
        let script = (0..100).fold(at(Script::new(), "8"), |script, _| {
            script.answer(INVOKE, sick.clone())
        });
        let error = rolled_back(&script).await.unwrap_err();
        assert!(error.message.contains("has not been migrated"), "{error}");
        assert!(error.hints[0].contains("`live` stays where it was"));
        assert!(script.bodies(MOVE).is_empty());
    }

    #[tokio::test]
    async fn whoever_else_moved_it_meanwhile_is_not_overruled() {
        let script = at(Script::new(), "9");
        let error = rolled_back(&script).await.unwrap_err();
        assert_eq!(error.kind, Kind::Refused);
        assert!(script.bodies(MOVE).is_empty() && script.bodies(INVOKE).is_empty());
    }
}
