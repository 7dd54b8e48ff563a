//! The file as it was written: every key and value with its place in the text.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

pub(super) type Span = Range<usize>;

/// The span of what is not in the text.
pub(super) const NOWHERE: Span = 0..0;

/// Where a value stands, `api.keys[0].name`: how the checks speak of a value without knowing its span.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Key(String),
    Index(usize),
}

impl Place {
    /// A key below this place; any text, as tags have dots in their keys.
    pub(super) fn key(&self, key: &str) -> Self {
        self.then(Step::Key(key.to_owned()))
    }

    pub(super) fn index(&self, index: usize) -> Self {
        self.then(Step::Index(index))
    }

    fn then(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// The table or the list this stands in; nothing for the whole file.
    pub(super) fn parent(&self) -> Option<Self> {
        let (_, steps) = self.0.split_last()?;
        Some(Self(steps.to_vec()))
    }

    /// The last key, without what leads to it.
    pub(super) fn name(&self) -> &str {
        self.0
            .iter()
            .rev()
            .find_map(|step| match step {
                Step::Key(key) => Some(key.as_str()),
                Step::Index(_) => None,
            })
            .unwrap_or_default()
    }

    pub(super) fn is_element(&self) -> bool {
        matches!(self.0.last(), Some(Step::Index(_)))
    }

    /// `api.keys` for an element of it.
    pub(super) fn without_index(&self) -> Self {
        let mut steps = self.0.clone();
        while matches!(steps.last(), Some(Step::Index(_))) {
            steps.pop();
        }
        Self(steps)
    }

    /// What the header of a table says between its outer brackets.
    pub(super) fn section(&self) -> String {
        if self.is_element() {
            format!("[{}]", self.without_index())
        } else {
            self.to_string()
        }
    }

    /// The value at this place of a model; any element of a list stands for all.
    pub(super) fn value_in<'v>(&self, model: &'v toml::Value) -> Option<&'v toml::Value> {
        self.0.iter().try_fold(model, |value, step| match step {
            Step::Key(key) => value.as_table()?.get(key),
            Step::Index(_) => value.as_array()?.first(),
        })
    }

    /// Whether one of the two holds the other.
    pub(super) fn touches(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0) || other.0.starts_with(&self.0)
    }
}

