//! Who may do what: one role for each function, with exact resources.

mod permissions;
pub mod policy;
mod reading;
pub mod role;
mod services;
#[cfg(test)]
mod tests;
