//! The restore drill (bar D12): what is restored answers the same.

use std::os::unix::fs::{FileExt as _, PermissionsExt as _};

use serde_json::json;
use sqlx::{ConnectOptions, Connection, Row};

use super::*;
use crate::faults::flips::copy_home;

const BACKUP: [&str; 5] = ["backup", "--data-dir", "data", "--to", "backup"];

/// Puts the backup of `home` and what is kept elsewhere into a new home.
fn restored(home: &Path) -> tempfile::TempDir {
    let other = tempfile::tempdir().expect("a directory");
    for kept in ["data.pepper", "token"] {
        std::fs::copy(home.join(kept), other.path().join(kept)).expect("copied");
    }
    copy_home(&home.join("backup"), &other.path().join("backup"));
    run(
        other.path(),
        &["restore", "--from", "backup", "--data-dir", "data"],
    )
    .expect(0);
    other
}

/// Every row of every table of a control database, as text.
fn rows_of(home: &Path) -> Vec<String> {
    let file = home.join("data/control.sqlite");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
        let mut connection = options.connect().await.expect("opens");
        let mut found = Vec::new();
        let tables = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name";
        let tables = sqlx::query(tables).fetch_all(&mut connection).await;
        let tables = tables.expect("tables").into_iter();
        let tables: Vec<String> = tables.map(|row| row.get(0)).collect();
        assert!(tables.len() > 15, "{tables:?}");
        for table in tables {
            let columns = format!("SELECT name FROM pragma_table_info('{table}')");
            let columns = sqlx::query(sqlx::AssertSqlSafe(columns))
                .fetch_all(&mut connection)
                .await;
            let columns = columns.expect("columns").into_iter();
            let quoted = columns.map(|row| format!("quote(\"{}\")", row.get::<String, _>(0)));
            let quoted: Vec<_> = quoted.collect();
            let rows = format!("SELECT {} FROM {table}", quoted.join("||','||"));
            let rows = sqlx::query(sqlx::AssertSqlSafe(rows))
                .fetch_all(&mut connection)
                .await;
            let rows = rows.expect("rows").into_iter();
            found.extend(rows.map(|row| format!("{table}: {}", row.get::<String, _>(0))));
        }
        connection.close().await.expect("closes");
        found.sort();
        found
    })
}

/// Every record of every pool with all its fields, as the API exports them.
fn records_of(server: &Server) -> Vec<String> {
    let master = server.master();
    let mut found = Vec::new();
    for (pool, fields) in [
        (
            "orders",
            vec![
                "_id",
                "_ingested_at",
                "_key",
                "customer.id",
                "at",
                "amount",
                "count",
                "paid",
            ],
        ),
        (
            "notes",
            vec![
                "_id",
                "_ingested_at",
                "_key",
                "customer.id",
                "text",
                "nested.deep.n",
                "list",
                "mixed",
            ],
        ),
    ] {
        let fields: Vec<_> = fields.iter().map(|field| json!({"field": field})).collect();
        let view = json!({"name": format!("all {pool}"), "pool": pool, "shape": "records", "fields": fields});
        server.post(&master, "/v1/views", &view).expect(201);
        let path = format!("/v1/views/all%20{pool}/data?format=ndjson");
        let rows = server.get(&master, &path);
        assert_eq!(rows.status, 200, "{}", rows.text());
        found.push(rows.text());
    }
    found
}

