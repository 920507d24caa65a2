//! K5: who was shut out stays out, and who was let see less sees no more.

use std::sync::Mutex;
use std::sync::mpsc::Sender;

use model::random::SeededRandom;
use serde_json::{Value, json};

use super::killed_at_work;
use crate::support::{Address, Server, cases};

const CLIENTS: usize = 6;
/// What becomes of keys.
const WAYS: [&str; 10] = [
    "disable",
    "delete",
    "roll",
    "self",
    "grace",
    "undo",
    "enable",
    "narrow",
    "constrain",
    "expire",
];

/// What the holder of a token asks for, the status of the answer, and how many
/// rows are in it.
type Gets = (&'static str, u16, Option<usize>);

const IN: Gets = ("/v1/whoami", 200, None);
const OUT: Gets = ("/v1/whoami", 401, None);
const NO_ROWS: Gets = ("/v1/views/all/data", 403, None);
const OWN_ROW: Gets = ("/v1/views/all/data", 200, Some(1));

/// What was acknowledged of tokens: what the holder of each gets.
#[derive(Debug, Default)]
struct Book(Mutex<Vec<(String, Gets, &'static str)>>);

impl Book {
    fn note(&self, token: &str, gets: Gets, by: &'static str) {
        let mut book = self.0.lock().expect("the book");
        book.push((token.to_owned(), gets, by));
    }

    /// Of every token that was ever noted.
    fn check(&self, server: &Server) {
        for (token, (path, status, rows), by) in &*self.0.lock().expect("the book") {
            let reply = server.get(token, path);
            assert_eq!(reply.status, *status, "after {by}: {}", reply.text());
            if rows.is_some() {
                let seen = reply.json()["data"].as_array().map(Vec::len);
                assert_eq!(seen, *rows, "after {by}");
            }
        }
    }
}

/// A view of three rows, one of which is customer `a`'s.
fn make_rows(server: &Server) {
    let master = server.master();
    let pool = json!({"name": "events", "schema": "open", "isolation_field": "customer"});
    server.post(&master, "/v1/pools", &pool).expect(201);
    let view = json!({"name": "all", "pool": "events", "shape": "records",
        "fields": [{"field": "customer"}]});
    server.post(&master, "/v1/views", &view).expect(201);
    let records = json!([{"customer": "a"}, {"customer": "b"}, {"customer": "b"}]);
    let stored = server.post(&master, "/v1/pools/events/records", &records);
    stored.expect(200);
}

/// Grants that let see such rows of the view.
fn reading(rows: &Value) -> Value {
    json!([{"on": "view:all", "actions": ["read"], "constraints": rows}])
}

/// Makes keys and ends or narrows them in every way, the `first` one first, each
/// acknowledged, until the server is gone. `None` for no answer.
fn work(
    server: &Address,
    master: &str,
    book: &Book,
    first: usize,
    told: &Sender<()>,
) -> Option<()> {
    for way in WAYS.iter().cycle().skip(first) {
        let call = |token: &str, method: &str, path: &str, body: &Value| {
            let body = (!body.is_null()).then(|| body.to_string().into_bytes());
            let reply = server
                .send(token, method, path, &[], body.as_deref())
                .ok()?;
            assert!(
                (200..300).contains(&reply.status),
                "{path}: {}",
                reply.text()
            );
            Some(if reply.body.is_empty() {
                Value::Null
            } else {
                reply.json()
            })
        };
        let text = |value: &Value, name: &str| value[name].as_str().expect("text").to_owned();
        let made = call(
            master,
            "POST",
            "/v1/keys",
            &json!({"name": way, "grants": reading(&json!("all_rows"))}),
        )?;
        let (id, token) = (text(&made, "id"), text(&made, "token"));
        let path = format!("/v1/keys/{id}");
        let roll = |grace: &str| {
            let body = json!({ "grace": grace });
            let rolled = call(master, "POST", &format!("{path}/roll"), &body)?;
            Some(text(&rolled, "token"))
        };
        match *way {
            "disable" => {
                call(master, "POST", &format!("{path}/disable"), &Value::Null)?;
                book.note(&token, OUT, way);
            }
            "delete" => {
                call(master, "DELETE", &path, &Value::Null)?;
                book.note(&token, OUT, way);
            }
            "self" => {
                call(&token, "POST", "/v1/keys/self/revoke", &Value::Null)?;
                book.note(&token, OUT, way);
            }
            "roll" => {
                let new = roll("0s")?;
                book.note(&token, OUT, way);
                book.note(&new, IN, way);
            }
            "grace" => {
                let new = roll("1h")?;
                book.note(&new, IN, way);
                book.note(&token, IN, way);
            }
            "undo" => {
                let new = roll("1h")?;
                call(master, "POST", &format!("{path}/undo-roll"), &Value::Null)?;
                book.note(&new, OUT, way);
                book.note(&token, IN, way);
            }
            "enable" => {
                call(master, "POST", &format!("{path}/disable"), &Value::Null)?;
                call(master, "POST", &format!("{path}/enable"), &Value::Null)?;
                book.note(&token, IN, way);
            }
            "narrow" => {
                call(master, "PATCH", &path, &json!({"grants": []}))?;
                book.note(&token, NO_ROWS, way);
            }
            "constrain" => {
                let own = json!([{"field": "customer", "operator": "eq", "value": "a"}]);
                call(master, "PATCH", &path, &json!({"grants": reading(&own)}))?;
                book.note(&token, OWN_ROW, way);
            }
            "expire" => {
                let over = json!({"restrictions": {"expires_at": "2020-01-01T00:00:00Z"}});
                call(master, "PATCH", &path, &over)?;
                book.note(&token, OUT, way);
            }
            other => panic!("{other}"),
        }
        told.send(()).ok()?;
    }
    None
}

#[test]
fn k5_k20_what_was_ended_stays_ended_through_kills_and_the_audit_is_whole() {
    let home = tempfile::tempdir().expect("a directory");
    let home = home.path();
    let random = SeededRandom::new(55);
    let mut server = Server::start(home);
    make_rows(&server);
    let (master, book) = (server.master(), Book::default());
    let client = |first: usize| {
        let (master, book) = (&master, &book);
        move |address: Address, told: Sender<()>| {
            let _gone = work(&address, master, book, first, &told);
        }
    };
    for round in 0..cases(6, 100) {
        let until = 1 + usize::try_from(random.next_u64() % 24).expect("small");
        // None gets far before the kill: each begins elsewhere.
        let clients = (0..CLIENTS).map(|number| client(round * CLIENTS + number));
        server = killed_at_work(home, server, clients.collect(), until);
        book.check(&server);
    }
    // Every way at least once, however soon the kills came.
    server = killed_at_work(home, server, vec![client(0)], WAYS.len());
    book.check(&server);
    let entries = book.0.lock().expect("the book").len();
    assert!(
        entries > cases(6, 100),
        "the clients were at work: {entries}"
    );
}
