//! GuardDuty and Security Hub. Both are paid by what they look at in the whole account, so that
//! infra.toml does not ask for one is a decision; without infra.toml nobody has made it.

use crate::audit::facts::{Database, Detector, Facts, Read};
use crate::audit::{Check, Finding, Part, Severity};
use crate::config;

const ACCOUNT: &str = "the account";

const FEATURE: Check = Check {
    row: 19,
    id: "",
    title: "",
    standards: &[],
    severity: Severity::Medium,
    part: Part::Stack,
    held_by: &[("detector", "features")],
    mend: "",
    judge: |_| Vec::new(),
};

pub const CHECKS: &[Check] = &[
    Check {
        row: 19,
        id: "detector",
        title: "GuardDuty watches the account",
        standards: &["FSBP GuardDuty.1"],
        severity: Severity::High,
        part: Part::Stack,
        held_by: &[("detector", "enabled")],
        mend: "aws guardduty create-detector --enable (where it is suspended: aws guardduty update-detector --enable --detector-id ID)",
        judge: |facts| {
            let (object, found) = match &facts.detector {
                Read::Unread(why) => return vec![Finding::unchecked(ACCOUNT, why.clone())],
                Read::Known(detector) if detector.enabled => {
                    return vec![Finding::pass(&detector.id)];
                }
                Read::Known(detector) => (detector.id.as_str(), "suspended"),
                Read::Absent => (ACCOUNT, "no detector"),
            };
            vec![off(facts, guardduty, object, found, "an enabled detector")]
        },
    },
    Check {
        id: "detector-lambda",
        title: "GuardDuty reads the functions' connections",
        standards: &["FSBP GuardDuty.6"],
        mend: "aws guardduty update-detector --detector-id {} --features Name=LAMBDA_NETWORK_LOGS,Status=ENABLED",
        judge: |facts| feature(facts, "LAMBDA_NETWORK_LOGS"),
        ..FEATURE
    },
    Check {
        id: "detector-logins",
        title: "GuardDuty reads the databases' logins",
        standards: &["FSBP GuardDuty.9"],
        held_by: &[],
        mend: "aws guardduty update-detector --detector-id {} --features Name=RDS_LOGIN_EVENTS,Status=ENABLED",
        judge: |facts| {
            let databases = facts.databases.known();
            let mut databases = databases.into_iter().flatten();
            match (watched(facts), databases.any(has_logins_read)) {
                (Some(detector), false) if !detector.features.contains("RDS_LOGIN_EVENTS") => {
                    vec![Finding::exception(
                        &detector.id,
                        "it reads the logins of Aurora and PostgreSQL alone, and no such database is here",
                    )]
                }
                _ => feature(facts, "RDS_LOGIN_EVENTS"),
            }
        },
        ..FEATURE
    },
    Check {
        id: "detector-s3",
        title: "GuardDuty reads who reads files",
        standards: &["FSBP GuardDuty.10"],
        mend: "aws guardduty update-detector --detector-id {} --features Name=S3_DATA_EVENTS,Status=ENABLED",
        judge: |facts| feature(facts, "S3_DATA_EVENTS"),
        ..FEATURE
    },
    Check {
        row: 19,
        id: "security-hub",
        title: "Security Hub holds the account against a standard",
        standards: &["CIS 3.0 4.16"],
        severity: Severity::Medium,
        part: Part::Stack,
        held_by: &[("security-hub", "standards")],
        mend: "aws securityhub enable-security-hub (where no standard is enabled: aws securityhub batch-enable-standards)",
        judge: |facts| {
            let (object, found) = match &facts.hub {
                Read::Unread(why) => return vec![Finding::unchecked(ACCOUNT, why.clone())],
                Read::Known(hub) if !hub.standards.is_empty() => {
                    return vec![Finding::pass(&hub.arn)];
                }
                Read::Known(hub) => (hub.arn.as_str(), "no standard"),
                Read::Absent => (ACCOUNT, "no hub"),
            };
            vec![off(
                facts,
                security_hub,
                object,
                found,
                "a standard that is enabled",
            )]
        },
    },
];

