//! The database instance.

use super::each;
use crate::audit::facts::{Database, Facts, Read};
use crate::audit::{Check, Finding, Part, Severity};

const MODIFY: &str = "aws rds modify-db-instance --db-instance-identifier {} --apply-immediately";
const BACKUP_DAYS: i32 = 7;

/// The parts that all of these checks have in common.
const COMMON: Check = Check {
    row: 10,
    id: "",
    title: "",
    standards: &[],
    severity: Severity::Medium,
    part: Part::Database,
    held_by: &[],
    mend: MODIFY,
    judge: |_| Vec::new(),
};

/// Who reaches it, and how.
pub const REACH: &[Check] = &[
    Check {
        id: "database-private",
        title: "The database has no public address",
        standards: &["FSBP RDS.2", "CIS 3.0 2.3.3"],
        severity: Severity::Critical,
        held_by: &[("db-instance", "publicly_accessible")],
        mend: "aws rds modify-db-instance --db-instance-identifier {} --no-publicly-accessible --apply-immediately",
        judge: |facts| {
            databases(facts, |db| {
                Finding::of(&db.id, !db.public, "publicly accessible", "private")
            })
        },
        ..COMMON
    },
    Check {
        id: "database-vpc",
        title: "The database stands in a VPC",
        standards: &["FSBP RDS.18"],
        severity: Severity::High,
        held_by: &[("db-instance", "subnet_group")],
        judge: |facts| {
            databases(facts, |db| {
                Finding::of(
                    &db.id,
                    !db.subnets.is_empty(),
                    "no subnets",
                    "a subnet group",
                )
            })
        },
        ..COMMON
    },
    Check {
        id: "database-ingress",
        title: "Only the functions reach the database, and it reaches nobody",
        severity: Severity::High,
        held_by: &[
            ("security-group-rules", "ingress"),
            ("db-instance", "security_groups"),
        ],
        mend: "aws ec2 revoke-security-group-ingress --group-id GROUP-OF-{} --ip-permissions FILE",
        judge: |facts| databases(facts, |db| ingress(facts, db)),
        ..COMMON
    },
    Check {
        id: "database-tls",
        title: "Connections without TLS are refused",
        standards: &["FSBP RDS.44"],
        held_by: &[("db-parameter-group", "parameters")],
        mend: "aws rds modify-db-parameter-group --db-parameter-group-name GROUP-OF-{} --parameters ParameterName=require_secure_transport,ParameterValue=1,ApplyMethod=immediate",
        judge: |facts| databases(facts, |db| parameter(db, "require_secure_transport", "1")),
        ..COMMON
    },
    Check {
        id: "database-port",
        title: "The database does not use its engine's default port",
        standards: &["FSBP RDS.23"],
        severity: Severity::Low,
        held_by: &[("db-instance", "port")],
        mend: "",
        judge: |facts| {
            databases(facts, |db| {
                if db.port == 3306 {
                    return Finding::exception(
                        &db.id,
                        "the standard port: only the functions' group reaches it, and a port hides nothing ([database] port changes it)",
                    );
                }
                Finding::pass(&db.id)
            })
        },
        ..COMMON
    },
    Check {
        id: "database-admin-name",
        title: "The administrator has a name of its own",
        standards: &["FSBP RDS.25"],
        held_by: &[("db-instance", "admin")],
        mend: "restore a snapshot of {} into an instance with another administrator",
        judge: |facts| {
            databases(facts, |db| {
                let usual = ["admin", "administrator", "mysql", "postgres", "root"];
                let right = !usual.contains(&db.admin.to_lowercase().as_str());
                Finding::of(&db.id, right, &db.admin, "not a usual name")
            })
        },
        ..COMMON
    },
    Check {
        id: "database-iam-authentication",
        title: "Users log in by IAM",
        standards: &["FSBP RDS.10"],
        mend: "",
        judge: |facts| {
            databases(facts, |db| {
                if db.iam_authentication {
                    return Finding::pass(&db.id);
                }
                Finding::exception(
                    &db.id,
                    "passwords are used: RDS limits IAM logins to some 200 a second in all; they are random, under the key, and rotated",
                )
            })
        },
        ..COMMON
    },
];

