//! `tidegate audit verify`: K20, by the binary.

use serde_json::json;

use super::*;

const VERIFY: [&str; 5] = ["audit", "verify", "--data-dir", "data", "--json"];

/// Runs statements on the control database of a stopped server.
fn sql(home: &Path, statements: &'static str) {
    use sqlx::{ConnectOptions as _, Connection as _};
    let file = home.join("data/control.sqlite");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
        let mut connection = options.connect().await.expect("opens");
        let ran = sqlx::raw_sql(statements).execute(&mut connection).await;
        ran.expect("runs");
        connection.close().await.expect("closes");
    });
}

fn key(server: &Server, name: &str) {
    server.key(name, &json!([]));
}

/// The one file of checkpoints.
fn kept(home: &Path) -> PathBuf {
    let files = std::fs::read_dir(home.join("kept")).expect("a directory");
    let mut files = files.map(|file| file.expect("a file").path());
    let file = files.next().expect("a file of checkpoints");
    assert_eq!(files.next(), None);
    file
}

fn verify(home: &Path, checkpoint: bool, code: i32) -> Value {
    let file = kept(home);
    let mut args = VERIFY.to_vec();
    if checkpoint {
        args.extend(["--checkpoint", file.to_str().expect("text")]);
    }
    run(home, &args).expect(code).json()
}

#[test]
fn k20_what_was_done_past_the_server_is_named() {
    let home = tempfile::tempdir().expect("a directory");
    let home = home.path();
    let serve = ["--audit-checkpoint-dir", "kept"];
    let server = Server::start_with(home, &serve);
    for name in ["a", "b", "c"] {
        key(&server, name);
    }
    assert_eq!(server.terminate(), Some(0));
    // At the start there were two entries, at the end five.
    let lines = std::fs::read_to_string(kept(home)).expect("checkpoints");
    assert_eq!(lines.lines().count(), 2, "{lines}");
    let report = verify(home, true, 0);
    assert_eq!(report["sound"], true);
    assert_eq!(report["projects"][0]["entries"], 5);
    assert_eq!(report["projects"][0]["checkpoints"], 2);
    let whole = std::fs::read(home.join("data/control.sqlite")).expect("a file");

    sql(
        home,
        "UPDATE audit SET subject_name = 'd' WHERE sequence = 3",
    );
    let report = verify(home, false, 1);
    let problem = report["problems"][0].as_str().expect("text");
    assert!(problem.contains("entry 3 ("), "{problem}");
    let checked = run(home, &["check", "--data-dir", "data", "--json"]);
    assert_eq!(
        checked.expect(1).json()["problems"][0].as_str(),
        Some(format!("the audit of {problem}").as_str())
    );

    // Cut off and carried on by the server, it is whole in itself.
    std::fs::write(home.join("data/control.sqlite"), whole).expect("written");
    sql(
        home,
        "DELETE FROM audit WHERE sequence > 1; DELETE FROM audit_chains",
    );
    let server = Server::start_with(home, &[]);
    for name in ["x", "y", "z", "more"] {
        key(&server, name);
    }
    assert_eq!(server.terminate(), Some(0));
    assert_eq!(verify(home, false, 0)["projects"][0]["entries"], 6);
    let report = verify(home, true, 1);
    let problem = report["problems"][0].as_str().expect("text");
    // The first checkpoint may have come after the first key.
    assert!(problem.contains("is not what it was"), "{problem}");

    let beside = ["--data-dir", "data", "--audit-checkpoint-dir", "data/kept"];
    let refused = run(home, &[&["serve"], &beside[..]].concat()).expect(2);
    assert!(
        refused.err.contains("lies in the data directory"),
        "{}",
        refused.err
    );
}

#[test]
fn an_export_is_verified_on_another_machine() {
    let home = tempfile::tempdir().expect("a directory");
    let elsewhere = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    let master = server.master();
    key(&server, "a");
    let signed = server.get(&master, "/v1/audit/checkpoint");
    let signed = signed.expect(200);
    let verifier = signed["verifier_key"].as_str().expect("a key").to_owned();
    key(&server, "b");
    let export = server.get(&master, "/v1/audit/export").text();
    assert_eq!(server.terminate(), Some(0));
    let write = |name: &str, text: &str| {
        std::fs::write(elsewhere.path().join(name), text).expect("written");
    };
    let verify = |more: &[&str]| {
        let args = ["audit", "verify", "--export", "audit.ndjson", "--json"];
        run(elsewhere.path(), &[&args[..], more].concat())
    };
    write("audit.ndjson", &export);
    write("kept.ndjson", &format!("{signed}\n"));
    write("kept.note", signed["note"].as_str().expect("text"));
    let with_key = ["--verifier-key", verifier.as_str()];
    for file in ["kept.ndjson", "kept.note"] {
        let more = [&["--checkpoint", file], &with_key[..]].concat();
        let report = verify(&more).expect(0).json();
        assert_eq!(report["projects"][0]["entries"], 4);
        assert_eq!(report["projects"][0]["checkpoints"], 1);
    }
    let believed = verify(&["--checkpoint", "kept.ndjson"]).expect(0);
    assert!(believed.err.contains(&verifier), "{}", believed.err);
    verify(&["--checkpoint", "kept.note"]).expect(1);
    // One line less, at the end and before it.
    let lines: Vec<&str> = export.lines().collect();
    for left_out in [1, 2] {
        let mut fewer = lines.clone();
        fewer.remove(left_out);
        write("audit.ndjson", &fewer.join("\n"));
        verify(&with_key).expect(1);
    }
    write("audit.ndjson", &lines[..2].join("\n"));
    verify(&with_key).expect(0);
    let cut = verify(&["--checkpoint", "kept.ndjson"]).expect(1).json();
    let problem = cut["problems"][0].as_str().expect("text");
    assert!(problem.contains("entries 2 to 2 are missing"), "{problem}");
    // A checkpoint of somebody else.
    let other = signed.to_string().replacen("\\n3\\n", "\\n2\\n", 1);
    write("kept.ndjson", &other);
    let forged = verify(&["--checkpoint", "kept.ndjson"]).expect(1).json();
    let problem = forged["problems"][0].as_str().expect("text");
    assert!(problem.contains("signature does not hold"), "{problem}");
}
