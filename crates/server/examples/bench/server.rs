//! A server process on fresh files.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::client::Connection;

/// A server and its master token; ends when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
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
        let address = loop {
            line.clear();
            assert!(
                lines.read_line(&mut line).unwrap() > 0,
                "the server did not start"
            );
            if let Some((_, rest)) = line.split_once("listens on http://") {
                break rest.split(';').next().unwrap().to_owned();
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
            token,
            home,
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
