//! The watch for attacks on the account.

pub mod detector;
#[cfg(test)]
mod tests;
