//! The world that the tests of the wire live in: the real control plane on a
//! temporary file, a data plane in memory, a clock that stands still.

pub(crate) mod derived;
#[path = "../../model/src/analyses/tests/engine.rs"]
mod engine;
pub(crate) mod keyed;
pub(crate) mod listed;
mod log;
#[path = "../../model/src/analyses/tests/naive.rs"]
pub(crate) mod naive;
pub(crate) mod people;
mod plane;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use control::{Control, ControlOptions};
use http::{HeaderMap, Request, header};
use http_body_util::BodyExt;
use model::random::SeededRandom;
use model::secrets::Pepper;
use model::time::{ManualClock, Timestamp};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::AppState;
pub(crate) use log::Log;
pub(crate) use plane::FakePlane;

/// A server without a network.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) state: AppState,
    pub(crate) plane: Arc<FakePlane>,
    pub(crate) clock: Arc<ManualClock>,
    /// The token of the first key, which may do everything.
    pub(crate) admin: String,
    pub(crate) router: Router,
    folder: TempDir,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Json {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The `code` of a problem document, checked to be one.
    pub(crate) fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{}",
            self.text()
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        problem["code"].as_str().expect("a code").to_owned()
    }

    /// A header, empty when absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// The same answer, once it is known to have this status.
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

const CONTROL_FILE: &str = "control.sqlite";
/// A moment in 2026.
pub(crate) const NOW: &str = "2026-05-01T12:00:00Z";

impl World {
    /// A server with nothing but its first key.
    pub(crate) async fn new() -> Self {
        let mut world = Self::in_folder(tempfile::tempdir().expect("a temporary folder"), 7).await;
        let secret = world.state.control.bootstrap().await.expect("a first key");
        let secret = secret.expect("there was no project");
        world.admin = secret.reveal().to_owned();
        world
    }

    /// A server over a copy of an earlier one's control plane, whose records
    /// are not there. Nobody's token is known.
    pub(crate) async fn over(file: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::copy(file, folder.path().join(CONTROL_FILE)).expect("a copy");
        for (from, to) in [
            ("nonces.sqlite", "nonces.sqlite"),
            ("nonces.sqlite-wal", "nonces.sqlite-wal"),
            ("control-wal", "control.sqlite-wal"),
        ] {
            let from = file.with_file_name(from);
            if from.exists() {
                std::fs::copy(from, folder.path().join(to)).expect("a copy");
            }
        }
        // What is made now has other ids than what was made then.
        Self::in_folder(folder, 8).await
    }

