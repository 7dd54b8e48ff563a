//! Whether the time of a refusal tells how much of a key was right.
//!
//! `cargo bench -p function --bench guessing`, on Linux. Half of the keys are wrong in their last
//! character alone, half in every one, in random order. Both are refused; what is asked is whether
//! one takes longer: through the Runtime API, with the binary as it is deployed, and for the
//! comparison by itself, where nothing covers a few nanoseconds. A comparison that stops at the
//! first wrong byte shows that such a difference would be found.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::print_stdout, clippy::cast_precision_loss)]
// Of the tests' own modules only some is needed here.
#![allow(dead_code)]

#[path = "speed/binaries.rs"]
mod binaries;
#[path = "../tests/integration/http.rs"]
mod http;
#[path = "../tests/integration/lambda.rs"]
mod lambda;
#[path = "guessing/samples.rs"]
mod samples;
#[path = "speed/usage.rs"]
mod usage;

use std::hint::black_box;
use std::time::{Duration, Instant};

use function::keys::Keys;
use serde_json::json;
use wyhash::wyrng;

use binaries::Binaries;
use lambda::{Function, PATIENCE, TIMEOUT};
use samples::Samples;

const REQUESTS: usize = 40_000;
const COMPARISONS: usize = 1_000_000;
/// As long as those that are made for callers.
const LENGTH: usize = 40;
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

fn main() {
    let binaries = Binaries::build();
    println!("load average before: {}", usage::load());
    let mut dice = Dice::new();
    let key = dice.key();

    let chatbot = start(&binaries, &key);
    let event = event("KEY-TO-TRY");
    let refusal = |guess: &str| {
        let event = event.replace("KEY-TO-TRY", guess);
        let began = Instant::now();
        let answer = chatbot.exchange(event, TIMEOUT, PATIENCE);
        let time = began.elapsed();
        let answer = answer.expect("no function error");
        assert!(answer.starts_with(br#"{"statusCode":401,"#), "refused");
        // What it does after its answer is not a part of the next one's time.
        chatbot.polled();
        time
    };
    // Nothing is measured where the right key would be refused as well.
    let right = chatbot.exchange(event.replace("KEY-TO-TRY", &key), TIMEOUT, PATIENCE);
    assert!(right.unwrap().starts_with(br#"{"statusCode":400,"#));
    chatbot.polled();
    let title = "a refusal through the Runtime API";
    report(title, &guess(&mut dice, &key, REQUESTS, refusal));

    let keys = Keys::from_plain(&key);
    let comparison = |guess: &str| {
        let began = Instant::now();
        let accepted = black_box(keys.accept(black_box(guess)));
        let time = began.elapsed();
        assert!(accepted.is_none());
        time
    };
    let title = "the comparison alone";
    report(title, &guess(&mut dice, &key, COMPARISONS, comparison));

    let careless = |guess: &str| {
        let began = Instant::now();
        let mut bytes = guess.bytes().zip(key.bytes());
        let accepted = black_box(bytes.all(|(one, other)| black_box(one) == other));
        let time = began.elapsed();
        assert!(!accepted);
        time
    };
    let title = "for comparison, one that stops at the first wrong byte";
    report(title, &guess(&mut dice, &key, COMPARISONS, careless));
    println!("\nload average after: {}", usage::load());
}

/// The chatbot with one key and no database: a refused key never comes that far.
fn start(binaries: &Binaries, key: &str) -> Function {
    let variables = [
        ("API_KEYS", key),
        ("DB_HOST", "127.0.0.1"),
        ("DB_NAME", "none"),
        ("DB_TLS", "disabled"),
        ("DB_USER", "nobody"),
        ("DB_PASSWORD", "nothing"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let chatbot = binaries.chatbot(&variables.into());
    chatbot.polled();
    chatbot
}

/// As the gateway makes it, with a body that the right key would have refused as well.
fn event(key: &str) -> String {
    json!({
        "resource": "/chatbot",
        "path": "/chatbot",
        "httpMethod": "POST",
        "headers": { "Content-Type": "application/json", "X-Api-Key": key },
        "multiValueHeaders": { "X-Api-Key": [key] },
        "queryStringParameters": null,
        "requestContext": { "requestId": "3f0d5f5c-2d0c-4ac1-a6a5-0a2a52f0f3a1", "stage": "prod" },
        "body": "{}",
        "isBase64Encoded": false,
    })
    .to_string()
}

/// Times `count` guesses, after some that do not count. All are made beforehand and are told apart
/// afterwards: what making or sorting them leaves in caches would show in the next one's time.
fn guess(
    dice: &mut Dice,
    key: &str,
    count: usize,
    mut time: impl FnMut(&str) -> Duration,
) -> Samples {
    let mut guesses: Vec<Guess> = (0..count)
        .map(|number| Guess {
            near: number % 2 == 0,
            key: dice.miss(key, number % 2 == 0),
        })
        .collect();
    dice.shuffle(&mut guesses);
    let mut time = |guess: &Guess| time(std::str::from_utf8(&guess.key).unwrap()).as_nanos() as f64;
    for guess in &guesses[..count / 20] {
        time(guess);
    }
    let times: Vec<f64> = guesses.iter().map(time).collect();
    let mut samples = Samples::default();
    for (guess, time) in guesses.iter().zip(times) {
        if guess.near {
            samples.near.push(time);
        } else {
            samples.far.push(time);
        }
    }
    samples
}

/// One key to try, in place: all lie as they are tried, one behind the other.
struct Guess {
    near: bool,
    key: [u8; LENGTH],
}

fn report(title: &str, samples: &Samples) {
    let micros = |nanos: f64| nanos / 1e3;
    let (near, far) = samples.medians();
    let (mean, margin) = samples.difference();
    let (z, p) = samples.ranks();
    let verdict = if p < 0.01 {
        "the two can be told apart"
    } else {
        "no difference beyond noise"
    };
    println!("\n{title}, {} of each", samples.near.len());
    println!("  near miss    median {:10.3} µs", micros(near));
    println!("  far miss     median {:10.3} µs", micros(far));
    println!(
        "  difference          {:10.3} µs; of means, trimmed by a tenth, {:.4} ± {:.4} µs (95 %)",
        micros(near - far),
        micros(mean),
        micros(margin)
    );
    let p = if p < 1e-4 {
        "p < 0.0001".to_owned()
    } else {
        format!("p = {p:.4}")
    };
    println!("  Mann-Whitney        z = {z:.2}, {p}: {verdict}");
}

/// Chance, from another seed each time.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        let time = std::time::UNIX_EPOCH.elapsed().unwrap();
        Self(u64::try_from(time.as_nanos() & u128::from(u64::MAX)).unwrap())
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(wyrng(&mut self.0) % most as u64).unwrap()
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }

    fn key(&mut self) -> String {
        let letters = (0..LENGTH).map(|_| self.letter(None));
        letters.map(char::from).collect()
    }

    fn letter(&mut self, but: Option<u8>) -> u8 {
        loop {
            let letter = LETTERS[self.below(LETTERS.len())];
            if Some(letter) != but {
                return letter;
            }
        }
    }

    /// Wrong in the last character alone, or in every one.
    fn miss(&mut self, key: &str, near: bool) -> [u8; LENGTH] {
        let mut guess: [u8; LENGTH] = key.as_bytes().try_into().unwrap();
        let right = if near { LENGTH - 1 } else { 0 };
        for letter in &mut guess[right..] {
            *letter = self.letter(Some(*letter));
        }
        guess
    }
}
