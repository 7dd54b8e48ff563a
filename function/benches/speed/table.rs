//! The figures as a table: measured, at most, and what a Python implementation takes.

/// A column's text where there is nothing to compare with.
const NONE: &str = "–";

/// One line.
pub struct Row {
    name: String,
    measured: f64,
    pub most: Option<f64>,
    pub python: Option<&'static str>,
    unit: &'static str,
    least: Option<f64>,
}

/// The lines so far, printed as they come: a run takes minutes.
#[derive(Default)]
pub struct Table {
    over: Vec<String>,
}

impl Row {
    pub fn new(name: impl Into<String>, measured: f64, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            measured,
            most: None,
            python: None,
            unit,
            least: None,
        }
    }

    /// The least that was measured: nearer to the truth where the machine is busy.
    pub fn least(mut self, least: f64) -> Self {
        self.least = Some(least);
        self
    }

    pub fn at_most(mut self, most: f64) -> Self {
        self.most = Some(most);
        self
    }

    pub fn python(mut self, figure: &'static str) -> Self {
        self.python = Some(figure);
        self
    }
}

impl Table {
    pub fn heading(title: &str) {
        println!(
            "\n{title:58} {:>11} {:>9} {:>8} {:>9}",
            "measured", "at most", "Python", "least"
        );
    }

    pub fn add(&mut self, row: Row) {
        let Row {
            name,
            measured,
            most,
            python,
            unit,
            least,
        } = row;
        let over = most.is_some_and(|most| measured > most);
        println!(
            "  {name:56} {:>11} {:>9} {:>8} {:>9}{}",
            format!("{} {unit}", short(measured)),
            most.map_or(NONE.into(), |most| most.to_string()),
            python.unwrap_or(NONE),
            least.map_or(String::new(), short),
            if over { "  over" } else { "" },
        );
        if over {
            self.over.push(name);
        }
    }

    /// What was over its bound.
    pub fn over(&self) -> &[String] {
        &self.over
    }
}

/// Three digits that count.
fn short(number: f64) -> String {
    match number {
        100.0.. => format!("{number:.0}"),
        10.0.. => format!("{number:.1}"),
        1.0.. => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}
