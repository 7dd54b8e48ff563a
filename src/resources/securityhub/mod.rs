//! Standards that the account is held against, day by day.

pub mod hub;
pub mod reading;
#[cfg(test)]
mod tests;