    async fn in_folder(folder: TempDir, seed: u64) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::parse(NOW).expect("a time")));
        let random = Arc::new(SeededRandom::new(seed));
        let control = open(folder.path(), clock.clone(), random.clone()).await;
        let plane = Arc::new(FakePlane::default());
        let time = control.clock();
        let mut state = AppState::new(
            Arc::new(control),
            plane.clone(),
            time,
            random,
            "1.2.3",
            tokio::runtime::Handle::current(),
        );
        // Nobody clicks here.
        state.second_click = Duration::ZERO;
        Self {
            router: crate::router(state.clone()),
            state,
            plane,
            clock,
            admin: String::new(),
            folder,
        }
    }

    /// The same server, which waits so long for a second click.
    pub(crate) fn second_click(&mut self, wait: Duration) {
        self.state.second_click = wait;
        self.router = crate::router(self.state.clone());
    }

    /// Ends the server; what is left of it is the file of its control plane.
    pub(crate) async fn into_control_file(self, copy: &Path) {
        self.state.control.close().await.expect("closed");
        self.left_behind(copy);
    }

    /// The file of the control plane of a server that has closed it.
    pub(crate) fn left_behind(&self, copy: &Path) {
        std::fs::copy(self.folder.path().join(CONTROL_FILE), copy).expect("a copy");
    }

    /// The same of one that is killed: with the nonces that it knows.
    pub(crate) fn left_behind_whole(&self, copy: &Path) {
        self.left_behind(copy);
        for end in ["", "-wal"] {
            let name = format!("nonces.sqlite{end}");
            let from = self.folder.path().join(&name);
            if from.exists() {
                std::fs::copy(from, copy.with_file_name(name)).expect("a copy");
            }
        }
        let log = self.folder.path().join(format!("{CONTROL_FILE}-wal"));
        if log.exists() {
            let to = copy.with_file_name("control-wal");
            std::fs::copy(log, to).expect("a copy");
        }
    }

    /// What is in the files of the control plane.
    pub(crate) fn files(&self) -> Vec<Vec<u8>> {
        let files = std::fs::read_dir(self.folder.path()).expect("a folder");
        let files = files.map(|file| file.expect("a file").path());
        let read = files.filter_map(|file| std::fs::read(file).ok());
        read.collect()
    }

    /// A server with pool `sales`, the view `all` of it, and two customers'
    /// records: 3 of `a`, 2 of `b`.
    pub(crate) async fn with_sales() -> Self {
        let world = Self::new().await;
        let pool = json!({
            "name": "sales", "schema": "strict",
            "fields": [
                { "name": "customer", "type": "String", "required": true },
                { "name": "at", "type": "DateTime" },
                { "name": "amount", "type": "Int64" },
                { "name": "email", "type": "String" },
            ],
            "isolation_field": "customer", "time_field": "at",
        });
        world.post("/v1/pools", &pool).await.expect(201);
        let view = json!({
            "name": "all", "pool": "sales", "shape": "records",
            "fields": [{ "field": "customer" }, { "field": "at" }, { "field": "amount" },
                { "field": "email" }],
        });
        world.post("/v1/views", &view).await.expect(201);
        let record = |customer: &str, day: u8| {
            json!({ "customer": customer, "at": format!("2026-04-0{day}T00:00:00Z"),
                "amount": i64::from(day), "email": format!("{customer}{day}@example.com") })
        };
        let records = json!([
            record("a", 1),
            record("a", 2),
            record("b", 3),
            record("a", 4),
            record("b", 5)
        ]);
        let receipt = world.post("/v1/pools/sales/records", &records).await;
        assert_eq!(receipt.expect(200).json()["accepted"], 5);
        world
    }

    /// Sends a request. Whichever route answers it, nothing inline counts (K23): the tables of
    /// all routes, and every other test, send theirs here.
    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let answer = self.router.clone().oneshot(request).await;
        let (parts, body) = answer.expect("the router always answers").into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        for policy in parts.headers.get_all(header::CONTENT_SECURITY_POLICY) {
            let policy = policy.to_str().expect("ASCII");
            assert!(!policy.contains("'unsafe-"), "{policy}");
        }
        Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.to_vec(),
        }
    }

    /// Sends `METHOD /path` with a token, and with a JSON body unless it is null.
    pub(crate) async fn call(&self, token: &str, call: &str, body: &Json) -> Reply {
        self.send(request(token, call, body)).await
    }

    /// POSTs as the first key.
    pub(crate) async fn post(&self, path: &str, body: &Json) -> Reply {
        self.call(&self.admin, &format!("POST {path}"), body).await
    }

    /// GETs as the first key.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call(&self.admin, &format!("GET {path}"), &Json::Null)
            .await
    }

    /// Makes a key with these grants: its id and its token.
    pub(crate) async fn key(&self, grants: Json) -> (String, String) {
        let body = json!({ "name": "k", "grants": grants });
        let made = self.post("/v1/keys", &body).await.expect(201).json();
        let text = |member: &str| made[member].as_str().expect("text").to_owned();
        (text("id"), text("token"))
    }
}

async fn open(folder: &Path, clock: Arc<ManualClock>, random: Arc<SeededRandom>) -> Control {
    let pepper = Pepper::from_bytes([9; 32]);
    let options = ControlOptions {
        clock,
        random,
        pepper,
    };
    let control = Control::open(&folder.join(CONTROL_FILE), options).await;
    control.expect("a control plane")
}

/// `METHOD /path` with a token, when it is not empty, and with a JSON body
/// unless it is null.
pub(crate) fn request(token: &str, call: &str, body: &Json) -> Request<Body> {
    let (method, path) = call.split_once(' ').expect("METHOD /path");
    let mut request = Request::builder().method(method).uri(path);
    if !token.is_empty() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    if body.is_null() {
        return request.body(Body::empty()).expect("a request");
    }
    request
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .expect("a request")
}

/// Checks that the file of this name in `docs/` holds this text. With
/// `TIDEGATE_WRITE_DOCS` set, the file is written first.
pub(crate) fn committed(name: &Path, text: &str) {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let file = docs.join(name);
    if std::env::var_os("TIDEGATE_WRITE_DOCS").is_some() {
        std::fs::write(&file, text).expect("a writable checkout");
    }
    let held = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        held == text,
        "docs/{} is not what the code says; run the tests of `web` with TIDEGATE_WRITE_DOCS=1 and \
         review the change",
        name.display()
    );
}

/// The text at a pointer.
pub(crate) fn text<'a>(json: &'a Json, pointer: &str) -> &'a str {
    let value = json.pointer(pointer).and_then(Json::as_str);
    value.unwrap_or_else(|| panic!("{pointer} is no text in {json}"))
}
