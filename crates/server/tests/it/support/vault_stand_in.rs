//! A stand-in for a server of HashiCorp Vault or OpenBao, made from the
//! published API: a KV engine of version 2 at `secret/` and `team/kv/`, one of
//! version 1 at `old/`. It is no Vault: it has one token, keeps everything in
//! memory and knows the calls that the command line makes, with their statuses
//! and their ways to fail. Why: docs/adr/029-secret-managers.md.

use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Map, Value, json};

/// The one token that is let in.
pub(crate) const VAULT_TOKEN: &str = "hvs.stand-in-token";

/// What goes wrong with writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Before the next write somebody else changes the path.
    ChangedBefore,
    /// Before the next write the server is sealed.
    SealedBefore,
    /// The next write is carried out, and its answer is lost.
    AnswerLost,
    /// The next write is lost itself.
    RequestLost,
    /// From the next write on nobody is heard from; that write is carried out.
    Silence,
}

/// What the server holds and how it behaves.
#[derive(Debug)]
pub(crate) struct State {
    /// By engine and path, as `secret/ada`: all versions, `None` for deleted.
    pub(crate) secrets: HashMap<String, Vec<Option<Map<String, Value>>>>,
    pub(crate) sealed: bool,
    /// Whether the server is of before patches.
    pub(crate) before_patches: bool,
    /// What the token may do: read, patch, create, update.
    pub(crate) may: BTreeSet<&'static str>,
    pub(crate) fault: Option<Fault>,
    silent: bool,
    /// Method, path and namespace of each call.
    pub(crate) calls: Vec<(String, String, Option<String>)>,
}

/// The running stand-in.
#[derive(Debug)]
pub(crate) struct VaultStandIn {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

struct Call {
    method: String,
    path: String,
    headers: HashMap<String, String>,
    body: Value,
}

/// A status with a body, or no answer at all.
type Told = Option<(u16, Value)>;

impl VaultStandIn {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(State {
            secrets: HashMap::new(),
            sealed: false,
            before_patches: false,
            may: ["read", "patch", "create", "update"].into(),
            fault: None,
            silent: false,
            calls: Vec::new(),
        }));
        let served = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&served);
                std::thread::spawn(move || serve(&stream, &state));
            }
        });
        Self { url, state }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic before")
    }

    /// The newest version of a path, and which one it is.
    pub(crate) fn newest(&self, path: &str) -> (usize, Value) {
        let state = self.state();
        let versions = state
            .secrets
            .get(path)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let newest = versions.last().cloned().flatten();
        (versions.len(), newest.map_or(Value::Null, Value::Object))
    }

    /// Writes a version as somebody else.
    pub(crate) fn put(&self, path: &str, data: &Value) {
        let data = data.as_object().cloned();
        let mut state = self.state();
        state.secrets.entry(path.to_owned()).or_default().push(data);
    }
}

