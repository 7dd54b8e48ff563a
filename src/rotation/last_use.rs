//! When a key was last used. The function writes the key's id with every request, whatever its log
//! level, so its log group tells within seconds. API Gateway's own counters (`GetUsage`) have whole
//! days, and lag: they are asked for what is longer ago.

use crate::aws::{Aws, During, Optional};
use crate::error::Result;
use crate::resources::logs::function_group;
use crate::rotation::shown;
use crate::stack::Stack;

/// Ages in seconds that are told apart, the latest first.
const WINDOWS: [i64; 4] = [60, 300, 3600, 86_400];
/// How many pages of the log are searched in one window.
const PAGES: usize = 50;
/// How many days back the counters are asked for.
const DAYS: i64 = 30;

/// What is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastUse {
    /// Not so many seconds ago, by the function's log.
    Within(i64),
    /// On a day, by the gateway's counters.
    On(String),
    /// Not within so many days.
    NotFor(i64),
    /// The log was too long to be read to its end.
    Unknown,
}

impl LastUse {
    pub fn is_recent(&self) -> bool {
        match self {
            LastUse::Within(seconds) => *seconds <= 3600,
            LastUse::On(day) => shown(super::now()).starts_with(day.as_str()),
            LastUse::NotFor(_) | LastUse::Unknown => false,
        }
    }

    pub fn text(&self) -> String {
        match self {
            LastUse::Within(60) => "less than a minute ago".to_owned(),
            LastUse::Within(seconds @ ..3600) => format!("less than {} minutes ago", seconds / 60),
            LastUse::Within(3600) => "less than an hour ago".to_owned(),
            LastUse::Within(_) => "less than a day ago".to_owned(),
            LastUse::On(day) => format!("on {day}"),
            LastUse::NotFor(1) => "not within a day".to_owned(),
            LastUse::NotFor(days) => format!("not within {days} days"),
            LastUse::Unknown => "not known: the log is too long to search".to_owned(),
        }
    }
}

/// When the key with this id was last used.
pub async fn last_use(aws: &Aws, stack: &Stack, plan: Option<&str>, key: &str) -> Result<LastUse> {
    let now = super::now();
    let (mut newer, mut complete) = (0, true);
    for age in WINDOWS {
        match in_log(aws, stack, key, now - age, now - newer).await? {
            Some(true) => return Ok(LastUse::Within(age)),
            Some(false) => {}
            None => complete = false,
        }
        newer = age;
    }
    // Emulators do not count.
    if aws.emulator.is_none()
        && let Some(plan) = plan
    {
        return Ok(match by_day(aws, plan, key, now).await? {
            Some(day) => LastUse::On(day),
            None => LastUse::NotFor(DAYS),
        });
    }
    Ok(if complete {
        LastUse::NotFor(1)
    } else {
        LastUse::Unknown
    })
}

/// Whether the function's log names the key in this time; none where it is too long to tell.
async fn in_log(aws: &Aws, stack: &Stack, key: &str, from: i64, to: i64) -> Result<Option<bool>> {
    let group = function_group(stack, "chatbot");
    let mut call = aws
        .logs
        .filter_log_events()
        .log_group_name(&group)
        .filter_pattern(format!("\"{key}\""))
        .start_time(from * 1000)
        .end_time(to * 1000 + 999)
        .limit(1);
    for _ in 0..PAGES {
        let page = call.clone().send().await.during("FilterLogEvents", &group);
        let Some(page) = page.unless(&["ResourceNotFoundException"])? else {
            return Ok(Some(false));
        };
        if !page.events().is_empty() {
            return Ok(Some(true));
        }
        match page.next_token {
            Some(token) => call = call.next_token(token),
            None => return Ok(Some(false)),
        }
    }
    Ok(None)
}

/// The last day on which the gateway counted a request with the key.
async fn by_day(aws: &Aws, plan: &str, key: &str, now: i64) -> Result<Option<String>> {
    let day = |ago: i64| {
        shown(now - ago * 86_400)
            .chars()
            .take(10)
            .collect::<String>()
    };
    let call = aws
        .apigateway
        .get_usage()
        .usage_plan_id(plan)
        .key_id(key)
        .start_date(day(DAYS))
        .end_date(day(0));
    let usage = call.send().await.during("GetUsage", plan);
    let Some(usage) = usage.unless(&["NotFoundException"])? else {
        return Ok(None);
    };
    // Each day is [used, remaining], the first day first. The map's keys are the keys' ids.
    let days: Vec<Vec<i64>> = usage
        .items
        .unwrap_or_default()
        .remove(key)
        .unwrap_or_default();
    let last = days
        .iter()
        .rposition(|day| day.first().is_some_and(|used| *used > 0));
    Ok(last.map(|index| day(DAYS - i64::try_from(index).unwrap_or(DAYS))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::scripted::{Scene, Script};

    const NONE: &str = r#"{"events": []}"#;

    #[tokio::test]
    async fn the_functions_log_tells_the_last_minutes() {
        let script = Script::new()
            .answer("FilterLogEvents", NONE)
            .answer("FilterLogEvents", r#"{"events": [], "nextToken": "t"}"#)
            .answer("FilterLogEvents", r#"{"events": [{"message": "…"}]}"#);
        let scene = Scene::new("api-key/web", script);
        let found = last_use(&scene.aws, &scene.stack, None, "k1")
            .await
            .unwrap();
        assert_eq!(found, LastUse::Within(300));
        assert!(found.is_recent());
        let asked = &scene.script.bodies("FilterLogEvents")[0];
        assert!(asked.contains(r#""filterPattern":"\"k1\"""#), "{asked}");
    }

    #[tokio::test]
    async fn the_gateways_counters_tell_the_days_before() {
        let mut script = Script::new();
        for _ in WINDOWS {
            script = script.answer("FilterLogEvents", NONE);
        }
        // Thirty-one days, the last two without a request.
        let counts = "[3, 9], ".repeat(29) + "[0, 9], [0, 9]";
        let script = script.answer(
            "GET /usageplans/p1/usage",
            format!("{{\"values\": {{\"k1\": [{counts}]}}}}"),
        );
        let scene = Scene::new("api-key/web", script);
        let found = last_use(&scene.aws, &scene.stack, Some("p1"), "k1")
            .await
            .unwrap();
        let day: String = shown(crate::rotation::now() - 2 * 86_400)
            .chars()
            .take(10)
            .collect();
        assert_eq!(found, LastUse::On(day));
        assert!(!found.is_recent());
    }
}
