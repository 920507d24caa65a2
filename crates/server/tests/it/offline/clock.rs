//! `tidegate clock accept`, by the binary.

use serde_json::json;

use super::*;
use crate::support::clock::seconds;
use crate::support::launch::Launch;

const DAY: u64 = 86_400;

/// Lets the control database of a stopped server know a time that is so many
/// seconds ahead of the machine's.
fn know_ahead(home: &Path, ahead: u64) {
    use sqlx::{ConnectOptions as _, Connection as _};
    let file = home.join("data/control.sqlite");
    let micros = i64::try_from((seconds() + ahead) * 1_000_000).expect("a time");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
        let mut connection = options.connect().await.expect("opens");
        let update = sqlx::query("UPDATE clock SET high = $1 WHERE id = 1").bind(micros);
        update.execute(&mut connection).await.expect("runs");
        connection.close().await.expect("closes");
    });
}

/// A time so many seconds from now, as the API takes it.
fn time(ahead: u64) -> String {
    let micros = i64::try_from((seconds() + ahead) * 1_000_000).expect("a time");
    let time = model::time::Timestamp::from_microsecond(micros);
    time.expect("a time").to_string()
}

#[test]
fn k7_a_server_does_not_start_by_a_time_far_ahead_until_it_is_taken_back() {
    let home = tempfile::tempdir().expect("a directory");
    let home = home.path();
    let server = Server::start(home);
    let master = server.master();
    let key = |name: &str, ahead: u64| {
        let restrictions = json!({ "expires_at": time(ahead) });
        let body = json!({"name": name, "grants": [], "restrictions": restrictions});
        let made = server.post(&master, "/v1/keys", &body).expect(201);
        made["token"].as_str().expect("a token").to_owned()
    };
    let (soon, late) = (key("soon", 10 * DAY), key("late", 60 * DAY));
    server.get(&soon, "/v1/whoami").expect(200);
    assert_eq!(server.terminate(), Some(0));
    let accept = &["clock", "accept", "--data-dir", "data"][..];
    let untouched = run(home, &[accept, &["--yes"]].concat()).expect(0);
    assert!(
        untouched.err.contains("nothing was changed"),
        "{}",
        untouched.err
    );
    // Less than a day is an ordinary step back.
    know_ahead(home, DAY / 2);
    assert_eq!(Server::start(home).terminate(), Some(0));
    know_ahead(home, 30 * DAY);
    let ended = Launch::at(home).start().expect_err("does not start");
    assert_eq!(ended.code, Some(1));
    for words in [
        "one of the two is wrong",
        "tidegate clock accept --data-dir",
    ] {
        assert!(ended.log.contains(words), "{words} in {}", ended.log);
    }
    // Nobody is there to ask.
    let asked = run(home, accept).expect(2);
    assert!(
        asked.err.contains("(soon)") && !asked.err.contains("(late)"),
        "{}",
        asked.err
    );
    Launch::at(home).start().expect_err("still does not");
    let done = run(home, &[accept, &["--yes"]].concat()).expect(0);
    assert!(done.err.contains("1 keys have expired"), "{}", done.err);
    let verified = run(home, &["audit", "verify", "--data-dir", "data"]);
    verified.expect(0);
    let server = Server::start(home);
    server.get(&master, "/v1/whoami").expect(200);
    server.get(&late, "/v1/whoami").expect(200);
    server.get(&soon, "/v1/whoami").expect(401);
    let audit = server
        .get(&master, "/v1/audit?action=clock.accept")
        .expect(200);
    assert_eq!(audit["items"].as_array().map(Vec::len), Some(1), "{audit}");
    drop(server);
    let absent = run(home, &["clock", "accept", "--data-dir", "none", "--yes"]);
    absent.expect(2);
    assert!(!home.join("none").exists());
}
