//! What the stack is watched for.

pub mod alarm;
mod metric;
mod watched;

#[cfg(test)]
mod tests;
