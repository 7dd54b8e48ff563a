//! Draws events: one line per object that moves on a terminal, plain lines elsewhere.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::Printer;
use crate::events::Event;

/// Draws until every sender is gone, or it is finished.
pub struct Progress {
    drawing: JoinHandle<()>,
    finish: oneshot::Sender<()>,
}

impl Progress {
    pub fn draw(mut events: UnboundedReceiver<Event>, printer: Printer) -> Self {
        let bars = std::io::stderr().is_terminal() && !printer.json;
        let mut drawing = Drawing {
            printer,
            bars: bars.then(MultiProgress::new),
            running: HashMap::new(),
            said: HashMap::new(),
        };
        let (finish, mut finished) = oneshot::channel();
        let drawing = tokio::spawn(async move {
            loop {
                tokio::select! {
                    event = events.recv() => match event {
                        Some(event) => drawing.event(event),
                        None => return,
                    },
                    // What has been sent is still received.
                    Ok(()) = &mut finished, if !finished.is_terminated() => events.close(),
                }
            }
        });
        Self { drawing, finish }
    }

    /// Waits for the last line of what has been sent to be drawn. Whoever still could send
    /// something is not waited for: that may be the caller.
    pub async fn finish(self) {
        let _ = self.finish.send(());
        let _ = self.drawing.await;
    }
}

struct Drawing {
    printer: Printer,
    bars: Option<MultiProgress>,
    running: HashMap<String, ProgressBar>,
    /// The last reason said of each object in plain lines, so that none is said twice in a row.
    said: HashMap<String, String>,
}

impl Drawing {
    fn event(&mut self, event: Event) {
        match event {
            Event::Started { id, doing } => self.started(id, &doing),
            Event::Waiting { id, reason } => self.waiting(&id, reason),
            Event::Done { id, done, elapsed } => {
                self.ended(&id, &format!("  ✓ {id} {done} ({})", seconds(elapsed)));
            }
            Event::Failed { id, error } => self.ended(&id, &format!("  ✗ {id}: {error}")),
            Event::Skipped { id, reason } => self.line(&format!("  - {id} skipped: {reason}")),
            Event::Note(text) => self.line(&text),
            Event::Alert(text) => self.beside_bars(|printer| printer.alert(&text)),
            Event::Detail(text) => self.beside_bars(|printer| printer.detail(&text)),
        }
    }

    fn started(&mut self, id: String, doing: &str) {
        let Some(bars) = &self.bars else {
            return;
        };
        let bar = bars.add(ProgressBar::new_spinner());
        let style = ProgressStyle::with_template("  {spinner} {prefix} {msg} ({elapsed})")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        bar.set_style(style);
        bar.set_prefix(format!("{id} {doing}"));
        bar.enable_steady_tick(Duration::from_millis(120));
        self.running.insert(id, bar);
    }

    fn waiting(&mut self, id: &str, reason: String) {
        if let Some(bar) = self.running.get(id) {
            bar.set_message(format!("– waiting for {reason}"));
        } else if self.bars.is_none()
            && self.said.get(id) != Some(&reason)
            && !reason.starts_with("cargo: ")
        {
            self.line(&format!("  … {id} waits for {reason}"));
            self.said.insert(id.to_owned(), reason);
        }
    }

    fn ended(&mut self, id: &str, line: &str) {
        if let Some(bar) = self.running.remove(id) {
            bar.finish_and_clear();
        }
        self.said.remove(id);
        self.line(line);
    }

    fn line(&self, text: &str) {
        self.beside_bars(|printer| printer.message(text));
    }

    /// Prints what the bars on a terminal must not be drawn over.
    fn beside_bars(&self, print: impl FnOnce(Printer)) {
        match &self.bars {
            Some(bars) => bars.suspend(|| print(self.printer)),
            None => print(self.printer),
        }
    }
}

fn seconds(elapsed: Duration) -> String {
    format!("{:.1}s", elapsed.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Events;

    #[tokio::test]
    async fn nobody_waits_for_one_who_could_still_send() {
        let (events, receiver) = Events::channel();
        let printer = Printer {
            json: true,
            verbose: false,
        };
        let progress = Progress::draw(receiver, printer);
        events.note("something");
        let finished = tokio::time::timeout(Duration::from_secs(10), progress.finish());
        assert!(finished.await.is_ok());
        events.note("too late");
    }
}
