//! Judges a finished plan before anything is done. It refuses; it never changes a plan.

use crate::error::{Error, Kind as ErrorKind, Result};
use crate::migrations::breaking::{Verdict, judge};
use crate::migrations::{Migration, statements};
use crate::object::{Id, Ids};
use crate::plan::{Action, Plan, Reason, Step};
use crate::resources::lambda::function::log_retention;
use crate::resources::lambda::schema;
use crate::resources::secretsmanager::secret_policy::{SecretPolicy, admits};
use crate::resources::{Kind, Kinds, Resource};
use crate::stack::Stack;

/// Units of concurrency that Lambda insists on leaving to functions without a reservation.
const UNRESERVED_MINIMUM: u32 = 100;

/// What the checks need to know of the account.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Concurrency that no function has reserved yet; unknown where the cloud does not say.
    pub unreserved_concurrency: Option<u32>,
    /// Who runs this, where the cloud tells callers apart.
    pub operator: Option<(Stack, String)>,
}

/// Refuses a plan that would destroy data that nobody named, or that AWS cannot carry out.
pub fn check(kinds: &Kinds, plan: &Plan, destroy: &Ids, facts: &Facts) -> Result<()> {
    data_is_kept(kinds, plan, destroy)?;
    logs_are_kept(plan, destroy)?;
    database_can_follow(plan)?;
    secrets_open(plan, facts)?;
    concurrency_is_there(plan, facts)
}

/// What is wrong with the migrations that the plan would apply while a version serves. Without
/// one there is nobody to break, and nothing to lose.
pub fn pending(plan: &Plan, migrations: &[Migration]) -> Result<Vec<Verdict>> {
    let live = Id::new("function-alias", "chatbot");
    let serves = |step: &Step| step.id == live && step.found.is_some();
    let migrates = plan.changes().find(|step| step.id == schema::id());
    let Some(step) = migrates.filter(|_| plan.steps.iter().any(serves)) else {
        return Ok(Vec::new());
    };
    let found = step.found.as_ref();
    let version = found.and_then(|found| found.value["version"].as_str());
    let version = version.unwrap_or_default();
    let (before, pending): (Vec<_>, Vec<_>) = migrations
        .iter()
        .partition(|migration| migration.version() <= version);
    Ok(judge(&statements(before)?, &statements(pending)?))
}

/// Whoever could not read the secrets that a run makes would be stuck half-way through it.
fn secrets_open(plan: &Plan, facts: &Facts) -> Result<()> {
    let Some((stack, caller)) = &facts.operator else {
        return Ok(());
    };
    let steps = plan
        .steps
        .iter()
        .filter(|step| step.id.kind == SecretPolicy::KIND);
    let mut policies = steps.filter_map(|step| step.wanted.as_ref());
    if policies.all(|wanted| admits(&wanted["policy"], stack, caller)) {
        return Ok(());
    }
    let role = caller.split(":assumed-role/").nth(1);
    let role = role.and_then(|rest| rest.split('/').next());
    let (partition, account) = (stack.partition(), &stack.account);
    let arn = role.map_or_else(
        || caller.clone(),
        |role| format!("arn:{partition}:iam::{account}:role/{role}"),
    );
    Err(Error::new(
        ErrorKind::Refused,
        format!("the stack's secrets would not open for {caller}, and wmctl reads some of them"),
    )
    .hint(format!(
        "nothing was changed; add your role, with its path, to [stack] in infra.toml: operators = [\"{arn}\"]"
    )))
}

fn data_is_kept(kinds: &Kinds, plan: &Plan, destroy: &Ids) -> Result<()> {
    let lost: Vec<&Step> = plan
        .changes()
        .filter(|step| {
            matches!(step.action, Action::Delete | Action::Replace)
                && kinds.get(&step.id.kind).is_some_and(Kind::data)
                && !destroy.contains(&step.id)
        })
        .collect();
    if lost.is_empty() {
        return Ok(());
    }
    let losses: Vec<String> = lost.iter().map(|step| loss(step)).collect();
    let flags: Vec<String> = lost
        .iter()
        .map(|step| format!("--allow-destroy {}", step.id))
        .collect();
    Err(Error::new(
        ErrorKind::Refused,
        format!(
            "the plan would {}, and what is in there",
            losses.join(", and ")
        ),
    )
    .hint("nothing was changed; put back what infra.toml said before")
    .hint(format!("or, to lose that data: {}", flags.join(" "))))
}

