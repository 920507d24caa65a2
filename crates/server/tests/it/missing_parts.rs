//! A data directory of which a part is gone, or is another's, is refused with
//! the name of the file and what to do, and nothing in it is changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lake::disk::{Disk, RealDisk};
use lake::journal::{Journal, JournalError, Options, Position, Prepared, StateMachine};
use serde_json::json;

use crate::faults::flips::{copy_home, files_below};
use crate::support::Server;
use crate::support::launch::Launch;
use crate::support::upkeep::Upkeep;

const OPTIONS: [&str; 4] = ["--flush-bytes", "16KiB", "--flush-after", "1ms"];

/// A stopped server's home, with records in files and more segments than one.
fn stopped() -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start_with(home.path(), &OPTIONS);
    let master = server.master();
    server
        .post(
            &master,
            "/v1/pools",
            &json!({"name": "p", "schema": "open"}),
        )
        .expect(201);
    for n in 0..3 {
        let records = json!([{"n": n}, {"n": n}]);
        server
            .post(&master, "/v1/pools/p/records", &records)
            .expect(200);
    }
    Upkeep::wait_for(&server, |upkeep| upkeep.waiting == 0);
    assert_eq!(server.terminate(), Some(0));
    home
}

/// What must not be changed: all but what a start opens before it knows.
fn contents(home: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let data = home.join("data");
    let kept = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        file.starts_with(data.join("tables"))
            || ["segment-", "identity"]
                .iter()
                .any(|begin| name.starts_with(begin))
    };
    let files = files_below(&data).into_iter().filter(kept);
    let files = files.map(|file| (file.clone(), std::fs::read(&file).expect("a file")));
    let database = data.join("control.sqlite");
    files
        .chain(database.exists().then(|| (database, Vec::new())))
        .collect()
}

#[track_caller]
fn refused(home: &Path, words: &[&str]) {
    let before = contents(home);
    let ended = Launch::at(home).start().expect_err("it is refused");
    assert!(
        matches!(ended.code, Some(1 | 2)),
        "{:?} {}",
        ended.code,
        ended.log
    );
    for word in words {
        assert!(ended.log.contains(word), "{word:?} in {}", ended.log);
    }
    assert!(contents(home) == before, "something was changed");
}

fn gone(home: &Path, part: &str) {
    let path = home.join("data").join(part);
    if path.is_dir() {
        std::fs::remove_dir_all(path).expect("removed");
    } else {
        std::fs::remove_file(path).expect("removed");
    }
}

/// What the pool answers.
fn records(home: &Path) -> u64 {
    let server = Server::start(home);
    let question = json!({"analysis": "count", "pool": "p"});
    let answer = server
        .post(&server.master(), "/v1/query", &question)
        .expect(200);
    assert_eq!(server.terminate(), Some(0));
    answer["result"].as_u64().expect("a number")
}

#[test]
fn each_part_that_is_gone_is_named_and_nothing_is_begun_anew() {
    let whole = stopped();
    let with = |change: &dyn Fn(&Path)| {
        let home = tempfile::tempdir().expect("a directory");
        copy_home(whole.path(), home.path());
        change(home.path());
        home
    };
    for (part, words) in [
        ("journal", ["data/journal", "is missing", "put it back"]),
        (
            "control.sqlite",
            ["control.sqlite", "is missing", "put it back"],
        ),
        ("tables", ["data/tables", "it is missing", "backup"]),
    ] {
        refused(with(&|home| gone(home, part)).path(), &words);
    }
    // And the same where nothing is noted, as an earlier version left it.
    for (part, words) in [
        ("journal", ["data/journal", "is missing", "put it back"]),
        (
            "control.sqlite",
            ["control.sqlite", "is missing", "put it back"],
        ),
        ("tables", ["data/tables", "it is missing", "backup"]),
    ] {
        let home = with(&|home| {
            gone(home, "identity.json");
            gone(home, part);
        });
        refused(home.path(), &words[..2]);
    }
    let home = with(&|home| gone(home, "identity.json"));
    assert_eq!(records(home.path()), 6);
    assert!(home.path().join("data/identity.json").exists());
    let home = with(&|home| gone(home, "lock"));
    assert_eq!(records(home.path()), 6);
    let home = with(&|home| std::fs::remove_file(home.join("data.pepper")).expect("removed"));
    refused(home.path(), &["data.pepper", "put it back"]);
}

