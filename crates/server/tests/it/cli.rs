//! The client commands against a real server.

mod commands;
mod import;
mod issued;
mod query;
mod scan;
mod signed;
mod sinks;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Address, BINARY, Server};

/// How a command ended and what it wrote.
#[derive(Debug)]
pub(crate) struct Ran {
    code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {}", self.out))
    }
}

/// A command in `home` with a clean environment and no terminal.
pub(crate) fn command(address: &Address, token: &str, home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command
        .args(args)
        .env_clear()
        .current_dir(home)
        .env("TIDEGATE_URL", &address.0);
    if !token.is_empty() {
        command.env("TIDEGATE_TOKEN", token);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub(crate) fn ran(command: &mut Command) -> Ran {
    let output = command.output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Ran {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

pub(crate) fn with_input(command: &mut Command, input: &str) -> Ran {
    let mut child = command.stdin(Stdio::piped()).spawn().expect("it starts");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(input.as_bytes())
        .expect("read");
    let output = child.wait_with_output().expect("ended");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Ran {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// A server whose home is also the commands' working directory.
struct Desk {
    home: tempfile::TempDir,
    server: Server,
    master: String,
}

impl Desk {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let server = Server::start(home.path());
        let master = server.master();
        Self {
            home,
            server,
            master,
        }
    }

    /// Runs a command with the master key.
    fn run(&self, args: &[&str]) -> Ran {
        ran(&mut self.command(args))
    }

    fn command(&self, args: &[&str]) -> Command {
        command(&self.server.address, &self.master, self.home.path(), args)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.home.path().join(name), content).expect("written");
    }

    fn get(&self, path: &str) -> Value {
        self.server.get(&self.master, path).expect(200)
    }

    /// How many records a pool holds, and how many different `n` they have.
    fn count(&self, pool: &str) -> (u64, u64) {
        count(&self.server, pool)
    }
}

fn count(server: &Server, pool: &str) -> (u64, u64) {
    let view = format!("count of {pool}");
    let definition = json!({"name": view, "pool": pool, "shape": "aggregated", "fields": [
        {"aggregate": "count", "as": "records"},
        {"field": "n", "aggregate": "count_unique", "as": "distinct"}]});
    let made = server.post(&server.master(), "/v1/views", &definition);
    assert!([201, 409].contains(&made.status), "{}", made.text());
    let path = format!("/v1/views/{}/data", view.replace(' ', "%20"));
    let data = server.post(&server.master(), &path, &json!({})).expect(200);
    let row = &data["data"][0];
    let number = |name: &str| row[name].as_u64().unwrap_or(0);
    (number("records"), number("distinct"))
}
