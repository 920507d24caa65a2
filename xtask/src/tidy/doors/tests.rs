use super::*;

const PLACE: &str = "crates/web/src/a.rs";

fn source(path: &str, text: &str) -> Vec<Source> {
    vec![Source::new(path, text)]
}

/// The text as the body of a test module.
fn in_test(text: &str) -> Vec<Source> {
    source(
        PLACE,
        &format!("#[cfg(test)]\nmod tests {{\n    {text}\n}}\n"),
    )
}

#[test]
fn only_control_makes_key_records() {
    for text in [
        "let key = KeyRecord::restore(row);",
        "let key = model::KeyRecord::restore (row);",
        "let key = KeyRecord { id };",
        "return KeyRecord { id };",
        "rows.map(KeyRecord::restore)",
        "Some(x) => KeyRecord { id },",
    ] {
        for record in ["KeyRecord", "PersonRecord", "SessionRecord"] {
            let text = text.replace("KeyRecord", record);
            assert_eq!(key_records(&source(PLACE, &text)).len(), 1, "{text}");
            assert_eq!(
                key_records(&source("crates/control/src/keys.rs", &text)).len(),
                0,
                "{text}"
            );
            assert_eq!(key_records(&in_test(&text)).len(), 0, "tests may: {text}");
        }
    }
}

#[test]
fn naming_a_key_record_is_not_making_one() {
    for text in [
        "impl KeyRecord {",
        "impl Show for KeyRecord {",
        "fn key(&self) -> KeyRecord {",
        "pub struct KeyRecord {",
        "KeyRecord::verify(record, secret)",
        "struct OldKeyRecord { id: u8 }",
    ] {
        assert_eq!(key_records(&source(PLACE, text)).len(), 0, "{text}");
    }
    let model = source(
        "crates/model/src/keys.rs",
        "let bad = KeyRecord::restore(row);",
    );
    assert_eq!(
        key_records(&model).len(),
        1,
        "not even `model` restores one"
    );
}

#[test]
fn lake_touches_files_only_through_its_disk() {
    for text in [
        "std::fs::write(path, bytes)?;",
        "use std::fs::File;",
        "use std::{fs, io};",
        "let file = File::open(path)?;",
        "OpenOptions::new()",
        "tokio::fs::read(path).await",
    ] {
        assert_eq!(
            raw_files(&source("crates/lake/src/journal.rs", text)).len(),
            1,
            "{text}"
        );
        for path in [
            "crates/lake/src/disk.rs",
            "crates/lake/src/disk/real.rs",
            PLACE,
        ] {
            assert_eq!(raw_files(&source(path, text)).len(), 0, "{path}: {text}");
        }
    }
    let fine = source(
        "crates/lake/src/journal.rs",
        "use std::{fmt, io};\nlet offs = f(s);",
    );
    assert_eq!(raw_files(&fine).len(), 0);
}

#[test]
fn the_clock_is_read_in_one_place() {
    for text in [
        "let now = std::time::SystemTime::now();",
        "let now = Instant::now();",
        "let now = jiff::Timestamp::now();",
        "let now = jiff::Zoned::now();",
        "map_or_else(Timestamp::now, f)",
    ] {
        assert_eq!(clocks(&source(PLACE, text)).len(), 1, "{text}");
        assert_eq!(clocks(&in_test(text)).len(), 1, "in tests too: {text}");
        for path in [
            "crates/server/src/clock.rs",
            "crates/server/examples/bench/main.rs",
        ] {
            assert_eq!(clocks(&source(path, text)).len(), 0, "{path}: {text}");
        }
    }
    assert_eq!(
        clocks(&source(PLACE, "let now = clock.now(); // Instant::now")).len(),
        0
    );
    assert_eq!(
        clocks(&source("crates/server/src/clock.rs.rs", "Instant::now()")).len(),
        1
    );
}

#[test]
fn a_test_that_is_switched_off_is_found() {
    for text in [
        "#[ignore]",
        "#[ignore = \"slow\"]",
        "# [ignore]",
        "#[cfg_attr(not(feature), ignore)]",
    ] {
        assert_eq!(ignored_tests(&in_test(text)).len(), 1, "{text}");
    }
    for text in ["// #[ignore]", "let ignore = 1;", "#[serde(ignored)]"] {
        assert_eq!(ignored_tests(&in_test(text)).len(), 0, "{text}");
    }
}

#[test]
fn a_test_that_sleeps_is_found() {
    for text in [
        "std::thread::sleep(second);",
        "tokio::time::sleep(second).await;",
        "sleep(second).await;",
        "use tokio::time::sleep;",
    ] {
        assert_eq!(sleeping_tests(&in_test(text)).len(), 1, "{text}");
        assert_eq!(
            sleeping_tests(&source(PLACE, text)).len(),
            0,
            "a product may: {text}"
        );
    }
    for text in [
        "clock.sleep(second);",
        "fn sleep(s: u8) {}",
        "Sim::sleep(x)",
        "asleep(x)",
    ] {
        assert_eq!(sleeping_tests(&in_test(text)).len(), 0, "{text}");
    }
}