fn loss(step: &Step) -> String {
    let paths: Vec<&str> = step
        .changes
        .iter()
        .map(|change| change.path.as_str())
        .collect();
    match step.action {
        Action::Delete => format!("delete {}", step.id),
        _ => format!("replace {} (it differs in {})", step.id, paths.join(", ")),
    }
}

/// A shorter retention drops logs within the hour, and nothing brings them back. A migrator that
/// is only made now is told the same as the one before it, as far as anybody knows.
fn logs_are_kept(plan: &Plan, destroy: &Ids) -> Result<()> {
    let migrator = Id::new("function", "migrator");
    let step = plan.changes().find(|step| step.id == migrator);
    let Some((found, wanted)) =
        step.and_then(|step| Some((step.found.as_ref()?, step.wanted.as_ref()?)))
    else {
        return Ok(());
    };
    let (now, then) = (log_retention(&found.value), log_retention(wanted));
    let Some(days) = then.filter(|days| now.is_none_or(|now| *days < now)) else {
        return Ok(());
    };
    let logs = schema::id();
    if destroy.contains(&logs) {
        return Ok(());
    }
    let so_far = now.map_or("kept for ever".to_owned(), |now| {
        format!("kept for {now} days")
    });
    Err(Error::new(
        ErrorKind::Refused,
        format!("the plan would drop all stored logs older than {days} days, which are {so_far} so far"),
    )
    .hint("nothing was changed; put back what [database] log_retention_days in infra.toml said before")
    .hint(format!("or, to lose those logs for good: --allow-destroy {logs}")))
}

/// RDS keeps a subnet group, and what stands in it, in the VPC where it was made.
fn database_can_follow(plan: &Plan) -> Result<()> {
    let moves = plan.changes().any(|step| {
        let another = matches!(step.action, Action::Create | Action::Supersede);
        step.id.kind == "vpc" && (another || step.reason == Reason::NotWanted)
    });
    let stays = |step: &&Step| {
        let found = step.found.is_some() && step.action != Action::Delete;
        step.id.kind == "db-instance" && found
    };
    let Some(database) = plan.steps.iter().find(stays).filter(|_| moves) else {
        return Ok(());
    };
    Err(Error::new(
        ErrorKind::Refused,
        format!(
            "the plan would move the network to another VPC, and {} cannot follow",
            database.id
        ),
    )
    .hint("nothing was changed; put back what [network] in infra.toml said before")
    .hint(format!(
        "or begin anew there: `wmctl down --allow-destroy {}` leaves a last snapshot of the data",
        database.id
    )))
}

