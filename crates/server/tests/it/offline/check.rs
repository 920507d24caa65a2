//! `tidegate check`: nothing that is wrong is passed over, and nothing is changed.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::*;

const CHECK: [&str; 4] = ["check", "--data-dir", "data", "--json"];

fn contents(home: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = files_below(&home.join("data")).into_iter();
    files
        .map(|file| (file.clone(), std::fs::read(&file).expect("a file")))
        .collect()
}

/// Turns one bit of a file round.
fn flip(file: &Path, at: u64) {
    let mut options = std::fs::OpenOptions::new();
    let file = options.read(true).write(true).open(file).expect("a file");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("a byte");
    file.write_all_at(&[byte[0] ^ 4], at).expect("written");
}

#[test]
fn a_sound_directory_is_told_to_be_and_is_not_changed() {
    let (home, _) = stopped();
    let before = contents(home.path());
    let report = run(home.path(), &CHECK).expect(0).json();
    assert_eq!(report["sound"], true, "{report}");
    let orders = pool_of(&report, "orders");
    assert_eq!(orders["records_in_journal"], 11, "{report}");
    assert_eq!(orders["files"], 0, "{report}");
    assert_eq!(report["control"]["pools"], 3, "{report}");
    assert!(before == contents(home.path()), "something was changed");
    run(home.path(), &["compact", "--flush", "--data-dir", "data"]).expect(0);
    let before = contents(home.path());
    let report = run(home.path(), &CHECK).expect(0).json();
    let orders = pool_of(&report, "orders");
    assert_eq!(orders["records_in_journal"], 0, "{report}");
    assert_eq!(orders["records_in_files"], 11, "{report}");
    assert_eq!(orders["files"], 1, "{report}");
    assert_eq!(orders["files_per_customer"], 1, "{report}");
    assert_eq!(orders["runs_per_customer"], 1, "{report}");
    let shown = run(home.path(), &CHECK[..3]).expect(0);
    assert!(
        shown.out.contains("everything is as it was written"),
        "{}",
        shown.out
    );
    assert!(before == contents(home.path()), "something was changed");
}

#[test]
fn what_a_killed_server_leaves_is_sound() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start_with(home.path(), &["--flush-after", "1ms"]);
    sample::fill(&server);
    server.kill();
    let report = run(home.path(), &CHECK).expect(0).json();
    assert_eq!(report["sound"], true, "{report}");
    assert_eq!(report["control"]["pools"], 3, "{report}");
}

#[test]
fn every_damaged_file_is_named_and_hides_no_other() {
    let (home, asked) = stopped();
    run(home.path(), &["compact", "--flush", "--data-dir", "data"]).expect(0);
    let files = tables(home.path());
    let (records, indexes): (Vec<_>, Vec<_>) = files
        .iter()
        .partition(|file| file.extension().is_some_and(|e| e == "parquet"));
    assert_eq!((records.len(), indexes.len()), (3, 3), "{files:?}");
    let name = |path: &Path| {
        path.file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned()
    };
    flip(records[0], 100);
    std::fs::remove_file(indexes[1]).expect("removed");
    let foreign = records[0].with_file_name("notes.txt");
    std::fs::write(&foreign, "mine").expect("written");
    let ran = run(home.path(), &CHECK).expect(1);
    let report = ran.json();
    let problems = report["problems"].as_array().expect("problems");
    assert_eq!(problems.len(), 2, "{report}");
    for (problem, words) in [
        (0, [name(records[0]), "backup".into()]),
        (1, [name(indexes[1]), "missing".into()]),
    ] {
        for word in words {
            assert!(
                problems[problem].as_str().expect("a text").contains(&word),
                "{word}: {report}"
            );
        }
    }
    assert_eq!(
        report["foreign"].as_array().expect("a list").len(),
        1,
        "{report}"
    );
    assert!(ran.err.contains("nothing was changed"), "{}", ran.err);
    // The server starts, and refuses what needs the files; keys are known all the same.
    let server = Server::start(home.path());
    for before in &asked {
        let now = before.again(&server);
        assert!(now == *before || now.is_refused(), "{now:?}");
    }
}

