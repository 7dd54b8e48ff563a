//! Answers what it is sent: what the runtime alone costs, for the benchmark beside the chatbot.

use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let handler = |event: LambdaEvent<Value>| async move { Ok::<_, Error>(event.payload) };
    Runtime::new(service_fn(handler)).run().await
}