/// That data is neither lost nor read by others.
pub const SAFETY: &[Check] = &[
    Check {
        id: "database-encrypted",
        title: "Storage is encrypted under a key of the account's",
        standards: &["FSBP RDS.3", "CIS 3.0 2.3.1"],
        severity: Severity::High,
        held_by: &[
            ("db-instance", "storage_encrypted"),
            ("db-instance", "kms_key"),
        ],
        mend: "copy a snapshot of {} with a key, and restore it",
        judge: |facts| {
            databases(facts, |db| {
                let right = db.encrypted && db.kms_key.is_some();
                Finding::of(&db.id, right, "not encrypted", "encrypted under a key")
            })
        },
        ..COMMON
    },
    Check {
        id: "snapshots-encrypted",
        title: "Snapshots are encrypted",
        standards: &["FSBP RDS.4"],
        held_by: &[("db-instance", "storage_encrypted")],
        mend: "aws rds copy-db-snapshot --source-db-snapshot-identifier SNAPSHOT-OF-{} --target-db-snapshot-identifier NEW --kms-key-id KEY, then delete the old one",
        judge: |facts| snapshots(facts, "in the clear", |snapshot| !snapshot.encrypted),
        ..COMMON
    },
    Check {
        id: "snapshots-private",
        title: "Snapshots are shared with nobody",
        standards: &["FSBP RDS.1"],
        severity: Severity::Critical,
        mend: "aws rds modify-db-snapshot-attribute --db-snapshot-identifier SNAPSHOT-OF-{} --attribute-name restore --values-to-remove all",
        judge: |facts| snapshots(facts, "public", |snapshot| snapshot.public),
        ..COMMON
    },
    Check {
        id: "database-multi-az",
        title: "The database stands in two zones",
        standards: &["FSBP RDS.5"],
        held_by: &[("db-instance", "multi_az")],
        mend: "aws rds modify-db-instance --db-instance-identifier {} --multi-az",
        judge: |facts| databases(facts, |db| multi_az(facts, db)),
        ..COMMON
    },
    Check {
        id: "database-backups",
        title: "Backups are kept for 7 to 35 days",
        standards: &["FSBP RDS.11"],
        held_by: &[("db-instance", "backup_days")],
        mend: "aws rds modify-db-instance --db-instance-identifier {} --backup-retention-period 7 --apply-immediately",
        judge: |facts| {
            let config = facts.config.as_ref();
            let least = config.map_or(BACKUP_DAYS, |config| {
                let asked = i32::try_from(config.database.backup_days).unwrap_or(BACKUP_DAYS);
                asked.max(BACKUP_DAYS)
            });
            databases(facts, |db| {
                let found = format!("{} days", db.backup_days);
                let wanted = format!("at least {least} days");
                Finding::of(&db.id, db.backup_days >= least, found, &wanted)
            })
        },
        ..COMMON
    },
    Check {
        id: "database-deletion-protection",
        title: "The database is protected from deletion",
        standards: &["FSBP RDS.8"],
        held_by: &[("db-instance", "deletion_protection")],
        mend: "aws rds modify-db-instance --db-instance-identifier {} --deletion-protection",
        judge: |facts| {
            databases(facts, |db| {
                Finding::of(&db.id, db.deletion_protection, "off", "on")
            })
        },
        ..COMMON
    },
    Check {
        id: "database-tags",
        title: "Snapshots get the instance's tags",
        standards: &["FSBP RDS.17"],
        severity: Severity::Low,
        held_by: &[("db-instance", "copy_tags_to_snapshots")],
        mend: "aws rds modify-db-instance --db-instance-identifier {} --copy-tags-to-snapshot",
        judge: |facts| databases(facts, |db| Finding::of(&db.id, db.copy_tags, "off", "on")),
        ..COMMON
    },
    Check {
        id: "database-upgrades",
        title: "Minor versions are installed by RDS",
        standards: &["FSBP RDS.13", "CIS 3.0 2.3.2"],
        severity: Severity::High,
        held_by: &[("db-instance", "auto_minor_upgrades")],
        mend: "aws rds modify-db-instance --db-instance-identifier {} --auto-minor-version-upgrade",
        judge: |facts| databases(facts, |db| upgrades(facts, db)),
        ..COMMON
    },
];

