//! The database and the groups that it stands on.

use aws_sdk_rds::operation::modify_db_instance::builders::ModifyDBInstanceFluentBuilder;
use aws_sdk_rds::types::{ApplyMethod, CloudwatchLogsExportConfiguration, Parameter, Tag};
use wmctl::aws::Emulator::{MiniStack, Moto};

use super::{Account, Deletion, Drift, Rows, drift};

const INSTANCE: &str = "db-instance/main";
const PARAMETERS: &str = "db-parameter-group/main";
const SUBNETS: &str = "db-subnet-group/main";

pub fn rows() -> Rows {
    let mut drifts = instance();
    drifts.extend(groups());
    Rows {
        drifts,
        deletions: deletions(),
        fixed: &[
            ("db-instance", "engine", "RDS never changes it"),
            (
                "db-instance",
                "storage_gb",
                "it only grows, and cannot be brought back",
            ),
            ("db-instance", "storage_encrypted", "RDS never changes it"),
            ("db-instance", "kms_key", "RDS never changes it"),
            ("db-instance", "database", "RDS never changes it"),
            ("db-instance", "admin", "RDS never changes it"),
            (
                "db-instance",
                "admin_secret",
                "a name that RDS knows nothing of",
            ),
            (
                "db-instance",
                "subnet_group",
                "RDS moves no instance within its network",
            ),
            ("db-instance", "deleting", "it is what RDS is doing"),
            ("db-parameter-group", "family", "RDS never changes it"),
        ],
        lasting: &[],
    }
}

fn instance() -> Vec<Drift> {
    let kept = &[(MiniStack, "keeps what the instance was made with")];
    vec![
        drift(INSTANCE, "version", |account| {
            Box::pin(modify(account, |call| call.engine_version("10.6.14")))
        }),
        drift(INSTANCE, "instance_class", |account| {
            Box::pin(modify(account, |call| {
                call.db_instance_class("db.m6g.large")
            }))
        }),
        drift(INSTANCE, "storage_type", |account| {
            Box::pin(modify(account, |call| call.storage_type("gp2")))
        }),
        drift(INSTANCE, "password_version", |account| {
            Box::pin(tag(account, "db", INSTANCE, "wmctl:password-version"))
        }),
        Drift {
            except: &[
                (MiniStack, "keeps what the instance was made with"),
                (Moto, "keeps what the instance was made with"),
            ],
            ..drift(INSTANCE, "port", |account| {
                Box::pin(modify(account, |call| call.db_port_number(3307)))
            })
        },
        drift(INSTANCE, "parameter_group", |account| {
            Box::pin(async move {
                let call = account.aws.rds.create_db_parameter_group();
                let call = call.db_parameter_group_name("other").description("x");
                let made = call.db_parameter_group_family("mariadb10.11").send();
                made.await.unwrap();
                modify(account, |call| call.db_parameter_group_name("other")).await;
            })
        }),
        drift(INSTANCE, "security_groups", |account| {
            let group = account.id("security-group/function");
            Box::pin(modify(account, move |call| {
                call.vpc_security_group_ids(group)
            }))
        }),
        drift(INSTANCE, "publicly_accessible", |account| {
            Box::pin(modify(account, |call| call.publicly_accessible(true)))
        }),
        drift(INSTANCE, "multi_az", |account| {
            Box::pin(modify(account, |call| call.multi_az(true)))
        }),
        drift(INSTANCE, "backup_days", |account| {
            Box::pin(modify(account, |call| call.backup_retention_period(1)))
        }),
        drift(INSTANCE, "deletion_protection", |account| {
            Box::pin(modify(account, |call| call.deletion_protection(false)))
        }),
        drift(INSTANCE, "copy_tags_to_snapshots", |account| {
            Box::pin(modify(account, |call| call.copy_tags_to_snapshot(false)))
        }),
        Drift {
            except: kept,
            ..drift(INSTANCE, "auto_minor_upgrades", |account| {
                Box::pin(modify(account, |call| {
                    call.auto_minor_version_upgrade(false)
                }))
            })
        },
        drift(INSTANCE, "log_exports", |account| {
            let less = CloudwatchLogsExportConfiguration::builder().disable_log_types("error");
            Box::pin(modify(account, move |call| {
                call.cloudwatch_logs_export_configuration(less.build())
            }))
        }),
        drift(INSTANCE, "monitoring_s", |account| {
            Box::pin(modify(account, |call| call.monitoring_interval(30)))
        }),
        drift(INSTANCE, "monitoring_role", |account| {
            let role = "arn:aws:iam::123456789012:role/other";
            Box::pin(modify(account, move |call| call.monitoring_role_arn(role)))
        }),
        drift(INSTANCE, "certificate_authority", |account| {
            Box::pin(modify(account, |call| {
                call.ca_certificate_identifier("rds-ca-ecc384-g1")
            }))
        }),
        drift(INSTANCE, "tags.owner", |account| {
            Box::pin(tag(account, "db", INSTANCE, "owner"))
        }),
    ]
}