#[test]
fn a_journal_that_ends_too_early_or_is_another_s_is_refused() {
    let home = stopped();
    let identity = home.path().join("data/identity.json");
    let text = std::fs::read_to_string(&identity).expect("a text");
    let noted: serde_json::Value = serde_json::from_str(&text).expect("a document");
    let journal = noted["journal"].as_str().expect("a text");
    let last = noted["segment"].as_u64().expect("a number");
    let note = |journal: &str, segment: u64| {
        let said = format!(r#""format":1,"journal":"{journal}","segment":{segment}"#);
        let crc32 = crc32fast::hash(said.as_bytes());
        format!("{{{said},\"crc32\":{crc32}}}\n")
    };
    assert_eq!(text, note(journal, last));
    // As if there had been one more segment.
    std::fs::write(&identity, note(journal, last + 1)).expect("written");
    let name = format!("segment-{:020}.log", last + 1);
    refused(home.path(), &[&name, "is missing", "put it back"]);
    std::fs::write(&identity, note("0000000000000007", last)).expect("written");
    refused(
        home.path(),
        &["data/journal", "is not the journal of this data directory"],
    );
    for (text, word) in [("{\"format\": 2}", "newer"), ("rubbish", "damaged")] {
        std::fs::write(&identity, text).expect("written");
        refused(home.path(), &["identity.json", word]);
    }
    // Whoever says that it is the right one goes on.
    std::fs::remove_file(&identity).expect("removed");
    assert_eq!(records(home.path()), 6);
}

#[test]
fn a_directory_of_something_else_is_no_new_data_directory() {
    let home = tempfile::tempdir().expect("a directory");
    let data = home.path().join("data");
    std::fs::create_dir(&data).expect("made");
    std::fs::write(data.join("thesis.txt"), "mine").expect("written");
    refused(home.path(), &["thesis.txt", "no data directory"]);
    assert!(
        !home.path().join("token").exists(),
        "no token is handed out"
    );
    std::fs::remove_file(data.join("thesis.txt")).expect("removed");
    std::fs::create_dir(data.join("lost+found")).expect("made");
    assert_eq!(Server::start(home.path()).terminate(), Some(0));
}

#[test]
fn an_unfinished_file_is_set_aside_unless_the_journal_is_known() {
    let home = stopped();
    let tables = home.path().join("data/tables");
    let pool = std::fs::read_dir(&tables).expect("a directory").next();
    let pool = pool.expect("a pool").expect("an entry").path();
    let known = files_below(&pool).into_iter().find_map(|file| {
        let name = file
            .file_name()?
            .to_str()?
            .strip_suffix(".parquet")?
            .to_owned();
        Some(name)
    });
    let known = known.expect("a file of records");
    // A name of the same form that nobody knows.
    let mut other = known.clone().into_bytes();
    let end = other.len() - 1;
    other[end] = if other[end] == b'0' { b'1' } else { b'0' };
    let other = String::from_utf8(other).expect("a name");
    let unfinished = pool.join(format!("{other}.parquet.tmp"));
    std::fs::write(&unfinished, "perhaps somebody's").expect("written");
    std::fs::remove_file(home.path().join("data/identity.json")).expect("removed");
    assert_eq!(records(home.path()), 6);
    let aside = pool.join(format!("{other}.parquet.tmp.aside"));
    let kept = std::fs::read_to_string(&aside).expect("it is kept");
    assert_eq!(kept, "perhaps somebody's");
    // From then on the journal is known, and what it does not know is a leftover.
    std::fs::write(&unfinished, "a crash left it").expect("written");
    assert_eq!(records(home.path()), 6);
    assert!(!unfinished.exists());
    assert!(aside.exists());
}

/// Writes operations of a version that there is not yet.
#[derive(Debug)]
struct Later;

impl StateMachine for Later {
    type Operation = ();
    type Outcome = ();

    fn prepare(&mut self, (): &(), payload: &mut Vec<u8>) -> Prepared<()> {
        payload.extend([99, 1, 2, 3]);
        Prepared::Write
    }
    fn apply(&mut self, _: Position, (): ()) {}
    fn abandon(&mut self, (): &()) {}
    fn replay(&mut self, _: Position, _: &[u8]) -> Result<(), JournalError> {
        Ok(())
    }
}

#[test]
fn d12_an_operation_of_a_later_format_is_refused_by_the_name_of_its_segment() {
    let home = stopped();
    let directory = home.path().join("data/journal");
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let mut options = Options::new(1);
    options.segment_bytes = 32 << 20;
    let journal = Journal::open(disk, &directory, options, Later).expect("opens");
    for done in journal.submit_all_blocking([()]) {
        done.expect("written");
    }
    let last = lake::journal::segment_file(&directory, journal.extent().last);
    journal.close();
    let name = last
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    refused(
        home.path(),
        &[&name, "version 99", "nothing was changed", "newer release"],
    );
}
