//! The key that everything at rest is encrypted under.

pub mod alias;
pub mod key;
mod key_policy;
mod reading;

use crate::error::Error;
use crate::stack::Stack;

pub use self::reading::Keys;

const NOT_FOUND: &[&str] = &["NotFoundException"];

fn alias_name(stack: &Stack) -> String {
    format!("alias/{}", stack.prefix())
}

/// A key that was just made, enabled or taken back is not known as such everywhere for a moment.
fn settles(error: &Error) -> bool {
    matches!(
        error.code(),
        Some("NotFoundException" | "DisabledException" | "KMSInvalidStateException")
    )
}

#[cfg(test)]
mod tests;
