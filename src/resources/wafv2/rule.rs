//! A rule as infra.toml can ask for it, and what AWS calls it.

use aws_sdk_wafv2::error::BuildError;
use aws_sdk_wafv2::types::{
    self, BlockAction, CountAction, CountryCode, GeoMatchStatement, ManagedRuleGroupStatement,
    NoneAction, OverrideAction, RateBasedStatement, RateBasedStatementAggregateKeyType, RuleAction,
    RuleActionOverride, VisibilityConfig,
};
use serde::{Deserialize, Serialize};

use crate::config::{ManagedRules, Waf};

/// The rate rule's window.
const FIVE_MINUTES: i64 = 300;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    pub name: String,
    pub priority: i32,
    pub when: When,
    pub then: Then,
    pub metric: String,
    pub metrics: bool,
    pub samples: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// AWS's own rules. Those in `counted` only count.
    Managed {
        name: String,
        counted: Vec<String>,
    },
    /// More requests from one address than `limit` in so many seconds.
    Rate {
        limit: i64,
        seconds: i64,
    },
    Countries(Vec<String>),
    /// Nothing that we make: somebody else's rule.
    Other(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    Block,
    /// What each rule of the group says.
    AsTheGroupSays,
    /// The group's rules only count.
    Count,
    Other,
}

impl Rule {
    fn new(name: &str, priority: i32, when: When, then: Then) -> Self {
        Self {
            name: name.to_owned(),
            priority,
            when,
            then,
            metric: name.to_owned(),
            metrics: true,
            samples: true,
        }
    }

    /// The rules of an ACL, by priority: what is cheap and certain comes first.
    pub fn wanted(waf: &Waf) -> Vec<Self> {
        let mut rules = Vec::new();
        if !waf.block_countries.is_empty() {
            let mut countries = waf.block_countries.clone();
            countries.sort();
            rules.push(Self::new(
                "countries",
                0,
                When::Countries(countries),
                Then::Block,
            ));
        }
        let rate = When::Rate {
            limit: waf.rate_limit_5min.into(),
            seconds: FIVE_MINUTES,
        };
        rules.push(Self::new("rate", 1, rate, Then::Block));
        rules.extend(waf.managed_rules.iter().map(|group| managed(*group)));
        rules.sort_by_key(|rule| rule.priority);
        rules
    }

    pub fn to_aws(&self) -> Result<types::Rule, BuildError> {
        let (block, group) = match self.then {
            Then::Block | Then::Other => (
                Some(
                    RuleAction::builder()
                        .block(BlockAction::builder().build())
                        .build(),
                ),
                None,
            ),
            Then::AsTheGroupSays => (
                None,
                Some(
                    OverrideAction::builder()
                        .none(NoneAction::builder().build())
                        .build(),
                ),
            ),
            Then::Count => (None, Some(OverrideAction::builder().count(count()).build())),
        };
        types::Rule::builder()
            .name(&self.name)
            .priority(self.priority)
            .statement(self.when.to_aws()?)
            .set_action(block)
            .set_override_action(group)
            .visibility_config(
                VisibilityConfig::builder()
                    .sampled_requests_enabled(self.samples)
                    .cloud_watch_metrics_enabled(self.metrics)
                    .metric_name(&self.metric)
                    .build()?,
            )
            .build()
    }

    pub fn from_aws(rule: &types::Rule) -> Self {
        let visibility = rule.visibility_config();
        let then = match (rule.action(), rule.override_action()) {
            (Some(action), None)
                if action
                    .block()
                    .is_some_and(|b| b.custom_response().is_none()) =>
            {
                Then::Block
            }
            (None, Some(group)) if group.none().is_some() => Then::AsTheGroupSays,
            (None, Some(group)) if group.count().is_some() => Then::Count,
            _ => Then::Other,
        };
        Self {
            name: rule.name().to_owned(),
            priority: rule.priority(),
            when: When::from_aws(rule.statement()),
            then,
            metric: visibility.map_or_else(String::new, |v| v.metric_name().to_owned()),
            metrics: visibility.is_some_and(VisibilityConfig::cloud_watch_metrics_enabled),
            samples: visibility.is_some_and(VisibilityConfig::sampled_requests_enabled),
        }
    }
}

impl When {
    fn to_aws(&self) -> Result<types::Statement, BuildError> {
        let statement = types::Statement::builder();
        Ok(match self {
            When::Managed { name, counted } => {
                let counted = counted.iter().map(|rule| {
                    RuleActionOverride::builder()
                        .name(rule)
                        .action_to_use(RuleAction::builder().count(count()).build())
                        .build()
                });
                let counted = counted.collect::<Result<Vec<_>, _>>()?;
                statement.managed_rule_group_statement(
                    ManagedRuleGroupStatement::builder()
                        .vendor_name("AWS")
                        .name(name)
                        .set_rule_action_overrides((!counted.is_empty()).then_some(counted))
                        .build()?,
                )
            }
            When::Rate { limit, seconds } => statement.rate_based_statement(
                RateBasedStatement::builder()
                    .limit(*limit)
                    .evaluation_window_sec(*seconds)
                    .aggregate_key_type(RateBasedStatementAggregateKeyType::Ip)
                    .build()?,
            ),
            When::Countries(codes) => statement.geo_match_statement(
                GeoMatchStatement::builder()
                    .set_country_codes(Some(
                        codes
                            .iter()
                            .map(|code| CountryCode::from(code.as_str()))
                            .collect(),
                    ))
                    .build(),
            ),
            When::Other(_) => statement,
        }
        .build())
    }

