//! K8: a one-time code that was good once is good no more.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;

use model::people::Totp;
use model::time::Timestamp;
use serde_json::{Value, json};

use super::killed_at_work;
use crate::support::clock::seconds;
use crate::support::{Address, Reply, Server, Unanswered, cases};

pub(super) const PASSWORD: &str = "violet harbour under glass";
pub(super) const OWNER: &str = "ada@example.com";
const AT_ONCE: usize = 4;

/// The code of an app, so many steps of 30 seconds from now.
pub(super) fn code(app: &Totp, steps: i64) -> String {
    let seconds = i64::try_from(seconds()).expect("seconds") + 30 * steps;
    let at = Timestamp::from_microsecond(seconds * 1_000_000).expect("a time");
    app.shown_at(at).as_str().to_owned()
}

pub(super) fn sign_in(server: &Address, name: &str, code: &str) -> Result<Reply, Unanswered> {
    let body = json!({"sign_in": name, "password": PASSWORD, "code": code});
    let body = body.to_string().into_bytes();
    server.send("", "POST", "/v1/sessions", &[], Some(&body))
}

pub(super) fn app(shown: &Value) -> Totp {
    let secret = shown["app"]["secret"].as_str().expect("a secret");
    Totp::parse(secret).expect("a secret")
}

#[test]
fn k8_a_code_that_was_used_stays_used_through_kills() {
    let home = tempfile::tempdir().expect("a directory");
    let home = home.path();
    let mut server = Server::start(home);
    let first = json!({"sign_in": OWNER, "name": "Ada", "password": PASSWORD});
    let shown = server
        .post(&server.master(), "/v1/people/first", &first)
        .expect(201);
    let owner = app(&shown);
    let entered = sign_in(&server.address, OWNER, &code(&owner, 0)).expect("an answer");
    assert_eq!(entered.status, 201, "{}", entered.text());
    let cookie = entered.header("set-cookie").expect("a cookie");
    let cookie = cookie.split(';').next().expect("a value").to_owned();
    for round in 0..cases(4, 40) {
        // Somebody new, whose codes are all unused.
        let name = format!("bob{round}@example.com");
        let draft = json!({"sign_in": name, "roles": [{"role": "viewer"}]}).to_string();
        let by = [
            ("cookie", cookie.as_str()),
            ("sec-fetch-site", "same-origin"),
        ];
        let invited = server.send("", "POST", "/v1/invitations", &by, Some(draft.as_bytes()));
        let invited = invited.expect("an answer").expect(201);
        let token = &invited["token"];
        let join = json!({"token": token, "name": "Bob", "password": PASSWORD});
        let bob = app(&server.post("", "/v1/invitations/accept", &join).expect(201));
        // One code is sent by several at once, and the server is killed when
        // the first of them is let in.
        let (text, earlier) = (code(&bob, 0), code(&bob, -1));
        let good = AtomicUsize::new(0);
        let client = |_| {
            let (name, text, good) = (&name, &text, &good);
            move |address: Address, told: Sender<()>| {
                if sign_in(&address, name, text).is_ok_and(|reply| reply.status == 201) {
                    good.fetch_add(1, Ordering::SeqCst);
                    let _ = told.send(());
                }
            }
        };
        let clients = (0..AT_ONCE).map(client).collect();
        server = killed_at_work(home, server, clients, 1);
        assert_eq!(good.load(Ordering::SeqCst), 1, "round {round}");
        let again = sign_in(&server.address, &name, &text).expect("an answer");
        assert!([401, 429].contains(&again.status), "{}", again.text());
        let stale = sign_in(&server.address, &name, &earlier).expect("an answer");
        assert!(
            [401, 429].contains(&stale.status),
            "a step before one that was used"
        );
    }
}