/// Key of `[audit]`, and its value.
type Asked = fn(&config::Audit) -> (&'static str, bool);

fn guardduty(audit: &config::Audit) -> (&'static str, bool) {
    ("guardduty", audit.guardduty)
}

fn security_hub(audit: &config::Audit) -> (&'static str, bool) {
    ("security_hub", audit.security_hub)
}

/// It is off: a failure, unless infra.toml leaves it out.
fn off(facts: &Facts, asked: Asked, object: &str, found: &str, wanted: &str) -> Finding {
    match facts.config.as_ref().map(|config| asked(&config.audit)) {
        Some((key, false)) => Finding::exception(
            object,
            format!(
                "{found}: infra.toml does not ask for it ([audit] {key}); it is paid by what it looks at in the whole account"
            ),
        ),
        _ => Finding::fail(object, found, wanted),
    }
}

fn watched(facts: &Facts) -> Option<&Detector> {
    let detector = facts.detector.known();
    detector.filter(|detector| detector.enabled)
}

fn feature(facts: &Facts, name: &str) -> Vec<Finding> {
    let finding = match (&facts.detector, watched(facts)) {
        (Read::Unread(why), _) => Finding::unchecked(ACCOUNT, why.clone()),
        (_, None) => Finding::unchecked(ACCOUNT, "there is no enabled detector"),
        (_, Some(detector)) if detector.features.contains(name) => Finding::pass(&detector.id),
        (_, Some(detector)) => {
            let found = format!("without {name}");
            off(facts, guardduty, &detector.id, &found, name)
        }
    };
    vec![finding]
}

/// Whether GuardDuty knows the logins of such a database.
fn has_logins_read(database: &Database) -> bool {
    database.engine.starts_with("aurora") || database.engine == "postgres"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Verdict;
    use crate::audit::facts::Hub;
    use crate::config::Config;

    fn asking(audit: &str) -> Config {
        let text = format!("[stack]\nname = \"chat\"\nregion = \"us-east-1\"\n[audit]\n{audit}");
        toml::from_str(&text).unwrap()
    }

    fn whole() -> Facts {
        let features = ["LAMBDA_NETWORK_LOGS", "RDS_LOGIN_EVENTS", "S3_DATA_EVENTS"];
        Facts {
            config: Some(asking("guardduty = true\nsecurity_hub = true")),
            detector: Read::Known(Detector {
                id: "12abc".to_owned(),
                enabled: true,
                features: features.map(str::to_owned).into(),
            }),
            hub: Read::Known(Hub {
                arn: "arn:hub".to_owned(),
                standards: vec!["arn:standard".to_owned()],
            }),
            ..Facts::default()
        }
    }

    /// `id: verdict` for all that do not pass.
    fn said(change: impl FnOnce(&mut Facts)) -> Vec<String> {
        let mut facts = whole();
        change(&mut facts);
        let lines = CHECKS.iter().filter_map(|check| {
            let verdict = match (check.judge)(&facts).pop()?.verdict {
                Verdict::Pass => return None,
                Verdict::Fail { found, .. } => format!("fails, {found}"),
                Verdict::Exception { reason } => format!("is excepted: {reason}"),
                Verdict::Unchecked { reason } => format!("is unchecked: {reason}"),
            };
            Some(format!("{} {verdict}", check.id))
        });
        lines.collect()
    }

    fn without(facts: &mut Facts, name: &str) {
        if let Read::Known(detector) = &mut facts.detector {
            detector.features.remove(name);
        }
    }

    #[test]
    fn what_is_on_passes_and_what_was_asked_for_and_is_off_fails() {
        assert_eq!(said(|_| {}), Vec::<String>::new());
        let nothing = |facts: &mut Facts| {
            facts.detector = Read::Absent;
            facts.hub = Read::Absent;
        };
        let unchecked = "is unchecked: there is no enabled detector";
        let features = ["lambda", "logins", "s3"].map(|one| format!("detector-{one} {unchecked}"));
        let failing = |detector: &str, hub: &str| {
            let mut lines = vec![format!("detector fails, {detector}")];
            lines.extend(features.clone());
            lines.push(format!("security-hub fails, {hub}"));
            lines
        };
        assert_eq!(said(nothing), failing("no detector", "no hub"));
        // Nobody has decided anything where there is no infra.toml.
        let elsewhere = said(|facts| {
            nothing(facts);
            facts.config = None;
        });
        assert_eq!(elsewhere, failing("no detector", "no hub"));
        let idle = said(|facts| {
            if let (Read::Known(detector), Read::Known(hub)) = (&mut facts.detector, &mut facts.hub)
            {
                detector.enabled = false;
                hub.standards.clear();
            }
        });
        assert_eq!(idle, failing("suspended", "no standard"));
    }

    #[test]
    fn what_was_not_asked_for_is_an_exception_that_names_its_key() {
        let lines = said(|facts| {
            facts.config = Some(asking(""));
            facts.detector = Read::Absent;
            facts.hub = Read::Absent;
        });
        for (id, key) in [("detector", "guardduty"), ("security-hub", "security_hub")] {
            let line = lines
                .iter()
                .find(|line| line.starts_with(&format!("{id} ")));
            let line = line.unwrap();
            assert!(line.contains("is excepted: no "), "{line}");
            assert!(line.contains(&format!("([audit] {key})")), "{line}");
        }
    }

    #[test]
    fn each_feature_is_looked_at_by_itself() {
        for (feature, check) in [
            ("LAMBDA_NETWORK_LOGS", "detector-lambda"),
            ("S3_DATA_EVENTS", "detector-s3"),
        ] {
            let lines = said(|facts| without(facts, feature));
            assert_eq!(lines, [format!("{check} fails, without {feature}")]);
        }
        // There is nothing to read of MariaDB's logins, so their feature is no loss.
        let lines = said(|facts| without(facts, "RDS_LOGIN_EVENTS"));
        assert!(
            lines[0].starts_with("detector-logins is excepted"),
            "{lines:?}"
        );
        let lines = said(|facts| {
            without(facts, "RDS_LOGIN_EVENTS");
            facts.databases = Read::Known(vec![Database {
                engine: "postgres".to_owned(),
                ..Database::default()
            }]);
        });
        assert_eq!(lines, ["detector-logins fails, without RDS_LOGIN_EVENTS"]);
    }

    #[test]
    fn what_may_not_be_read_is_unchecked_and_says_why() {
        let lines = said(|facts| {
            facts.detector = Read::Unread("ListDetectors refused".to_owned());
            facts.hub = Read::Unread("DescribeHub refused".to_owned());
        });
        assert_eq!(lines.len(), CHECKS.len());
        for line in lines {
            assert!(
                line.contains("is unchecked:") && line.contains(" refused"),
                "{line}"
            );
        }
    }
}