/// Parses the dotted form; meant for the keys this crate writes itself, all of them bare.
impl From<&str> for Place {
    fn from(dotted: &str) -> Self {
        let mut steps = Vec::new();
        for part in dotted.split('.') {
            let mut pieces = part.split('[');
            if let Some(key) = pieces.next() {
                steps.push(Step::Key(key.to_owned()));
            }
            for piece in pieces {
                if let Ok(index) = piece.trim_end_matches(']').parse() {
                    steps.push(Step::Index(index));
                }
            }
        }
        Self(steps)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
                    if position > 0 {
                        f.write_str(".")?;
                    }
                    if !key.is_empty() && key.chars().all(bare) {
                        f.write_str(key)?;
                    } else {
                        write!(f, "{key:?}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// A value with the place of the key it was given by; list elements have no key.
pub(super) struct Found<'d, 'i> {
    pub(super) key: Option<Span>,
    pub(super) value: &'d Spanned<DeValue<'i>>,
}

impl Found<'_, '_> {
    /// What to underline when it is the value that is wrong. Of a table below its own
    /// header only the name is of interest.
    pub(super) fn span(&self) -> Span {
        match (&self.key, self.value.get_ref()) {
            (Some(key), DeValue::Table(_) | DeValue::Array(_))
                if key.start >= self.value.span().start =>
            {
                key.clone()
            }
            _ => self.value.span(),
        }
    }
}

/// The parsed text. What the schema refuses is taken out of a copy; this stays as written.
pub(super) struct Document<'i> {
    pub(super) text: &'i str,
    pub(super) path: &'i Path,
    pub(super) root: Spanned<DeTable<'i>>,
}

impl<'i> Document<'i> {
    pub(super) fn find(&self, place: &Place) -> Option<Found<'_, 'i>> {
        let mut table = Some(self.root.get_ref());
        let mut found: Option<Found<'_, 'i>> = None;
        for step in &place.0 {
            found = match step {
                Step::Key(key) => {
                    let (key, value) = table?.get_key_value(key.as_str())?;
                    Some(Found {
                        key: Some(key.span()),
                        value,
                    })
                }
                Step::Index(index) => {
                    let value = found?.value.get_ref().as_array()?.get(*index)?;
                    Some(Found { key: None, value })
                }
            };
            table = found
                .as_ref()
                .and_then(|found| found.value.get_ref().as_table());
        }
        found
    }

    /// What to underline for a value, or for the nearest thing around it that is in the file.
    pub(super) fn span(&self, place: &Place) -> Option<Span> {
        if let Some(found) = self.find(place) {
            return Some(found.span());
        }
        self.span(&place.parent()?)
    }

    pub(super) fn has(&self, place: &Place) -> bool {
        self.find(place).is_some()
    }
}

/// Every key and list element with its place, the outer before the inner.
pub(super) fn entries<'d, 'i>(table: &'d DeTable<'i>) -> Vec<(Place, Found<'d, 'i>)> {
    let mut all = Vec::new();
    collect_table(table, &Place::default(), &mut all);
    all
}

fn collect_table<'d, 'i>(
    table: &'d DeTable<'i>,
    at: &Place,
    all: &mut Vec<(Place, Found<'d, 'i>)>,
) {
    for (key, value) in table {
        collect(value, Some(key.span()), &at.key(key.get_ref()), all);
    }
}

fn collect<'d, 'i>(
    value: &'d Spanned<DeValue<'i>>,
    key: Option<Span>,
    at: &Place,
    all: &mut Vec<(Place, Found<'d, 'i>)>,
) {
    all.push((at.clone(), Found { key, value }));
    match value.get_ref() {
        DeValue::Table(table) => collect_table(table, at, all),
        DeValue::Array(list) => {
            for (index, element) in list.iter().enumerate() {
                collect(element, None, &at.index(index), all);
            }
        }
        _ => {}
    }
}

/// The place whose key or value has exactly this span; the innermost, as a list of tables
/// has the span of its first element.
pub(super) fn place_at(table: &DeTable<'_>, span: &Span) -> Option<Place> {
    entries(table)
        .into_iter()
        .rfind(|(_, found)| found.key.as_ref() == Some(span) || found.value.span() == *span)
        .map(|(place, _)| place)
}

/// Takes a value out; its default stands in then. False where there is none.
pub(super) fn remove(table: &mut DeTable<'_>, place: &Place) -> bool {
    let Some((step, way)) = place.0.split_last() else {
        return false;
    };
    match (step, way.is_empty()) {
        (Step::Key(key), true) => table.remove(key.as_str()).is_some(),
        (Step::Key(key), false) => match value_mut(table, way) {
            Some(DeValue::Table(table)) => table.remove(key.as_str()).is_some(),
            _ => false,
        },
        (Step::Index(gone), _) => match value_mut(table, way) {
            Some(DeValue::Array(list)) if *gone < list.len() => {
                let kept = std::mem::replace(list, DeArray::new())
                    .into_iter()
                    .enumerate();
                *list = kept
                    .filter(|(index, _)| index != gone)
                    .map(|(_, element)| element)
                    .collect::<DeArray<'_>>();
                true
            }
            _ => false,
        },
    }
}

/// Puts a value where the schema demands one, so that what follows can be checked as well.
pub(super) fn insert<'i>(table: &mut DeTable<'i>, place: &Place, value: DeValue<'i>) -> bool {
    let Some((Step::Key(key), way)) = place.0.split_last() else {
        return false;
    };
    let into = if way.is_empty() {
        Some(table)
    } else {
        match value_mut(table, way) {
            Some(DeValue::Table(table)) => Some(table),
            _ => None,
        }
    };
    into.is_some_and(|table| {
        table
            .insert(
                Spanned::new(NOWHERE, key.clone().into()),
                Spanned::new(NOWHERE, value),
            )
            .is_none()
    })
}

fn value_mut<'t, 'i>(table: &'t mut DeTable<'i>, way: &[Step]) -> Option<&'t mut DeValue<'i>> {
    let (first, rest) = way.split_first()?;
    let Step::Key(key) = first else { return None };
    let mut value = table.get_mut(key.as_str())?.get_mut();
    for step in rest {
        value = match (step, value) {
            (Step::Key(key), DeValue::Table(table)) => table.get_mut(key.as_str())?.get_mut(),
            (Step::Index(index), DeValue::Array(list)) => list.get_mut(*index)?.get_mut(),
            _ => return None,
        };
    }
    Some(value)
}
