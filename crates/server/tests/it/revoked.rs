//! K5 by the binary, over HTTP/2 and TLS: of requests that begin after the end
//! of a key was acknowledged none succeeds, on connections that are open
//! already, several at once on each, and on new ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use bytes::Bytes;
use h2::client::SendRequest;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::{Server, cases};

const CONNECTIONS: u32 = 64;
/// Requests that are under way on each connection.
const STREAMS: usize = 3;
const REQUESTS: u32 = 10_000;

const READS: (&str, &str) = ("GET", "/v1/views/all/data");
const WRITES: (&str, &str) = ("POST", "/v1/pools/events/records");
/// How keys end, and what their clients do; under `prove` each with each.
const ENDS: [(&str, (&str, &str)); 8] = [
    ("disable", READS),
    ("delete", WRITES),
    ("disable", WRITES),
    ("delete", READS),
    ("narrow", READS),
    ("narrow", WRITES),
    ("expire", READS),
    ("expire", WRITES),
];

/// A server with a certificate, and what its clients trust.
struct House {
    server: Server,
    agent: ureq::Agent,
    connector: TlsConnector,
    /// As TCP has it.
    address: String,
    _home: tempfile::TempDir,
}

impl House {
    fn start() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
        let made = made.expect("a certificate");
        let (cert, key) = (home.path().join("cert.pem"), home.path().join("key.pem"));
        std::fs::write(&cert, made.cert.pem()).expect("written");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
        let path = |path: &std::path::Path| path.to_str().expect("a path").to_owned();
        let (cert, key) = (path(&cert), path(&key));
        let server = Server::start_with(home.path(), &["--tls-cert", &cert, "--tls-key", &key]);
        let root = ureq::tls::Certificate::from_pem(made.cert.pem().as_bytes()).expect("pem");
        let roots = ureq::tls::RootCerts::new_with_certs(&[root]);
        let agent = ureq::Agent::config_builder()
            .tls_config(ureq::tls::TlsConfig::builder().root_certs(roots).build())
            .http_status_as_error(false)
            .build()
            .into();
        let address = server.address.0.trim_start_matches("https://").to_owned();
        Self {
            agent,
            connector: connector(made.cert.der().clone()),
            address,
            server,
            _home: home,
        }
    }

    /// The administrator's call, over HTTP/1.1.
    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let port = self.address.rsplit_once(':').expect("a port").1;
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("https://localhost:{port}{path}"))
            .header("authorization", format!("Bearer {}", self.server.master()))
            .header("content-type", "application/json");
        let request = request.body(body.to_string()).expect("a request");
        let mut reply = self.agent.run(request).expect("an answer");
        let text = reply.body_mut().read_to_string().expect("a text");
        assert!(reply.status().is_success(), "{method} {path}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// A connection on which nothing was asked yet.
    async fn connect(&self) -> SendRequest<Bytes> {
        let stream = TcpStream::connect(&self.address).await.expect("connects");
        let name = ServerName::try_from("localhost").expect("a name");
        let stream = self.connector.connect(name, stream).await.expect("TLS");
        let protocol = stream.get_ref().1.alpn_protocol();
        assert_eq!(protocol, Some(&b"h2"[..]), "the server chose HTTP/2");
        let (client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        tokio::spawn(connection);
        client
    }
}

fn connector(root: CertificateDer<'static>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(root).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions");
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsConnector::from(Arc::new(config))
}

/// Whether one request was let in.
async fn ask(client: &SendRequest<Bytes>, token: &str, (method, path): (&str, &str)) -> bool {
    let mut client = client
        .clone()
        .ready()
        .await
        .expect("the connection is kept");
    let request = http::Request::builder()
        .method(method)
        .uri(format!("https://localhost{path}"))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json");
    let request = request.body(()).expect("a request");
    let has_body = method == "POST";
    let (answer, mut body) = client.send_request(request, !has_body).expect("is sent");
    if has_body {
        // Who is refused by the head alone may have closed the stream.
        let _ = body.send_data(Bytes::from_static(b"{\"n\": 1}"), true);
    }
    let answer = answer.await.expect("an answer");
    let status = answer.status().as_u16();
    let mut body = answer.into_body();
    while let Some(Ok(piece)) = body.data().await {
        let _ = body.flow_control().release_capacity(piece.len());
    }
    match status {
        200 => true,
        // Of a key with fewer grants it is said which action it lacks, and of
        // one that ended while its records came that it did.
        401 | 403 | 409 => false,
        other => panic!("{other}"),
    }
}

/// What the clients of one key count.
#[derive(Debug, Default)]
struct Counted {
    acknowledged: AtomicBool,
    before: AtomicU32,
    after: AtomicU32,
    late: AtomicU32,
    let_in: AtomicU32,
}

impl Counted {
    async fn work(&self, client: &SendRequest<Bytes>, token: &str, call: (&str, &str)) {
        while self.after.load(Ordering::SeqCst) < REQUESTS {
            let is_after = self.acknowledged.load(Ordering::SeqCst);
            let lets_in = u32::from(ask(client, token, call).await);
            self.let_in.fetch_add(lets_in, Ordering::SeqCst);
            if is_after {
                self.after.fetch_add(1, Ordering::SeqCst);
                self.late.fetch_add(lets_in, Ordering::SeqCst);
            } else {
                self.before.fetch_add(lets_in, Ordering::SeqCst);
            }
        }
    }
}

/// Ends a key under the work of its clients; answers how many requests were let
/// in that began after that was acknowledged, and how many in all.
async fn late(house: &Arc<House>, how: &str, call: (&'static str, &'static str)) -> (u32, u32) {
    let grants = json!([{"on": "pool:events", "actions": ["ingest"]},
        {"on": "view:all", "actions": ["read"], "constraints": "all_rows"}]);
    let body = json!({"name": format!("{how} {}", call.0), "grants": grants});
    let made = house.call("POST", "/v1/keys", &body);
    let text = |name: &str| made[name].as_str().expect("a text").to_owned();
    let (id, token) = (text("id"), text("token"));
    let counted = Arc::new(Counted::default());
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (house, counted, token) = (Arc::clone(house), Arc::clone(&counted), token.clone());
        clients.spawn(async move {
            let client = house.connect().await;
            let work = (0..STREAMS).map(|_| counted.work(&client, &token, call));
            futures::future::join_all(work).await;
            // On a new connection, too.
            let client = house.connect().await;
            let lets_in = u32::from(ask(&client, &token, call).await);
            counted.late.fetch_add(lets_in, Ordering::SeqCst);
        });
    }
    while counted.before.load(Ordering::SeqCst) < 4 * CONNECTIONS {
        tokio::task::yield_now().await;
    }
    let end = Arc::clone(house);
    let how = how.to_owned();
    let ended = tokio::task::spawn_blocking(move || {
        let key = format!("/v1/keys/{id}");
        let over = json!({"restrictions": {"expires_at": "2020-01-01T00:00:00Z"}});
        match how.as_str() {
            "disable" => end.call("POST", &format!("{key}/disable"), &json!({})),
            "delete" => end.call("DELETE", &format!("{key}?force=true"), &Value::Null),
            "narrow" => end.call("PATCH", &key, &json!({"grants": []})),
            "expire" => end.call("PATCH", &key, &over),
            other => panic!("{other}"),
        }
    });
    ended.await.expect("ends");
    counted.acknowledged.store(true, Ordering::SeqCst);
    while let Some(client) = clients.join_next().await {
        client.expect("a client");
    }
    assert!(counted.after.load(Ordering::SeqCst) >= REQUESTS);
    let of = |count: &AtomicU32| count.load(Ordering::SeqCst);
    (of(&counted.late), of(&counted.let_in))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k5_of_10000_requests_over_http_2_after_an_acknowledged_end_none_succeeds() {
    let house = Arc::new(House::start());
    let pool = json!({"name": "events", "schema": "open"});
    house.call("POST", "/v1/pools", &pool);
    let view = json!({"name": "all", "pool": "events", "shape": "aggregated",
        "fields": [{"aggregate": "count", "as": "n"}]});
    house.call("POST", "/v1/views", &view);
    let (mut answered, mut under_way) = (0, 0);
    for &(how, call) in &ENDS[..cases(2, ENDS.len())] {
        let (late, let_in) = late(&house, how, call).await;
        assert_eq!(late, 0, "{how} {call:?}");
        if call == WRITES {
            answered += u64::from(let_in);
            under_way += u64::from(CONNECTIONS) * STREAMS as u64;
        }
    }
    // What is stored was answered, or under way at the end of its key.
    let query = json!({"analysis": "count", "pool": "events"});
    let stored = house.call("POST", "/v1/query", &query);
    let stored = stored["result"].as_u64().expect("a number");
    assert!(
        (answered..=answered + under_way).contains(&stored),
        "{stored} {answered}"
    );
}
