//! A sync of a database of the control plane fails (D4): nobody is told that
//! it was done, the process ends, and the next start has everything that was
//! acknowledged, once.

use std::path::Path;

use model::secrets::Secret;
use serde_json::{Value, json};

use crate::killed::nonces::Sent;
use crate::support::launch::Launch;
use crate::support::needs::{expect_strace, may_use, note};
use crate::support::{Address, Server, Unanswered, cases};

/// What the server ends with when its files cannot be trusted any more.
const FATAL: i32 = 74;
/// More than any case needs; a case whose sync does not come is a failed one.
const TURNS_MAX: usize = 400;

/// Lets the n-th sync of one file fail, once. strace counts the calls of each
/// thread; one thread alone syncs each of these files.
fn failing(home: &Path, file: &str, n: usize) -> Vec<String> {
    let file = home.join("data").join(file).display().to_string();
    let seen = home.join("calls").display().to_string();
    let inject = format!("inject=fsync,fdatasync:error=EIO:when={n}");
    let mut command = vec!["strace", "-D", "-f", "-y", "-qq", "--seccomp-bpf"];
    command.extend(["-o", &seen, "-e", "trace=fsync,fdatasync", "-e", &inject]);
    command.extend(["-P", &file]);
    command.into_iter().map(str::to_owned).collect()
}

fn has_failed(home: &Path) -> bool {
    let seen = std::fs::read(home.join("calls")).unwrap_or_default();
    String::from_utf8_lossy(&seen).contains("(INJECTED)")
}

/// A key that was acknowledged.
#[derive(Debug)]
struct Made {
    id: String,
    token: String,
    is_disabled: bool,
}

/// What one client did that waits for each answer, and what it knows.
#[derive(Debug, Default)]
struct Client {
    master: String,
    metered: String,
    /// Names that were sent, acknowledged or not.
    names: usize,
    made: Vec<Made>,
    answered: u64,
    unanswered: u64,
}

impl Client {
    fn begin(server: &Server) -> Self {
        let master = server.master();
        let pool = json!({"name": "events", "schema": "open"});
        server.post(&master, "/v1/pools", &pool).expect(201);
        let body = json!({"name": "metered", "limits": {"credits":
                {"core": {"amount": 1_000_000, "period": "month"}, "premium": null}},
            "grants": [{"on": "pool:events", "actions": ["ingest"]}]});
        let made = server.post(&master, "/v1/keys", &body).expect(201);
        Self {
            metered: made["token"].as_str().expect("a token").to_owned(),
            master,
            ..Self::default()
        }
    }

    /// Makes a key, disables the one before it and uses a credit, again and
    /// again until there is no answer: every answer says that it was done.
    fn work(&mut self, server: &Address) {
        for _ in 0..TURNS_MAX {
            if self.turn(server).is_err() {
                return;
            }
        }
    }

    fn turn(&mut self, server: &Address) -> Result<(), Unanswered> {
        let body = json!({"name": format!("k{}", self.names), "grants": []});
        self.names += 1;
        let body = body.to_string().into_bytes();
        let made = server.send(&self.master, "POST", "/v1/keys", &[], Some(&body))?;
        let made = made.expect(201);
        let text = |name: &str| made[name].as_str().expect("a text").to_owned();
        self.made.push(Made {
            id: text("id"),
            token: text("token"),
            is_disabled: false,
        });
        if let [.., before, _] = self.made.as_mut_slice() {
            let path = format!("/v1/keys/{}/disable", before.id);
            let disabled = server.send(&self.master, "POST", &path, &[], Some(b"{}"));
            // Nobody knows whether one without an answer is.
            before.is_disabled = true;
            disabled?.expect(200);
        }
        self.unanswered += 1;
        let path = "/v1/pools/events/records";
        let reply = server.send(&self.metered, "POST", path, &[], Some(b"{\"n\": 1}"))?;
        reply.expect(200);
        self.unanswered -= 1;
        self.answered += 1;
        Ok(())
    }

    fn check(&self, server: &Server) {
        let unsure = self.made.len().saturating_sub(2);
        for (number, key) in self.made.iter().enumerate() {
            let status = server.get(&key.token, "/v1/whoami").status;
            match (key.is_disabled, number == unsure) {
                (true, false) => assert_eq!(status, 401, "key {number} was disabled"),
                (true, true) => assert!([200, 401].contains(&status), "{status}"),
                (false, _) => assert_eq!(status, 200, "key {number} was made"),
            }
        }
        let shown = server.get(&self.metered, "/v1/whoami").expect(200);
        let spent = shown["left"]["credits"]["core"]["spent"].as_u64();
        let spent = spent.expect("a number");
        let (least, most) = (self.answered, self.answered + self.unanswered);
        assert!(
            (least..=most).contains(&spent),
            "{spent} of {least} to {most}"
        );
        let listed = server.get(&self.master, "/v1/keys?limit=1000").expect(200);
        let names = listed["items"].as_array().expect("keys").iter();
        let mut names: Vec<&str> = names.filter_map(|key| key["name"].as_str()).collect();
        names.retain(|name| name.starts_with('k'));
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all, "each is there once: {names:?}");
        let acknowledged = self.made.len();
        assert!((acknowledged..=self.names).contains(&all), "{names:?}");
    }
}

