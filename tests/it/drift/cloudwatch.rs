//! The alarms.

use aws_sdk_cloudwatch::operation::put_metric_alarm::builders::PutMetricAlarmFluentBuilder as Put;
use aws_sdk_cloudwatch::types::{ComparisonOperator, Statistic, Tag};

use super::{Account, Deletion, Rows, drift};

const ERRORS: &str = "alarm/function-errors";
const RATE: &str = "alarm/api-error-rate";

pub fn rows() -> Rows {
    Rows {
        drifts: vec![
            drift(ERRORS, "description", |account| {
                Box::pin(put(account, ERRORS, |call| call.alarm_description("mine")))
            }),
            drift(ERRORS, "metric.statistic", |account| {
                Box::pin(put(account, ERRORS, |call| {
                    call.statistic(Statistic::Average)
                }))
            }),
            drift(RATE, "queries.share", |account| {
                Box::pin(put(account, RATE, |call| {
                    let mut queries = call.get_metrics().clone().unwrap();
                    for query in &mut queries {
                        if query.id() == Some("share") {
                            query.expression = Some("0 * some / all".to_owned());
                        }
                    }
                    call.set_metrics(Some(queries))
                }))
            }),
            drift(ERRORS, "comparison", |account| {
                Box::pin(put(account, ERRORS, |call| {
                    call.comparison_operator(ComparisonOperator::LessThanThreshold)
                }))
            }),
            drift(ERRORS, "threshold", |account| {
                Box::pin(put(account, ERRORS, |call| call.threshold(1e9)))
            }),
            drift(ERRORS, "evaluation_periods", |account| {
                Box::pin(put(account, ERRORS, |call| call.evaluation_periods(12)))
            }),
            drift(ERRORS, "missing_data", |account| {
                Box::pin(put(account, ERRORS, |call| {
                    call.treat_missing_data("ignore")
                }))
            }),
            drift(ERRORS, "actions_enabled", |account| {
                Box::pin(async move {
                    let call = account.aws.cloudwatch.disable_alarm_actions();
                    call.alarm_names(account.id(ERRORS)).send().await.unwrap();
                })
            }),
            drift(ERRORS, "actions", |account| {
                Box::pin(put(account, ERRORS, |call| {
                    call.alarm_actions("arn:aws:sns:us-east-1:123456789012:eve")
                }))
            }),
            drift(RATE, "tags.owner", |account| {
                Box::pin(async move {
                    let cloudwatch = &account.aws.cloudwatch;
                    let alarms = cloudwatch.describe_alarms().alarm_names(account.id(RATE));
                    let alarms = alarms.send().await.unwrap();
                    let arn = alarms.metric_alarms()[0].alarm_arn().unwrap();
                    let tag = Tag::builder().key("owner").value("other").build();
                    let call = cloudwatch.tag_resource().resource_arn(arn);
                    call.tags(tag).send().await.unwrap();
                })
            }),
        ],
        deletions: vec![Deletion {
            id: ERRORS,
            also: &[],
            except: &[],
            deed: |account| {
                Box::pin(async move {
                    let call = account.aws.cloudwatch.delete_alarms();
                    call.alarm_names(account.id(ERRORS)).send().await.unwrap();
                })
            },
        }],
        fixed: &[],
        lasting: &[],
    }
}

/// Gives the alarm its own settings again, but for what `change` sets.
async fn put(account: &Account, id: &str, change: fn(Put) -> Put) {
    let cloudwatch = &account.aws.cloudwatch;
    let alarms = cloudwatch.describe_alarms().alarm_names(account.id(id));
    let alarms = alarms.send().await.unwrap();
    let alarm = alarms.metric_alarms()[0].clone();
    let call = cloudwatch
        .put_metric_alarm()
        .set_alarm_name(alarm.alarm_name)
        .set_alarm_description(alarm.alarm_description)
        .set_metric_name(alarm.metric_name)
        .set_namespace(alarm.namespace)
        .set_statistic(alarm.statistic)
        .set_period(alarm.period)
        .set_dimensions(alarm.dimensions)
        .set_metrics(alarm.metrics)
        .set_comparison_operator(alarm.comparison_operator)
        .set_threshold(alarm.threshold)
        .set_evaluation_periods(alarm.evaluation_periods)
        .set_treat_missing_data(alarm.treat_missing_data)
        .set_actions_enabled(alarm.actions_enabled)
        .set_alarm_actions(alarm.alarm_actions);
    change(call).send().await.unwrap();
}
