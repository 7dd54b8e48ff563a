//! What an alarm measures.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{self as sdk, Dimension, MetricDataQuery, MetricStat};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    pub namespace: String,
    pub name: String,
    /// `Sum`, or a percentile such as `p99`.
    pub statistic: String,
    pub period: i32,
    pub dimensions: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Query {
    pub metric: Option<Metric>,
    pub expression: Option<String>,
    pub label: Option<String>,
    pub result: bool,
}

impl Metric {
    pub fn is_percentile(&self) -> bool {
        self.statistic.starts_with('p')
    }

    pub fn sdk_dimensions(&self) -> Vec<Dimension> {
        self.dimensions
            .iter()
            .map(|(name, value)| Dimension::builder().name(name).value(value).build())
            .collect()
    }

    fn from_stat(stat: MetricStat) -> Self {
        let metric = stat
            .metric
            .unwrap_or_else(|| sdk::Metric::builder().build());
        Self {
            namespace: metric.namespace.unwrap_or_default(),
            name: metric.metric_name.unwrap_or_default(),
            statistic: stat.stat.unwrap_or_default(),
            period: stat.period.unwrap_or_default(),
            dimensions: dimensions(metric.dimensions),
        }
    }
}

impl Query {
    pub fn to_sdk(&self, id: &str) -> MetricDataQuery {
        let stat = self.metric.as_ref().map(|metric| {
            let measured = sdk::Metric::builder()
                .namespace(&metric.namespace)
                .metric_name(&metric.name)
                .set_dimensions(Some(metric.sdk_dimensions()))
                .build();
            MetricStat::builder()
                .metric(measured)
                .period(metric.period)
                .stat(&metric.statistic)
                .build()
        });
        MetricDataQuery::builder()
            .id(id)
            .set_metric_stat(stat)
            .set_expression(self.expression.clone())
            .set_label(self.label.clone())
            .return_data(self.result)
            .build()
    }

    pub fn from_sdk(query: MetricDataQuery) -> Self {
        Self {
            metric: query.metric_stat.map(Metric::from_stat),
            expression: query.expression,
            label: query.label,
            result: query.return_data.unwrap_or(true),
        }
    }
}

pub fn dimensions(dimensions: Option<Vec<Dimension>>) -> BTreeMap<String, String> {
    dimensions
        .unwrap_or_default()
        .into_iter()
        .filter_map(|dimension| Some((dimension.name?, dimension.value?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::cloudwatch::alarm::Alarm;
    use crate::resources::sample::wanted;

    #[test]
    fn queries_come_back_as_they_went() {
        for (_, alarm) in wanted::<Alarm>("", &[]) {
            for (id, query) in &alarm.queries {
                assert_eq!(Query::from_sdk(query.to_sdk(id)), *query);
            }
        }
    }
}