/// A new account may have a concurrency of 10 in all; creating the function would fail half-way.
fn concurrency_is_there(plan: &Plan, facts: &Facts) -> Result<()> {
    let Some(free) = facts.unreserved_concurrency else {
        return Ok(());
    };
    let reserved = |value: Option<&serde_json::Value>| {
        value
            .and_then(|value| value["reserved_concurrency"].as_u64())
            .and_then(|value| u32::try_from(value).ok())
            .unwrap_or_default()
    };
    let (mut wanted, mut held) = (0, 0);
    for step in plan.changes().filter(|step| step.id.kind == "function") {
        wanted += reserved(step.wanted.as_ref());
        held += reserved(step.found.as_ref().map(|found| &found.value));
    }
    if wanted <= held || wanted - held + UNRESERVED_MINIMUM <= free {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Refused,
        format!(
            "the functions want {} more units of reserved concurrency, and the account has {free} unreserved, of which {UNRESERVED_MINIMUM} must stay so",
            wanted - held
        ),
    )
    .hint("nothing was changed; lower [function] reserved_concurrency")
    .hint("or ask for a higher quota: Service Quotas, AWS Lambda, Concurrent executions"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Object;
    use serde_json::json;

    fn step(id: Id, action: Action, wanted: Option<serde_json::Value>) -> Plan {
        let object = Object {
            id: id.clone(),
            attributes: crate::object::Attributes::new(),
            value: json!({}),
            owned: true,
        };
        Plan {
            steps: vec![Step {
                id,
                action,
                reason: Reason::NotWanted,
                changes: Vec::new(),
                interrupts: None,
                needs: std::collections::BTreeSet::new(),
                wanted,
                found: Some(object),
            }],
            ..Plan::default()
        }
    }

    #[test]
    fn a_database_goes_only_by_name() {
        let id = Id::new("db-instance", "main");
        let plan = step(id.clone(), Action::Delete, None);
        let kinds = crate::resources::all();
        let error = check(&kinds, &plan, &Ids::default(), &Facts::default()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Refused);
        assert!(error.hints[1].contains("--allow-destroy db-instance/main"));
        check(&kinds, &plan, &Ids::from_iter([id]), &Facts::default()).unwrap();
    }

    #[test]
    fn logs_are_dropped_earlier_only_where_that_is_named() {
        let kinds = crate::resources::all();
        let with = |days: Option<&str>| json!({"environment": {"LOG_RETENTION_DAYS": days}});
        let checked = |now: Option<&str>, then: Option<&str>, named: &Ids| {
            let id = Id::new("function", "migrator");
            let mut plan = step(id, Action::Update, Some(with(then)));
            plan.steps[0].found.as_mut().unwrap().value = with(now);
            check(&kinds, &plan, named, &Facts::default())
        };
        let (nothing, logs) = (Ids::default(), Ids::from_iter([schema::id()]));
        for (now, then, so_far) in [
            (None, Some("30"), "kept for ever"),
            (Some("0"), Some("30"), "kept for ever"),
            (Some("90"), Some("30"), "kept for 90 days"),
        ] {
            let error = checked(now, then, &nothing).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Refused);
            assert!(error.message.contains("older than 30 days"), "{error}");
            assert!(error.message.contains(so_far), "{error}");
            assert!(error.hints[1].ends_with("--allow-destroy schema/main"));
            checked(now, then, &logs).unwrap();
        }
        for (now, then) in [
            (None, None),
            (Some("30"), None),
            (Some("30"), Some("30")),
            (Some("30"), Some("90")),
        ] {
            checked(now, then, &nothing).unwrap();
        }
    }

    #[test]
    fn migrations_are_judged_by_what_the_version_that_serves_may_need() {
        let file = |file: &str, sql: &str| Migration {
            file: file.to_owned(),
            sql: sql.to_owned(),
        };
        let files = [
            file("0001_logs.sql", "CREATE TABLE logs (a INT, b INT)"),
            file("0002_less.sql", "ALTER TABLE logs DROP a"),
            file("0003_fewer.sql", "ALTER TABLE logs DROP b"),
        ];
        let judged = |version: &str, serves: bool| {
            let mut plan = step(schema::id(), Action::Update, Some(json!({})));
            let found = plan.steps[0].found.as_mut().unwrap();
            found.value = json!({"version": version});
            if serves {
                let alias = Id::new("function-alias", "chatbot");
                plan.steps.extend(step(alias, Action::Update, None).steps);
            }
            let verdicts = pending(&plan, &files).unwrap();
            verdicts.into_iter().map(|verdict| verdict.file).collect()
        };
        let none: [&str; 0] = [];
        let is = |version, serves, expected: &[&str]| {
            let files: Vec<String> = judged(version, serves);
            assert_eq!(files, expected);
        };
        is("0003", true, &none);
        is("0002", true, &["0003_fewer.sql"]);
        is("0001", true, &["0002_less.sql", "0003_fewer.sql"]);
        // Nobody is served yet.
        is("0001", false, &none);
        assert_eq!(pending(&Plan::default(), &files).unwrap(), []);
    }

    #[test]
    fn the_network_does_not_leave_the_database_behind() {
        let both = |vpc: Action, database: Action| {
            let mut plan = step(Id::new("db-instance", "main"), database, None);
            let mut network = step(Id::new("vpc", "main"), vpc, None).steps;
            network[0].reason = Reason::Superseded;
            plan.steps.append(&mut network);
            plan
        };
        let kinds = crate::resources::all();
        let destroy = Ids::from_iter([Id::new("db-instance", "main")]);
        let refused = |plan: &Plan| check(&kinds, plan, &destroy, &Facts::default()).is_err();
        assert!(refused(&both(Action::Supersede, Action::Keep)));
        assert!(refused(&both(Action::Create, Action::Update)));
        // Nothing to leave behind; and the database's own VPC, of two.
        assert!(!refused(&both(Action::Supersede, Action::Delete)));
        assert!(!refused(&both(Action::Delete, Action::Keep)));
    }

    #[test]
    fn reserved_concurrency_must_fit_the_account() {
        let wanted = json!({"reserved_concurrency": 50});
        let plan = step(Id::new("function", "chatbot"), Action::Create, Some(wanted));
        let kinds = crate::resources::all();
        let free = |units| Facts {
            operator: None,
            unreserved_concurrency: Some(units),
        };
        let destroy = Ids::default();
        assert!(check(&kinds, &plan, &destroy, &free(149)).is_err());
        check(&kinds, &plan, &destroy, &free(150)).unwrap();
    }
}
