//! The parameters of a request: checked against the contract, all at once.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Map, Value as Json};

use crate::contract::{Kind, Param};
use crate::fault::{Detail, MOST_DETAILS};
use crate::settings::Limits;
use crate::time::Second;
use crate::untrusted::{escape, shorten};

/// A value that passed.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Text(String),
    Several(Vec<&'static str>),
    Integer(i64),
    Number(f64),
    Time(Second),
    Address(IpAddr),
}

impl Kind {
    /// The value, where it is one that this kind takes.
    fn read(self, value: &Json, limits: Limits) -> Option<Value> {
        match self {
            Self::Text { min, max } => {
                let text = value.as_str()?;
                (min..=max)
                    .contains(&text.chars().count())
                    .then(|| Value::Text(text.into()))
            }
            Self::OneOf(names) => pick(names, value).map(|name| Value::Text(name.into())),
            Self::SomeOf(names) => {
                let list = value.as_array().filter(|list| !list.is_empty())?;
                let mut picked = list
                    .iter()
                    .map(|item| pick(names, item))
                    .collect::<Option<Vec<_>>>()?;
                picked.sort_unstable();
                picked.dedup();
                Some(Value::Several(picked))
            }
            Self::Integer { min, max } => whole(value)
                .filter(|n| (min..=max).contains(n))
                .map(Value::Integer),
            Self::Limit => whole(value)
                .filter(|n| (1..=limits.query).contains(n))
                .map(Value::Integer),
            Self::Number { min, max } => value
                .as_f64()
                .filter(|n| (min..=max).contains(n))
                // Adding makes a zero of what JSON writes as -0.
                .map(|n| Value::Number(n + 0.0)),
            Self::Time => Second::parse(value.as_str()?).map(Value::Time),
            // An IPv4 address inside an IPv6 one is the same host: one form for both.
            Self::Address => value
                .as_str()?
                .parse()
                .ok()
                .map(|ip: IpAddr| Value::Address(ip.to_canonical())),
        }
    }
}

fn pick(names: &'static [&'static str], value: &Json) -> Option<&'static str> {
    let text = value.as_str()?;
    names.iter().find(|name| **name == text).copied()
}

/// JSON knows one kind of number: 10.0 is a whole one too, up to where numbers have gaps.
fn whole(value: &Json) -> Option<i64> {
    value.as_i64().or_else(|| {
        let number = value
            .as_f64()
            .filter(|n| n.fract() == 0.0 && n.abs() <= 9_007_199_254_740_991.0)?;
        // In range and without a fraction, so nothing is lost.
        #[allow(clippy::cast_possible_truncation)]
        Some(number as i64)
    })
}

