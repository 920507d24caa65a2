//! The commands on the files of a server that is stopped.

mod audit;
mod backup;
mod check;
mod clock;
mod compact;
mod learned;
mod scrub;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::faults::flips::files_below;
use crate::faults::sample::{self, Asked};
use crate::support::{BINARY, Server};

/// How a command ended and what it wrote.
#[derive(Debug)]
pub(crate) struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {}", self.out))
    }
}

fn command(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(args).env_clear().current_dir(home);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a command in a home, whose data directory is `data`.
pub(crate) fn run(home: &Path, args: &[&str]) -> Ran {
    let output = command(home, args).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Ran {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// The home of a stopped server that holds a little of everything, and what it answered.
fn stopped() -> (tempfile::TempDir, Vec<Asked>) {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    let asked = sample::fill(&server);
    assert_eq!(server.terminate(), Some(0));
    (home, asked)
}

/// Expects that a server in the home answers as before.
#[track_caller]
fn answers_as_before(home: &Path, asked: &[Asked]) {
    let server = Server::start(home);
    for before in asked {
        assert_eq!(&before.again(&server), before);
    }
    assert_eq!(server.terminate(), Some(0));
}

/// The files of records of all pools.
fn tables(home: &Path) -> Vec<PathBuf> {
    let directory = home.join("data/tables");
    if !directory.exists() {
        return Vec::new();
    }
    let mut files = files_below(&directory);
    files.retain(|file| {
        !file
            .components()
            .any(|part| part.as_os_str() == "_delta_log")
    });
    files
}

/// The member of the check's report of the pool of this name.
fn pool_of(report: &Value, name: &str) -> Value {
    let pools = report["pools"].as_array().expect("pools");
    let found = pools.iter().find(|pool| pool["name"] == name);
    found
        .unwrap_or_else(|| panic!("{name} in {report}"))
        .clone()
}
