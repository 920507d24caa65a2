//! K13: where requests come from, with connections that really come from there.

use std::net::{IpAddr, SocketAddr};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::support::Server;

/// The status and the body of `GET /v1/whoami` by a connection from this address.
fn whoami_from(server: &Server, from: &str, token: &str, headers: &str) -> (u16, Value) {
    let to = server.address.0.strip_prefix("http://").expect("plain");
    let to: SocketAddr = to.parse().expect("an address");
    let from: IpAddr = from.parse().expect("an address");
    let request = format!(
        "GET /v1/whoami HTTP/1.1\r\nhost: {to}\r\nauthorization: Bearer {token}\r\n{headers}connection: close\r\n\r\n"
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .expect("a runtime");
    let answer = runtime.block_on(async {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::new(from, 0)).expect("an address");
        let mut stream = socket.connect(to).await.expect("connects");
        stream.write_all(request.as_bytes()).await.expect("sends");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        answer
    });
    let status = answer.split(' ').nth(1).expect("a status");
    let body = answer.split_once("\r\n\r\n").expect("a body").1;
    (
        status.parse().expect("a number"),
        serde_json::from_str(body).expect("JSON"),
    )
}

/// A key that is let in from these networks alone: its id and token.
fn bound_to(server: &Server, networks: &[&str]) -> (String, String) {
    let key = json!({ "name": "bound", "grants": [], "restrictions": { "ip_ranges": networks } });
    let made = server.post(&server.master(), "/v1/keys", &key).expect(201);
    let text = |member: &str| made[member].as_str().expect("a text").to_owned();
    (text("id"), text("token"))
}

#[test]
fn k13_a_key_is_let_in_from_its_networks_whatever_a_header_says() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start(home.path());
    let (id, token) = bound_to(&server, &["127.0.0.2/32", "127.0.0.4/31"]);
    let claims = "x-forwarded-for: 127.0.0.2\r\nforwarded: for=127.0.0.2\r\n";
    for (from, status) in [
        ("127.0.0.1", 403),
        ("127.0.0.2", 200),
        ("127.0.0.3", 403),
        ("127.0.0.4", 200),
        ("127.0.0.5", 200),
        ("127.0.0.6", 403),
    ] {
        for headers in ["", claims] {
            let (found, body) = whoami_from(&server, from, &token, headers);
            assert_eq!(found, status, "{from} {headers:?} {body}");
            if status == 403 {
                assert_eq!(body["code"], "address_not_allowed");
            }
        }
    }
    let shown = server.get(&server.master(), &format!("/v1/keys/{id}"));
    let shown = shown.expect(200);
    let seen = &shown["secrets"][0]["last_used_from"];
    assert_eq!(seen["address"], "127.0.0.5", "{shown}");
}

#[test]
fn k13_behind_a_proxy_the_address_is_what_the_proxy_saw() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::start_with(home.path(), &["--behind-proxy", "192.0.2.0/24"]);
    let (_, token) = bound_to(&server, &["203.0.113.0/24"]);
    for (told, status) in [
        ("", 403),
        ("x-forwarded-for: 203.0.113.7\r\n", 200),
        ("x-forwarded-for: 203.0.113.7, 192.0.2.9\r\n", 200),
        (
            "x-forwarded-for: 203.0.113.7\r\nx-forwarded-for: 198.51.100.1\r\n",
            403,
        ),
        ("x-forwarded-for: 198.51.100.1, 203.0.113.7\r\n", 200),
        ("x-forwarded-for: 203.0.113.7:80\r\n", 403),
        ("forwarded: for=203.0.113.7\r\n", 403),
    ] {
        for from in ["127.0.0.2", "127.0.0.3"] {
            let (found, body) = whoami_from(&server, from, &token, told);
            assert_eq!(found, status, "{from} {told:?} {body}");
        }
    }
}
