//! What happens while a command runs. Work sends events; reporters draw them.

use std::time::Duration;

use tokio::sync::mpsc;

/// One thing that happened to one object. `id` is its logical id, such as `subnet/private-a`,
/// or the name of an activity such as `build`.
#[derive(Debug)]
pub enum Event {
    Started {
        id: String,
        /// In progress form: "creating", "reading".
        doing: String,
    },
    /// What a step is waiting for, in a few words: "network interfaces to go".
    Waiting {
        id: String,
        reason: String,
    },
    Done {
        id: String,
        /// In the past: "created", "built".
        done: String,
        elapsed: Duration,
    },
    Failed {
        id: String,
        error: String,
    },
    /// Not tried, since something that it needs failed.
    Skipped {
        id: String,
        reason: String,
    },
    /// A remark that is not about a step in progress.
    Note(String),
    /// What whoever sits at the keyboard must know, whatever reads the data.
    Alert(String),
    /// What is shown only with `-v`.
    Detail(String),
}

/// Where events go. Cloned freely; sending never blocks, and a receiver that is gone is no error.
#[derive(Clone)]
pub struct Events(mpsc::UnboundedSender<Event>);

impl Events {
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    pub fn send(&self, event: Event) {
        let _ = self.0.send(event);
    }

    pub fn started(&self, id: &str, doing: &str) {
        self.send(Event::Started {
            id: id.to_owned(),
            doing: doing.to_owned(),
        });
    }

    pub fn waiting(&self, id: &str, reason: impl Into<String>) {
        self.send(Event::Waiting {
            id: id.to_owned(),
            reason: reason.into(),
        });
    }

    pub fn done(&self, id: &str, done: &str, elapsed: Duration) {
        self.send(Event::Done {
            id: id.to_owned(),
            done: done.to_owned(),
            elapsed,
        });
    }

    pub fn alert(&self, text: impl Into<String>) {
        self.send(Event::Alert(text.into()));
    }

    pub fn note(&self, text: impl Into<String>) {
        self.send(Event::Note(text.into()));
    }
}
