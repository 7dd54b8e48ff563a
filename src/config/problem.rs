//! One thing wrong with the file, and how it is shown.

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

use super::document::{Document, Span};
use crate::error::{Error, Kind};

/// What is wrong, where, and what to write instead.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    title: String,
    span: Option<Span>,
    label: String,
    related: Vec<(Span, String)>,
    notes: Vec<String>,
    help: Vec<String>,
    absent: bool,
}

impl Problem {
    pub(super) fn new(title: impl Into<String>, span: Option<Span>) -> Self {
        Self {
            title: title.into(),
            span,
            label: String::new(),
            related: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
            absent: false,
        }
    }

    /// Said right under the offending text.
    pub(super) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Another line that has a part in it.
    pub(super) fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }

    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Marks a problem that is something not being there.
    pub(super) fn absent(mut self) -> Self {
        self.absent = true;
        self
    }

    pub(super) fn about_absence(&self) -> bool {
        self.absent
    }

    pub(super) fn span(&self) -> Option<&Span> {
        self.span.as_ref()
    }

    fn render(&self, document: &Document<'_>) -> String {
        let path = document.path.display().to_string();
        let mut group = Level::ERROR.primary_title(self.title.as_str()).elements(
            // A default of a section that is not in the file has no line.
            self.span.is_none().then(|| Origin::path(path.as_str())),
        );
        if let Some(span) = &self.span {
            let label = (!self.label.is_empty()).then_some(self.label.as_str());
            let mut snippet = Snippet::source(document.text)
                .path(path.as_str())
                .annotation(
                    AnnotationKind::Primary
                        .span(within(document.text, span))
                        .label(label),
                );
            for (span, label) in &self.related {
                let span = within(document.text, span);
                snippet =
                    snippet.annotation(AnnotationKind::Context.span(span).label(label.as_str()));
            }
            group = group.element(snippet);
        }
        for note in &self.notes {
            group = group.element(Level::NOTE.message(note.as_str()));
        }
        for help in &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        // Colour is for whoever prints this to decide.
        Renderer::plain().render(&[group])
    }
}

/// The renderer wants spans inside the text and between characters.
fn within(text: &str, span: &Span) -> Span {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.min(text.len()));
    start..end.max(start)
}

/// All problems as one error, in the order of the file.
pub(super) fn refuse(document: &Document<'_>, mut problems: Vec<Problem>) -> Error {
    problems.sort_by_key(|problem| problem.span.as_ref().map_or(0, |span| span.start));
    let path = document.path.display();
    let count = match problems.len() {
        1 => format!("{path} has a problem"),
        several => format!("{path} has {several} problems"),
    };
    let shown: Vec<String> = problems
        .iter()
        .map(|problem| problem.render(document))
        .collect();
    Error::new(Kind::Config, format!("{count}\n\n{}", shown.join("\n\n")))
}
