//! The function behind the gateway.

use function::chatbot::Chatbot;
use function::event::Event;
use function::settings::{Settings, environment, log_level};
use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use tokio::sync::Mutex;

/// One sandbox answers one request at a time: one thread is enough.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    function::memory::keep();
    function::log::set_level(log_level(&environment));
    let chatbot = Mutex::new(Chatbot::new(Settings::read(&environment)));
    let chatbot = &chatbot;
    let handler =
        |event: LambdaEvent<Event>| async move { chatbot.lock().await.handle(event).await };
    Runtime::new(service_fn(handler)).run().await
}