fn groups() -> Vec<Drift> {
    vec![
        drift(PARAMETERS, "parameters.max_connections", |account| {
            Box::pin(parameter(account, "max_connections", "1000"))
        }),
        Drift {
            except: &[(Moto, "gives no parameter its default back")],
            ..drift(PARAMETERS, "parameters.wait_timeout", |account| {
                Box::pin(parameter(account, "wait_timeout", "60"))
            })
        },
        drift(PARAMETERS, "tags.owner", |account| {
            Box::pin(tag(account, "pg", PARAMETERS, "owner"))
        }),
        Drift {
            except: &[(Moto, "loses a group that is changed")],
            ..drift(SUBNETS, "subnets", |account| {
                Box::pin(async move {
                    let call = account.aws.rds.modify_db_subnet_group();
                    let call = call.db_subnet_group_name(account.id(SUBNETS));
                    let call = call.subnet_ids(account.id("subnet/private-a"));
                    call.send().await.unwrap();
                })
            })
        },
        drift(SUBNETS, "tags.owner", |account| {
            Box::pin(tag(account, "subgrp", SUBNETS, "owner"))
        }),
    ]
}

fn deletions() -> Vec<Deletion> {
    vec![
        Deletion {
            id: INSTANCE,
            // Its address is in the functions' settings.
            also: &[
                "function/chatbot",
                "function/migrator",
                "function-version/chatbot",
                "function-version/migrator",
                "function-alias/chatbot",
                "function-alias/migrator",
            ],
            except: &[],
            deed: |account| {
                Box::pin(async move {
                    modify(account, |call| call.deletion_protection(false)).await;
                    let call = account.aws.rds.delete_db_instance();
                    let call = call.db_instance_identifier(account.id(INSTANCE));
                    call.skip_final_snapshot(true).send().await.unwrap();
                })
            },
        },
        Deletion {
            id: PARAMETERS,
            also: &[INSTANCE],
            except: &[(Moto, "cannot describe the instance any more")],
            deed: |account| {
                Box::pin(async move {
                    let call = account.aws.rds.delete_db_parameter_group();
                    let call = call.db_parameter_group_name(account.id(PARAMETERS));
                    call.send().await.unwrap();
                })
            },
        },
        Deletion {
            id: SUBNETS,
            also: &[],
            except: &[],
            deed: |account| {
                Box::pin(async move {
                    let call = account.aws.rds.delete_db_subnet_group();
                    let call = call.db_subnet_group_name(account.id(SUBNETS));
                    call.send().await.unwrap();
                })
            },
        },
    ]
}

async fn modify(
    account: &Account,
    change: impl FnOnce(ModifyDBInstanceFluentBuilder) -> ModifyDBInstanceFluentBuilder,
) {
    let call = account.aws.rds.modify_db_instance();
    let call = call.db_instance_identifier(account.id(INSTANCE));
    let call = change(call).apply_immediately(true);
    call.send().await.unwrap();
}

async fn parameter(account: &Account, name: &str, value: &str) {
    let parameter = Parameter::builder()
        .parameter_name(name)
        .parameter_value(value)
        .apply_method(ApplyMethod::Immediate);
    let call = account.aws.rds.modify_db_parameter_group();
    let call = call.db_parameter_group_name(account.id(PARAMETERS));
    call.parameters(parameter.build()).send().await.unwrap();
}

async fn tag(account: &Account, kind: &str, id: &str, key: &str) {
    let (number, name) = (&account.aws.account, account.id(id));
    let arn = format!("arn:aws:rds:us-east-1:{number}:{kind}:{name}");
    let tag = Tag::builder().key(key).value("other").build();
    let call = account.aws.rds.add_tags_to_resource().resource_name(arn);
    call.tags(tag).send().await.unwrap();
}