#[test]
fn d12_a_restored_server_answers_the_same() {
    for killed in [false, true] {
        let home = tempfile::tempdir().expect("a directory");
        let server = Server::start(home.path());
        let asked = sample::fill(&server);
        assert_eq!(server.terminate(), Some(0));
        // Some records in files, some deleted from them, some in the journal alone.
        run(home.path(), &["compact", "--data-dir", "data", "--flush"]).expect(0);
        let server = Server::start(home.path());
        let master = server.master();
        let more = json!([{"customer": {"id": "c9"}, "text": "later"}, {"text": "gone"}]);
        server
            .post(&master, "/v1/pools/notes/records", &more)
            .expect(200);
        let gone = json!({"filters": [{"field": "text", "operator": "eq", "value": "gone"}]});
        let deleted = server
            .post(&master, "/v1/pools/notes/delete", &gone)
            .expect(200);
        assert_eq!(deleted["deleted"], 1);
        let asked: Vec<_> = asked.iter().map(|asked| asked.again(&server)).collect();
        let records = records_of(&server);
        assert!(
            records[1].contains("later") && !records[1].contains("gone"),
            "{records:?}"
        );
        if killed {
            server.kill();
        } else {
            assert_eq!(server.terminate(), Some(0));
        }
        run(home.path(), &BACKUP).expect(0);
        run(home.path(), &["check", "--data-dir", "backup"]).expect(0);
        let other = restored(home.path());
        run(other.path(), &["check", "--data-dir", "data"]).expect(0);
        assert_eq!(
            rows_of(other.path()),
            rows_of(home.path()),
            "keys and audit"
        );
        let server = Server::start(other.path());
        for before in &asked {
            assert_eq!(&before.again(&server), before);
        }
        for (pool, before) in ["orders", "notes"].iter().zip(&records) {
            let path = format!("/v1/views/all%20{pool}/data?format=ndjson");
            assert_eq!(&server.get(&server.master(), &path).text(), before);
        }
        // It is a server like any other: it takes records, and its Delta logs are made anew.
        server
            .post(&server.master(), "/v1/pools/notes/records", &more)
            .expect(200);
        assert_eq!(server.terminate(), Some(0));
        run(other.path(), &["compact", "--data-dir", "data", "--flush"]).expect(0);
        run(other.path(), &["check", "--data-dir", "data"]).expect(0);
    }
}

#[test]
fn a_backup_is_private_and_holds_no_pepper() {
    let (home, _) = stopped();
    run(home.path(), &BACKUP).expect(0);
    let pepper = std::fs::read_to_string(home.path().join("data.pepper")).expect("a pepper");
    for file in files_below(&home.path().join("backup")) {
        let mode = file.metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", file.display());
        let bytes = std::fs::read(&file).expect("a file");
        let found = String::from_utf8_lossy(&bytes).contains(pepper.trim());
        assert!(!found, "{}", file.display());
    }
    let again = run(home.path(), &BACKUP).expect(2);
    assert!(again.err.contains("not empty"), "{}", again.err);
    let within = ["backup", "--data-dir", "data", "--to", "data/backup"];
    let within = run(home.path(), &within).expect(2);
    assert!(
        within.err.contains("within the data directory"),
        "{}",
        within.err
    );
}

#[test]
fn a_rotten_backup_puts_nothing_in_place() {
    let (home, _) = stopped();
    run(home.path(), &["compact", "--data-dir", "data", "--flush"]).expect(0);
    run(home.path(), &BACKUP).expect(0);
    let files = files_below(&home.path().join("backup"));
    assert!(files.len() >= 7, "{files:?}");
    for (number, file) in files.iter().enumerate() {
        let name = file
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let place = tempfile::tempdir().expect("a directory");
        copy_home(&home.path().join("backup"), &place.path().join("backup"));
        let damaged = place.path().join("backup").join(
            file.strip_prefix(home.path().join("backup"))
                .expect("below"),
        );
        let length = damaged.metadata().expect("a file").len();
        if number % 2 == 0 && name != "backup.json" {
            std::fs::remove_file(&damaged).expect("removed");
        } else {
            let opened = std::fs::OpenOptions::new()
                .read(true)
                .write(true)
                .open(&damaged);
            let opened = opened.expect("a file");
            let mut byte = [0];
            // Among the digests, for the listing.
            opened.read_exact_at(&mut byte, length / 2).expect("a byte");
            opened
                .write_all_at(&[byte[0] ^ 1], length / 2)
                .expect("written");
        }
        let restore = ["restore", "--from", "backup", "--data-dir", "data"];
        let refused = run(place.path(), &restore).expect(1);
        assert!(refused.err.contains(&name), "{name}: {}", refused.err);
        let left: Vec<_> = std::fs::read_dir(place.path())
            .expect("a directory")
            .collect();
        assert_eq!(left.len(), 1, "only the backup: {left:?}");
    }
}

