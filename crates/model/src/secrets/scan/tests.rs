use std::path::{Path, PathBuf};

use super::*;
use crate::random::SeededRandom;

fn token(seed: u64, kind: KeyKind) -> Secret {
    Secret::generate(kind, &SeededRandom::new(seed))
}

/// What is found in a text that comes in pieces of this many bytes.
fn found(text: &[u8], piece: usize) -> Vec<FoundToken> {
    let mut scanner = TokenScanner::default();
    let pieces = text.chunks(piece);
    pieces.flat_map(|piece| scanner.feed(piece)).collect()
}

/// Text with each kind of token in each kind of neighbourhood, and what is to be found.
fn text() -> (String, Vec<FoundToken>) {
    let mut text = String::from("an ordinary beginning\n");
    let mut expected = Vec::new();
    let around = [
        ("TIDEGATE_TOKEN=", "\n"),
        ("{\"token\":\"", "\"}\r\n"),
        ("https://example.com/?key=", "&x=1\n"),
        ("tg_", "\n"),
        ("x", "x"),
        ("tg_sk_000000000000_", "\n"),
        (
            "tg_sk_000000000000_0000000000000000000000000000000000000000000000000",
            "\n\n\n",
        ),
        ("\u{e9}", "tg_sk_"),
    ];
    for (seed, (before, after)) in around.into_iter().enumerate() {
        for kind in KeyKind::NATIVE {
            let token = token(seed as u64, kind);
            expected.push(FoundToken {
                line: text.matches('\n').count() as u64 + 1,
                kind: TokenKind::Key(kind),
                id: token.id(),
            });
            text.push_str(&format!("{before}{}{after}", token.reveal()));
        }
        let signing = SigningSecret::generate(&SeededRandom::new(100 + seed as u64));
        expected.push(FoundToken {
            line: text.matches('\n').count() as u64 + 1,
            kind: TokenKind::Signing,
            id: signing.id(),
        });
        text.push_str(&format!("{before}{}{after}", signing.reveal()));
    }
    (text, expected)
}

#[test]
fn k21_every_token_is_found_wherever_it_stands_and_however_it_comes() {
    let (text, expected) = text();
    for piece in (1..200).chain([text.len()]) {
        assert_eq!(found(text.as_bytes(), piece), expected, "{piece}");
    }
}

#[test]
fn k1_no_token_with_a_typo_is_one() {
    let token = token(1, KeyKind::Secret);
    let text = token.reveal();
    for (at, character) in text.char_indices() {
        for other in ['0', 'Z', 'q', '_', '\n']
            .into_iter()
            .filter(|o| *o != character)
        {
            let changed = format!(" {}{other}{} ", &text[..at], &text[at + 1..]);
            assert_eq!(found(changed.as_bytes(), 4_096), [], "{changed}");
        }
        let shorter = format!(" {}{} ", &text[..at], &text[at + 1..]);
        assert_eq!(found(shorter.as_bytes(), 4_096), [], "{shorter}");
    }
}

/// The files of a folder and those below it, up to so many bytes of them.
fn files_below(folder: &Path, most: u64) -> Vec<PathBuf> {
    let (mut folders, mut files, mut bytes) = (vec![folder.to_owned()], Vec::new(), 0);
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.map(|entry| entry.expect("an entry")) {
            let kind = entry.file_type().expect("a kind");
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && bytes < most {
                bytes += entry.metadata().expect("a size").len();
                files.push(entry.path());
            }
        }
    }
    files
}

/// K1: 100 MB of ordinary text, the sources of other projects, hold no token.
/// A tenth of it without `TIDEGATE_PROOF=long`.
#[test]
fn k1_sources_of_others_hold_no_token() {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let home = home.expect("Cargo keeps the sources of dependencies at home");
    let most: u64 = match std::env::var("TIDEGATE_PROOF").as_deref() {
        Ok("long") => 100_000_000,
        _ => 10_000_000,
    };
    let mut read = 0;
    for file in files_below(&home.join("registry").join("src"), most) {
        let bytes = std::fs::read(&file).expect("can be read");
        read += bytes.len() as u64;
        assert_eq!(found(&bytes, 65_536), [], "{}", file.display());
    }
    assert!(read >= most, "only {read} bytes of sources are there");
}

/// Ordinary text, and text made to look like tokens.
#[test]
fn k1_ordinary_text_holds_no_token() {
    let ordinary = [
        include_str!("../../../../../docs/analytics.md"),
        include_str!("../../../../../docs/openapi.json"),
        include_str!("../../../../../Cargo.lock"),
        include_str!("../../../../../docs/policies.md"),
    ];
    for text in ordinary {
        assert_eq!(found(text.as_bytes(), 65_536), []);
    }
    let random = SeededRandom::new(5);
    let mut text = String::new();
    for _ in 0..20_000 {
        text.push_str("tg_sk_");
        for place in 0..62 {
            let draw = usize::try_from(random.next_u64() % 62).expect("small");
            let character = char::from(super::super::BASE62[draw]);
            text.push(if place == 12 { '_' } else { character });
        }
    }
    let pattern = Regex::new(TOKEN_PATTERN).expect("a pattern");
    assert!(pattern.find_iter(text.as_bytes()).count() > 10_000);
    assert_eq!(found(text.as_bytes(), 65_536), []);
}

#[test]
fn what_was_found_does_not_hold_the_token() {
    let token = token(1, KeyKind::Secret);
    let found = found(token.reveal().as_bytes(), 7);
    assert_eq!(found.iter().map(|f| f.id).collect::<Vec<_>>(), [token.id()]);
    let shown = format!("{found:?} {}", found[0].id);
    let secret_part = &token.reveal()[token.reveal().len() - 49..];
    assert!(!shown.contains(&secret_part[..8]));
}