/// The parameters of one request, all of them checked.
#[derive(Debug, Clone, Default)]
pub struct Params(BTreeMap<&'static str, Value>);

impl Params {
    /// Checks everything, so that one answer names all that is wrong, up to [`MOST_DETAILS`].
    pub fn check(
        specs: &'static [Param],
        given: &Map<String, Json>,
        limits: Limits,
    ) -> Result<Self, Vec<Detail>> {
        let mut params = Self::default();
        let mut refused = Vec::new();
        for (name, value) in given {
            if refused.len() == MOST_DETAILS {
                return Err(refused);
            }
            match specs.iter().find(|spec| spec.name == name) {
                None => refused.push(unknown(name, value, specs)),
                Some(spec) => match spec.kind.read(value, limits) {
                    Some(value) => {
                        params.0.insert(spec.name, value);
                    }
                    None => refused.push(spec.refuse(limits, summary(value))),
                },
            }
        }
        for spec in specs
            .iter()
            .filter(|spec| spec.required && !given.contains_key(spec.name))
        {
            refused.push(spec.refuse(limits, Json::Null));
        }
        if let (Some(start), Some(end)) = (params.time("start_time"), params.time("end_time"))
            && start > end
        {
            refused.push(Detail {
                field: "start_time".into(),
                expected: format!("a time not after end_time ({end})"),
                received: start.to_string().into(),
                example: end.plus(-86_399).to_string().into(),
            });
        }
        refused.truncate(MOST_DETAILS);
        if refused.is_empty() {
            Ok(params)
        } else {
            Err(refused)
        }
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        if let Value::Text(text) = self.get(name)? {
            Some(text)
        } else {
            None
        }
    }

    pub fn several(&self, name: &str) -> Option<&[&'static str]> {
        if let Value::Several(names) = self.get(name)? {
            Some(names)
        } else {
            None
        }
    }

    pub fn number(&self, name: &str) -> Option<f64> {
        if let Value::Number(number) = self.get(name)? {
            Some(*number)
        } else {
            None
        }
    }

    pub fn time(&self, name: &str) -> Option<Second> {
        if let Value::Time(time) = self.get(name)? {
            Some(*time)
        } else {
            None
        }
    }

    /// How many rows or findings are asked for.
    pub fn limit(&self, limits: Limits) -> usize {
        let limit = if let Some(Value::Integer(limit)) = self.get("limit") {
            *limit
        } else {
            limits.query.min(100)
        };
        usize::try_from(limit).unwrap_or(1)
    }

    /// The parameters that select rows, in one text: a cursor goes on only with the same ones.
    pub fn selection(&self) -> String {
        let selecting = self
            .0
            .iter()
            .filter(|(name, _)| !matches!(**name, "limit" | "cursor"));
        selecting
            .map(|(name, value)| format!("{name}={value:?}"))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

fn unknown(name: &str, value: &Json, specs: &[Param]) -> Detail {
    let names: Vec<&str> = specs.iter().map(|spec| spec.name).collect();
    let near = nearest(name, &names);
    let example = near
        .and_then(|near| specs.iter().find(|spec| spec.name == near))
        .or(specs.first());
    Detail {
        field: shorten(&escape(name), 100),
        expected: match near {
            Some(near) => format!("no such parameter; did you mean {near}?"),
            None => format!("one of the parameters {}", names.join(", ")),
        },
        received: summary(value),
        example: example.map_or(
            Json::Null,
            |spec| serde_json::json!({ spec.name: spec.example() }),
        ),
    }
}

/// The name that was probably meant.
pub fn nearest<'a>(name: &str, names: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase();
    let likeness = |known: &&'a str| (strsim::jaro_winkler(&name, known) * 1000.0).round();
    let (most, best) = names
        .iter()
        .map(|known| (likeness(known), *known))
        .max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (most >= 800.0).then_some(best)
}

/// What was received, short enough and safe to repeat.
pub fn summary(value: &Json) -> Json {
    match value {
        Json::String(text) => shorten(&escape(text), 100).into(),
        Json::Array(_) => "a list".into(),
        Json::Object(_) => "an object".into(),
        plain => plain.clone(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use serde_json::json;

    static SPECS: [Param; 6] = [
        Param::required("endpoint", Kind::Text { min: 1, max: 5 }, "", r#""/a""#),
        Param::optional("ip_address", Kind::Address, "", r#""192.0.2.1""#),
        Param::optional("start_time", Kind::Time, "", r#""2025-01-01 00:00:00""#),
        Param::optional("end_time", Kind::Time, "", r#""2025-01-01 00:00:00""#),
        Param::optional("limit", Kind::Limit, "", "100"),
        Param::optional("types", Kind::SomeOf(&["one", "two"]), "", r#"["one"]"#),
    ];

    #[allow(
        clippy::needless_pass_by_value,
        reason = "so that json! can be written in place"
    )]
    fn check(given: Json) -> Result<Params, Vec<Detail>> {
        Params::check(&SPECS, given.as_object().unwrap(), Limits::default())
    }

    fn refused(given: Json) -> Detail {
        let mut details = check(given).unwrap_err();
        assert_eq!(details.len(), 1, "{details:?}");
        details.remove(0)
    }

    #[test]
    fn accepts_what_fits() {
        let params = check(json!({
            "endpoint": "日本語語語", "ip_address": "2001:DB8:0::1", "limit": 1000.0, "types": ["two", "one", "two"]
        })).unwrap();
        assert_eq!(
            params.get("ip_address"),
            Some(&Value::Address("2001:db8::1".parse().unwrap()))
        );
        assert_eq!(params.limit(Limits::default()), 1000);
        assert_eq!(params.several("types"), Some(&["one", "two"][..]));
        assert_eq!(
            check(json!({"endpoint": "/"}))
                .unwrap()
                .limit(Limits::default()),
            100
        );
    }

    #[test]
    fn one_form_for_one_address() {
        let params = check(json!({"endpoint": "/", "ip_address": "::ffff:192.0.2.7"})).unwrap();
        assert_eq!(
            params.get("ip_address"),
            Some(&Value::Address("192.0.2.7".parse().unwrap()))
        );
        for wrong in ["192.0.2.07", "192.0.2", "1.2.3.4 ", "::1%eth0", "localhost"] {
            assert_eq!(
                refused(json!({"endpoint": "/", "ip_address": wrong})).received,
                json!(wrong)
            );
        }
    }

    #[test]
    fn refuses_with_what_a_model_needs() {
        let detail = refused(json!({"endpoint": "/", "limit": "ten"}));
        assert_eq!(detail.field, "limit");
        assert_eq!(
            detail.expected,
            "a whole number from 1 to 1000, or left out"
        );
        assert_eq!(detail.received, json!("ten"));
        assert_eq!(detail.example, json!(100));
        assert_eq!(refused(json!({})).received, Json::Null);
        for limit in [
            json!(0),
            json!(1001),
            json!(1.5),
            json!(-1),
            json!(null),
            json!(1e300),
        ] {
            refused(json!({"endpoint": "/", "limit": limit}));
        }
        refused(json!({"endpoint": ""}));
        refused(json!({"endpoint": "123456"}));
        refused(json!({"endpoint": "/", "types": []}));
        refused(json!({"endpoint": "/", "types": "one"}));
    }

    #[test]
    fn unknown_names_get_a_suggestion() {
        let detail = refused(json!({"endpoint": "/", "end_tme": "x\u{202e}"}));
        assert_eq!(detail.expected, "no such parameter; did you mean end_time?");
        assert_eq!(detail.received, json!("x\\u202e"));
        assert!(
            refused(json!({"endpoint": "/", "zzz": {}}))
                .expected
                .starts_with("one of the parameters endpoint,")
        );
        assert_eq!(
            nearest("get_acces_log", &["get_access_logs", "get_error_logs"]),
            Some("get_access_logs")
        );
    }

    #[test]
    fn every_fault_is_named_at_once() {
        assert_eq!(
            check(json!({"endpoint": 1, "limit": 0, "x": 1}))
                .unwrap_err()
                .len(),
            3
        );
    }

    #[test]
    fn whole_numbers_may_be_written_as_floats() {
        assert_eq!(whole(&json!(10.0)), Some(10));
        assert_eq!(
            whole(&json!(9_007_199_254_740_991.0)),
            Some(9_007_199_254_740_991)
        );
        assert_eq!(whole(&json!(9_007_199_254_740_992.0)), None);
        assert_eq!(whole(&json!(0.5)), None);
    }

    #[test]
    fn few_of_many_faults_are_named() {
        let given = (0..1000).map(|at| (format!("x{at}"), Json::Null)).collect();
        let details = Params::check(&SPECS, &given, Limits::default()).unwrap_err();
        assert_eq!(details.len(), MOST_DETAILS);
    }

    #[test]
    fn a_window_runs_forwards() {
        let detail = refused(
            json!({"endpoint": "/", "start_time": "2025-01-02 00:00:00", "end_time": "2025-01-01 23:59:59"}),
        );
        assert_eq!(detail.field, "start_time");
        assert!(check(json!({"endpoint": "/", "start_time": "2025-01-01 00:00:00", "end_time": "2025-01-01T00:00:00Z"})).is_ok());
    }
}
