//! `tidegate compact`.

use super::*;

/// The pools of the sample.
const POOLS: [&str; 3] = ["notes", "orders", "stock"];

#[test]
fn what_is_compacted_answers_as_before() {
    let (home, asked) = stopped();
    let home = home.path();
    run(home, &["compact", "--data-dir", "data"]).expect(0);
    assert_eq!(
        tables(home),
        Vec::<PathBuf>::new(),
        "without --flush the journal keeps its records"
    );
    answers_as_before(home, &asked);
    run(
        home,
        &[
            "compact",
            "--data-dir",
            "data",
            "--flush",
            "--pool",
            "notes",
        ],
    )
    .expect(0);
    let check = run(home, &["check", "--data-dir", "data", "--json"])
        .expect(0)
        .json();
    assert_eq!(pool_of(&check, "notes")["records_in_files"], 12, "{check}");
    assert_eq!(pool_of(&check, "orders")["records_in_files"], 0, "{check}");
    answers_as_before(home, &asked);
    run(home, &["compact", "--data-dir", "data", "--flush"]).expect(0);
    assert_eq!(tables(home).len(), 6, "a file and an index of each pool");
    answers_as_before(home, &asked);
    let unknown = run(home, &["compact", "--data-dir", "data", "--pool", "nobody"]).expect(2);
    assert!(unknown.err.contains("nobody"), "{}", unknown.err);
}

#[test]
fn what_is_in_the_journal_alone_can_go_to_files_without_merging_them() {
    let (home, asked) = stopped();
    let home = home.path();
    run(home, &["compact", "--data-dir", "data", "--flush-only"]).expect(0);
    assert_eq!(tables(home).len(), 6, "a file and an index of each pool");
    answers_as_before(home, &asked);
    let both = ["compact", "--data-dir", "data", "--flush", "--flush-only"];
    run(home, &both).expect(2);
}

#[test]
fn deleted_records_are_gone_from_the_disk_and_the_log_says_so() {
    let (home, _) = stopped();
    let home = home.path();
    run(home, &["compact", "--data-dir", "data", "--flush"]).expect(0);
    let server = Server::start(home);
    let deleted = server.post(
        &server.master(),
        "/v1/pools/notes/delete",
        &serde_json::json!({"all": true}),
    );
    assert_eq!(deleted.expect(200)["deleted"], 12);
    assert_eq!(server.terminate(), Some(0));
    let check = run(home, &["check", "--data-dir", "data", "--json"])
        .expect(0)
        .json();
    assert_eq!(pool_of(&check, "notes")["removals_waiting"], 1, "{check}");
    run(home, &["compact", "--data-dir", "data"]).expect(0);
    let check = run(home, &["check", "--data-dir", "data", "--json"])
        .expect(0)
        .json();
    assert_eq!(pool_of(&check, "notes")["files"], 0, "{check}");
    assert_eq!(check["leftovers"], serde_json::json!([]), "{check}");
    assert_eq!(tables(home).len(), 4, "those of the other pools");
}

/// Nothing is repaired by taking it away.
#[test]
fn files_that_cannot_be_read_are_named_and_the_rest_is_compacted() {
    let (home, _) = stopped();
    let home = home.path();
    let check = ["check", "--data-dir", "data", "--json"];
    run(home, &["compact", "--data-dir", "data", "--flush"]).expect(0);
    let server = Server::start(home);
    for pool in POOLS {
        let path = format!("/v1/pools/{pool}/delete");
        let everything = serde_json::json!({"all": true});
        server
            .post(&server.master(), &path, &everything)
            .expect(200);
    }
    assert_eq!(server.terminate(), Some(0));
    let report = run(home, &check).expect(0).json();
    let mut rotten = Vec::new();
    for pool in ["notes", "orders"] {
        let found = pool_of(&report, pool);
        let id = found["id"].as_str().expect("an id");
        let mut files = tables(home).into_iter();
        let is_meant = |file: &PathBuf| {
            let is_of_it = file.to_string_lossy().contains(id);
            is_of_it && file.extension().is_some_and(|e| e == "parquet")
        };
        let file = files.find(is_meant).expect("a file of records");
        let mut bytes = std::fs::read(&file).expect("a file");
        // In its footer, which whoever reads of it reads first.
        let at = bytes.len() - 20;
        bytes[at] ^= 4;
        std::fs::write(&file, &bytes).expect("written");
        rotten.push((file, bytes));
    }
    let failed = run(home, &["compact", "--data-dir", "data"]).expect(1);
    for (file, bytes) in &rotten {
        let name = file.file_name().expect("a name").to_string_lossy();
        assert!(failed.err.contains(&*name), "{}", failed.err);
        let now = std::fs::read(file).expect("it is still there");
        assert!(now == *bytes, "it was changed");
    }
    assert!(failed.err.contains("backup"), "{}", failed.err);
    let report = run(home, &check).expect(1).json();
    let files = POOLS.map(|pool| pool_of(&report, pool)["files"].clone());
    let files = files.map(|files| files.as_u64().expect("a count"));
    assert_eq!(files, [1, 1, 0], "{report}");
    // No record goes to files beside one that cannot be read and may hold what it replaces: that is said.
    assert!(failed.err.contains("stay in the journal"), "{}", failed.err);
}

/// Bar D9: one writer at a time, and the versions of the log have no gap.
#[test]
fn of_many_that_compact_at_once_one_goes_on_and_the_others_are_refused() {
    let (home, asked) = stopped();
    let home = home.path();
    let arguments = ["compact", "--data-dir", "data", "--flush"];
    let running: Vec<_> = (0..16)
        .map(|_| command(home, &arguments).spawn().expect("it starts"))
        .collect();
    let mut done = 0;
    for child in running {
        let output = child.wait_with_output().expect("it ends");
        let err = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => done += 1,
            Some(2) => assert!(err.contains("another server uses"), "{err}"),
            other => panic!("{other:?}: {err}"),
        }
    }
    assert!(done > 0);
    run(home, &["check", "--data-dir", "data"]).expect(0);
    answers_as_before(home, &asked);
}
