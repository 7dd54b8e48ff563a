//! The web ACLs in front of the stages.

use aws_sdk_wafv2::types::{self, FieldToMatch};
use futures::future::try_join_all;

use crate::audit::facts::{Firewall, Gateway, Logging, Read, Rule, WebAcl};
use crate::aws::{Aws, During, Emulator, Optional};
use crate::error::Result;

const NOT_FOUND: &[&str] = &["WAFNonexistentItemException"];

pub async fn firewalls(aws: &Aws, gateway: Option<&Gateway>) -> Read<Vec<Firewall>> {
    let Some(gateway) = gateway else {
        return Read::Absent;
    };
    let reads = gateway.stages.iter().map(|stage| firewall(aws, &stage.arn));
    Read::of(try_join_all(reads).await)
}

async fn firewall(aws: &Aws, stage: &str) -> Result<Firewall> {
    let call = aws.waf.get_web_acl_for_resource().resource_arn(stage);
    let answer = call.send().await.during("GetWebACLForResource", stage);
    let acl = answer.unless(NOT_FOUND)?.and_then(|answer| answer.web_acl);
    let acl = match acl {
        Some(acl) => Some(of_acl(aws, acl).await),
        None => None,
    };
    Ok(Firewall {
        stage: stage.to_owned(),
        acl,
    })
}

async fn of_acl(aws: &Aws, acl: types::WebAcl) -> WebAcl {
    let logging = logging(aws, &acl.arn).await;
    WebAcl {
        metrics: acl
            .visibility_config
            .is_some_and(|config| config.cloud_watch_metrics_enabled),
        rules: acl.rules.unwrap_or_default().iter().map(rule).collect(),
        logging,
        name: acl.name,
    }
}

fn rule(rule: &types::Rule) -> Rule {
    let statement = rule.statement();
    let group = statement.and_then(|one| one.managed_rule_group_statement());
    let blocks = rule.action().is_some_and(|action| action.block().is_some());
    let rate = statement.and_then(|one| one.rate_based_statement());
    // Requests per five minutes, whatever its own window is.
    let per_five_minutes = |rate: &types::RateBasedStatement| match rate.evaluation_window_sec() {
        0 => rate.limit(),
        window => rate.limit() * 300 / window,
    };
    Rule {
        name: rule.name().to_owned(),
        metrics: rule
            .visibility_config()
            .is_some_and(types::VisibilityConfig::cloud_watch_metrics_enabled),
        group: group.map(|group| group.name().to_owned()),
        counts_only: rule
            .override_action()
            .is_some_and(|action| action.count().is_some()),
        rate: rate.filter(|_| blocks).map(per_five_minutes),
    }
}

async fn logging(aws: &Aws, acl: &str) -> Read<Logging> {
    if aws.emulator == Some(Emulator::MiniStack) {
        return Read::Unread("not emulated: the firewall's log".to_owned());
    }
    let call = aws.waf.get_logging_configuration().resource_arn(acl);
    let answer = call.send().await.during("GetLoggingConfiguration", acl);
    let found = match answer.unless(NOT_FOUND) {
        Ok(found) => found.and_then(|answer| answer.logging_configuration),
        Err(error) => return Read::Unread(super::why(&error)),
    };
    let Some(found) = found else {
        return Read::Absent;
    };
    let header = |field: &FieldToMatch| Some(field.single_header()?.name().to_owned());
    Read::Known(Logging {
        redacted_headers: found.redacted_fields().iter().filter_map(header).collect(),
        destinations: found.log_destination_configs,
    })
}