    fn from_aws(statement: Option<&types::Statement>) -> Self {
        let known = statement.and_then(|statement| {
            Self::managed(statement.managed_rule_group_statement())
                .or_else(|| Self::rate(statement.rate_based_statement()))
                .or_else(|| Self::countries(statement.geo_match_statement()))
        });
        known.unwrap_or_else(|| When::Other(format!("{statement:?}")))
    }

    fn managed(group: Option<&ManagedRuleGroupStatement>) -> Option<Self> {
        let group = group.filter(|group| {
            group.vendor_name() == "AWS"
                && group.version().is_none()
                && group.scope_down_statement().is_none()
                && group.excluded_rules().is_empty()
        })?;
        let mut counted = Vec::new();
        for rule in group.rule_action_overrides() {
            rule.action_to_use()?.count()?;
            counted.push(rule.name().to_owned());
        }
        counted.sort();
        Some(When::Managed {
            name: group.name().to_owned(),
            counted,
        })
    }

    fn rate(rate: Option<&RateBasedStatement>) -> Option<Self> {
        let rate = rate.filter(|rate| {
            *rate.aggregate_key_type() == RateBasedStatementAggregateKeyType::Ip
                && rate.scope_down_statement().is_none()
        })?;
        // Five minutes is what AWS takes where nothing is said.
        let seconds = match rate.evaluation_window_sec() {
            0 => FIVE_MINUTES,
            seconds => seconds,
        };
        Some(When::Rate {
            limit: rate.limit(),
            seconds,
        })
    }

    fn countries(countries: Option<&GeoMatchStatement>) -> Option<Self> {
        let countries = countries.filter(|geo| geo.forwarded_ip_config().is_none())?;
        let mut codes: Vec<String> = countries
            .country_codes()
            .iter()
            .map(|code| code.as_str().to_owned())
            .collect();
        codes.sort();
        Some(When::Countries(codes))
    }
}

fn count() -> CountAction {
    CountAction::builder().build()
}

/// A managed group. The bodies that callers store are logs of attacks: what looks for attacks in
/// a body only counts, and so does the limit of 8 KB on it. The same patterns in headers, query
/// and path still block, and the function checks every body itself.
fn managed(group: ManagedRules) -> Rule {
    let (name, priority, aws, counted): (_, _, _, &[&str]) = match group {
        ManagedRules::IpReputation => (
            "ip-reputation",
            10,
            "AWSManagedRulesAmazonIpReputationList",
            &[],
        ),
        ManagedRules::Common => (
            "common",
            20,
            "AWSManagedRulesCommonRuleSet",
            &[
                "CrossSiteScripting_BODY",
                "EC2MetaDataSSRF_BODY",
                "GenericLFI_BODY",
                "GenericRFI_BODY",
                "SizeRestrictions_BODY",
            ],
        ),
        ManagedRules::KnownBadInputs => (
            "known-bad-inputs",
            30,
            "AWSManagedRulesKnownBadInputsRuleSet",
            &[
                "JavaDeserializationRCE_BODY",
                "Log4JRCE_BODY",
                "ReactJSRCE_BODY",
            ],
        ),
        ManagedRules::Sqli => (
            "sqli",
            40,
            "AWSManagedRulesSQLiRuleSet",
            &["SQLiExtendedPatterns_BODY", "SQLi_BODY"],
        ),
    };
    let when = When::Managed {
        name: aws.to_owned(),
        counted: counted.iter().map(|rule| (*rule).to_owned()).collect(),
    };
    Rule::new(name, priority, when, Then::AsTheGroupSays)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Rule> {
        Rule::wanted(&Waf {
            block_countries: vec!["RU".to_owned(), "KP".to_owned()],
            ..Waf::default()
        })
    }

    #[test]
    fn aws_gives_back_what_it_was_given() {
        for rule in all() {
            assert_eq!(
                rule.to_aws().map(|aws| Rule::from_aws(&aws)).ok(),
                Some(rule)
            );
        }
    }

    #[test]
    fn rules_stand_by_priority_and_none_has_anothers() {
        let names: Vec<(String, i32)> = all()
            .into_iter()
            .map(|rule| (rule.name, rule.priority))
            .collect();
        let expected = [
            ("countries", 0),
            ("rate", 1),
            ("ip-reputation", 10),
            ("common", 20),
            ("known-bad-inputs", 30),
            ("sqli", 40),
        ];
        assert_eq!(
            names,
            expected.map(|(name, priority)| (name.to_owned(), priority))
        );
    }

    #[test]
    fn only_rules_that_look_into_bodies_are_counted() {
        for rule in all() {
            if let When::Managed { counted, .. } = rule.when {
                assert!(
                    counted.iter().all(|name| name.ends_with("_BODY")),
                    "{counted:?}"
                );
                assert!(counted.is_sorted());
            }
        }
    }

    #[test]
    fn somebody_elses_rule_is_told_apart() {
        let rule = all().swap_remove(1);
        let mut aws = rule.to_aws().ok();
        if let Some(aws) = &mut aws {
            aws.statement = None;
        }
        let read = aws.map(|aws| Rule::from_aws(&aws));
        assert!(
            matches!(
                read,
                Some(Rule {
                    when: When::Other(_),
                    ..
                })
            ),
            "{read:?}"
        );
    }
}
