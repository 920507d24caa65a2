//! K5: who was shut out stays out, and who was let see less sees no more.
//! K20: each change that was acknowledged is in the audit.

use std::collections::BTreeSet;
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

/// What was acknowledged.
#[derive(Debug, Default)]
struct Book {
    /// What the holder of each token gets, and what made it so.
    tokens: Mutex<Vec<(String, Gets, &'static str)>>,
    /// The changes: what was done, and the id of the key.
    changes: Mutex<Vec<(&'static str, String)>>,
}

impl Book {
    fn note(&self, token: &str, gets: Gets, by: &'static str) {
        let mut tokens = self.tokens.lock().expect("the book");
        tokens.push((token.to_owned(), gets, by));
    }

    fn note_change(&self, action: &'static str, id: &str) {
        let mut changes = self.changes.lock().expect("the book");
        changes.push((action, id.to_owned()));
    }

    /// Of every token that was ever noted.
    fn check(&self, server: &Server) {
        for (token, (path, status, rows), by) in &*self.tokens.lock().expect("the book") {
            let reply = server.get(token, path);
            assert_eq!(reply.status, *status, "after {by}: {}", reply.text());
            if rows.is_some() {
                let seen = reply.json()["data"].as_array().map(Vec::len);
                assert_eq!(seen, *rows, "after {by}");
            }
        }
    }

    /// Of every change that was ever noted.
    fn check_audit(&self, server: &Server) {
        let audit = audit(server);
        for (action, id) in &*self.changes.lock().expect("the book") {
            let entry = ((*action).to_owned(), id.clone());
            assert!(audit.contains(&entry), "{action} of {id} was acknowledged");
        }
    }
}

/// What was done according to the audit, page by page: each action, and the id
/// of what it was done to.
fn audit(server: &Server) -> BTreeSet<(String, String)> {
    let (mut entries, mut after) = (BTreeSet::new(), String::new());
    loop {
        let path = format!("/v1/audit?limit=100{after}");
        let page = server.get(&server.master(), &path).expect(200);
        for entry in page["items"].as_array().expect("entries") {
            let text = |name: &str| entry[name].as_str().expect("a text").to_owned();
            entries.insert((text("action"), text("subject_id")));
        }
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return entries,
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
        book.note_change("key.create", &id);
        let change = |action: &'static str, method: &str, what: &str, body: &Value| {
            let changed = call(master, method, &format!("/v1/keys/{id}{what}"), body)?;
            book.note_change(action, &id);
            Some(changed)
        };
        let roll = |grace: &str| {
            let rolled = change("key.roll", "POST", "/roll", &json!({ "grace": grace }))?;
            Some(text(&rolled, "token"))
        };
        match *way {
            "disable" => {
                change("key.disable", "POST", "/disable", &Value::Null)?;
                book.note(&token, OUT, way);
            }
            "delete" => {
                change("key.delete", "DELETE", "", &Value::Null)?;
                book.note(&token, OUT, way);
            }
            "self" => {
                call(&token, "POST", "/v1/keys/self/revoke", &Value::Null)?;
                book.note_change("key.revoke_secret", &id);
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
                change("key.undo_roll", "POST", "/undo-roll", &Value::Null)?;
                book.note(&new, OUT, way);
                book.note(&token, IN, way);
            }
            "enable" => {
                change("key.disable", "POST", "/disable", &Value::Null)?;
                change("key.enable", "POST", "/enable", &Value::Null)?;
                book.note(&token, IN, way);
            }
            "narrow" => {
                change("key.change", "PATCH", "", &json!({"grants": []}))?;
                book.note(&token, NO_ROWS, way);
            }
            "constrain" => {
                let own = json!([{"field": "customer", "operator": "eq", "value": "a"}]);
                let own = json!({"grants": reading(&own)});
                change("key.change", "PATCH", "", &own)?;
                book.note(&token, OWN_ROW, way);
            }
            "expire" => {
                let over = json!({"restrictions": {"expires_at": "2020-01-01T00:00:00Z"}});
                change("key.change", "PATCH", "", &over)?;
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
    book.check_audit(&server);
    let entries = book.tokens.lock().expect("the book").len();
    assert!(
        entries > cases(6, 100),
        "the clients were at work: {entries}"
    );
}
