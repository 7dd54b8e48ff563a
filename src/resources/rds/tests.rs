//! What RDS answers in real accounts, and what becomes of it.

use super::instance::Instance;
use super::parameter_group::ParameterGroup;
use super::subnet_group::SubnetGroup;
use super::*;
use crate::aws::Failure;
use crate::aws::scripted::{Scene, Script, waited};
use crate::object::attributes;
use crate::resources::{Found, Resource, sample};

fn refused(code: &str, message: &str) -> Error {
    let mut error = Error::failed("refused");
    error.aws = Some(Box::new(Failure {
        operation: "CreateDBInstance".to_owned(),
        code: code.to_owned(),
        message: message.to_owned(),
        request_id: None,
    }));
    error
}

#[test]
fn a_fresh_account_is_told_from_a_wrong_value() {
    for message in [
        "Missing necessary credentials. Please check http://docs.aws.amazon.com/…",
        "Unable to create the resource. Verify that you have permission to create service \
         linked role. Otherwise wait and try again later",
    ] {
        assert!(lacks_service_role(&refused(
            "InvalidParameterValue",
            message
        )));
    }
    let other = "Invalid DB engine: maria";
    assert!(!lacks_service_role(&refused(
        "InvalidParameterValue",
        other
    )));
}

/// Note 11 of the field: the role is made once, and waited for until RDS knows it.
#[tokio::test]
async fn a_fresh_account_gets_the_service_linked_role_and_the_call_again() {
    let fresh = "Unable to create the resource. Verify that you have permission to create \
                 service linked role. Otherwise wait and try again later";
    let refuse =
        |script: Script| script.refuse("CreateDBSubnetGroup", 400, "InvalidParameterValue", fresh);
    let exists = "Service role name AWSServiceRoleForRDS has been taken in this account";
    let script = refuse(refuse(Script::new()))
        .answer(
            "CreateServiceLinkedRole",
            "<CreateServiceLinkedRoleResponse><CreateServiceLinkedRoleResult/>\
             </CreateServiceLinkedRoleResponse>",
        )
        .refuse("CreateServiceLinkedRole", 400, "InvalidInput", exists)
        .answer(
            "CreateDBSubnetGroup",
            "<CreateDBSubnetGroupResponse><CreateDBSubnetGroupResult/>\
             </CreateDBSubnetGroupResponse>",
        );
    let scene = Scene::new("db-subnet-group/main", script);
    let cx = scene.cx();
    with_service_role(&cx, || {
        let call = cx.aws.rds.create_db_subnet_group();
        let call = call
            .db_subnet_group_name("chat-prod")
            .db_subnet_group_description("x");
        async { call.send().await.during("CreateDBSubnetGroup", cx.id) }
    })
    .await
    .unwrap();
    assert_eq!(
        scene.script.calls(),
        [
            "CreateDBSubnetGroup",
            "CreateServiceLinkedRole",
            "CreateDBSubnetGroup",
            "CreateServiceLinkedRole",
            "CreateDBSubnetGroup",
        ]
    );
    let asked = scene.script.bodies("CreateServiceLinkedRole").remove(0);
    assert!(
        asked.contains("AWSServiceName=rds.amazonaws.com"),
        "{asked}"
    );
    assert!(waited() < Duration::from_mins(5));
}

fn instance(status: &str, tags: &str) -> String {
    format!(
        "<DescribeDBInstancesResponse><DescribeDBInstancesResult><DBInstances><DBInstance>\
         <DBInstanceIdentifier>chat-prod</DBInstanceIdentifier>\
         <DBInstanceStatus>{status}</DBInstanceStatus><TagList>{tags}</TagList>\
         <Endpoint><Address>chat-prod.rds</Address><Port>3306</Port></Endpoint>\
         </DBInstance></DBInstances></DescribeDBInstancesResult></DescribeDBInstancesResponse>"
    )
}

fn our_tags() -> String {
    let tag = |key: &str, value: &str| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>");
    [
        ("wmctl:stack", "chat"),
        ("wmctl:environment", "prod"),
        ("wmctl:id", "db-instance/main"),
    ]
    .map(|(key, value)| tag(key, value))
    .concat()
}

fn wanted() -> Instance {
    sample::wanted::<Instance>("", &[]).remove(0).1
}

fn with_password(script: Script) -> Script {
    let login = serde_json::json!({"username": "wmctl_admin", "password": "x"}).to_string();
    let secret = serde_json::json!({"Name": "x", "SecretString": login}).to_string();
    script.answer("GetSecretValue", secret)
}

fn taken(script: Script) -> Script {
    let message = "DB instance already exists";
    with_password(script).refuse("CreateDBInstance", 400, "DBInstanceAlreadyExists", message)
}

/// A run that was cut off, or another one, has made it: its end is waited for.
#[tokio::test]
async fn an_instance_that_is_being_made_is_waited_for() {
    let script = taken(Script::new())
        .answer("DescribeDBInstances", instance("creating", &our_tags()))
        .answer("DescribeDBInstances", instance("backing-up", &our_tags()))
        .answer("DescribeDBInstances", instance("available", &our_tags()));
    let scene = Scene::new("db-instance/main", script);
    let made = wanted().create(&scene.cx()).await.unwrap();
    assert_eq!(made["endpoint"], "chat-prod.rds");
    let mut expected = vec!["GetSecretValue", "CreateDBInstance"];
    expected.extend(["DescribeDBInstances"; 3]);
    assert_eq!(scene.script.calls(), expected);
}

