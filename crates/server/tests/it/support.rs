//! A server process and a client for it.

pub(crate) mod clock;
pub(crate) mod cutting;
pub(crate) mod launch;
pub(crate) mod needs;
pub(crate) mod signed;
pub(crate) mod upkeep;
pub(crate) mod vault_stand_in;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use serde_json::{Value, json};

use launch::Launch;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_tidegate");

/// Where a server answers.
#[derive(Clone, Debug)]
pub(crate) struct Address(pub(crate) String);

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: Address,
    pub(crate) operations: String,
    pub(crate) home: PathBuf,
}

/// What the server answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {} {}", self.status, self.text()))
    }

    /// The body as JSON, when the status is the expected one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        if self.body.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A request that got no answer.
#[derive(Debug)]
pub(crate) struct Unanswered;

impl Server {
    /// Starts a server in `home`, whose data, pepper, token and log lie there.
    pub(crate) fn start(home: &Path) -> Self {
        Self::start_with(home, &[])
    }

    /// The same with further options.
    pub(crate) fn start_with(home: &Path, options: &[&str]) -> Self {
        Self::start_at(home, "127.0.0.1:0", options)
    }

    /// The same on an address of the caller's choice.
    pub(crate) fn start_at(home: &Path, listen: &str, options: &[&str]) -> Self {
        let launch = Launch::at(home).listen(listen).options(options);
        launch
            .start()
            .unwrap_or_else(|ended| panic!("the server ended at its start: {}", ended.log))
    }

    /// The master key's token.
    pub(crate) fn master(&self) -> String {
        std::fs::read_to_string(self.home.join("token"))
            .expect("a token")
            .trim()
            .to_owned()
    }

    /// Sends a request; any status is an answer.
    pub(crate) fn send(
        &self,
        token: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Reply, Unanswered> {
        self.address.send(token, method, path, headers, body)
    }

    /// Sends JSON and expects an answer.
    #[track_caller]
    pub(crate) fn call(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Reply {
        let body = body.map(|body| body.to_string().into_bytes());
        self.send(token, method, path, &[], body.as_deref())
            .expect("an answer")
    }

    #[track_caller]
    pub(crate) fn get(&self, token: &str, path: &str) -> Reply {
        self.call(token, "GET", path, None)
    }

    #[track_caller]
    pub(crate) fn post(&self, token: &str, path: &str, body: &Value) -> Reply {
        self.call(token, "POST", path, Some(body))
    }

    /// Makes a key and answers its token.
    #[track_caller]
    pub(crate) fn key(&self, name: &str, grants: &Value) -> String {
        let body = json!({"name": name, "grants": grants});
        let made = self.post(&self.master(), "/v1/keys", &body).expect(201);
        made["token"].as_str().expect("a token").to_owned()
    }

    /// The number of the process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Ends the process as a power switch would end it.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }

    /// Ends the process, and tells the exit code when it had ended by itself.
    pub(crate) fn end(mut self) -> Option<i32> {
        let _ = self.child.kill();
        self.child.wait().expect("ended").code()
    }

    /// Asks the process to stop and waits for its exit code.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        self.signal("-TERM");
        self.child.wait().expect("ended").code()
    }

    /// Ends the process as a broken promise of its own would end it.
    pub(crate) fn abort(mut self) -> ExitStatus {
        self.signal("-ABRT");
        self.child.wait().expect("ended")
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args([signal, &id]).status();
        assert!(told.expect("kill runs").success(), "it takes the signal");
    }
}

impl Address {
    /// Sends a request; any status is an answer.
    pub(crate) fn send(
        &self,
        token: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Reply, Unanswered> {
        send(&format!("{}{path}", self.0), token, method, headers, body)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the log until the server says where it listens; the rest of the log
/// goes to a file from then on. None when the log ends before that.
fn read_addresses(child: &mut Child, home: &Path) -> Option<(String, String)> {
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe"));
    let log = home.join("log");
    let mut log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .expect("a log");
    let mut line = String::new();
    loop {
        line.clear();
        let read = lines.read_line(&mut line).expect("log lines");
        if read == 0 {
            return None;
        }
        log.write_all(line.as_bytes()).expect("logged");
        if let Some((_, rest)) = line.split_once(" listens on ") {
            let (api, operations) = rest.split_once("; health and metrics on ").expect("both");
            let addresses = (api.to_owned(), format!("http://{}", operations.trim()));
            std::thread::spawn(move || std::io::copy(&mut lines, &mut log));
            return Some(addresses);
        }
    }
}

fn last_lines(home: &Path) -> String {
    std::fs::read_to_string(home.join("log")).unwrap_or_default()
}

/// Sends a request to an address.
pub(crate) fn send(
    url: &str,
    token: &str,
    method: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
) -> Result<Reply, Unanswered> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .into();
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if body.is_some() && !headers.iter().any(|(name, _)| *name == "content-type") {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = match body {
        Some(body) => agent.run(request.body(body).expect("a request")),
        None => agent.run(request.body(()).expect("a request")),
    };
    let mut answer = answer.map_err(|_| Unanswered)?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let body = answer
        .body_mut()
        .with_config()
        .limit(256 << 20)
        .read_to_vec();
    Ok(Reply {
        status,
        headers,
        body: body.map_err(|_| Unanswered)?,
    })
}

/// How many cases a proof runs: the long number under `cargo xtask prove`.
pub(crate) fn cases(short: usize, long: usize) -> usize {
    if std::env::var("TIDEGATE_PROOF").as_deref() == Ok("long") {
        long
    } else {
        short
    }
}
