//! What a call is for: known to whoever starts work on an object, and shown with each of its calls.

use std::future::Future;

use tokio::task_local;

task_local! {
    static PURPOSE: String;
}

/// Runs `work` with this purpose, such as `creating vpc/main`: it stands behind each of its calls.
pub async fn with<T>(purpose: String, work: impl Future<Output = T>) -> T {
    PURPOSE.scope(purpose, work).await
}

/// ` (creating vpc/main)`, or nothing outside such work.
pub(super) fn shown() -> String {
    PURPOSE
        .try_with(|purpose| format!(" ({purpose})"))
        .unwrap_or_default()
}
