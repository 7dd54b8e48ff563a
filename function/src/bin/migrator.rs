//! The function that migrates the database. It has no API: only a direct invocation reaches it.

use function::migrate::Migrator;
use function::settings::{environment, log_level};
use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use serde_json::Value;
use tokio::sync::Mutex;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    function::log::set_level(log_level(&environment));
    let migrator = Mutex::new(Migrator::default());
    let migrator = &migrator;
    let handler =
        |event: LambdaEvent<Value>| async move { migrator.lock().await.handle(event).await };
    Runtime::new(service_fn(handler)).run().await
}
