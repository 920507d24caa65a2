//! The dialect of Keen IO, from outside.

mod migrate;
mod properties;
mod questions;
mod stored;
mod writing;

use serde_json::{Value, json};

use crate::support::{Reply, Server};

/// A server that speaks the dialect.
pub(crate) struct Speaking {
    pub(crate) server: Server,
    /// The path that everything of its project is under.
    pub(crate) base: String,
    /// The key that may do everything, by the dialect alone.
    pub(crate) master: String,
    /// The key that writes.
    pub(crate) write: String,
    /// The key that asks.
    pub(crate) read: String,
    _home: tempfile::TempDir,
}

impl Speaking {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// With further options.
    pub(crate) fn start_with(options: &[&str]) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let server = Server::start_with(home.path(), options);
        let path = "/v1/projects/default/keen";
        let keys = server.post(&server.master(), path, &json!({})).expect(201);
        let text = |name: &str| keys[name].as_str().expect("text").to_owned();
        Self {
            base: format!("/3.0/projects/{}", text("project_id")),
            master: text("master_key"),
            write: text("write_key"),
            read: text("read_key"),
            server,
            _home: home,
        }
    }

    /// Sends a call as the dialect's clients do, the key without a scheme.
    pub(crate) fn send(&self, key: &str, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let body = body.map(|body| body.to_string().into_bytes());
        let path = format!("{}/{path}", self.base);
        let headers = [("authorization", key), ("keen-sdk", "python-0.7.0")];
        let reply = self
            .server
            .send("", method, &path, &headers, body.as_deref());
        reply.expect("an answer")
    }
}
