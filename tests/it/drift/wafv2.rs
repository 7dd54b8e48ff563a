//! The web ACL and its association.

use aws_sdk_wafv2::types::{
    ActionCondition, ActionValue, AllowAction, BlockAction, Condition, CountAction, DefaultAction,
    FieldToMatch, Filter, FilterBehavior, FilterRequirement, LoggingConfiguration, LoggingFilter,
    OverrideAction, Rule, RuleAction, Scope, SingleHeader, Tag, VisibilityConfig, WebAcl,
};
use wmctl::aws::Emulator::{self as Which, MiniStack, Moto};

use super::{Account, Deletion, Drift, Rows, drift};

pub fn rows() -> Rows {
    Rows {
        drifts: [acl(), rule_rows(), association(), logging()]
            .into_iter()
            .flatten()
            .collect(),
        deletions: deletions(),
        fixed: &[
            ("web-acl", "name", "an ACL keeps its name"),
            ("web-acl-logging", "web_acl", "it is a part of the ACL"),
            (
                "web-acl-association",
                "resource",
                "it is found by the stage that it guards",
            ),
        ],
        lasting: &[],
    }
}

fn acl() -> Vec<Drift> {
    vec![
        drift("web-acl/main", "allow", |a| {
            Box::pin(change(a, |acl| {
                let block = BlockAction::builder().build();
                acl.default_action = Some(DefaultAction::builder().block(block).build());
            }))
        }),
        drift("web-acl/main", "metric", |a| {
            Box::pin(change(a, |acl| {
                "other".clone_into(&mut seen(acl).metric_name);
            }))
        }),
        drift("web-acl/main", "metrics", |a| {
            Box::pin(change(a, |acl| {
                seen(acl).cloud_watch_metrics_enabled = false;
            }))
        }),
        drift("web-acl/main", "samples", |a| {
            Box::pin(change(a, |acl| {
                seen(acl).sampled_requests_enabled = false;
            }))
        }),
        drift("web-acl/main", "tags.owner", |a| {
            Box::pin(async move {
                let tag = Tag::builder().key("owner").value("other").build().unwrap();
                let call = a.aws.waf.tag_resource().resource_arn(arn(a).await);
                call.tags(tag).send().await.unwrap();
            })
        }),
    ]
}

fn rule_rows() -> Vec<Drift> {
    vec![
        // A rule that is gone.
        drift("web-acl/main", "rules", |a| {
            Box::pin(change(a, |acl| {
                rules(acl).pop();
            }))
        }),
        // One too many, which lets everything through before the others look at it.
        drift("web-acl/main", "rules", |a| {
            Box::pin(change(a, |acl| {
                let mut extra = named(acl, "rate").clone();
                "extra".clone_into(&mut extra.name);
                extra.priority = 0;
                let allow = AllowAction::builder().build();
                extra.action = Some(RuleAction::builder().allow(allow).build());
                rules(acl).push(extra);
            }))
        }),
        // One that only counts.
        drift("web-acl/main", "rules", |a| {
            Box::pin(change(a, |acl| {
                let count = CountAction::builder().build();
                let count = OverrideAction::builder().count(count).build();
                named(acl, "sqli").override_action = Some(count);
            }))
        }),
        // One with another limit.
        drift("web-acl/main", "rules", |a| {
            Box::pin(change(a, |acl| {
                let statement = named(acl, "rate").statement.as_mut().unwrap();
                statement.rate_based_statement.as_mut().unwrap().limit = 1_000_000;
            }))
        }),
        // One whose exceptions from blocking are more than ours.
        drift("web-acl/main", "rules", |a| {
            Box::pin(change(a, |acl| {
                let statement = named(acl, "common").statement.as_mut().unwrap();
                let group = statement.managed_rule_group_statement.as_mut().unwrap();
                let counted = group.rule_action_overrides.as_mut().unwrap();
                let mut more = counted[0].clone();
                "NoUserAgent_HEADER".clone_into(&mut more.name);
                counted.push(more);
            }))
        }),
    ]
}

fn association() -> Vec<Drift> {
    vec![Drift {
        except: &[(Moto, "keeps the first ACL beside the second")],
        ..drift("web-acl-association/stage", "web_acl", |a| {
            Box::pin(async move {
                let other = other_acl(a).await;
                let call = a.aws.waf.associate_web_acl().web_acl_arn(other);
                let call = call.resource_arn(a.id("web-acl-association/stage"));
                call.send().await.unwrap();
            })
        })
    }]
}

fn deletions() -> Vec<Deletion> {
    vec![
        Deletion {
            id: LOGGING,
            also: &[],
            except: NO_LOGS,
            deed: |a| {
                Box::pin(async move {
                    let call = a.aws.waf.delete_logging_configuration();
                    let call = call.resource_arn(a.id(LOGGING));
                    call.send().await.unwrap();
                })
            },
        },
        Deletion {
            id: "web-acl-association/stage",
            also: &[],
            except: &[],
            deed: |a| Box::pin(disassociate(a)),
        },
        Deletion {
            id: "web-acl/main",
            also: &["web-acl-association/stage", LOGGING],
            except: &[],
            deed: |a| {
                Box::pin(async move {
                    disassociate(a).await;
                    let (acl, token) = read(a).await;
                    let call = a.aws.waf.delete_web_acl().scope(Scope::Regional);
                    let call = call.name(acl.name).id(acl.id).lock_token(token);
                    call.send().await.unwrap();
                })
            },
        },
    ]
}

