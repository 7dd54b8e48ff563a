//! The contract's terms: what an intent is called and what it takes.
//!
//! One table serves the validator, the `OpenAPI` document and the `INSERT` statements,
//! so a parameter is described once.

use std::future::Future;
use std::pin::Pin;

use serde::Serialize;
use serde_json::Value as Json;
use sqlx::mysql::MySqlConnection;

use crate::fault::{Detail, Fault};
use crate::params::Params;
use crate::settings::Limits;
use crate::time::{self, Second};

/// One thing that a caller can ask for.
pub struct Intent {
    pub name: &'static str,
    /// For the contract: what it does, in a sentence or two.
    pub about: &'static str,
    pub params: &'static [Param],
    /// It adds a row, so it may be repeated only where that cannot add a second one.
    pub writes: bool,
    pub run: for<'a> fn(Call<'a>) -> Running<'a>,
}

/// An intent at work.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<Answer, Fault>> + 'a>>;

/// What an intent gives.
#[derive(Debug)]
pub struct Answer {
    /// JSON text, so that long lists are written once.
    pub data: String,
    /// How many entries its list holds or rows it added; a summary is one.
    pub rows: usize,
}

impl Answer {
    pub fn new(rows: usize, data: &impl Serialize) -> Result<Self, Fault> {
        Ok(Self {
            data: serde_json::to_string(data)?,
            rows,
        })
    }
}

/// What an intent works with.
pub struct Call<'a> {
    pub params: &'a Params,
    pub connection: &'a mut MySqlConnection,
    pub limits: Limits,
    pub now: Second,
}

/// One parameter.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    pub name: &'static str,
    pub kind: Kind,
    pub required: bool,
    pub about: &'static str,
    /// As JSON text.
    pub example: &'static str,
}

/// What values a parameter takes.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Length in characters.
    Text {
        min: usize,
        max: usize,
    },
    OneOf(&'static [&'static str]),
    SomeOf(&'static [&'static str]),
    Integer {
        min: i64,
        max: i64,
    },
    Number {
        min: f64,
        max: f64,
    },
    Time,
    Address,
    /// Rows in an answer; its upper bound is a setting.
    Limit,
}

impl Param {
    pub const fn optional(
        name: &'static str,
        kind: Kind,
        about: &'static str,
        example: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            required: false,
            about,
            example,
        }
    }

    pub const fn required(
        name: &'static str,
        kind: Kind,
        about: &'static str,
        example: &'static str,
    ) -> Self {
        Self {
            required: true,
            ..Self::optional(name, kind, about, example)
        }
    }

    /// The example as a value.
    pub fn example(&self) -> Json {
        serde_json::from_str(self.example).unwrap_or(Json::Null)
    }

    /// Says what is wrong with what was received.
    pub fn refuse(&self, limits: Limits, received: Json) -> Detail {
        Detail {
            field: self.name.into(),
            expected: if self.required {
                self.kind.expected(limits)
            } else {
                format!("{}, or left out", self.kind.expected(limits))
            },
            received,
            example: self.example(),
        }
    }
}

impl Kind {
    /// In words, for whoever sent something else.
    pub fn expected(self, limits: Limits) -> String {
        match self {
            Self::Text { min: 0, max } => format!("a string of at most {max} characters"),
            Self::Text { min, max } => format!("a string of {min} to {max} characters"),
            Self::OneOf(names) => format!("one of {}", names.join(", ")),
            Self::SomeOf(names) => format!("a list of one or more of {}", names.join(", ")),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Number { min, max } => format!("a number from {min} to {max}"),
            Self::Time => time::EXPECTED.into(),
            Self::Address => "an IPv4 or IPv6 address".into(),
            Self::Limit => format!("a whole number from 1 to {}", limits.query),
        }
    }
}
