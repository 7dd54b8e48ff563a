//! Standards that the account is held against, day by day.

pub mod hub;
#[cfg(test)]
mod tests;
