//! Draws events: one line per object that moves on a terminal, plain lines elsewhere.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use super::Printer;
use crate::events::Event;

/// Draws until every sender is gone.
pub struct Progress(JoinHandle<()>);

impl Progress {
    pub fn draw(events: UnboundedReceiver<Event>, printer: Printer) -> Self {
        let bars = std::io::stderr().is_terminal() && !printer.json;
        let mut drawing = Drawing {
            printer,
            bars: bars.then(MultiProgress::new),
            running: HashMap::new(),
            said: HashMap::new(),
        };
        Self(tokio::spawn(async move {
            let mut events = events;
            while let Some(event) = events.recv().await {
                drawing.event(event);
            }
        }))
    }

    /// Waits for the last line to be drawn.
    pub async fn finish(self) {
        let _ = self.0.await;
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
            Event::Detail(text) => self.detail(&text),
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

    fn detail(&self, text: &str) {
        match &self.bars {
            Some(bars) => bars.suspend(|| self.printer.detail(text)),
            None => self.printer.detail(text),
        }
    }

    fn line(&self, text: &str) {
        match &self.bars {
            Some(bars) => {
                let _ = bars.println(text);
            }
            None => self.printer.message(text),
        }
    }
}

fn seconds(elapsed: Duration) -> String {
    format!("{:.1}s", elapsed.as_secs_f64())
}
