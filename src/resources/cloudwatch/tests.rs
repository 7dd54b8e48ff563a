//! Alarms of others.

use super::alarm::Alarm;
use crate::aws::Reader;
use crate::aws::scripted::{Scene, Script};
use crate::resources::{Resource, sample};

/// It is shown as it is, and taken over only with all that is ours, tags too.
#[tokio::test]
async fn an_alarm_with_our_name_and_without_our_tags_is_not_ours() {
    let script = Script::new()
        .answer(
            "DescribeAlarms",
            "<DescribeAlarmsResponse><DescribeAlarmsResult><MetricAlarms><member>\
             <AlarmName>chat-prod-function-errors</AlarmName><AlarmArn>arn:a</AlarmArn>\
             <Threshold>7.0</Threshold></member></MetricAlarms>\
             </DescribeAlarmsResult></DescribeAlarmsResponse>",
        )
        .answer(
            "ListTagsForResource",
            "<ListTagsForResourceResponse><ListTagsForResourceResult><Tags/>\
             </ListTagsForResourceResult></ListTagsForResourceResponse>",
        )
        .answer("PutMetricAlarm", "<PutMetricAlarmResponse/>")
        .answer("TagResource", "<TagResourceResponse/>");
    let scene = Scene::new("alarm/function-errors", script);
    let found = Alarm::find(&Reader::new(&scene.aws, &scene.stack)).await;
    let found = found.unwrap().remove(0);
    assert_eq!(
        (found.name.as_str(), found.owned),
        ("function-errors", false)
    );
    assert!((found.value.threshold - 7.0).abs() < f64::EPSILON);

    let alarms = sample::wanted::<Alarm>("", &[]);
    let mut alarms = alarms.into_iter().filter(|(name, _)| *name == found.name);
    let wanted = alarms.next().unwrap().1;
    let changed = ["threshold", "tags"].map(str::to_owned);
    wanted.update(&scene.cx(), &found, &changed).await.unwrap();
    assert_eq!(scene.script.calls()[2..], ["PutMetricAlarm", "TagResource"]);
    let topic = "arn%3Aaws%3Asns%3Aus-east-1%3A111122223333%3Achat-prod";
    assert!(scene.script.bodies("PutMetricAlarm")[0].contains(topic));
}
