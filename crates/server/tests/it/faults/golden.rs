//! Data directories of every format that was ever written: each opens and
//! answers exactly as it did, and one of a later format is refused unchanged.
//!
//! When the version of a format moves (the journal, its operations, indexes of
//! files, the control database), give the directories in [`PRESENT`] new names
//! and run this with `TIDEGATE_GOLDEN=make`: it makes those that are missing, as
//! this version writes them. A directory that is there is never made again.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use sqlx::{ConnectOptions, Connection};

use super::flips::{copy_home, files_below, tidegate};
use super::sample;
use crate::support::Server;
use crate::support::launch::Launch;

/// What the questions and their answers are called in each directory.
const ANSWERS: &str = "answers.json";
/// What this version writes, with files of records, deletes, replaced records and
/// events with tokens (version 4 of the operations), definitions and balances with
/// checksums, and a rolled key; one is stopped, the other killed.
const PRESENT: [&str; 2] = ["v4-rolled", "v4-rolled-killed"];
/// What the first version wrote: all records are in the journal.
const FIRST: &str = "v1-journal";
/// What one of them takes in the repository, at most.
const BYTES_MAX: u64 = 100_000;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Puts a home into a golden directory, each file compressed.
fn pack(home: &Path, target: &Path) {
    for file in files_below(home) {
        let relative = file.strip_prefix(home).expect("below");
        let is_data = relative.starts_with("data") || relative.starts_with("data.pepper");
        let is_kept = is_data || relative == Path::new("token");
        let ending = relative.extension().unwrap_or_default();
        // An unfinished file of records may be one that the journal names.
        let is_spare = relative.starts_with("data/journal") && ending == "tmp";
        if !is_kept || is_spare || ending == "ballast" {
            continue;
        }
        let packed = target.join(format!("{}.gz", relative.display()));
        std::fs::create_dir_all(packed.parent().expect("a parent")).expect("made");
        let packed = File::create(packed).expect("a file");
        let mut packed = GzEncoder::new(packed, Compression::best());
        let bytes = std::fs::read(&file).expect("a file");
        packed.write_all(&bytes).expect("written");
        packed.finish().expect("written");
    }
}

/// The home that was put into a golden directory.
fn unpack(from: &Path) -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a directory");
    for file in files_below(from) {
        let relative = file.strip_prefix(from).expect("below");
        let Some(name) = relative.to_str().and_then(|name| name.strip_suffix(".gz")) else {
            continue;
        };
        let target = home.path().join(name);
        std::fs::create_dir_all(target.parent().expect("a parent")).expect("made");
        let mut bytes = Vec::new();
        let packed = File::open(&file).expect("a file");
        GzDecoder::new(packed)
            .read_to_end(&mut bytes)
            .expect("gzip");
        std::fs::write(&target, bytes).expect("written");
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&target, mode).expect("changed");
    }
    home
}

fn make(name: &str) {
    let home = tempfile::tempdir().expect("a directory");
    let (server, mut asked) = sample::kept_up(home.path());
    asked.push(sample::with_tokens(&server));
    asked.push(sample::with_balances(&server));
    if name.ends_with("-killed") {
        server.kill();
    } else {
        assert_eq!(server.terminate(), Some(0));
    }
    let target = golden().join(name);
    pack(home.path(), &target);
    sample::save(&asked, &target.join(ANSWERS));
}

/// Expects that a server answers as it did when the directory was made.
fn expect_answers(home: &Path, directory: &Path) {
    let asked = sample::saved(&directory.join(ANSWERS));
    assert!(!asked.is_empty());
    let server = Server::start(home);
    for before in &asked {
        let now = before.again(&server);
        assert_eq!(&now, before, "{}", directory.display());
    }
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn d12_every_golden_directory_opens_and_answers_as_it_did() {
    if std::env::var("TIDEGATE_GOLDEN").as_deref() == Ok("make") {
        let missing = PRESENT.iter().filter(|name| !golden().join(name).exists());
        missing.for_each(|name| make(name));
    }
    let entries = std::fs::read_dir(golden()).expect("a directory");
    let directories: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir())
        .collect();
    for name in PRESENT {
        assert!(
            directories.contains(&golden().join(name)),
            "{name} is missing"
        );
    }
    for directory in directories {
        let home = unpack(&directory);
        let files = files_below(&directory).into_iter();
        let bytes: u64 = files
            .map(|file| file.metadata().expect("a file").len())
            .sum();
        assert!(
            bytes < BYTES_MAX,
            "{} has {bytes} bytes",
            directory.display()
        );
        // The second start reads what the first one left.
        expect_answers(home.path(), &directory);
        expect_answers(home.path(), &directory);
        for command in [&["check"][..], &["compact", "--flush"], &["check"]] {
            let (code, told) = tidegate(home.path(), command);
            assert_eq!(
                code,
                Some(0),
                "{command:?} of {}: {told}",
                directory.display()
            );
        }
        expect_answers(home.path(), &directory);
    }
}

