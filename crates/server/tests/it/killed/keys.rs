//! K5: who was shut out stays out.

use std::sync::Mutex;
use std::sync::mpsc::Sender;

use model::random::SeededRandom;
use serde_json::{Value, json};

use super::killed_at_work;
use crate::support::{Address, Server, cases};

const CLIENTS: usize = 6;

/// What was acknowledged of tokens: whether each lets its holder in.
#[derive(Debug, Default)]
struct Book(Mutex<Vec<(String, bool, &'static str)>>);

impl Book {
    fn note(&self, token: &str, lets_in: bool, by: &'static str) {
        let mut book = self.0.lock().expect("the book");
        book.push((token.to_owned(), lets_in, by));
    }

    /// Of every token that was ever noted.
    fn check(&self, server: &Server) {
        for (token, lets_in, by) in &*self.0.lock().expect("the book") {
            let status = server.get(token, "/v1/whoami").status;
            assert_eq!(status, if *lets_in { 200 } else { 401 }, "after {by}");
        }
    }
}

/// Makes keys and ends them in every way, each acknowledged, until the server
/// is gone. `None` for no answer.
fn work(server: &Address, master: &str, book: &Book, told: &Sender<()>) -> Option<()> {
    for way in [
        "disable", "delete", "roll", "self", "grace", "undo", "enable",
    ]
    .iter()
    .cycle()
    {
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
            &json!({"name": way, "grants": []}),
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
                book.note(&token, false, way);
            }
            "delete" => {
                call(master, "DELETE", &path, &Value::Null)?;
                book.note(&token, false, way);
            }
            "self" => {
                call(&token, "POST", "/v1/keys/self/revoke", &Value::Null)?;
                book.note(&token, false, way);
            }
            "roll" => {
                let new = roll("0s")?;
                book.note(&token, false, way);
                book.note(&new, true, way);
            }
            "grace" => {
                let new = roll("1h")?;
                book.note(&new, true, way);
                book.note(&token, true, way);
            }
            "undo" => {
                let new = roll("1h")?;
                call(master, "POST", &format!("{path}/undo-roll"), &Value::Null)?;
                book.note(&new, false, way);
                book.note(&token, true, way);
            }
            _ => {
                call(master, "POST", &format!("{path}/disable"), &Value::Null)?;
                call(master, "POST", &format!("{path}/enable"), &Value::Null)?;
                book.note(&token, true, way);
            }
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
    let (master, book) = (server.master(), Book::default());
    for _ in 0..cases(6, 100) {
        let client = |_| {
            let (master, book) = (&master, &book);
            move |address: Address, told: Sender<()>| {
                let _gone = work(&address, master, book, &told);
            }
        };
        let until = 1 + usize::try_from(random.next_u64() % 24).expect("small");
        let clients = (0..CLIENTS).map(client).collect();
        server = killed_at_work(home, server, clients, until);
        book.check(&server);
    }
    let entries = book.0.lock().expect("the book").len();
    assert!(
        entries > cases(6, 100),
        "the clients were at work: {entries}"
    );
}