/// What is recorded.
pub const RECORDS: &[Check] = &[
    Check {
        id: "database-monitoring",
        title: "Enhanced monitoring looks every minute",
        standards: &["FSBP RDS.6"],
        severity: Severity::Low,
        held_by: &[("db-instance", "monitoring_s")],
        mend: "aws rds modify-db-instance --db-instance-identifier {} --monitoring-interval 60 --monitoring-role-arn ROLE",
        judge: |facts| {
            databases(facts, |db| {
                let found = match db.monitoring_s {
                    0 => "off".to_owned(),
                    seconds => format!("every {seconds} s"),
                };
                let right = (1..=60).contains(&db.monitoring_s);
                Finding::of(&db.id, right, found, "every 60 s or less")
            })
        },
        ..COMMON
    },
    Check {
        id: "database-slow-log",
        title: "Slow queries are recorded",
        severity: Severity::Low,
        held_by: &[("db-parameter-group", "parameters")],
        mend: "aws rds modify-db-parameter-group --db-parameter-group-name GROUP-OF-{} --parameters ParameterName=slow_query_log,ParameterValue=1,ApplyMethod=immediate",
        judge: |facts| databases(facts, |db| parameter(db, "slow_query_log", "1")),
        ..COMMON
    },
    Check {
        id: "database-log-exports",
        title: "Error and slow query logs go to CloudWatch",
        held_by: &[("db-instance", "log_exports")],
        mend: "aws rds modify-db-instance --db-instance-identifier {} --cloudwatch-logs-export-configuration EnableLogTypes=error,slowquery",
        judge: |facts| {
            databases(facts, |db| {
                let missing: Vec<&str> = ["error", "slowquery"]
                    .into_iter()
                    .filter(|log| !db.exports.iter().any(|export| export == log))
                    .collect();
                let found = format!("without {}", missing.join(", "));
                Finding::of(&db.id, missing.is_empty(), found, "error and slowquery")
            })
        },
        ..COMMON
    },
    Check {
        id: "database-all-logs",
        title: "The audit and general logs go to CloudWatch, too",
        standards: &["FSBP RDS.9"],
        mend: "",
        judge: |facts| {
            databases(facts, |db| {
                let all = ["audit", "general"]
                    .iter()
                    .all(|log| db.exports.iter().any(|export| export == log));
                if all {
                    return Finding::pass(&db.id);
                }
                Finding::exception(
                    &db.id,
                    "not exported: the general log would hold every statement, and stored logs with it; the audit log needs an option group",
                )
            })
        },
        ..COMMON
    },
    Check {
        id: "database-parameters",
        title: "No parameter waits for a reboot",
        severity: Severity::Low,
        mend: "aws rds reboot-db-instance --db-instance-identifier {}",
        judge: |facts| {
            databases(facts, |db| {
                let right = matches!(db.parameters_applied.as_str(), "in-sync" | "");
                Finding::of(&db.id, right, &db.parameters_applied, "in-sync")
            })
        },
        ..COMMON
    },
];

fn databases(facts: &Facts, judge: impl Fn(&Database) -> Finding) -> Vec<Finding> {
    each(&facts.databases, "database", judge)
}

fn ingress(facts: &Facts, db: &Database) -> Finding {
    let Read::Known(network) = &facts.network else {
        return Finding::unchecked(&db.id, "its VPC was not read");
    };
    let functions = facts.functions.known().into_iter().flatten();
    let callers: Vec<&String> = functions.flat_map(|function| &function.groups).collect();
    let groups = network
        .groups
        .iter()
        .filter(|group| db.groups.contains(&group.id));
    let mut wide: Vec<String> = Vec::new();
    for group in groups {
        let strange = group.ingress.iter().filter(|rule| {
            let port = rule.protocol == "tcp" && rule.from == db.port && rule.to == db.port;
            !port || !rule.peers.iter().all(|peer| callers.contains(&peer))
        });
        wide.extend(strange.map(|rule| format!("in: {rule}")));
        wide.extend(group.egress.iter().map(|rule| format!("out: {rule}")));
    }
    let wanted = "in from the functions' group on the database's port; nothing out";
    Finding::of(&db.id, wide.is_empty(), wide.join("; "), wanted)
}

fn parameter(db: &Database, name: &str, wanted: &str) -> Finding {
    let parameters = match &db.parameters {
        Read::Known(parameters) => parameters,
        Read::Absent => return Finding::unchecked(&db.id, "it has no parameter group"),
        Read::Unread(why) => return Finding::unchecked(&db.id, why.clone()),
    };
    let found = parameters.get(name).map_or("not set", String::as_str);
    let wanted = format!("{name} = {wanted}");
    Finding::of(
        &db.id,
        wanted.ends_with(&format!("= {found}")),
        format!("{name}: {found}"),
        &wanted,
    )
}

fn snapshots(
    facts: &Facts,
    found: &str,
    is_wrong: impl Fn(&crate::audit::facts::Snapshot) -> bool,
) -> Vec<Finding> {
    databases(facts, |db| match &db.snapshots {
        Read::Known(snapshots) => {
            let wrong = snapshots.iter().filter(|snapshot| is_wrong(snapshot));
            let wrong: Vec<&str> = wrong.map(|snapshot| snapshot.id.as_str()).collect();
            let found = format!("{found}: {}", wrong.join(", "));
            Finding::of(&db.id, wrong.is_empty(), found, "none")
        }
        Read::Absent => Finding::pass(&db.id),
        Read::Unread(why) => Finding::unchecked(&db.id, why.clone()),
    })
}

fn multi_az(facts: &Facts, db: &Database) -> Finding {
    let asked = facts.config.as_ref().map(|config| config.database.multi_az);
    if db.multi_az {
        return Finding::pass(&db.id);
    }
    match asked {
        Some(false) => Finding::exception(
            &db.id,
            "one zone unless asked: a second doubles the price ([database] multi_az = true)",
        ),
        _ => Finding::fail(&db.id, "one zone", "two zones"),
    }
}

/// Whoever names a patch wants that one.
fn upgrades(facts: &Facts, db: &Database) -> Finding {
    let config = facts.config.as_ref();
    let pinned = config.is_some_and(|config| config.database.version.split('.').count() > 2);
    if pinned && !db.minor_upgrades {
        return Finding::exception(&db.id, "infra.toml names the very patch to use");
    }
    Finding::of(&db.id, db.minor_upgrades, "off", "on")
}