fn serve(mut stream: &TcpStream, state: &Mutex<State>) {
    let Some(call) = read(stream) else { return };
    let told = state.lock().expect("no panic before").answer(&call);
    let Some((status, body)) = told else { return };
    let text = match status {
        204 => String::new(),
        _ => body.to_string(),
    };
    let head = format!(
        "HTTP/1.1 {status} Told\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    // Whoever asked may have gone.
    let _ = stream.write_all(format!("{head}{text}").as_bytes());
}

fn read(stream: &TcpStream) -> Option<Call> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |n| n.parse().expect("a number"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(Call {
        method,
        path,
        headers,
        body,
    })
}

fn errors(status: u16, text: &str) -> Told {
    let list: Vec<&str> = [text].into_iter().filter(|text| !text.is_empty()).collect();
    Some((status, json!({ "errors": list })))
}

fn denied() -> Told {
    errors(403, "1 error occurred:\n\t* permission denied\n\n")
}

impl State {
    fn answer(&mut self, call: &Call) -> Told {
        let namespace = call.headers.get("x-vault-namespace").cloned();
        self.calls
            .push((call.method.clone(), call.path.clone(), namespace));
        let is_write = matches!(call.method.as_str(), "POST" | "PATCH");
        let fault = self.fault.take_if(|_| is_write);
        match fault {
            Some(Fault::SealedBefore) => self.sealed = true,
            Some(Fault::ChangedBefore) => self.change(call),
            _ => {}
        }
        if self.silent || fault == Some(Fault::RequestLost) {
            return None;
        }
        if self.sealed {
            return errors(503, "Vault is sealed");
        }
        if call.headers.get("x-vault-token").map(String::as_str) != Some(VAULT_TOKEN) {
            return errors(403, "permission denied");
        }
        let told = self.route(call);
        match fault {
            Some(Fault::Silence) => {
                self.silent = true;
                None
            }
            Some(Fault::AnswerLost) => None,
            _ => told,
        }
    }

    fn route(&mut self, call: &Call) -> Told {
        if let Some(path) = call.path.strip_prefix("/v1/sys/internal/ui/mounts/") {
            return Self::engine_of(path);
        }
        let path = call.path.strip_prefix("/v1/").expect("a call of the API");
        for engine in ["secret", "team/kv"] {
            if let Some(rest) = path.strip_prefix(&format!("{engine}/data/")) {
                return self.data(call, &format!("{engine}/{rest}"));
            }
        }
        if path.starts_with("old/") && call.method == "POST" {
            return Some((204, Value::Null));
        }
        errors(404, "")
    }

    fn engine_of(path: &str) -> Told {
        for (engine, version) in [("secret", "2"), ("team/kv", "2"), ("old", "1")] {
            if path == engine || path.starts_with(&format!("{engine}/")) {
                let options = json!({ "version": version });
                let data =
                    json!({ "path": format!("{engine}/"), "type": "kv", "options": options });
                return Some((200, json!({ "data": data })));
            }
        }
        errors(
            403,
            "preflight capability check returned 403, please ensure client's policies grant access to path",
        )
    }

    /// Somebody else writes the path of this call.
    fn change(&mut self, call: &Call) {
        let path = call.path.trim_start_matches("/v1/").replace("/data/", "/");
        let versions = self.secrets.entry(path).or_default();
        let mut data = versions.last().cloned().flatten().unwrap_or_default();
        data.insert("theirs".to_owned(), true.into());
        versions.push(Some(data));
    }

    fn data(&mut self, call: &Call, path: &str) -> Told {
        let may = |what: &str| self.may.contains(what);
        let versions = self
            .secrets
            .get(path)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let (version, newest) = (versions.len(), versions.last().cloned().flatten());
        let metadata = json!({ "version": version, "destroyed": false });
        if call.method == "GET" {
            return match (may("read"), version, newest) {
                (false, ..) => denied(),
                (true, 0, _) => errors(404, ""),
                (true, _, newest) => {
                    let status = if newest.is_some() { 200 } else { 404 };
                    let data = json!({ "data": newest, "metadata": metadata });
                    Some((status, json!({ "data": data })))
                }
            };
        }
        if call.method == "PATCH" && self.before_patches {
            return errors(405, "unsupported operation");
        }
        let needed = match (call.method.as_str(), version) {
            ("PATCH", _) => "patch",
            (_, 0) => "create",
            _ => "update",
        };
        if !may(needed) {
            return denied();
        }
        let sent = call.body["data"].as_object().cloned().unwrap_or_default();
        let written = match (call.method.as_str(), newest) {
            ("PATCH", None) => return errors(404, ""),
            ("PATCH", Some(mut data)) => {
                let kind = call.headers.get("content-type").map(String::as_str);
                if kind != Some("application/merge-patch+json") {
                    return errors(415, "");
                }
                for (name, value) in sent {
                    match value {
                        Value::Null => drop(data.remove(&name)),
                        value => drop(data.insert(name, value)),
                    }
                }
                data
            }
            _ => sent,
        };
        if call.body["options"]["cas"].as_u64() != u64::try_from(version).ok() {
            return errors(
                400,
                "check-and-set parameter did not match the current version",
            );
        }
        let versions = self.secrets.entry(path.to_owned()).or_default();
        versions.push(Some(written));
        Some((
            200,
            json!({ "data": { "version": versions.len(), "destroyed": false } }),
        ))
    }
}
