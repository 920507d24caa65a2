//! Whether the time of a refusal tells how much of a secret was guessed: the
//! test of Reparaz, Balasch and Verbauwhede, "Dude, is my code constant time?"
//! (2017): Welch's t over two classes of guesses, in random order, over all
//! times and over those below each of some shares. Beyond 5 they differ.

use std::time::Instant;

use model::keys::KeyKind;
use model::random::{RandomSource, SeededRandom};
use model::secrets::Secret;

use crate::auth::{Many, seen};
use crate::report::Table;
use crate::stats::{at_share, sorted};

const GUESSES: usize = 1_000_000;
const GUESSES_SHORT: usize = 5_000;
const SECRET_CHARS: usize = 43;
/// Shares of the sorted times above which times are left out: an interruption
/// is no part of the comparison.
const CROPS: [f64; 4] = [0.5, 0.9, 0.99, 1.0];
/// From here on the times of two kinds of guesses differ.
const T_MAX: f64 = 5.0;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECKSUM_CHARS: usize = 6;

/// Makes a guess at the secret of the first owner, with what it needs of another
/// one. Both are drawn of all keys, anew for each guess of any kind: a key that was
/// looked up a moment ago is found sooner, and a processor that has seen a text
/// before knows where its bytes lead.
type Guess<'a> = dyn Fn(usize, usize) -> String + 'a;

/// The times of refusals; and what is said when they tell how much of a secret
/// was guessed. Whether a public part is known is no secret and not judged.
pub(crate) fn run(many: &Many, short: bool) -> (Table, Option<String>) {
    let guesses = if short { GUESSES_SHORT } else { GUESSES };
    let random = SeededRandom::new(2);
    let bodies: Vec<&str> = many.tokens.iter().map(|key| body(key)).collect();
    let public = |owner: usize| bodies[owner].split_at(bodies[owner].len() - SECRET_CHARS).0;
    let secret = |owner: usize| &bodies[owner][public(owner).len()..];
    let near = |owner: usize, _: usize| guess(public(owner), secret(owner), &random);
    let far = |owner: usize, other: usize| guess(public(owner), secret(other), &random);
    let unknown = |_: usize, other: usize| {
        let of_none = Secret::generate(KeyKind::Secret, &random);
        let of_none = body(of_none.reveal());
        let public = of_none.split_at(of_none.len() - SECRET_CHARS).0;
        guess(public, secret(other), &random)
    };
    let rows: [(&str, [&Guess<'_>; 2]); 2] = [
        (
            "all but the last two of 43 characters right, or those of another key",
            [&near, &far],
        ),
        ("the public part of some key, or of none", [&far, &unknown]),
    ];
    let rows = rows.map(|(name, texts)| {
        let times = times(many, texts, guesses, &random);
        let t = worst(&times);
        let median = |times: &[f64]| format!("{:.3}", at_share(&sorted(times.to_vec()), 0.5));
        let row = vec![
            name.to_owned(),
            median(&times[0]),
            median(&times[1]),
            format!("{t:.1}"),
        ];
        (row, t)
    });
    let t = rows[0].1;
    let missed = (t.is_nan() || t >= T_MAX).then(|| {
        format!(
            "refusals tell how much of a secret was guessed: t is {t:.1}, below {T_MAX} at most"
        )
    });
    let table = Table {
        title: "Guessing a secret".to_owned(),
        text: format!(
            "Refusals of {guesses} guesses of two kinds in random order, in process. The last column is the largest of Welch's t over \
             all times and over the shortest half, 90 % and 99 %: up to 5 nothing is told (the method of dudect). The public part of a \
             secret is no secret; it is looked up, and what is found takes some nanoseconds."
        ),
        columns: vec!["guesses", "first µs", "second µs", "largest t"],
        rows: rows.into_iter().map(|(row, _)| row).collect(),
    };
    (table, missed)
}

/// What the checksum of a token is over.
fn body(token: &str) -> &str {
    &token[..token.len() - CHECKSUM_CHARS]
}

/// The public part with all of the secret but its last two characters.
fn guess(public: &str, secret: &str, random: &SeededRandom) -> String {
    let other = Secret::generate(KeyKind::Secret, random);
    let other = body(other.reveal());
    let (kept, last) = secret.split_at(SECRET_CHARS - 2);
    match other.strip_suffix(last) {
        Some(_) => guess(public, secret, random),
        None => with_checksum(&format!("{public}{kept}{}", &other[other.len() - 2..])),
    }
}

fn with_checksum(body: &str) -> String {
    let mut crc = u64::from(crc32fast::hash(body.as_bytes()));
    let mut digits = [b'0'; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[usize::try_from(crc % 62).unwrap()];
        crc /= 62;
    }
    format!("{body}{}", std::str::from_utf8(&digits).unwrap())
}

/// Times of refusals, in microseconds, of either text.
fn times(
    many: &Many,
    guesses: [&Guess<'_>; 2],
    count: usize,
    random: &SeededRandom,
) -> [Vec<f64>; 2] {
    let mut times = [Vec::new(), Vec::new()];
    let (mut draw, owners) = ([0_u8; 8], many.tokens.len());
    // All are read from one place: where a text lies takes time as well.
    let mut text = String::with_capacity(128);
    for _ in 0..count {
        random.fill(&mut draw);
        let [low, high, next, class, further @ ..] = draw;
        let owner = u32::from_le_bytes([low, high, next, 0]) as usize % owners;
        let further = u32::from_le_bytes(further) as usize % (owners - 1);
        let other = (owner + 1 + further) % owners;
        // Both are made, so that the same was read before.
        let both = guesses.map(|make| make(owner, other));
        let class = usize::from(class & 1);
        text.clear();
        text.push_str(&both[class]);
        let start = Instant::now();
        let guess = Secret::parse(&text).unwrap();
        let refused = many.control.authenticate(&guess, &seen()).is_err();
        let time = start.elapsed().as_secs_f64() * 1e6;
        assert!(refused, "a guess is refused");
        times[class].push(time);
    }
    times
}

/// The largest of Welch's t over the crops.
fn worst(times: &[Vec<f64>; 2]) -> f64 {
    let all = sorted(times.iter().flatten().copied().collect());
    let over = CROPS.map(|share| {
        let limit = at_share(&all, share);
        let kept = times
            .each_ref()
            .map(|times| times.iter().copied().filter(|time| *time <= limit));
        let [a, b] = kept.map(|times| moments(times.collect()));
        let t = (a.0 - b.0) / (a.1 / a.2 + b.1 / b.2).sqrt();
        t.abs()
    });
    over.into_iter().fold(0.0, f64::max)
}

/// Mean, variance and how many.
fn moments(times: Vec<f64>) -> (f64, f64, f64) {
    #[expect(clippy::cast_precision_loss, reason = "at most a million")]
    let count = times.len() as f64;
    let mean = times.iter().sum::<f64>() / count;
    let squares: f64 = times.iter().map(|time| (time - mean).powi(2)).sum();
    (mean, squares / (count - 1.0), count)
}