/// A number in the table that the check prints, of all pools together. A server would not do: it
/// takes old deletes from the disk as soon as it runs.
fn all_pools(told: &str, column: usize, number: usize) -> u64 {
    let rows = told.lines().filter(|line| line.contains('┆')).skip(1);
    let numbers = rows.map(|row| -> u64 {
        let cell = row.split('┆').nth(column).expect("a column");
        let number = cell.split('+').nth(number).expect("a number");
        number.trim().parse().expect("a whole number")
    });
    numbers.sum()
}

/// Of the present format there are records in files, of which some are deleted
/// and some replaced, and records in the journal.
#[test]
fn the_present_golden_directories_hold_something_of_everything() {
    const RECORDS: usize = 1;
    const FILES: usize = 2;
    const DELETES: usize = 6;
    for name in PRESENT {
        let home = unpack(&golden().join(name));
        let (code, told) = tidegate(home.path(), &["check"]);
        assert_eq!(code, Some(0), "{name}: {told}");
        assert!(all_pools(&told, FILES, 0) >= 3, "{name}: {told}");
        assert!(all_pools(&told, DELETES, 0) >= 1, "{name}: {told}");
        assert!(all_pools(&told, RECORDS, 1) >= 8, "{name}: {told}");
        let deltas = files_below(&home.path().join("data/tables"));
        let is_delta = |file: &PathBuf| file.to_string_lossy().contains("_delta_log/");
        assert!(deltas.iter().any(is_delta), "{name}");
    }
}

/// The bytes of every file of the data directory that says something.
fn contents(home: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = files_below(&home.join("data")).into_iter();
    let files = files.filter(|file| file.extension().is_none_or(|e| e != "ballast"));
    files
        .map(|file| (file.clone(), std::fs::read(&file).expect("a file")))
        .collect()
}

/// Expects that the server does not start, says why, and changes nothing.
fn expect_refused(home: &Path, file: &str, words: &[&str]) {
    let before = contents(home);
    let ended = Launch::at(home).start().expect_err("a newer format");
    assert_eq!(ended.code, Some(1), "{}", ended.log);
    for word in [file, "newer"].iter().chain(words) {
        assert!(ended.log.contains(word), "{word:?} in {}", ended.log);
    }
    let after = contents(home);
    assert_eq!(
        before.keys().collect::<Vec<_>>(),
        after.keys().collect::<Vec<_>>()
    );
    for (path, bytes) in before {
        assert!(after[&path] == bytes, "{} was changed", path.display());
    }
}

#[test]
fn d12_a_journal_of_a_later_format_is_refused_and_left_alone() {
    let home = unpack(&golden().join(FIRST));
    let name = "segment-00000000000000000001.log";
    let segment = home.path().join("data/journal").join(name);
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).open(segment).expect("a segment");
    // The version follows the eight bytes that say what the file is.
    file.write_all_at(&2_u32.to_le_bytes(), 8).expect("written");
    drop(file);
    expect_refused(home.path(), name, &["version 2", "nothing was changed"]);
}

#[test]
fn d12_a_control_database_of_a_later_schema_is_refused_and_left_alone() {
    let home = unpack(&golden().join(FIRST));
    let file = home.path().join("data/control.sqlite");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
        let mut connection = options.connect().await.expect("opens");
        let later = "INSERT INTO _sqlx_migrations
            (version, description, success, checksum, execution_time)
            VALUES (1000, 'later', TRUE, x'00', 0)";
        let done = sqlx::raw_sql(later).execute(&mut connection).await;
        done.expect("the statement runs");
        connection.close().await.expect("closes");
    });
    expect_refused(home.path(), "control.sqlite", &["schema 1000"]);
    let copy = tempfile::tempdir().expect("a directory");
    copy_home(home.path(), copy.path());
    expect_refused(copy.path(), "control.sqlite", &["an older copy"]);
}