#[tokio::test]
async fn an_instance_of_somebody_elses_is_left_alone() {
    let script = taken(Script::new()).answer("DescribeDBInstances", instance("available", ""));
    let scene = Scene::new("db-instance/main", script);
    let error = wanted().create(&scene.cx()).await.unwrap_err();
    assert_eq!(
        error.message,
        "CreateDBInstance refused for db-instance/main: DBInstanceAlreadyExists: DB instance \
         already exists (HTTP 400, request 11111111-2222-3333-4444-555555555555)"
    );
}

fn found<R>(name: &str, value: R) -> Found<R> {
    Found::owned("main", attributes([("id", name)]), value)
}

/// Note 3 of the field: protection off, then away with a last snapshot, both when RDS is idle.
#[tokio::test]
async fn a_busy_instance_is_deleted_when_it_is_idle() {
    let busy = "Instance chat-prod is not in available state.";
    let refuse = |script: Script, operation: &str| {
        script.refuse(operation, 400, "InvalidDBInstanceState", busy)
    };
    let script = refuse(Script::new(), "ModifyDBInstance").answer(
        "ModifyDBInstance",
        "<ModifyDBInstanceResponse><ModifyDBInstanceResult/></ModifyDBInstanceResponse>",
    );
    let script = refuse(refuse(script, "DeleteDBInstance"), "DeleteDBInstance")
        .answer(
            "DeleteDBInstance",
            "<DeleteDBInstanceResponse><DeleteDBInstanceResult/></DeleteDBInstanceResponse>",
        )
        .answer("DescribeDBInstances", instance("deleting", &our_tags()))
        .refuse(
            "DescribeDBInstances",
            404,
            "DBInstanceNotFound",
            "DBInstance not found.",
        );
    let scene = Scene::new("db-instance/main", script);
    let gone = Instance::delete(&scene.cx(), &found("chat-prod", wanted())).await;
    gone.unwrap();
    assert_eq!(
        scene.script.calls(),
        [
            "ModifyDBInstance",
            "ModifyDBInstance",
            "DeleteDBInstance",
            "DeleteDBInstance",
            "DeleteDBInstance",
            "DescribeDBInstances",
            "DescribeDBInstances",
        ]
    );
    let asked = scene.script.bodies("DeleteDBInstance").remove(2);
    assert!(
        asked.contains("FinalDBSnapshotIdentifier=chat-prod-final-"),
        "{asked}"
    );
    assert!(asked.contains("DeleteAutomatedBackups=false"), "{asked}");
}

#[tokio::test]
async fn groups_wait_until_no_instance_uses_them() {
    let script = Script::new()
        .refuse(
            "DeleteDBSubnetGroup",
            400,
            "InvalidDBSubnetGroupStateFault",
            "Cannot delete the subnet group 'chat-prod' because at least one database instance: \
             chat-prod is still using it.",
        )
        .answer("DeleteDBSubnetGroup", "<DeleteDBSubnetGroupResponse/>")
        .refuse(
            "DeleteDBParameterGroup",
            400,
            "InvalidDBParameterGroupState",
            "One or more database instances are still members of this parameter group \
             chat-prod-mariadb10-11, so the group cannot be deleted",
        )
        .answer(
            "DeleteDBParameterGroup",
            "<DeleteDBParameterGroupResponse/>",
        );
    let scene = Scene::new("db-subnet-group/main", script);
    let subnets = sample::wanted::<SubnetGroup>("", &[]).remove(0).1;
    let parameters = sample::wanted::<ParameterGroup>("", &[]).remove(0).1;
    let cx = scene.cx();
    let gone = SubnetGroup::delete(&cx, &found("chat-prod", subnets)).await;
    gone.unwrap();
    let gone = ParameterGroup::delete(&cx, &found("chat-prod-mariadb10-11", parameters)).await;
    gone.unwrap();
    assert_eq!(scene.script.calls().len(), 4);
}

/// The settings that a run did not get to are the difference that the next one sees; where both
/// made the group at once, one of them sees it in the create call.
#[tokio::test]
async fn a_parameter_group_that_another_run_made_is_brought_to_what_is_wanted() {
    let tags = format!(
        "<ListTagsForResourceResponse><ListTagsForResourceResult><TagList>{}</TagList>\
         </ListTagsForResourceResult></ListTagsForResourceResponse>",
        our_tags().replace("db-instance/main", "db-parameter-group/main")
    );
    let parameters = "<DescribeDBParametersResponse><DescribeDBParametersResult><Parameters/>\
                      </DescribeDBParametersResult></DescribeDBParametersResponse>";
    let script = Script::new()
        .refuse(
            "CreateDBParameterGroup",
            400,
            "DBParameterGroupAlreadyExists",
            "Parameter group chat-prod-mariadb10-11 already exists",
        )
        .answer("ListTagsForResource", tags)
        .answer("DescribeDBParameters", parameters)
        .answer("DescribeDBParameters", parameters)
        .answer(
            "ModifyDBParameterGroup",
            "<ModifyDBParameterGroupResponse><ModifyDBParameterGroupResult/>\
             </ModifyDBParameterGroupResponse>",
        );
    let scene = Scene::new("db-parameter-group/main", script);
    let wanted = sample::wanted::<ParameterGroup>("", &[]).remove(0).1;
    let made = wanted.create(&scene.cx()).await.unwrap();
    assert_eq!(made["id"], "chat-prod-mariadb10-11");
    let set = scene.script.bodies("ModifyDBParameterGroup").remove(0);
    assert!(set.contains("max_connections"), "{set}");
}
