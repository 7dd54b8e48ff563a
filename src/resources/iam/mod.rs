//! Who may do what: one role for each function, with exact resources.

pub mod permissions;
pub mod policy;
mod reading;
pub mod role;
mod services;
#[cfg(test)]
mod tests;
