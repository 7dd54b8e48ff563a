//! Rotating API keys, so that no request fails.
//!
//! # State
//!
//! All state is in AWS, so that any machine goes on where another one stopped:
//!
//! | what | where |
//! | --- | --- |
//! | versions and their order | API keys `{stack}-{environment}-{name}-v{n}`, with the stack's tags |
//! | which is current | the secret `api-key-NAME`: its AWSCURRENT version has an id that follows from the key's |
//! | what is to become it | later versions; AWSPENDING of the same secret once the value is stored |
//! | when it became it | the secret's tag `wmctl:promoted`: `2026-01-31T12:00:00Z {key id}` |
//! | what the function accepts | the secret `api-keys`, and its tags `wmctl:source/NAME` |
//! | what the gateway admits | the keys of the usage plan |
//! | what is done with | earlier versions that are disabled, their names end with `-retired`, since when they changed last |
//!
//! `resources::apigateway::versions` reads that and tells each version's role. To the engine all
//! versions are one object, `api-key/NAME`, with the attributes `id` (current), `accepted` and
//! `admitted` (ids that must work, and those that a rotation has added or has yet to take out).
//! So a plan made at any moment of a rotation has nothing to do, and what somebody else changed is
//! mended to what the rotation has reached.
//!
//! # Steps
//!
//! [`next`] decides by the state alone what comes next, and [`steps`] does it; then the state is
//! read anew. A version is created, stored as pending, accepted by the function, admitted by the
//! gateway, probed at the live endpoint, and promoted by one call that moves a stage. The function
//! comes before the gateway, since the gateway lets no key through that the function could not
//! know. Until that one call nothing of the current key has changed; after it both are valid. At
//! the end of the overlap the old one is disabled (the gateway refuses it), taken from the
//! function and the plan, and deleted when the grace period is over.

pub mod age;
pub mod last_use;
pub mod next;
pub mod probe;
pub mod report;
pub mod run;
pub mod steps;

use std::time::{SystemTime, UNIX_EPOCH};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use crate::permissions::{Grant, allow};
use crate::resources::{lambda, secretsmanager};

/// What rotating an API key takes beside what a plan reads.
pub const ROTATES: &[Grant] = &[
    allow(&["apigateway:POST"], &["apigateway:/apikeys"]).tagged(),
    allow(
        &["apigateway:DELETE", "apigateway:GET", "apigateway:PATCH"],
        &["apigateway:/apikeys/*"],
    )
    .ours(),
    allow(&["apigateway:POST"], &["apigateway:/usageplans/*/keys"]).ours(),
    allow(&["apigateway:DELETE"], &["apigateway:/usageplans/*/keys/*"]).ours(),
    allow(&["apigateway:GET"], &["apigateway:/usageplans/*/usage"]),
    allow(
        &[
            "secretsmanager:DescribeSecret",
            "secretsmanager:PutSecretValue",
            "secretsmanager:TagResource",
            "secretsmanager:UpdateSecret",
            "secretsmanager:UpdateSecretVersionStage",
        ],
        &["secretsmanager:secret:{stack}/*"],
    ),
    secretsmanager::ENCRYPT,
    lambda::FOLLOW,
];

/// In seconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// `2026-01-31 12:00:00 UTC`.
pub fn shown(seconds: i64) -> String {
    DateTime::from_secs(seconds)
        .fmt(Format::DateTime)
        .map_or_else(
            |_| seconds.to_string(),
            |text| text.replace('T', " ").replace('Z', " UTC"),
        )
}
