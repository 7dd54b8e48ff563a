//! Calling the live endpoint with a new key until it is known everywhere: the gateway takes from
//! seconds to half an hour.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};

use crate::aws::patience::clock::{Instant, sleep};
use crate::endpoint::Endpoint;
use crate::error::{Error, Kind, Result};
use crate::events::Events;

/// So many successes one behind the other: each may meet another part of the gateway.
const IN_A_ROW: u32 = 5;
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(10);

/// Waits until the key works. `stopped` ends it early, as a refusal that changed nothing.
pub async fn probe(
    endpoint: &Endpoint,
    key: &SecretString,
    limit: Duration,
    (events, id): (&Events, &str),
    stopped: &dyn Fn() -> bool,
) -> Result<()> {
    let deadline = Instant::now() + limit;
    let (mut row, mut tries, mut pause) = (0, 0_u32, FIRST);
    let mut last = "not asked yet".to_owned();
    // It reads, and as little as can be.
    let body = json!({
        "intent": "get_traffic_summary",
        "params": {"start_time": "2000-01-01 00:00:00", "end_time": "2000-01-01 00:01:00"},
    });
    loop {
        if stopped() {
            return Err(
                Error::new(Kind::Interrupted, "stopped while the new key was probed")
                    .hint("both keys are as they were; run the same command again to go on"),
            );
        }
        events.waiting(
            id,
            format!("the new key to work everywhere: {row} of {IN_A_ROW} calls in a row, {tries} in all, last answer {last}"),
        );
        tries += 1;
        last = match endpoint.post(key, &body).await {
            Ok((200, text)) if succeeded(&text) => {
                row += 1;
                pause = FIRST;
                "200".to_owned()
            }
            Ok((status, text)) => {
                row = 0;
                format!("{status} {}", code(&text))
            }
            Err(error) => {
                row = 0;
                error.message
            }
        };
        if row == IN_A_ROW {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(Error::failed(format!(
                "the new key did not work {IN_A_ROW} times in a row within {} minutes; last answer: {last}",
                limit.as_secs() / 60
            ))
            .hint("callers go on with the old key; `wmctl status` tells whether the endpoint is well")
            .hint("run the same command again to go on, or `wmctl rotate-keys --abort` to stay with the old key"));
        }
        sleep(pause).await;
        if row == 0 {
            pause = (pause * 2).min(LONGEST);
        }
    }
}

fn succeeded(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|answer| answer["success"] == true)
}

/// What a refusal calls itself.
fn code(text: &str) -> String {
    let answer: Value = serde_json::from_str(text).unwrap_or_default();
    answer["code"].as_str().unwrap_or_default().to_owned()
}
