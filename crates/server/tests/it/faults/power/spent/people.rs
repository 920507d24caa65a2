//! Somebody who signs in, and the code that is used up by it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;

use model::people::Totp;
use model::time::Timestamp;
use serde_json::{Value, json};

use crate::support::clock::seconds;
use crate::support::{Address, Reply, Server, Unanswered};

const PASSWORD: &str = "violet harbour under glass";
const OWNER: &str = "ada@example.com";
/// How long a code is shown.
const STEP: u64 = 30;

fn code_of(app: &Totp, step: u64) -> String {
    let at = i64::try_from(step * STEP * 1_000_000).expect("a time");
    let at = Timestamp::from_microsecond(at).expect("a time");
    app.shown_at(at).as_str().to_owned()
}

fn sign_in(server: &Address, name: &str, code: &str) -> Result<Reply, Unanswered> {
    let body = json!({"sign_in": name, "password": PASSWORD, "code": code});
    let body = body.to_string().into_bytes();
    server.send("", "POST", "/v1/sessions", &[], Some(&body))
}

fn app(shown: &Value) -> Totp {
    let secret = shown["app"]["secret"].as_str().expect("a secret");
    Totp::parse(secret).expect("a secret")
}

/// Who invites, in one session through all cuts.
pub(super) struct Owner {
    cookie: String,
    invited: AtomicU64,
}

impl Owner {
    pub(super) fn begin(server: &Server) -> Self {
        let first = json!({"sign_in": OWNER, "name": "Ada", "password": PASSWORD});
        let shown = server.post(&server.master(), "/v1/people/first", &first);
        let code = code_of(&app(&shown.expect(201)), seconds() / STEP);
        let entered = sign_in(&server.address, OWNER, &code).expect("an answer");
        assert_eq!(entered.status, 201, "{}", entered.text());
        let cookie = entered.header("set-cookie").expect("a cookie");
        let cookie = cookie.split(';').next().expect("a value").to_owned();
        Self {
            cookie,
            invited: AtomicU64::new(0),
        }
    }

    /// Two people, whose codes are all unused: one of them will use one.
    pub(super) fn invite(&self, server: &Server) -> Result<Pair, String> {
        let join = || -> Result<(String, Totp), String> {
            let number = self.invited.fetch_add(1, Ordering::Relaxed);
            let name = format!("bob{number}@example.com");
            let draft = json!({"sign_in": name, "roles": [{"role": "viewer"}]}).to_string();
            let by = [
                ("cookie", self.cookie.as_str()),
                ("sec-fetch-site", "same-origin"),
            ];
            let invited = server.send("", "POST", "/v1/invitations", &by, Some(draft.as_bytes()));
            let invited = invited.expect("an answer");
            if invited.status != 201 {
                return Err(format!("the owner's session is lost: {}", invited.text()));
            }
            let token = &invited.json()["token"];
            let join = json!({"token": token, "name": "Bob", "password": PASSWORD});
            let joined = server.post("", "/v1/invitations/accept", &join);
            Ok((name, app(&joined.expect(201))))
        };
        let (user, other) = (join()?, join()?);
        Ok(Pair {
            user,
            other,
            step: seconds() / STEP,
            entered: AtomicUsize::new(0),
        })
    }
}

/// Who uses a code, and who does not.
pub(super) struct Pair {
    user: (String, Totp),
    other: (String, Totp),
    step: u64,
    entered: AtomicUsize,
}

impl Pair {
    /// Sends the code, as several do at once.
    pub(super) fn enter(&self, server: &Address, told: &Sender<()>) {
        let (name, app) = &self.user;
        let reply = sign_in(server, name, &code_of(app, self.step));
        if reply.is_ok_and(|reply| reply.status == 201) {
            self.entered.fetch_add(1, Ordering::SeqCst);
            let _ = told.send(());
        }
    }

    /// How often the code was let in.
    pub(super) fn entered(&self) -> usize {
        self.entered.load(Ordering::SeqCst)
    }

    /// A code that was good is good no more, and nor is one of before it.
    pub(super) fn check(&self, server: &Server) -> Result<(), String> {
        let (name, app) = &self.user;
        let mut times = self.entered();
        for step in [self.step, self.step, self.step - 1] {
            let again = sign_in(&server.address, name, &code_of(app, step)).expect("an answer");
            match again.status {
                201 => times += 1,
                401 | 429 => {}
                _ => return Err(format!("a code is answered by {}", again.text())),
            }
        }
        if times > 1 {
            return Err(format!("a code is let in again: {times} times"));
        }
        // Codes of then are still good, or the above would say nothing.
        let (name, app) = &self.other;
        let unused = sign_in(&server.address, name, &code_of(app, self.step)).expect("an answer");
        if seconds() / STEP == self.step && unused.status != 201 {
            return Err(format!("an unused code is refused: {}", unused.text()));
        }
        Ok(())
    }
}
