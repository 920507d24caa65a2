//! A server process on fresh files.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::client::Connection;

/// A server and its master token; ends when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    operations: String,
    pub(crate) token: String,
    pub(crate) home: tempfile::TempDir,
}

/// The server's binary, built beside this one.
pub(crate) fn binary() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let target = here.parent().unwrap().parent().unwrap().join("tidegate");
    assert!(
        target.exists(),
        "{} is built by `cargo xtask bench`",
        target.display()
    );
    target
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server with options of its own.
    pub(crate) fn start_with(options: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut child = Command::new(binary())
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--admin-listen",
                "127.0.0.1:0",
                "--data-dir",
            ])
            .arg(home.path().join("data"))
            .arg("--admin-token-file")
            .arg(home.path().join("token"))
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        let (address, operations) = loop {
            line.clear();
            assert!(
                lines.read_line(&mut line).unwrap() > 0,
                "the server did not start"
            );
            if let Some((_, rest)) = line.split_once("listens on http://") {
                let (address, operations) = rest.split_once("; health and metrics on ").unwrap();
                break (address.to_owned(), operations.trim().to_owned());
            }
        };
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let token = std::fs::read_to_string(home.path().join("token"))
            .unwrap()
            .trim()
            .to_owned();
        Self {
            child,
            address,
            operations,
            token,
            home,
        }
    }

    /// The process, to look at.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until all records are in files and no file is merged any more.
    pub(crate) fn settle(&self) {
        let (mut before, mut quiet) = (String::new(), 0);
        while quiet < 5 {
            std::thread::sleep(Duration::from_millis(500));
            let metrics = Connection::open(&self.operations, "").get("/metrics");
            let metrics = String::from_utf8(metrics).unwrap();
            let lines = metrics.lines().filter(|line| {
                [
                    "tidegate_buffer_records ",
                    "tidegate_flushes_total ",
                    "tidegate_merges_total ",
                ]
                .iter()
                .any(|name| line.starts_with(name))
            });
            let now: String = lines.collect();
            assert!(now.contains("tidegate_buffer_records"), "{metrics}");
            let is_quiet = now == before && now.contains("tidegate_buffer_records 0");
            quiet = if is_quiet { quiet + 1 } else { 0 };
            before = now;
        }
    }

    /// Makes something and answers its JSON.
    pub(crate) fn make(&self, path: &str, body: &serde_json::Value) -> serde_json::Value {
        let mut connection = Connection::open(&self.address, &self.token);
        let (status, answer) = connection.post(path, body.to_string().as_bytes());
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&answer));
        serde_json::from_slice(&answer).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
