//! What can go wrong with a request, and what the caller is told about it.

use serde::Serialize;
use serde_json::Value;

/// One refused parameter, written so that a language model can mend its call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Detail {
    pub field: String,
    pub expected: String,
    pub received: Value,
    pub example: Value,
}

/// The most faults that one answer names: a body can hold a hundred thousand.
pub const MOST_DETAILS: usize = 20;

/// Every code of a [`Refusal`].
pub const CODES: [&str; 11] = [
    "invalid_json",
    "invalid_request",
    "unknown_intent",
    "invalid_parameters",
    "unauthorized",
    "method_not_allowed",
    "payload_too_large",
    "internal_error",
    "database_unavailable",
    "secrets_unavailable",
    "query_timeout",
];

/// An answer that is not a success.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub status: u16,
    /// Stable, for programs.
    pub code: &'static str,
    /// One sentence, for people and models.
    pub error: String,
    pub details: Vec<Detail>,
    /// The whole cause. It goes to the log and nowhere else.
    pub cause: Option<String>,
}

impl Refusal {
    pub fn new(status: u16, code: &'static str, error: impl Into<String>) -> Self {
        Self {
            status,
            code,
            error: error.into(),
            details: Vec::new(),
            cause: None,
        }
    }

    /// Parameters that were refused.
    pub fn invalid(details: Vec<Detail>) -> Self {
        let error = match details.as_slice() {
            [one] => format!(
                "The parameter {} was refused.",
                crate::untrusted::escape(&one.field)
            ),
            many if many.len() < MOST_DETAILS => {
                format!("{} parameters were refused.", many.len())
            }
            _ => format!("Many parameters were refused; the first {MOST_DETAILS} are named."),
        };
        Self {
            details,
            ..Self::new(400, "invalid_parameters", error)
        }
    }

    pub fn method_not_allowed() -> Self {
        Self::new(405, "method_not_allowed", "Only POST is answered here.")
    }

    pub fn payload_too_large(most: usize) -> Self {
        let error = format!("The body is longer than {most} bytes.");
        Self::new(413, "payload_too_large", error)
    }

    pub fn unauthorized() -> Self {
        let error = "The header x-api-key is missing or wrong.";
        Self::new(401, "unauthorized", error)
    }

    /// The server took too long. A store that it stopped has stored nothing.
    pub fn query_timeout(writes: bool) -> Self {
        let error = if writes {
            "The database took too long to store the row; try again shortly."
        } else {
            "The query took too long; choose a shorter window or more filters."
        };
        Self::new(503, "query_timeout", error)
    }

    /// Something that only the operator can mend.
    pub fn internal(cause: impl Into<String>) -> Self {
        Self::new(500, "internal_error", "An internal error occurred.").because(cause)
    }

    /// The database cannot be reached; a later try may succeed.
    pub fn unavailable(cause: impl Into<String>) -> Self {
        Self::new(
            503,
            "database_unavailable",
            "The database cannot be reached; try again shortly.",
        )
        .because(cause)
    }

    /// The secrets cannot be read; a later try may succeed.
    pub fn no_secrets(cause: impl Into<String>) -> Self {
        Self::new(
            503,
            "secrets_unavailable",
            "The function's secrets cannot be read; try again shortly.",
        )
        .because(cause)
    }

    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}

/// Why an intent did not finish.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("{}", .0.error)]
    Refused(Refusal),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error("the answer cannot be written: {0}")]
    Answer(#[from] serde_json::Error),
}
