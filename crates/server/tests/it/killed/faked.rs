//! K7 by the binary under a clock that is set: what had ended, and what was used
//! up, is so an hour earlier, too. `libfaketime` answers the process that asks
//! for the time of day; how much time passes is the machine's.

use std::path::Path;

use serde_json::{Value, json};

use super::codes::{OWNER, PASSWORD, app, code, sign_in};
use crate::support::Server;
use crate::support::clock::seconds;
use crate::support::launch::Launch;
use crate::support::needs::{libfaketime, may_use};

const HOUR: u64 = 3_600;
/// The same in steps of one-time codes.
const HOUR_OF_CODES: i64 = 120;

/// A server whose clock is so many seconds ahead of the machine's.
fn start(home: &Path, library: &Path, ahead: u64) -> Server {
    let under = [
        "env".to_owned(),
        format!("LD_PRELOAD={}", library.display()),
        format!("FAKETIME=+{ahead}"),
        "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
        "NO_FAKE_STAT=1".to_owned(),
    ];
    let started = Launch::at(home).under(under.to_vec()).start();
    started.unwrap_or_else(|ended| panic!("the server ended at its start: {}", ended.log))
}

fn end(server: Server, is_killed: bool) {
    let process = server.process();
    if is_killed {
        server.kill();
        // What the library leaves behind of a process that it does not see end.
        for name in ["faketime_shm_", "sem.faketime_sem_"] {
            let _ = std::fs::remove_file(format!("/dev/shm/{name}{process}"));
        }
    } else {
        assert_eq!(server.terminate(), Some(0));
    }
}

/// Somebody whom the owner invites, and who used no code yet.
fn invite(server: &Server, cookie: &str, name: &str) -> Value {
    let draft = json!({"sign_in": name, "roles": [{"role": "viewer"}]}).to_string();
    let by = [("cookie", cookie), ("sec-fetch-site", "same-origin")];
    let invited = server.send("", "POST", "/v1/invitations", &by, Some(draft.as_bytes()));
    let invited = invited.expect("an answer").expect(201);
    let join = json!({"token": invited["token"], "name": "Bob", "password": PASSWORD});
    server.post("", "/v1/invitations/accept", &join).expect(201)
}

fn an_hour_back(library: &Path, is_killed: bool) {
    const OTHER: &str = "bob@example.com";
    let home = tempfile::tempdir().expect("a directory");
    let home = home.path();
    let server = start(home, library, 0);
    let master = server.master();
    let micros = i64::try_from((seconds() + HOUR / 2) * 1_000_000).expect("a time");
    let ends = model::time::Timestamp::from_microsecond(micros).expect("a time");
    let body = json!({"name": "soon", "grants": [],
        "restrictions": {"expires_at": ends.to_string()}});
    let made = server.post(&master, "/v1/keys", &body).expect(201);
    let soon = made["token"].as_str().expect("a token");
    server.get(soon, "/v1/whoami").expect(200);
    let first = json!({"sign_in": OWNER, "name": "Ada", "password": PASSWORD});
    let shown = server.post(&master, "/v1/people/first", &first).expect(201);
    let owner = app(&shown);
    let entered = sign_in(&server.address, OWNER, &code(&owner, 0)).expect("an answer");
    assert_eq!(entered.status, 201, "{}", entered.text());
    let cookie = entered.header("set-cookie").expect("a cookie");
    let cookie = cookie.split(';').next().expect("a value");
    let other = app(&invite(&server, cookie, OTHER));
    end(server, is_killed);

    let server = start(home, library, HOUR);
    server.get(soon, "/v1/whoami").expect(401);
    server.get(&master, "/v1/whoami").expect(200);
    let used = code(&owner, HOUR_OF_CODES);
    let entered = sign_in(&server.address, OWNER, &used).expect("an answer");
    assert_eq!(entered.status, 201, "{}", entered.text());
    end(server, is_killed);

    let server = start(home, library, 0);
    server.get(soon, "/v1/whoami").expect(401);
    server.get(&master, "/v1/whoami").expect(200);
    let again = sign_in(&server.address, OWNER, &used).expect("an answer");
    assert_eq!(again.status, 401, "{}", again.text());
    // It is refused because it was used: one of the same time that was not is good.
    let good = code(&other, HOUR_OF_CODES);
    let good = sign_in(&server.address, OTHER, &good).expect("an answer");
    assert_eq!(good.status, 201, "{}", good.text());
    end(server, is_killed);
}

#[test]
fn k7_an_hour_back_revives_neither_a_key_nor_a_code() {
    if !may_use("faketime") {
        return;
    }
    let library = libfaketime();
    for is_killed in [false, true] {
        an_hour_back(&library, is_killed);
    }
}
