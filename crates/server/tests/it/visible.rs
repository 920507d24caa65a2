//! Acknowledged means visible, and in force: to every request that begins
//! after the answer, on whatever connection it comes.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::{Server, cases};
use crate::wire::Connection;

const WRITERS: usize = 4;
const READERS: usize = 4;

/// A pool `p`, its rows as view `rows`, and their number per writer as `counts`.
fn definitions(server: &Server) {
    let master = server.master();
    let pool = json!({"name": "p", "schema": "open", "isolation_field": "writer"});
    server.post(&master, "/v1/pools", &pool).expect(201);
    let rows = json!({"name": "rows", "pool": "p", "shape": "records", "fields": [
        {"field": "writer"}, {"field": "n"}]});
    let counts = json!({"name": "counts", "pool": "p", "shape": "aggregated", "fields": [
        {"field": "writer", "group": true}, {"aggregate": "count", "as": "records"}]});
    for view in [rows, counts] {
        server.post(&master, "/v1/views", &view).expect(201);
    }
}

fn sum(answer: &Value) -> u64 {
    let rows = answer["data"].as_array().expect("rows").iter();
    rows.map(|row| row["records"].as_u64().expect("a count"))
        .sum()
}

/// Writes `records` records one by one and asks for each right after its
/// acknowledgement, through the key's own eyes.
fn write(server: &Server, token: &str, writer: usize, records: u64) {
    let mut connection = Connection::open(&server.address);
    for n in 1..=records {
        let record = json!({"n": n});
        let told = connection.ask(token, "POST", "/v1/pools/p/records", Some(&record));
        assert_eq!(told.status, 200);
        assert_eq!(told.json()["accepted"], 1);
        let seen = connection.ask(token, "POST", "/v1/views/counts/data", Some(&json!({})));
        assert_eq!(
            seen.json()["data"],
            json!([{"writer": writer, "records": n}])
        );
        let newest = json!({"conditions": [{"field": "n", "operator": "eq", "value": n}]});
        let newest = connection.ask(token, "POST", "/v1/views/rows/data", Some(&newest));
        assert_eq!(newest.json()["data"], json!([{"writer": writer, "n": n}]));
    }
}

#[test]
fn what_is_acknowledged_is_in_the_next_answer() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    definitions(&server);
    let master = server.master();
    let tokens: Vec<String> = (0..WRITERS)
        .map(|writer| {
            let own = json!([{"field": "writer", "operator": "eq", "value": writer}]);
            server.key(
                "writer",
                &json!([
                {"on": "pool:p", "actions": ["ingest"], "injections": {"writer": writer}},
                {"on": "view:*", "actions": ["read"], "constraints": own}]),
            )
        })
        .collect();
    let records = cases(60, 1_000) as u64;
    let is_done = AtomicBool::new(false);
    let asked = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                let mut connection = Connection::open(&server.address);
                let mut before = 0;
                while !is_done.load(Ordering::Acquire) {
                    let seen =
                        connection.ask(&master, "POST", "/v1/views/counts/data", Some(&json!({})));
                    let seen = sum(&seen.json());
                    assert!(seen >= before, "{seen} after {before}");
                    before = seen;
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let writers: Vec<_> = tokens
            .iter()
            .enumerate()
            .map(|(writer, token)| {
                scope.spawn({
                    let server = &server;
                    move || write(server, token, writer, records)
                })
            })
            .collect();
        let ended: Vec<_> = writers
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        is_done.store(true, Ordering::Release);
        assert!(ended.into_iter().all(|writer| writer.is_ok()));
    });
    assert!(asked.into_inner() > READERS, "the readers were at work");
    let all = server
        .post(&master, "/v1/views/counts/data", &json!({}))
        .expect(200);
    assert_eq!(sum(&all), WRITERS as u64 * records);
}

#[test]
fn what_is_deleted_is_gone_in_the_next_answer() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    definitions(&server);
    let master = server.master();
    let mut writer = Connection::open(&server.address);
    let mut reader = Connection::open(&server.address);
    let count = |connection: &mut Connection| {
        let seen = connection.ask(&master, "POST", "/v1/views/counts/data", Some(&json!({})));
        sum(&seen.json())
    };
    for round in 0..30 {
        let records: Vec<_> = (0..20).map(|n| json!({"writer": n % 2, "n": n})).collect();
        writer.ask(
            &master,
            "POST",
            "/v1/pools/p/records",
            Some(&json!(records)),
        );
        assert_eq!(count(&mut reader), 20, "{round}");
        let half = json!({"filters": [{"field": "writer", "operator": "eq", "value": 1}]});
        let told = writer.ask(&master, "POST", "/v1/pools/p/delete", Some(&half));
        assert_eq!(told.json(), json!({"deleted": 10}));
        assert_eq!(count(&mut reader), 10, "{round}");
        let told = writer.ask(
            &master,
            "POST",
            "/v1/pools/p/delete",
            Some(&json!({"all": true})),
        );
        assert_eq!(told.json(), json!({"deleted": 10}));
        assert_eq!(count(&mut reader), 0, "{round}");
    }
}

