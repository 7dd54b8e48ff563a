//! What is fuzzed: each target takes any bytes, must not panic, and states what holds of the result.
//!
//! `cargo fuzz run --fuzz-dir function/fuzz --sanitizer none request` searches for as long as it is
//! left to, on stable too; `cargo test -p function fuzz` runs the same targets for a bounded number
//! of mutations of `corpus/`. An input that broke something belongs there.

use std::borrow::Cow;

use function::cursor::Cursor;
use function::event::{Event, Response};
use function::fault::Refusal;
use function::params::{Params, Value};
use function::request;
use function::settings::Limits;
use function::time::Second;
use function::untrusted::escape;
use uuid::Uuid;

/// A request's body: read, and its parameters checked.
pub fn request(body: &[u8]) {
    let limits = Limits::default();
    let (intent, given) = match request::read(body) {
        Ok(read) => read,
        Err(refusal) => return refused(&refusal),
    };
    let params = match Params::check(intent.params, &given, limits) {
        Ok(params) => params,
        Err(details) => return refused(&Refusal::invalid(details)),
    };
    assert!((1..=1000).contains(&params.limit(limits)));
    for spec in intent.params {
        let value = params.get(spec.name);
        assert_eq!(value.is_some(), given.contains_key(spec.name));
        assert!(value.is_some() || !spec.required);
        if let Some(Value::Number(number)) = value {
            assert!(number.is_finite() && number.is_sign_positive());
        }
    }
    if let (Some(start), Some(end)) = (params.time("start_time"), params.time("end_time")) {
        assert!(start <= end);
    }
    let again = Params::check(intent.params, &given, limits).map(|params| params.selection());
    assert_eq!(again, Ok(params.selection()));
}

/// Short, whole, and without a character that hides.
fn refused(refusal: &Refusal) {
    assert_eq!(refusal.status, 400);
    let body = Response::failure(Uuid::nil(), refusal).body;
    assert!(body.len() < 64 * 1024, "{} bytes", body.len());
    assert!(matches!(escape(&body), Cow::Borrowed(_)), "{body:?}");
    let read: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
    assert_eq!(read["code"], refusal.code);
}

/// What Lambda hands over, as JSON.
pub fn event(text: &[u8]) {
    const MOST: usize = 256;
    let Ok(event) = serde_json::from_slice::<Event>(text) else {
        return;
    };
    assert!(!event.is_health() || event.method().is_empty());
    event.request_id();
    event.header("x-api-key");
    match event.body(MOST) {
        Ok(body) => assert!(body.len() <= MOST),
        Err(refusal) => assert_eq!(refusal.status, 413),
    }
}

/// A cursor as text before the first line end, for the selection after it; then one made of the
/// same bytes, which must be read back or refused, and no other text for it.
pub fn cursor(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (given, selection) = text.split_once('\n').unwrap_or((&text, ""));
    if let Some(read) = Cursor::read(given, selection) {
        assert_eq!(read.write(selection), given);
    }
    let Some((number, rest)) = data.split_first_chunk::<8>() else {
        return;
    };
    let number = u64::from_be_bytes(*number);
    for epoch in [number.cast_signed(), number.cast_signed() >> 24] {
        let made = Cursor {
            timestamp: Second::from_epoch(epoch),
            id: number.rotate_left(32),
        };
        let text = made.write(selection);
        let storable = Second::parse(&made.timestamp.to_string()) == Some(made.timestamp);
        assert_eq!(Cursor::read(&text, selection), storable.then_some(made));
        assert_eq!(Cursor::read(&text, &format!("{selection}.")), None);
        let at = rest.first().map_or(0, |at| usize::from(*at) % text.len());
        // Any change of the version, the fingerprint or the length is noticed.
        if !(2..=23).contains(&at) {
            let mut changed = text.into_bytes();
            changed[at] = if changed[at] == b'z' { b'y' } else { b'z' };
            let changed = String::from_utf8_lossy(&changed);
            assert_eq!(Cursor::read(&changed, selection), None);
        }
    }
}