#[test]
fn a_damaged_directory_is_not_backed_up() {
    let (home, _) = stopped();
    run(home.path(), &["compact", "--data-dir", "data", "--flush"]).expect(0);
    let file = tables(home.path()).pop().expect("a file");
    let bytes = std::fs::read(&file).expect("a file");
    std::fs::write(&file, [&bytes[..], b"x"].concat()).expect("written");
    let refused = run(home.path(), &BACKUP).expect(1);
    let name = file.file_name().expect("a name").to_string_lossy();
    assert!(
        refused.err.contains(&*name) && refused.err.contains("check"),
        "{}",
        refused.err
    );
    assert!(!home.path().join("backup/backup.json").exists());
    let restore = ["restore", "--from", "backup", "--data-dir", "other"];
    let refused = run(home.path(), &restore).expect(1);
    assert!(refused.err.contains("no whole backup"), "{}", refused.err);
}

#[test]
fn a_restore_goes_to_a_free_place_and_knows_its_format() {
    let (home, asked) = stopped();
    run(home.path(), &BACKUP).expect(0);
    let restore = ["restore", "--from", "backup", "--data-dir", "data"];
    let refused = run(home.path(), &restore).expect(2);
    assert!(refused.err.contains("not empty"), "{}", refused.err);
    answers_as_before(home.path(), &asked);
    let listing = home.path().join("backup/backup.json");
    let text = std::fs::read_to_string(&listing).expect("a listing");
    let later = text.replace("\"tidegate_backup\": 1", "\"tidegate_backup\": 2");
    assert_ne!(later, text);
    std::fs::write(&listing, later).expect("written");
    let restore = ["restore", "--from", "backup", "--data-dir", "other"];
    let refused = run(home.path(), &restore).expect(1);
    assert!(refused.err.contains("a later version"), "{}", refused.err);
    std::fs::write(
        &listing,
        text.replace("\"control.sqlite\"", "\"../stolen\""),
    )
    .expect("written");
    run(home.path(), &restore).expect(1);
    assert!(!home.path().join("stolen").exists() && !home.path().join("other").exists());
}

/// One token is in the store, another in the journal of a server that was killed.
#[test]
fn tokens_of_uniqueness_come_along() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    let keys = server.post(&server.master(), "/v1/projects/default/keen", &json!({}));
    let keys = keys.expect(201);
    let text = |name: &str| keys[name].as_str().expect("text").to_owned();
    let path = format!("/3.0/projects/{}/events/orders", text("project_id"));
    let write = text("write_key");
    let send = |server: &Server, n: u32, token: &str| {
        let event = json!({ "n": n, "keen": { "uniqueness_token": token } });
        let made = server.post(&write, &path, &event).expect(201);
        assert_eq!(made, json!({ "created": true }));
        let view = server.get(&server.master(), "/v1/views/all/data");
        if view.status == 404 {
            let view = json!({ "name": "all", "pool": "orders", "shape": "records",
                "fields": [{ "field": "n" }] });
            server
                .post(&server.master(), "/v1/views", &view)
                .expect(201);
        }
        let rows = server.get(&server.master(), "/v1/views/all/data?format=ndjson");
        let mut rows: Vec<String> = rows.text().lines().map(str::to_owned).collect();
        rows.sort_unstable();
        rows
    };
    let first = vec![r#"{"n":1}"#.to_owned()];
    assert_eq!(send(&server, 1, "t"), first);
    assert_eq!(server.terminate(), Some(0));
    let file = home.path().join("data/tokens.sqlite");
    assert!(!file.exists(), "the journal has it still");
    run(home.path(), &["compact", "--data-dir", "data", "--flush"]).expect(0);
    let mode = file.metadata().expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let server = Server::start(home.path());
    assert_eq!(send(&server, 2, "t"), first);
    let both = vec![r#"{"n":1}"#.to_owned(), r#"{"n":3}"#.to_owned()];
    assert_eq!(send(&server, 3, "u"), both);
    server.kill();
    run(home.path(), &BACKUP).expect(0);
    let other = restored(home.path());
    let server = Server::start(other.path());
    assert_eq!(send(&server, 4, "t"), both);
    assert_eq!(send(&server, 5, "u"), both);
    assert_eq!(server.terminate(), Some(0));
    run(other.path(), &["check", "--data-dir", "data"]).expect(0);
}