/// Makes a key that sees everything; answers its id and token.
fn make_key(server: &Server, restrictions: &Value) -> (String, String, Value) {
    let body = json!({"name": "k", "restrictions": restrictions, "grants": [
        {"on": "view:*", "actions": ["read"], "constraints": "all_rows"}]});
    let made = server.post(&server.master(), "/v1/keys", &body).expect(201);
    let text = |name: &str| made[name].as_str().expect("text").to_owned();
    (text("id"), text("token"), made.clone())
}

#[test]
fn a_key_that_is_switched_off_is_refused_on_open_connections() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    definitions(&server);
    let master = server.master();
    let (id, token, _) = make_key(&server, &Value::Null);
    let mut connections: Vec<_> = (0..16).map(|_| Connection::open(&server.address)).collect();
    let mut expect = |status: u16| {
        for connection in &mut connections {
            for path in ["/v1/whoami", "/v1/views/rows/data"] {
                assert_eq!(
                    connection.ask(&token, "GET", path, None).status,
                    status,
                    "{path}"
                );
            }
        }
    };
    let switch = |verb: &str| {
        server
            .post(&master, &format!("/v1/keys/{id}/{verb}"), &json!({}))
            .expect(200);
    };
    for _ in 0..3 {
        expect(200);
        switch("disable");
        expect(401);
        switch("enable");
    }
    expect(200);
    let past = json!({"restrictions": {"expires_at": "2020-01-01T00:00:00Z"}});
    server
        .call(&master, "PATCH", &format!("/v1/keys/{id}"), Some(&past))
        .expect(200);
    expect(401);
    let never = json!({"restrictions": {"expires_at": null}});
    server
        .call(&master, "PATCH", &format!("/v1/keys/{id}"), Some(&never))
        .expect(200);
    expect(200);
    server
        .call(
            &master,
            "DELETE",
            &format!("/v1/keys/{id}?force=true"),
            None,
        )
        .expect(204);
    expect(401);
}

#[test]
fn an_expired_key_is_refused_from_its_instant_on() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    definitions(&server);
    let (_, token, _) = make_key(&server, &json!({"expires_at": "2020-01-01T00:00:00Z"}));
    server.get(&token, "/v1/whoami").expect(401);
    // The server's own clock, as the birth of a key tells it.
    let born = |made: &Value| -> Timestamp {
        made["created_at"]
            .as_str()
            .expect("a time")
            .parse()
            .expect("a time")
    };
    let (_, _, before) = make_key(&server, &Value::Null);
    let end = born(&before) + SignedDuration::from_millis(800);
    let (_, token, _) = make_key(&server, &json!({"expires_at": end.to_string()}));
    let mut connection = Connection::open(&server.address);
    assert_eq!(
        connection.ask(&token, "GET", "/v1/whoami", None).status,
        200
    );
    while connection
        .ask(&token, "GET", "/v1/views/rows/data", None)
        .status
        == 200
    {}
    let (_, _, after) = make_key(&server, &Value::Null);
    assert!(born(&after) >= end, "it was refused too early");
    for _ in 0..20 {
        assert_eq!(
            connection
                .ask(&token, "GET", "/v1/views/rows/data", None)
                .status,
            401
        );
    }
}

#[test]
fn a_narrowed_grant_binds_the_very_next_request() {
    const CONNECTIONS: usize = 64;
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    definitions(&server);
    let master = server.master();
    let records: Vec<_> = (0..40).map(|n| json!({"writer": n % 2, "n": n})).collect();
    server
        .post(&master, "/v1/pools/p/records", &json!(records))
        .expect(200);
    let (id, token, _) = make_key(&server, &Value::Null);
    let is_narrow = AtomicBool::new(false);
    let (wide, narrow) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let wanted = cases(2_000, 50_000);
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut connection = Connection::open(&server.address);
                while narrow.load(Ordering::Relaxed) < wanted {
                    // Read before the request begins: only then must its answer be the new one.
                    let was_narrow = is_narrow.load(Ordering::Acquire);
                    let answer = connection.ask(&token, "GET", "/v1/views/rows/data", None);
                    assert_eq!(answer.status, 200);
                    let answer = answer.json();
                    let rows = answer["data"].as_array().expect("rows");
                    let old = rows.iter().filter(|row| row["writer"] != 1).count();
                    assert_eq!(rows.len(), old + 20);
                    if was_narrow {
                        assert_eq!(old, 0, "rows of before the acknowledged change");
                        narrow.fetch_add(1, Ordering::Relaxed);
                    } else {
                        wide.fetch_add(old, Ordering::Relaxed);
                    }
                }
            });
        }
        let mut admin = Connection::open(&server.address);
        while wide.load(Ordering::Relaxed) < 20 * CONNECTIONS {
            thread::yield_now();
        }
        let own = json!([{"field": "writer", "operator": "eq", "value": 1}]);
        let change = json!({"grants": [{"on": "view:*", "actions": ["read"], "constraints": own}]});
        let told = admin.ask(&master, "PATCH", &format!("/v1/keys/{id}"), Some(&change));
        assert_eq!(told.status, 200);
        is_narrow.store(true, Ordering::Release);
    });
    assert!(narrow.into_inner() >= wanted);
}