const LOGGING: &str = "web-acl-logging/main";
const NO_LOGS: &[(Which, &str)] = &[(MiniStack, "no logs of the firewall")];

fn logging() -> Vec<Drift> {
    vec![
        Drift {
            except: NO_LOGS,
            ..drift(LOGGING, "destinations", |a| {
                Box::pin(log(a, "aws-waf-logs-other", &["x-api-key"], false))
            })
        },
        // The keys themselves in the log.
        Drift {
            except: NO_LOGS,
            ..drift(LOGGING, "redacted", |a| {
                Box::pin(log(a, "aws-waf-logs-watermark-chatbot-prod", &[], false))
            })
        },
        Drift {
            except: NO_LOGS,
            ..drift(LOGGING, "filtered", |a| {
                Box::pin(log(
                    a,
                    "aws-waf-logs-watermark-chatbot-prod",
                    &["x-api-key"],
                    true,
                ))
            })
        },
    ]
}

/// Logs to this group, without these headers, and perhaps only what is blocked.
async fn log(account: &Account, group: &str, without: &[&str], filtered: bool) {
    let number = &account.aws.account;
    let group = format!("arn:aws:logs:us-east-1:{number}:log-group:{group}");
    let headers = without.iter().map(|name| {
        let header = SingleHeader::builder().name(*name).build().unwrap();
        FieldToMatch::builder().single_header(header).build()
    });
    let condition = ActionCondition::builder().action(ActionValue::Block);
    let condition = condition.build().unwrap();
    let filter = Filter::builder()
        .behavior(FilterBehavior::Keep)
        .requirement(FilterRequirement::MeetsAny)
        .conditions(Condition::builder().action_condition(condition).build());
    let filter = LoggingFilter::builder()
        .default_behavior(FilterBehavior::Drop)
        .filters(filter.build().unwrap());
    let logging = LoggingConfiguration::builder()
        .resource_arn(arn(account).await)
        .log_destination_configs(group)
        .set_redacted_fields(Some(headers.collect()))
        .set_logging_filter(filtered.then(|| filter.build().unwrap()));
    let call = account.aws.waf.put_logging_configuration();
    let call = call.logging_configuration(logging.build().unwrap());
    call.send().await.unwrap();
}

async fn read(account: &Account) -> (WebAcl, String) {
    let name = account.values["web-acl/main"]["name"].as_str().unwrap();
    let call = account.aws.waf.get_web_acl().scope(Scope::Regional);
    let call = call.name(name).id(account.id("web-acl/main"));
    let answer = call.send().await.unwrap();
    (answer.web_acl.unwrap(), answer.lock_token.unwrap())
}

async fn arn(account: &Account) -> String {
    read(account).await.0.arn
}

/// Writes the ACL as it is, but for what `change` does to it.
async fn change(account: &Account, change: fn(&mut WebAcl)) {
    let (mut acl, token) = read(account).await;
    change(&mut acl);
    let call = account.aws.waf.update_web_acl().scope(Scope::Regional);
    let call = call
        .name(acl.name)
        .id(acl.id)
        .lock_token(token)
        .set_default_action(acl.default_action)
        .set_rules(acl.rules)
        .set_visibility_config(acl.visibility_config);
    call.send().await.unwrap();
}

fn seen(acl: &mut WebAcl) -> &mut VisibilityConfig {
    acl.visibility_config.as_mut().unwrap()
}

fn rules(acl: &mut WebAcl) -> &mut Vec<Rule> {
    acl.rules.as_mut().unwrap()
}

fn named<'a>(acl: &'a mut WebAcl, name: &str) -> &'a mut Rule {
    let mut rules = rules(acl).iter_mut();
    rules.find(|rule| rule.name == name).unwrap()
}

async fn disassociate(account: &Account) {
    let call = account.aws.waf.disassociate_web_acl();
    let call = call.resource_arn(account.id("web-acl-association/stage"));
    call.send().await.unwrap();
}

/// An ACL of somebody else's that lets everything through. Returns its ARN.
async fn other_acl(account: &Account) -> String {
    let allow = AllowAction::builder().build();
    let seen = VisibilityConfig::builder()
        .metric_name("other")
        .cloud_watch_metrics_enabled(false)
        .sampled_requests_enabled(false);
    let call = account.aws.waf.create_web_acl().scope(Scope::Regional);
    let call = call
        .name("other")
        .default_action(DefaultAction::builder().allow(allow).build())
        .visibility_config(seen.build().unwrap());
    let made = call.send().await.unwrap();
    made.summary.unwrap().arn.unwrap()
}
