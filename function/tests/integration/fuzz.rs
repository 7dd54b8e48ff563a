//! The fuzz targets without a fuzzer: a bounded number of mutations from a fixed seed, so that
//! every run is the same.

#[path = "../../fuzz/targets.rs"]
mod targets;

use std::path::Path;
use std::{fs, thread};

use function::contract::Kind;
use function::intents::INTENTS;

/// Shows the input that a target did not survive.
struct Input(Vec<u8>);

impl Drop for Input {
    fn drop(&mut self) {
        if thread::panicking() {
            let text = self.0.escape_ascii();
            let _ =
                std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("input: {text}\n"));
        }
    }
}

/// A small generator of pseudo-random numbers (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap() % end.max(1)
    }

    /// Some part of that many bytes.
    fn part(&mut self, bytes: usize) -> std::ops::Range<usize> {
        let start = self.below(bytes + 1);
        start..start + self.below(bytes - start + 1).min(64)
    }
}

/// Words of the contract, and what parsers stumble over.
fn dictionary() -> Vec<String> {
    let mut words: Vec<String> = [
        "\"",
        "\\",
        "\\u0000",
        "\\ud800",
        "\\udc00",
        "\\u202e",
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "{}",
        "[]",
        "null",
        "true",
        "0",
        "-0",
        "-1",
        "1.5",
        "1e308",
        "1e400",
        "18446744073709551616",
        "9007199254740993",
        "1001",
        "\"intent\":",
        "\"params\":",
        "\"0\":0,",
        "'",
        "\u{202e}",
        "\u{0}",
        "\n",
        "Z",
        "+23:59",
        "-00:00",
        ":60",
        "0000-",
        "9999-12-31 23:59:59",
        "1000-01-01T00:00:00+14:00",
        "::ffff:1.2.3.4",
        "ffff:",
        "%",
        "=",
        "==",
    ]
    .map(String::from)
    .to_vec();
    for intent in INTENTS {
        words.push(format!("\"{}\"", intent.name));
        for spec in intent.params {
            words.push(format!("\"{}\":{},", spec.name, spec.example));
            if let Kind::OneOf(names) | Kind::SomeOf(names) = spec.kind {
                words.extend(names.iter().map(|name| format!("\"{name}\"")));
            }
        }
    }
    words
}

fn mutate(input: &mut Vec<u8>, others: &[Vec<u8>], words: &[String], random: &mut Random) {
    for _ in 0..=random.below(4) {
        let part = random.part(input.len());
        match random.below(6) {
            0 if !input.is_empty() => {
                let at = random.below(input.len());
                input[at] ^= 1 << random.below(8);
            }
            1 => drop(input.drain(part)),
            2 => {
                let copy = input[part.clone()].to_vec();
                input.splice(part.start..part.start, copy);
            }
            3 => {
                let other = &others[random.below(others.len())];
                let piece = other[random.part(other.len())].to_vec();
                input.splice(part, piece);
            }
            _ => {
                let word = words[random.below(words.len())].bytes();
                input.splice(part.start..part.start, word);
            }
        }
    }
    input.truncate(8192);
}

/// Runs a target on its corpus, then on that many mutations of it.
fn run(name: &str, target: fn(&[u8]), mutations: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(name);
    let mut corpus: Vec<(String, Vec<u8>)> = fs::read_dir(&folder)
        .expect("a corpus")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            (path.display().to_string(), fs::read(path).expect("a file"))
        })
        .collect();
    corpus.sort();
    let corpus: Vec<Vec<u8>> = corpus.into_iter().map(|(_, bytes)| bytes).collect();
    assert!(!corpus.is_empty(), "{}", folder.display());
    for seed in &corpus {
        target(&Input(seed.clone()).0);
    }
    let words = dictionary();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut input = Input(Vec::new());
    for _ in 0..mutations {
        // Mutations pile up, until it begins anew.
        if random.below(8) == 0 {
            input.0.clone_from(&corpus[random.below(corpus.len())]);
        }
        mutate(&mut input.0, &corpus, &words, &mut random);
        target(&input.0);
    }
}

#[test]
fn requests() {
    run("request", targets::request, 150_000);
}

#[test]
fn events() {
    run("event", targets::event, 150_000);
}

#[test]
fn cursors() {
    run("cursor", targets::cursor, 150_000);
}
