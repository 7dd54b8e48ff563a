//! A snapshot of the database before a migration that loses something. It is the operator's from
//! then on: nothing deletes it.

use std::time::{Duration, SystemTime};

use super::lifecycle::{once_idle, snapshot_name};
use super::rds_tags;
use crate::aws::During;
use crate::aws::patience::{Look, wait};
use crate::error::{Error, Result};
use crate::object::Id;
use crate::permissions::{Grant, allow};
use crate::resources::Cx;

/// What a snapshot takes.
pub const TAKE: Grant = allow(
    &["rds:AddTagsToResource", "rds:CreateDBSnapshot"],
    &["rds:db:{stack}", "rds:snapshot:{stack}-*"],
);
pub const WATCH: Grant = allow(
    &["rds:DescribeDBSnapshots"],
    &["rds:db:{stack}", "rds:snapshot:{stack}-*"],
);

/// Only what was written since the last backup is copied, but that may be much.
const WITHIN: Duration = Duration::from_hours(3);

/// Takes it, waits until it can be restored from, and returns its name.
pub async fn take(cx: &Cx<'_>) -> Result<String> {
    let database = Id::new("db-instance", "main");
    let instance = cx.known.get(&database).and_then(|known| known.get("id"));
    let instance = instance.ok_or_else(|| {
        Error::failed("there is no database instance to take a snapshot of")
            .hint("nothing was migrated; --no-snapshot migrates without one")
    })?;
    let name = snapshot_name(instance, "before-migration", SystemTime::now());
    let call = cx
        .aws
        .rds
        .create_db_snapshot()
        .db_instance_identifier(instance)
        .db_snapshot_identifier(&name)
        .set_tags(Some(rds_tags(
            &cx.stack.tags(&Id::new("db-snapshot", &name)),
        )));
    let without = |error: Error| {
        error.hint("nothing was migrated; --no-snapshot migrates without a snapshot")
    };
    let created = once_idle(cx, || {
        let call = call.clone();
        async { call.send().await.during("CreateDBSnapshot", cx.id) }
    });
    created.await.map_err(without)?;
    let what = format!("the snapshot {name}");
    wait(cx.events, cx.id, &what, WITHIN, || look(cx, &name))
        .await
        .map_err(without)?;
    cx.events.note(format!(
        "  The snapshot {name} is taken; nothing of this stack deletes it"
    ));
    Ok(name)
}

async fn look(cx: &Cx<'_>, name: &str) -> Result<Look<()>> {
    let call = cx.aws.rds.describe_db_snapshots();
    let answer = call.db_snapshot_identifier(name).send().await;
    let answer = answer.during("DescribeDBSnapshots", cx.id)?;
    let snapshot = answer.db_snapshots.unwrap_or_default().into_iter().next();
    let snapshot = snapshot.ok_or_else(|| {
        Error::failed(format!(
            "the snapshot {name} is gone, and nothing was migrated"
        ))
    })?;
    let status = snapshot.status.unwrap_or_default();
    Ok(match status.as_str() {
        "available" => Look::Ready(()),
        "failed" | "incompatible-restore" => {
            return Err(Error::failed(format!("the snapshot {name} is {status}"))
                .hint("the instance's events in the RDS console say why"));
        }
        _ => {
            let percent = snapshot.percent_progress.unwrap_or_default();
            Look::Pending(format!("{status}, {percent} %"))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::scripted::{Scene, Script};
    use crate::object::attributes;

    fn scene(script: Script) -> Scene {
        let mut scene = Scene::new("schema/main", script);
        let known = attributes([("id", "chat-prod")]);
        scene.known.insert(Id::new("db-instance", "main"), known);
        scene
    }

    fn described(status: &str) -> String {
        format!(
            "<DescribeDBSnapshotsResponse><DescribeDBSnapshotsResult><DBSnapshots><DBSnapshot>\
             <Status>{status}</Status><PercentProgress>40</PercentProgress></DBSnapshot>\
             </DBSnapshots></DescribeDBSnapshotsResult></DescribeDBSnapshotsResponse>"
        )
    }

    const CREATED: &str = "<CreateDBSnapshotResponse><CreateDBSnapshotResult><DBSnapshot/>\
                           </CreateDBSnapshotResult></CreateDBSnapshotResponse>";

    #[tokio::test]
    async fn it_is_named_by_the_time_tagged_and_waited_for() {
        let busy = "Cannot create a snapshot because the database instance is not available.";
        let script = Script::new()
            .refuse("CreateDBSnapshot", 400, "InvalidDBInstanceState", busy)
            .answer("CreateDBSnapshot", CREATED)
            .answer("DescribeDBSnapshots", described("creating"))
            .answer("DescribeDBSnapshots", described("available"));
        let scene = scene(script);
        let name = take(&scene.cx()).await.unwrap();
        assert!(name.starts_with("chat-prod-before-migration-20"), "{name}");
        let body = &scene.script.bodies("CreateDBSnapshot")[1];
        for part in [
            "DBInstanceIdentifier=chat-prod&",
            "Key=wmctl%3Astack&",
            "Value=chat",
        ] {
            assert!(body.contains(part), "{body}");
        }
    }

    #[tokio::test]
    async fn one_that_fails_stops_the_migration() {
        let script = Script::new()
            .answer("CreateDBSnapshot", CREATED)
            .answer("DescribeDBSnapshots", described("failed"));
        let scene = scene(script);
        let error = take(&scene.cx()).await.unwrap_err();
        assert!(error.message.contains("is failed"), "{error}");
        assert!(
            error
                .hints
                .iter()
                .any(|hint| hint.contains("--no-snapshot"))
        );
    }
}