#[test]
fn a_file_that_was_set_aside_and_is_needed_is_a_problem_with_what_to_do() {
    let (home, asked) = stopped();
    run(home.path(), &["compact", "--flush", "--data-dir", "data"]).expect(0);
    let files = tables(home.path());
    let mut records = files.iter();
    let records = records.find(|file| file.extension().is_some_and(|e| e == "parquet"));
    let records = records.expect("a file of records");
    let unfinished = format!("{}.tmp", records.display());
    let aside = format!("{unfinished}.aside");
    std::fs::rename(records, &aside).expect("renamed");
    let report = run(home.path(), &CHECK).expect(1).json();
    assert_eq!(report["aside"], serde_json::json!([]), "{report}");
    let needed = report["aside_needed"].as_array().expect("a list");
    assert_eq!(needed.len(), 1, "{report}");
    let problems = report["problems"].as_array().expect("problems").iter();
    let mut problems = problems.filter_map(serde_json::Value::as_str);
    assert!(
        problems.any(|told| told.contains(".aside") && told.contains("start the server")),
        "{report}"
    );
    std::fs::rename(&aside, &unfinished).expect("renamed");
    let server = Server::start(home.path());
    for before in &asked {
        assert!(before.again(&server) == *before);
    }
}

#[test]
fn a_rotten_journal_or_database_is_a_problem_and_the_files_are_read_all_the_same() {
    let (home, _) = stopped();
    run(home.path(), &["compact", "--flush", "--data-dir", "data"]).expect(0);
    let records = tables(home.path());
    let segments = files_below(&home.path().join("data/journal"));
    let segment = segments
        .iter()
        .find(|file| file.extension().is_some_and(|e| e == "log"));
    flip(segment.expect("a segment"), 4_096 + 40);
    flip(&records[1], 50);
    let report = run(home.path(), &CHECK).expect(1).json();
    let problems = report["problems"].to_string();
    let name = records[1].file_stem().expect("a name").to_string_lossy();
    assert!(problems.contains("segment-"), "{report}");
    assert!(problems.contains(&*name), "{report}");
    let database = home.path().join("data/control.sqlite");
    let length = std::fs::metadata(&database).expect("a file").len();
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(&database)
        .expect("a file");
    file.write_all_at(&vec![0xA5; 4_096], length / 4_096 / 2 * 4_096)
        .expect("written");
    let report = run(home.path(), &CHECK).expect(1).json();
    assert!(
        report["problems"].to_string().contains("control.sqlite"),
        "{report}"
    );
}

#[test]
fn a_directory_in_use_and_one_that_is_none_are_refused() {
    let home = tempfile::tempdir().expect("a directory");
    let none = run(home.path(), &CHECK).expect(2);
    assert!(none.err.contains("no data directory"), "{}", none.err);
    assert!(!home.path().join("data").exists());
    let server = Server::start(home.path());
    for command in [&CHECK[..], &["compact", "--data-dir", "data"]] {
        let refused = run(home.path(), command).expect(2);
        assert!(
            refused.err.contains("another server uses"),
            "{}",
            refused.err
        );
    }
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn a_damaged_file_of_tokens_is_named_and_keeps_no_server_from_starting() {
    let (home, asked) = stopped();
    let file = home.path().join("data/tokens.sqlite");
    std::fs::write(&file, [0x55; 4_096]).expect("written");
    let before = contents(home.path());
    let report = run(home.path(), &CHECK).expect(1).json();
    let problems = report["problems"].as_array().expect("problems");
    assert_eq!(problems.len(), 1, "{report}");
    let problem = problems[0].as_str().expect("a text");
    for word in ["data/tokens.sqlite: ", "take it away"] {
        assert!(problem.contains(word), "{word}: {problem}");
    }
    assert!(before == contents(home.path()), "something was changed");
    let server = Server::start(home.path());
    for before in &asked {
        assert!(before.again(&server) == *before);
    }
}