/// A home in which the n-th sync of this file fails under a client's work;
/// whether the server had come up.
fn fail(file: &str, n: usize) -> bool {
    let home = tempfile::tempdir().expect("a directory");
    let home = home.path();
    let server = Server::start(home);
    let mut client = Client::begin(&server);
    server.kill();
    let case = format!("sync {n} of {file}");
    let launch = Launch::at(home).under(failing(home, file, n));
    let started = match launch.start() {
        Ok(server) => {
            client.work(&server.address);
            assert_eq!(server.end(), Some(FATAL), "{case}");
            true
        }
        Err(ended) => {
            assert_eq!(ended.code, Some(FATAL), "{case}: {}", ended.log);
            false
        }
    };
    assert!(has_failed(home), "{case} did not fail");
    let server = Server::start(home);
    client.check(&server);
    // The server takes changes again.
    client.turn(&server.address).expect("an answer");
    note(&format!("{case}: {started}, {} keys", client.made.len()));
    started
}

#[test]
fn d04_a_failed_sync_of_the_control_database_ends_the_process() {
    if !may_use("strace") {
        return;
    }
    expect_strace();
    // Its log with every change; the file itself at the start, and then when
    // the log is written to it.
    let sample = [
        ("control.sqlite-wal", [5, 9, 20]),
        ("control.sqlite", [1, 2, 3]),
    ];
    let mut started = 0;
    for (file, short) in sample {
        let last = cases(0, if file.ends_with("wal") { 60 } else { 4 });
        let all: Vec<usize> = if last == 0 {
            short.into()
        } else {
            (1..=last).collect()
        };
        for n in all {
            started += usize::from(fail(file, n));
        }
    }
    assert!(started >= 4, "{started} servers came up");
}

#[test]
fn d04_a_failed_sync_of_the_nonces_ends_the_process() {
    if !may_use("strace") {
        return;
    }
    expect_strace();
    for n in 0..cases(2, 20) {
        let home = tempfile::tempdir().expect("a directory");
        let home = home.path();
        let server = Server::start(home);
        let master = server.master();
        let pool = json!({"name": "events", "schema": "open"});
        server.post(&master, "/v1/pools", &pool).expect(201);
        let body = json!({"name": "signs", "restrictions": {"signed_requests": true},
            "grants": [{"on": "pool:events", "actions": ["ingest"]}]});
        let made = server.post(&master, "/v1/keys", &body).expect(201);
        let secret = Secret::parse(made["token"].as_str().expect("a token"));
        let secret = secret.expect("a token");
        // The file is there from the first one on.
        let first = Sent::signed(&secret, 0);
        assert_eq!(first.send(&server.address).expect("an answer").status, 200);
        server.kill();
        let under = failing(home, "nonces.sqlite-wal", 4 + 3 * n);
        let server = Launch::at(home).under(under).start().expect("a start");
        let mut sent = vec![first];
        let mut is_over = false;
        while !is_over && sent.len() < TURNS_MAX {
            let next = Sent::signed(&secret, sent.len() as u64);
            match next.send(&server.address) {
                Ok(reply) => assert_eq!(reply.status, 200, "{}", reply.text()),
                Err(Unanswered) => is_over = true,
            }
            sent.push(next);
        }
        assert_eq!(server.end(), Some(FATAL), "case {n}");
        assert!(has_failed(home));
        let server = Server::start(home);
        let last = sent.pop().expect("the one without an answer");
        for sent in &sent {
            let again = sent.send(&server.address).expect("an answer");
            assert_eq!(again.status, 401, "{}", again.text());
        }
        let again = last.send(&server.address).expect("an answer");
        assert!([200, 401].contains(&again.status), "{}", again.text());
        let query = json!({"analysis": "count", "pool": "events"});
        let stored: Value = server.post(&master, "/v1/query", &query).expect(200);
        let stored = stored["result"].as_u64().expect("a number");
        let acknowledged = sent.len() as u64;
        assert!(
            (acknowledged..=acknowledged + 1).contains(&stored),
            "{stored}"
        );
    }
}
